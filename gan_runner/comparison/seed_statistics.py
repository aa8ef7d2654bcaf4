"""The statistics of one number over a few seeds: its mean, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_RESAMPLES = 10_000
_LEVEL = 0.95


class SeedStatistics(NamedTuple):
    """`n` values: their mean, its bootstrap 95 % interval `low` to `high` (None for one value),
    the least and the greatest of them."""

    n: int
    mean: float
    low: float | None
    high: float | None
    least: float
    greatest: float

    def overlaps(self, other: SeedStatistics) -> bool | None:
        """Whether the two intervals have a point in common; None if one of them is unknown."""
        if self.low is None or self.high is None or other.low is None or other.high is None:
            return None
        return self.low <= other.high and other.low <= self.high


def seed_statistics(values: Sequence[float]) -> SeedStatistics:
    """The statistics of at least one value.

    The interval is the percentile bootstrap's of the mean (Efron & Tibshirani 1993, chapter 13),
    from 10,000 resamples by a generator of its own: equal values give equal intervals, whatever
    their order. Of fewer than about five values it is too narrow: it can't leave what was seen.
    """
    data = np.sort(np.asarray(values, dtype=np.float64))
    n, mean = len(data), float(data.mean())
    low = high = None
    if n > 1:
        # scipy.stats.bootstrap gives the same numbers, but its import takes twice as long as
        # all else that gan-compare does
        indices = np.random.default_rng(0).integers(n, size=(_RESAMPLES, n))
        tail = (1 - _LEVEL) / 2
        low, high = map(float, np.quantile(data[indices].mean(axis=1), [tail, 1 - tail]))
    return SeedStatistics(n, mean, low, high, float(data[0]), float(data[-1]))
