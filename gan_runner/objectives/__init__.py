"""What is optimized: losses, penalties, terms, the evidence lower bound."""
