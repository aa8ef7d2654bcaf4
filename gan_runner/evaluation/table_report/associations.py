"""How much two columns of a table depend on each other, 0 for not at all. A constant depends on
nothing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan_runner.data import Column

Values = NDArray[Any]


def association(first: tuple[Column, Values], second: tuple[Column, Values]) -> float:
    """Pearson's correlation of two columns of numbers, in [-1, 1]; Cramer's V of two of categories
    and the correlation ratio of a mixed pair, in [0, 1]. Rows in which a number is missing are left
    out; a missing category is one more category."""
    (column, values), (other_column, other_values) = first, second
    there = _is_there(column, values) & _is_there(other_column, other_values)
    values, other_values = values[there], other_values[there]
    if column.categories and other_column.categories:
        return cramers_v(values, other_values)
    if column.categories:
        return correlation_ratio(values, other_values)
    if other_column.categories:
        return correlation_ratio(other_values, values)
    return pearson(values, other_values)


def pearson(first: Values, second: Values) -> float:
    """The correlation of numbers [N] and [N]. Pearson 1895."""
    if not _varies(first) or not _varies(second):
        return 0.0
    one, other = _centered(first), _centered(second)
    product = math.sqrt(float(one @ one) * float(other @ other))
    return float(np.clip(one @ other / product, -1, 1)) if product > 0 else 0.0


def cramers_v(first: Values, second: Values) -> float:
    """Chi-squared of categories [N] and [N] as a share of the most that it can be, its root.
    Cramer 1946, section 21.9."""
    one, other = (np.unique(each, return_inverse=True)[1] for each in (first, second))
    if not _varies(one) or not _varies(other):
        return 0.0
    counts, other_counts = np.bincount(one), np.bincount(other)
    pairs, cells = np.unique(one * len(other_counts) + other, return_counts=True)
    expected = counts[pairs // len(other_counts)] * other_counts[pairs % len(other_counts)]
    # chi-squared / N; pairs that never occur add nothing to the sum
    contingency = float((cells / expected * cells).sum()) - 1
    most = min(len(counts), len(other_counts)) - 1
    return math.sqrt(min(1.0, max(0.0, contingency / most)))


def correlation_ratio(categories: Values, numbers: Values) -> float:
    """The root of the share of the variance of numbers [N] that lies between categories [N], not
    within them. Pearson 1905."""
    if not _varies(numbers):
        return 0.0
    centered = _centered(numbers)
    counts = np.bincount(categories)
    sums = np.bincount(categories, centered)
    between = float((sums**2 / np.maximum(counts, 1)).sum())
    total = float(centered @ centered)
    return math.sqrt(min(1.0, between / total)) if total > 0 else 0.0


def _is_there(column: Column, values: Values) -> NDArray[np.bool_]:
    if column.categories or values.dtype.kind != "f":
        return np.ones(len(values), np.bool_)
    return ~np.isnan(values)


def _varies(values: Values) -> bool:
    return len(values) > 1 and bool((values != values[0]).any())


def _centered(values: Values) -> NDArray[np.float64]:
    """Numbers less their mean, in units of the largest, so that no square overflows."""
    centered = values.astype(np.float64)
    centered -= centered.mean()
    return centered / (np.abs(centered).max() or 1.0)
