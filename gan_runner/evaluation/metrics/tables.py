"""The similarity of two tables: column by column, between columns, and row by row.

The arrays hold a number for each numeric column and a one among zeros for each categorical one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, cat

from gan_runner.data.columns import Columns
from gan_runner.evaluation.metrics.distances import thin_out
from gan_runner.evaluation.metrics.search import find_nearest
from gan_runner.evaluation.metrics.tstr import LabeledArrays

Array = NDArray[Any]


def wasserstein(real: Array, fake: Array) -> float:
    """The 1-Wasserstein distance of two samples of numbers [N] and [M], in their own unit.

    Raises ValueError without numbers.
    """
    from scipy.stats import wasserstein_distance  # most of a second that few runs need

    return float(wasserstein_distance(real, fake))


def ks_distance(real: Array, fake: Array) -> float:
    """The distance of Kolmogorov and Smirnov: the largest difference between the distribution
    functions of numbers [N] and [M]. Missing numbers, NaN, count as larger than all others. Raises
    ValueError without rows."""
    if not len(real) or not len(fake):
        raise ValueError("Shares of no rows can't be compared.")
    present, made = (np.asarray(each, np.float64) for each in (real, fake))
    present, made = present[~np.isnan(present)], made[~np.isnan(made)]
    places = np.concatenate([present, made])
    if not len(places):
        return 0.0
    of_real = np.searchsorted(np.sort(present), places, side="right") / len(real)
    of_fake = np.searchsorted(np.sort(made), places, side="right") / len(fake)
    return float(np.abs(of_real - of_fake).max())


def total_variation(real: Array, fake: Array, *, categories: int) -> float:
    """Half the sum of the differences between the shares of categories, in [0, 1].

    `real` and `fake` are indices [N] and [M] of 0..K-1. Raises ValueError without any.
    """
    if not len(real) or not len(fake):
        raise ValueError("Shares of no rows can't be compared.")
    shares = (np.bincount(each, minlength=categories) / len(each) for each in (real, fake))
    return float(np.abs(np.subtract(*shares)).sum() / 2)


def correlation_difference(real: Array, fake: Array, *, blocks: Array) -> float:
    """The mean difference, in [0, 2], between the correlations of two tables [N, D] and [M, D].

    Pearson's, over all pairs of numbers that belong to other columns: `blocks` [D] says which. A
    constant is correlated with nothing. 0 where there is but one column.
    """
    others = blocks[:, None] != blocks[None, :]
    if not others.any():
        return 0.0
    difference = np.abs(_correlations(real) - _correlations(fake))
    return float(difference[others].mean())


class Closest(NamedTuple):
    """The distance of the median sample to the closest training row and to the closest held-out
    row, among as many of each; `share`: of samples that are nearer to a training row, a tie for
    half. 0.5 where the samples depend on no single row, 1 where they are copies."""

    train: float
    held_out: float
    share: float


def closest_record_distances(fake: Array, train: Array, held_out: Array) -> Closest:
    """Distances to the closest record, for rows [N, D] in comparable units.

    Platzer & Reutterer 2021, arXiv:2104.00635, section 2.2. The longer of `train` and `held_out`
    is thinned out to the length of the other: more rows would have a closer one among them.
    """
    count = min(len(train), len(held_out))
    near, far = (_closest_distances(fake, each, count) for each in (train, held_out))
    share = (near < far).mean() + (near == far).mean() / 2
    return Closest(float(np.median(near)), float(np.median(far)), float(share))


def labeled_arrays(
    examples: Tensor, labels: Tensor | None, columns: Columns
) -> LabeledArrays | None:
    """Rows [N, D] without their label, and their classes [N]: those of the label's column, or else
    `labels`. None for rows without classes or without anything else."""
    parts = list(columns.parts(examples.cpu()))
    features = [part for column, part in parts if not column.label]
    held = next((part.argmax(1) for column, part in parts if column.label), None)
    classes = labels if held is None else held
    if classes is None or not features:
        return None
    return LabeledArrays(cat(features, dim=1).numpy(), classes.cpu().numpy())


def _correlations(table: Array) -> NDArray[np.float64]:
    """[D, D], 0 beside a constant, of which rounding would leave a deviation that isn't 0."""
    varies = np.ptp(table, axis=0) > 0
    found = np.zeros((len(varies), len(varies)))
    if varies.any():
        found[np.ix_(varies, varies)] = np.corrcoef(table[:, varies], rowvar=False, dtype=float)
    return found


def _closest_distances(rows: Array, others: Array, count: int) -> NDArray[np.float64]:
    """The Euclidean distance of each row to the closest of so many of the others, [N]."""
    among = thin_out(torch.as_tensor(others), count)
    return find_nearest(torch.as_tensor(rows), among).distances.numpy()
