"""Runs opened, resumed, finished, and tried out."""
