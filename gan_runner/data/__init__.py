"""Data as one indexed array, batches of it, the columns of a table, notes of how it was read."""

from gan_runner.data.columns import Column, Columns
from gan_runner.data.data import Data, Space
from gan_runner.data.reading import ColumnNotes, Decision, LeftOut, Reading

__all__ = [
    "Column",
    "ColumnNotes",
    "Columns",
    "Data",
    "Decision",
    "LeftOut",
    "Reading",
    "Space",
]
