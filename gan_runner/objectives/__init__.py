"""The objectives: losses, penalties, terms, the evidence lower bound."""
