"""Feature spaces, in which real and generated examples are compared, and their cache."""
