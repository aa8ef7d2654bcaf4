"""Rows that can't exist: with values that the training rows rule out, or a broken constraint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from gan_runner.data.column import Column
from gan_runner.evaluation.metrics.rows import Rows, Values, find_missing, row_count

Mask = NDArray[np.bool_]

_ROUNDINGS = 4  # of a decimal number in the type that holds it


class Constraint(Protocol):
    """A rule that holds for whole rows."""

    @property
    def text(self) -> str:
        """The rule as it is written."""

    def violations(self, columns: Rows) -> Mask:
        """Which of N rows break it."""


class PossibleValues(NamedTuple):
    """What the training rows show of a column: the range of its numbers, None without any; its
    categories; whether values are missing."""

    column: Column
    low: float | None
    high: float | None
    categories: frozenset[int]
    has_missing: bool

    def reaching(self, low: float | None, high: float | None) -> PossibleValues:
        """The same with a range that reaches these numbers, too."""
        known = [end for end in (self.low, self.high, low, high) if end is not None]
        if self.low is None or self.high is None:
            return self
        return self._replace(low=min(known), high=max(known))


class ColumnFaults(NamedTuple):
    """Shares of sampled rows, in [0, 1]: with any fault in a column, and with each kind of it.

    `outside`: of the range of the training rows. `unseen`: a category, or a missing value, that no
    training row has. `wrong_type`: a number with more decimals, or a fraction among whole ones.
    """

    share: float
    outside: float
    unseen: float
    wrong_type: float


@dataclass(frozen=True)
class Impossible:
    """The share of sampled rows that can't exist, in [0, 1], and those with a fault in each column
    or against each constraint, by their names and texts."""

    share: float
    columns: Mapping[str, ColumnFaults]
    constraints: Mapping[str, float]


def possible_values(train: Rows) -> dict[str, PossibleValues]:
    """What the training rows show of each column, by its name."""
    return {column.name: _possible_values(column, values) for column, values in train}


def impossible_rows(
    fake: Rows,
    possible: Mapping[str, PossibleValues],
    constraints: Sequence[Constraint] = (),
) -> Impossible:
    """The sampled rows that can't exist. Raises ValueError for no row, KeyError for a column that
    the training rows don't have."""
    count = row_count(fake)
    if not count:
        raise ValueError("A share of no rows isn't defined.")
    faulty = np.zeros(count, np.bool_)
    columns, broken = {}, {}
    for column, values in fake:
        masks = find_faults(values, possible[column.name])
        found = np.logical_or.reduce(masks)
        faulty |= found
        columns[column.name] = ColumnFaults(*(float(mask.mean()) for mask in (found, *masks)))
    for constraint in constraints:
        found = constraint.violations(fake)
        faulty |= found
        broken[constraint.text] = float(found.mean())
    return Impossible(float(faulty.mean()), columns, broken)


def find_faults(values: Values, possible: PossibleValues) -> tuple[Mask, Mask, Mask]:
    """Which values [N] of a column are outside of the range, unseen, and of a wrong type."""
    missing = find_missing(possible.column, values)
    nothing = np.zeros(len(values), np.bool_)
    unseen = nothing if possible.has_missing else missing
    if possible.column.categories:
        known = np.isin(values, list(possible.categories))
        return nothing, unseen | (~known & ~missing), nothing
    if possible.low is None or possible.high is None:
        return ~missing, unseen, nothing
    outside = (values < possible.low) | (values > possible.high)
    return outside, unseen, _has_more_decimals(values, possible.column.decimals)


def worst_columns(found: Impossible, *, most: int) -> Iterator[tuple[str, float]]:
    """The columns and constraints with the largest shares of faults, at most so many."""
    shares = {name: faults.share for name, faults in found.columns.items()}
    ordered = sorted((shares | dict(found.constraints)).items(), key=lambda each: -each[1])
    yield from (each for each in ordered[:most] if each[1] > 0)


def _possible_values(column: Column, values: Values) -> PossibleValues:
    missing = find_missing(column, values)
    present = values[~missing]
    if column.categories:
        seen = frozenset(np.unique(present).tolist())
        return PossibleValues(column, None, None, seen, bool(missing.any()))
    low, high = (None, None) if not len(present) else (present.min().item(), present.max().item())
    return PossibleValues(column, low, high, frozenset(), bool(missing.any()))


def _has_more_decimals(values: Values, decimals: int | None) -> Mask:
    """Which numbers are further from one of so many decimals than their type's rounding."""
    if decimals is None or values.dtype.kind in "iu":
        return np.zeros(len(values), np.bool_)
    scaled = np.where(np.isfinite(values), values, 0).astype(np.float64) * 10.0**decimals
    rounding = _ROUNDINGS * np.finfo(values.dtype).eps * np.abs(scaled)
    return np.asarray(np.abs(scaled - np.rint(scaled)) > rounding)
