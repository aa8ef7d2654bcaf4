"""The reading report of a data set: what was read, what was left out, what was decided."""
