"""Runs compared with each other: read, grouped, ranked over seeds, and described in words."""
