"""Rows of a table as numbers that classifiers and distances take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gan_runner.data.column import Column
from gan_runner.evaluation.metrics.rows import (
    Rows,
    Values,
    find_missing,
    present_values,
    row_count,
)

Features = NDArray[np.float64]

NAME = "one-hot, standardized, mean and state of missing"
"""What is done, for protocols."""


class _ColumnScale(NamedTuple):
    """What the training rows say of a column: the mean and the deviation of its numbers, whether
    some are missing; the categories that occur, in order."""

    column: Column
    mean: float
    deviation: float
    has_missing: bool
    categories: NDArray[np.int64]


@dataclass(frozen=True)
class Preprocessing:
    """Fitted to the training rows: a one for each category that occurs there, zeros for others;
    numbers with mean 0 and deviation 1; for a missing one the mean, and a one in a place of its
    own where training rows have missing ones, too."""

    scales: tuple[_ColumnScale, ...]

    @classmethod
    def fit(cls, train: Rows, *, leave_out: str | None = None) -> Preprocessing:
        """That of training rows, a column that is to be predicted left out."""
        return cls(tuple(_scale(*each) for each in train if each[0].name != leave_out))

    def features(self, rows: Rows) -> Features:
        """The rows as numbers [N, D]. Raises KeyError for a column that isn't there."""
        values = {column.name: of_column for column, of_column in rows}
        parts = [_features(scale, values[scale.column.name]) for scale in self.scales]
        return np.concatenate([np.zeros((row_count(rows), 0)), *parts], axis=1)

    def of_columns(self, rows: Rows) -> Preprocessing:
        """The same of those columns alone that these rows have."""
        names = {column.name for column, _ in rows}
        return Preprocessing(tuple(s for s in self.scales if s.column.name in names))


def _scale(column: Column, values: Values) -> _ColumnScale:
    present = present_values(column, values)
    if column.categories:
        return _ColumnScale(column, 0.0, 1.0, False, np.unique(values))
    has_missing = len(present) < len(values)
    if not len(present):
        return _ColumnScale(column, 0.0, 1.0, has_missing, np.zeros(0, np.int64))
    numbers = present.astype(np.float64)
    # that of equal numbers is 0, or what rounding leaves of it
    deviation = float(numbers.std()) if np.ptp(numbers) > 0 else 1.0
    return _ColumnScale(
        column, float(numbers.mean()), deviation, has_missing, np.zeros(0, np.int64)
    )


def _features(scale: _ColumnScale, values: Values) -> Features:
    if scale.column.categories:
        return np.asarray(values[:, None] == scale.categories, np.float64)
    missing = find_missing(scale.column, values)
    numbers = np.where(missing, scale.mean, values.astype(np.float64))
    standardized: Features = ((numbers - scale.mean) / scale.deviation)[:, None]
    if not scale.has_missing:
        return standardized
    return np.concatenate([standardized, missing[:, None].astype(np.float64)], axis=1)
