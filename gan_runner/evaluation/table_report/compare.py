"""From rows to their table report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from gan_runner.data import Column
from gan_runner.errors import printable
from gan_runner.evaluation.table_report.associations import association
from gan_runner.evaluation.table_report.report import (
    MOST_COLUMNS,
    MOST_PAIRED,
    NAME_LETTERS,
    Associations,
    TableReport,
)
from gan_runner.evaluation.table_report.shares import column_distance, compare_column

Rows = Sequence[tuple[Column, NDArray[Any]]]
"""Each column with its values [N]: numbers, NaN for missing ones, or indices of categories."""

_DIGITS = 4  # of an association


def compare_tables(real: Rows, sampled: Rows) -> TableReport:
    """The report on samples of a table, of the columns that both have. Raises ValueError without
    a row."""
    others = {column.name: values for column, values in sampled}
    both = [
        (column, values, others[column.name]) for column, values in real if column.name in others
    ]
    distances = [column_distance(*each) for each in both]
    worst = sorted(range(len(both)), key=lambda place: -distances[place])[:MOST_COLUMNS]
    paired = both[:MOST_PAIRED]
    return TableReport(
        real_rows=len(both[0][1]) if both else 0,
        sampled_rows=len(both[0][2]) if both else 0,
        total_columns=len(both),
        columns=tuple(compare_column(*both[place], distances[place]) for place in worst),
        associations=Associations(
            names=tuple(printable(column.name, NAME_LETTERS) for column, _, _ in paired),
            are_numeric=tuple(not column.categories for column, _, _ in paired),
            real=_associations([(column, values) for column, values, _ in paired]),
            sampled=_associations([(column, values) for column, _, values in paired]),
        ),
    )


def _associations(rows: Rows) -> tuple[float, ...]:
    """Those of each column with each one before it."""
    return tuple(
        round(association(rows[one], rows[other]), _DIGITS)
        for one in range(len(rows))
        for other in range(one)
    )
