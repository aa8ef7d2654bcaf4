"""Rules that hold in all rows of a table: columns that are functions of others, numbers in order.

A rule is found where chance can't explain it: the other column, put in another order, would obey it
with a probability below one in a million.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gan_runner.data.column import Column
from gan_runner.data.expressions import Condition, Constraint, Dependency
from gan_runner.data.expressions.formulas import NumberComparison, NumericColumn, is_missing

MOST_COLUMNS = 100
"""The columns that are compared with each other: ten thousand pairs, within seconds."""

_TRIED = 2000  # rows in which most pairs fail, before all rows are looked at
_MOST_DIFFERENT = 0.5  # share of the rows: a column with more values determines any other
_LOG_CHANCE = math.log(1e-6)
_LEAST_REVERSED = 0.01  # share of the rows, at random, in which an order doesn't hold
_LIKE_SPREAD = 10.0  # the larger of two spreads over the smaller one, at most


class RulesFound(NamedTuple):
    """The rules, dependencies first, and how many of the columns were compared."""

    rules: tuple[Constraint, ...]
    compared: int
    columns: int


def find_rules(table: Sequence[tuple[Column, NDArray[Any]]]) -> RulesFound:
    """The rules that hold in all rows of a table, whose columns have values [N] each: numbers, or
    indices of categories. Only the first columns of a wide table are compared."""
    compared = table[:MOST_COLUMNS]
    rules: list[Constraint] = []
    if compared and len(compared[0][1]):
        coded = [_codes(column, values) for column, values in compared]
        pairs = _dependencies([each for each in coded if each is not None])
        rules += (Dependency((a,), b) for a, b in _without_implied(pairs))
        numeric = [_Numbers.of(c, values) for c, values in compared if not c.categories]
        pairs = _orders([each for each in numeric if each is not None])
        rules += (_in_order(a, b) for a, b in _without_implied(pairs))
    return RulesFound(tuple(rules), len(compared), len(table))


def _without_implied(pairs: Iterator[tuple[Column, Column]]) -> list[tuple[Column, Column]]:
    """The pairs of a transitive relation without those that follow from others, the last first."""
    found = list(pairs)
    after: dict[str, set[str]] = defaultdict(set)
    for one, other in found:
        after[one.name].add(other.name)
    for one, other in reversed(found):
        after[one.name].remove(other.name)
        if not _is_reached(other.name, one.name, after):
            after[one.name].add(other.name)
    return [(one, other) for one, other in found if other.name in after[one.name]]


def _is_reached(wanted: str, start: str, after: Mapping[str, Collection[str]]) -> bool:
    """Whether there is a way along the pairs."""
    waiting, seen = [start], {start}
    while waiting:
        found = after.get(waiting.pop(), ())
        if wanted in found:
            return True
        new = [each for each in found if each not in seen]
        seen.update(new)
        waiting += new
    return False


def _in_order(smaller: Column, larger: Column) -> Condition:
    return Condition(NumberComparison(NumericColumn(smaller), "<=", NumericColumn(larger)))


# ---------------------------------------------------------------- dependencies


@dataclass(frozen=True)
class _Codes:
    """The values of a column as places among its different ones: `codes` int64 [N], -1 where one is
    missing, and how many rows have each, `counts` [K]."""

    column: Column
    codes: NDArray[np.int64]
    counts: NDArray[np.int64]

    @property
    def is_complete(self) -> bool:
        """Whether no value is missing."""
        return int(self.counts.sum()) == len(self.codes)

    @property
    def different(self) -> int:
        """The number of different values."""
        return int(np.count_nonzero(self.counts))


def _codes(column: Column, values: NDArray[Any]) -> _Codes | None:
    """The codes of a column; None for one value alone, or for as many that it can't take part."""
    missing = is_missing(column, {column.name: values})
    most = _MOST_DIFFERENT * (len(values) - np.count_nonzero(missing))
    if column.categories:
        present, codes = np.arange(len(column.categories)), values.astype(np.int64)
    else:
        ordered = np.sort(values[~missing] if missing.any() else values)
        is_first = np.append(True, ordered[1:] != ordered[:-1]) if len(ordered) else ordered > 0
        present = ordered[is_first]
        if len(present) > most:  # before the search, which takes the time
            return None
        codes = np.searchsorted(present, values)
    codes = np.where(missing, -1, codes)
    counts = np.bincount(codes[codes >= 0], minlength=len(present))
    return _Codes(column, codes, counts) if 1 < np.count_nonzero(counts) < most else None


def _dependencies(coded: Sequence[_Codes]) -> Iterator[tuple[Column, Column]]:
    """The pairs of columns of which the first determines the second."""
    for determining, determined in permutations(coded, 2):
        if _determines(determining, determined):
            yield determining.column, determined.column


def _determines(determining: _Codes, determined: _Codes) -> bool:
    size = len(determining.counts)
    are_complete = determining.is_complete and determined.is_complete
    # a function has no more results than arguments
    if are_complete and determined.different > determining.different:
        return False
    tried = slice(_TRIED)
    if not _is_function(determining.codes[tried], determined.codes[tried], size):
        return False
    codes, results = determining.codes, determined.codes
    if not are_complete:
        there = (codes >= 0) & (results >= 0)
        codes, results = codes[there], results[there]
    if not _is_function(codes, results, size):
        return False
    groups, shares = np.bincount(codes, minlength=size), np.bincount(results)
    return bool(np.count_nonzero(shares) > 1) and _log_chance(groups, shares) < _LOG_CHANCE


def _is_function(codes: NDArray[np.int64], results: NDArray[np.int64], size: int) -> bool:
    """Whether rows with the same code have the same result; -1 has none."""
    table = np.full(size + 1, -1, np.int64)  # the last one is that of -1
    table[codes] = results
    return bool(((table[codes] == results) | (codes < 0) | (results < 0)).all())


def _log_chance(groups: NDArray[np.int64], counts: NDArray[np.int64]) -> float:
    """The logarithm of the probability that results as frequent as `counts` [K] agree within each
    of the `groups`, if they are drawn at random: that of each group is the sum of p^n."""
    shares = counts[counts > 0] / counts.sum()
    sizes, times = np.unique(groups[groups > 1], return_counts=True)
    within = np.log((shares[:, None] ** sizes).sum(0).clip(min=1e-300))
    return float((within * times).sum())


# ---------------------------------------------------------------- orders


@dataclass(frozen=True)
class _Numbers:
    """The numbers of a column float64 [N], NaN where one is missing, and their range."""

    column: Column
    values: NDArray[np.float64]
    low: float
    high: float

    @classmethod
    def of(cls, column: Column, values: NDArray[Any]) -> _Numbers | None:
        """Those of a column; None for one number alone."""
        numbers = values.astype(np.float64)
        there = numbers[~np.isnan(numbers)]
        if not len(there) or there.min() == there.max():
            return None
        return cls(column, numbers, float(there.min()), float(there.max()))

    @property
    def spread(self) -> float:
        return self.high - self.low


def _orders(numeric: Sequence[_Numbers]) -> Iterator[tuple[Column, Column]]:
    """The pairs of columns of like spread of which the first is at most the second in every row."""
    for one, other in combinations(numeric, 2):
        spreads = sorted((one.spread, other.spread))
        if _unit(one.column) != _unit(other.column):
            continue
        if spreads[1] <= _LIKE_SPREAD * spreads[0]:
            for smaller, larger in (one, other), (other, one):
                if _is_ordered(smaller.values, larger.values):
                    yield smaller.column, larger.column
                    break


def _unit(column: Column) -> tuple[str, bool] | None:
    """The unit of dates, and whether they have one; None of numbers."""
    return None if column.dates is None else (column.dates.unit, column.dates.has_date)


def _is_ordered(smaller: NDArray[np.float64], larger: NDArray[np.float64]) -> bool:
    """Whether one column is at most the other in every row and not always equal to it, which in
    another order of the rows it isn't: ranges that don't overlap say nothing."""
    if (smaller[:_TRIED] > larger[:_TRIED]).any() or (smaller > larger).any():
        return False
    there = ~(np.isnan(smaller) | np.isnan(larger))
    rows = np.count_nonzero(there)
    if not (smaller[there] < larger[there]).any():
        return False
    # each row beside one far from it, so that sorted rows aren't their own neighbors
    shuffled = np.random.default_rng(0).permutation(larger)
    reversed_share = int(np.count_nonzero(smaller > shuffled)) / int(rows)
    kept_by_chance = rows * math.log1p(-min(reversed_share, 1 - 1e-9))
    return reversed_share >= _LEAST_REVERSED and bool(kept_by_chance < _LOG_CHANCE)
