"""Metrics of generators: features, distances, mode counts."""
