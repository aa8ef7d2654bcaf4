"""The similarity of single columns, 1 where they are distributed alike, as SDMetrics defines it."""

from __future__ import annotations

import math

from gan_runner.evaluation.metrics.rows import Rows, Values, columns_of_both, present_values
from gan_runner.evaluation.metrics.tables import ks_distance, total_variation


def column_shapes(real: Rows, fake: Rows) -> dict[str, float]:
    """The similarity of each column by its name: that of Kolmogorov and Smirnov for numbers, of
    total variation for categories; missing values are left out. NaN for a column without others."""
    found = {}
    for column, of_real, of_fake in columns_of_both(real, fake):
        compare = tv_complement if column.categories else ks_complement
        found[column.name] = compare(
            present_values(column, of_real), present_values(column, of_fake)
        )
    return found


def ks_complement(real: Values, fake: Values) -> float:
    """1 less the largest difference between the distribution functions of numbers [N] and [M]; NaN
    without any."""
    if not len(real) or not len(fake):
        return math.nan
    return 1 - ks_distance(real, fake)


def tv_complement(real: Values, fake: Values) -> float:
    """1 less half the sum of the differences between the shares of categories, whose indices are
    [N] and [M]; NaN without any."""
    if not len(real) or not len(fake):
        return math.nan
    return 1 - total_variation(real, fake, categories=int(max(real.max(), fake.max())) + 1)
