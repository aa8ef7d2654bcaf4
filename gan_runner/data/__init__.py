"""Data as one indexed array, in memory or on disk; batches, a table's columns, its reading."""

from gan_runner.data.column import Column
from gan_runner.data.columns import Columns
from gan_runner.data.data import Data, Space
from gan_runner.data.degradation import Degradation, HidingDegradation
from gan_runner.data.expressions import Constraint, Values, parse_constraint
from gan_runner.data.reading import ColumnNotes, Decision, LeftOut, Reading
from gan_runner.data.rules import RulesFound, find_rules
from gan_runner.data.stored import Examples, StoredExamples

__all__ = [
    "Column",
    "ColumnNotes",
    "Columns",
    "Constraint",
    "Data",
    "Decision",
    "Degradation",
    "Examples",
    "HidingDegradation",
    "LeftOut",
    "Reading",
    "RulesFound",
    "Space",
    "StoredExamples",
    "Values",
    "find_rules",
    "parse_constraint",
]
