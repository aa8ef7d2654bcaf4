"""Samples of trained generators, as arrays and as pictures."""
