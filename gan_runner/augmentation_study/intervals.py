"""Confidence intervals of means over seeds and test examples."""

from __future__ import annotations

import math
from typing import NamedTuple

from scipy.special import stdtrit
from torch import Tensor


class Interval(NamedTuple):
    """A mean and the ends of its confidence interval."""

    mean: float
    low: float
    high: float


def crossed_interval(outcomes: Tensor, *, confidence: float) -> Interval:
    """The mean of outcomes [seeds, examples], each seed on the same examples, at least two of both.

    Other seeds and other examples would both change it. Its variance is that of the means over
    seeds plus that of the means over examples, slightly too much (Owen 2007, "The pigeonhole
    bootstrap", Annals of Applied Statistics 1(2)); its degrees of freedom are Satterthwaite's
    (1946), the quantile is Student's.
    """
    outcomes = outcomes.double()
    parts = []
    for means in outcomes.mean(dim=1), outcomes.mean(dim=0):
        parts.append((float(means.var()) / len(means), len(means) - 1))
    mean, variance = float(outcomes.mean()), sum(part for part, _ in parts)
    if variance == 0:
        return Interval(mean, mean, mean)
    freedom = variance**2 / sum(part**2 / count for part, count in parts)
    reach = float(stdtrit(freedom, (1 + confidence) / 2)) * math.sqrt(variance)
    return Interval(mean, mean - reach, mean + reach)
