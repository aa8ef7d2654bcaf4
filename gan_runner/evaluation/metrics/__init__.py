"""What a generator is worth: features, distances, mode counts."""
