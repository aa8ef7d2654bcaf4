"""Generators measured against data, each number with its protocol."""
