"""Maximum mean discrepancy, unbiased: KID's polynomial kernel and a Gaussian one."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from gan_runner.evaluation.metrics.neighbors import (
    both_as_float64,
    row_chunks,
    squared_distances,
    thin_out,
)

_BANDWIDTH_EXAMPLES = 1000

Kernel = Callable[[Tensor, Tensor], Tensor]


class KID(NamedTuple):
    """The squared discrepancy, which may be negative as it is unbiased, and its standard error."""

    value: float
    error: float


def kid(real: Tensor, fake: Tensor) -> KID:
    """Kernel inception distance of features [N, D] and [M, D]: kernel (x.y / D + 1)^3.

    Binkowski et al. 2018, arXiv:1801.01401, section 4; over all examples instead of over subsets.
    Raises ValueError for fewer than 2 examples on a side.
    """
    real, fake = both_as_float64(real, fake, at_least=2)
    return _discrepancy(real, fake, _cubic)


def mmd(real: Tensor, fake: Tensor) -> float:
    """Squared MMD of features [N, D] and [M, D]: kernel exp(-|x - y|^2 / 2 s^2).

    Gretton et al. 2012, lemma 6. Its median heuristic for s is taken among the reals alone, so
    that all generators are measured by the same kernel.
    """
    real, fake = both_as_float64(real, fake, at_least=2)
    center = real.mean(0)  # the product form of distances loses digits far from the origin
    real, fake = real - center, fake - center
    twice_variance = 2 * _squared_bandwidth(real)

    def gaussian(a: Tensor, b: Tensor) -> Tensor:
        return squared_distances(a, b).div_(-twice_variance).exp_()

    return _discrepancy(real, fake, gaussian).value


def _cubic(a: Tensor, b: Tensor) -> Tensor:
    product = (a @ b.T).div_(a.shape[1]).add_(1)
    return product.square().mul_(product)


def _squared_bandwidth(features: Tensor) -> float:
    """The median squared distance of a fixed subset; of those that aren't 0, and 1 without any."""
    features = thin_out(features, _BANDWIDTH_EXAMPLES)
    above = torch.ones(len(features), len(features), dtype=torch.bool, device=features.device)
    squared = squared_distances(features, features)[above.triu(1)]
    different = squared[squared > 0]
    if float(squared.median()) > 0:
        return float(squared.median())
    return float(different.median()) if len(different) else 1.0


def _discrepancy(real: Tensor, fake: Tensor, kernel: Kernel) -> KID:
    """The U-statistic of the squared MMD (Gretton et al. 2012, eq. 3) and its standard error.

    The error is that of its projections on single examples (Bounliphone et al. 2016,
    arXiv:1511.04581; Sutherland et al. 2017, arXiv:1611.04488, eq. 5), here for any N and M:
    var(2 (k_xX - k_xY)) / N + var(2 (k_yY - k_yX)) / M, with row means k. It is cautious: the
    noise of the row means adds to it, by a factor sqrt 2 if real and fake are alike.
    """
    of_real, of_fake = _means_within(real, kernel), _means_within(fake, kernel)
    real_to_fake, fake_to_real = _means_across(real, fake, kernel)
    value = of_real.mean() + of_fake.mean() - 2 * real_to_fake.mean()
    variance = 4 * (of_real - real_to_fake).var() / len(real)
    variance += 4 * (of_fake - fake_to_real).var() / len(fake)
    return KID(float(value), math.sqrt(float(variance)))


def _means_within(features: Tensor, kernel: Kernel) -> Tensor:
    """The mean kernel of each example with all others, [N]."""
    found = []
    for rows in row_chunks(features, features):
        values = kernel(features[rows], features)
        values.diagonal(rows.start).zero_()
        found.append(values.sum(1) / (len(features) - 1))
    return torch.cat(found)


def _means_across(a: Tensor, b: Tensor, kernel: Kernel) -> tuple[Tensor, Tensor]:
    """The mean kernel of each example with the other side, [N] and [M]."""
    of_a, of_b = [], b.new_zeros(len(b))
    for rows in row_chunks(a, b):
        values = kernel(a[rows], b)
        of_a.append(values.mean(1))
        of_b += values.sum(0)
    return torch.cat(of_a), of_b / len(a)
