"""Data as one indexed array, batches of it, the columns of a table."""
