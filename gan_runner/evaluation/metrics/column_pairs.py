"""The similarity of pairs of columns, 1 where they depend on each other alike, as SDMetrics defines
it."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from gan_runner.data.column import Column
from gan_runner.evaluation.metrics.rows import ColumnOfBoth, Rows, Values, columns_of_both

MOST_COLUMNS = 100
"""Columns whose pairs are compared, 4,950 of them; of more columns those at equal distances."""

BINS = 10
"""Parts of equal width that the real numbers of a column are counted in."""

_COUNTED = 2**16  # cells of a joint table, beyond which only those that occur are counted

Codes = NDArray[np.int64]


class _Side:
    """One table's values of a column, and what pairs of it are compared by."""

    def __init__(self, column: Column, values: Values, edges: Values | None) -> None:
        self.is_number = not column.categories
        self.values = values.astype(np.float64) if self.is_number else values
        # NaN belongs behind the last edge, so that missing values have a part of their own
        self.codes: Codes = values if edges is None else np.digitize(self.values, edges)
        self.size = len(column.categories) if edges is None else len(edges) + 1


def pair_trends(real: Rows, fake: Rows) -> dict[tuple[str, str], float]:
    """The similarity of each pair of columns by their names: that of Pearson's correlations for two
    numbers, of the joint tables for all others. NaN where a correlation is that of a constant."""
    both = _thin_out(list(columns_of_both(real, fake)))
    sides = [(each.column.name, _sides(each)) for each in both]
    return {
        (name, other): _similarity(of_one, of_other)
        for (name, of_one), (other, of_other) in combinations(sides, 2)
    }


def correlation_similarity(real: tuple[Values, Values], fake: tuple[Values, Values]) -> float:
    """1 less half the difference of the Pearson correlations of two columns of numbers, each of
    rows that have both; NaN for a constant."""
    correlations = [_correlation(*each) for each in (real, fake)]
    return 1 - abs(correlations[0] - correlations[1]) / 2


def contingency_similarity(
    real: tuple[Codes, Codes], fake: tuple[Codes, Codes], *, sizes: tuple[int, int]
) -> float:
    """1 less the total variation of the joint tables of two columns of codes, each below its of the
    `sizes`."""
    joint = [first * sizes[1] + second for first, second in (real, fake)]
    cells = sizes[0] * sizes[1]
    if cells > _COUNTED:
        occurring, places = np.unique(np.concatenate(joint), return_inverse=True)
        joint, cells = [places[: len(joint[0])], places[len(joint[0]) :]], len(occurring)
    shares = [np.bincount(each, minlength=cells) / len(each) for each in joint]
    return 1 - float(np.abs(shares[0] - shares[1]).sum()) / 2


def bin_edges(real: Values) -> Values:
    """The edges of BINS parts of equal width of the real numbers; the first and the last part are
    open, so that numbers outside of their range have a place. NaN are left out."""
    edges = np.histogram_bin_edges(real[np.isfinite(real)], bins=BINS)
    edges[0], edges[-1] = -np.inf, np.inf
    return edges


def _thin_out(both: list[ColumnOfBoth]) -> list[ColumnOfBoth]:
    count = len(both)
    if count <= MOST_COLUMNS:
        return both
    return [both[place * count // MOST_COLUMNS] for place in range(MOST_COLUMNS)]


def _sides(both: ColumnOfBoth) -> tuple[_Side, _Side]:
    column, real, fake = both
    edges = None if column.categories else bin_edges(real.astype(np.float64))
    return _Side(column, real, edges), _Side(column, fake, edges)


def _similarity(one: tuple[_Side, _Side], other: tuple[_Side, _Side]) -> float:
    (real, fake), (other_real, other_fake) = one, other
    if real.is_number and other_real.is_number:
        pairs = (real.values, other_real.values), (fake.values, other_fake.values)
        return correlation_similarity(*pairs)
    return contingency_similarity(
        (real.codes, other_real.codes),
        (fake.codes, other_fake.codes),
        sizes=(real.size, other_real.size),
    )


def _correlation(first: Values, second: Values) -> float:
    both = ~(np.isnan(first) | np.isnan(second))
    if not both.any() or np.ptp(first[both]) == 0 or np.ptp(second[both]) == 0:
        return math.nan
    return float(np.corrcoef(first[both], second[both])[0, 1])
