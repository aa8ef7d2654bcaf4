"""Data as one indexed array, in memory or on disk; batches, a table's columns, its reading."""

from gan_runner.data.columns import Column, Columns
from gan_runner.data.data import Data, Space
from gan_runner.data.degradation import Degradation, HidingDegradation
from gan_runner.data.reading import ColumnNotes, Decision, LeftOut, Reading
from gan_runner.data.stored import Examples, StoredExamples

__all__ = [
    "Column",
    "ColumnNotes",
    "Columns",
    "Data",
    "Decision",
    "Degradation",
    "Examples",
    "HidingDegradation",
    "LeftOut",
    "Reading",
    "Space",
    "StoredExamples",
]
