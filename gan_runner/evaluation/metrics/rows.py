"""Rows of a table as the table has them: each column with its values, however networks see them.

Numbers are float64, or integers where none is missing, with NaN for a missing value. Categories are
int64 indices into the column's; the category '' means that a value is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gan_runner.data.column import Column
from gan_runner.data.columns import Columns

Values = NDArray[Any]
Rows = list[tuple[Column, Values]]
"""Each column with its values [N]."""

_MISSING = ""  # the category of a cell without a value


class ColumnOfBoth(NamedTuple):
    """A column that two tables have, with its values [N] and [M] in the first and the second."""

    column: Column
    first: Values
    second: Values


def decode_rows(
    examples: Tensor, labels: Tensor | None, columns: Columns, origin: Sequence[float]
) -> Rows:
    """Examples [N, D] as rows; a label that conditions the generator comes from `labels` [N]."""
    return list(columns.values(examples, labels, origin))


def find_missing(column: Column, values: Values) -> NDArray[np.bool_]:
    """Which values [N] of a column are missing."""
    if not column.categories:
        return np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), np.bool_)
    if _MISSING not in column.categories:
        return np.zeros(len(values), np.bool_)
    return np.asarray(values == column.categories.index(_MISSING))


def present_values(column: Column, values: Values) -> Values:
    """The values of a column that aren't missing."""
    missing = find_missing(column, values)
    return values[~missing] if missing.any() else values


def columns_of_both(first: Rows, second: Rows) -> Iterator[ColumnOfBoth]:
    """The columns that both tables have, in the order of the first."""
    others = {column.name: values for column, values in second}
    for column, values in first:
        if column.name in others:
            yield ColumnOfBoth(column, values, others[column.name])


def row_count(rows: Rows) -> int:
    """The number of rows; 0 without columns."""
    return len(rows[0][1]) if rows else 0


def select_rows(rows: Rows, indices: NDArray[Any]) -> Rows:
    """The rows at these indices, or where a mask is true."""
    return [(column, values[indices]) for column, values in rows]


def thin_out_rows(rows: Rows, most: int) -> Rows:
    """At most so many of the rows, at equal distances: always the same."""
    count = row_count(rows)
    if count <= most:
        return rows
    return select_rows(rows, np.arange(most) * count // most)
