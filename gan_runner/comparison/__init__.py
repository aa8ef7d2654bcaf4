"""Runs held against each other: read, grouped, ranked over seeds, and told in words."""
