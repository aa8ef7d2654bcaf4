"""Shares and areas with a 95 % confidence interval."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gan_runner.evaluation.metrics.rows import Values

Z95 = 1.959963984540054
"""Deviations of a Gaussian within which 95 % of it lie."""


class Estimate(NamedTuple):
    """A value, and the ends of its 95 % confidence interval."""

    value: float
    low: float
    high: float

    @property
    def error(self) -> float:
        """The standard error whose Gaussian interval would be as long."""
        return (self.high - self.low) / (2 * Z95)


def share(successes: int, trials: int) -> Estimate:
    """A share of trials. Wilson 1927, JASA 22(158). Raises ValueError for no trial."""
    if trials < 1:
        raise ValueError("A share of no trials isn't defined.")
    value = successes / trials
    size = 1 + Z95**2 / trials
    middle = (value + Z95**2 / (2 * trials)) / size
    reach = Z95 / size * math.sqrt(value * (1 - value) / trials + (Z95 / (2 * trials)) ** 2)
    # rounding could leave the share itself outside, at 0 and at 1
    return Estimate(value, min(middle - reach, value), max(middle + reach, value))


def area_under_curve(positive: Values, negative: Values) -> Estimate:
    """How often a positive score [N] is above a negative one [M], a tie for half: the area under
    the ROC curve.

    Its variance is DeLong's (DeLong et al. 1988, Biometrics 44(3)). Raises ValueError for fewer
    than two of either.
    """
    if min(len(positive), len(negative)) < 2:
        raise ValueError("An area has two scores or more of each kind.")
    above = _share_below(positive, negative)  # of each positive
    below = 1 - _share_below(negative, positive)
    value = float(above.mean())
    variance = above.var(ddof=1) / len(above) + below.var(ddof=1) / len(below)
    reach = Z95 * math.sqrt(float(variance))
    return Estimate(value, max(value - reach, 0.0), min(value + reach, 1.0))


def _share_below(scores: Values, others: Values) -> Values:
    """The share of others [M] that lie below each score [N], ties for half."""
    ordered = np.sort(others)
    smaller = np.searchsorted(ordered, scores, side="left")
    not_larger = np.searchsorted(ordered, scores, side="right")
    return np.asarray((smaller + not_larger) / (2 * len(others)))
