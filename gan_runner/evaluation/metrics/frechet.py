"""The Fréchet distance between Gaussians fitted to real and to generated features."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from gan_runner.evaluation.metrics.distances import as_float64

_CHUNK = 4096
EXAMPLES_PER_DIMENSION = 10


@dataclass(frozen=True)
class Gaussian:
    """Mean [D], float64, and a root of the unbiased covariance of `count` features.

    `rows` [K, D] and `columns` [D, K], its transpose, give the covariance as columns @ rows. They
    are the symmetric root, or where there are fewer examples than dimensions, the deviations of
    examples. `variance` is the trace of the covariance.
    """

    mean: Tensor
    variance: Tensor
    rows: Tensor
    columns: Tensor
    count: int


def fit_gaussian(features: Tensor) -> Gaussian:
    """The Gaussian of features [N, D]. Raises ValueError for N < 2, for NaN and Inf."""
    chunks = [as_float64(chunk, at_least=1) for chunk in features.split(_CHUNK)]
    count = len(features)
    if count < 2:
        raise ValueError(f"{count} examples have no covariance, at least 2 are needed.")
    mean = torch.stack([chunk.sum(0) for chunk in chunks]).sum(0) / count
    if count < len(mean):
        rows = torch.cat([chunk - mean for chunk in chunks]) / math.sqrt(count - 1)
        return Gaussian(mean, rows.square().sum(), rows, rows.T, count)
    covariance = mean.new_zeros(len(mean), len(mean))
    for chunk in chunks:
        deviation = chunk - mean
        covariance.addmm_(deviation.T, deviation)
    return gaussian_of(mean, covariance / (count - 1), count=count)


def gaussian_of(mean: Tensor, covariance: Tensor, *, count: int) -> Gaussian:
    """The Gaussian of a mean [D] and a covariance [D, D], float64, of so many features."""
    root = _matrix_square_root(covariance)
    return Gaussian(mean, covariance.trace(), root, root, count)


def frechet_distance(a: Gaussian, b: Gaussian) -> float:
    """|m_a - m_b|^2 + tr(A + B - 2 (A B)^(1/2)), the squared distance.

    Dowson & Landau 1982; on features of generated images Heusel et al. 2017, arXiv:1706.08500.
    """
    if a.mean.shape != b.mean.shape:
        raise ValueError(
            f"Gaussians in {len(a.mean)} and {len(b.mean)} dimensions have no distance."
        )
    # tr (AB)^(1/2) is the sum of the singular values of R S^T, for any roots A = R^T R and
    # B = S^T S. Eigenvalues of A^(1/2) B A^(1/2) are their squares: a root of rounding noise would
    # be added for every direction in which neither set varies.
    shared = torch.linalg.svdvals(a.rows @ b.columns).sum()
    spread = a.variance + b.variance
    return max(float((a.mean - b.mean).square().sum() + spread - 2 * shared), 0.0)


def sample_size_warning(a: Gaussian, b: Gaussian) -> str | None:
    """One line where there are too few examples to believe the distance, else None.

    Its estimate is biased upwards (Chong & Forsyth 2020, arXiv:1911.07023). To second order
    about A = B the covariances add at most D/4 (1/n_a + 1/n_b) of the features' variance: a
    quarter of it at n = 2 D, 5 % at n = 10 D, below which this warns.
    """
    size, count = len(a.mean), min(a.count, b.count)
    needed = EXAMPLES_PER_DIMENSION * size
    if count >= needed:
        return None
    return (
        f"The Fréchet distance of {a.count} and {b.count} examples in {size} dimensions is biased "
        f"upwards. Use at least {needed} of each, and compare it only at equal numbers."
    )


def _matrix_square_root(covariance: Tensor) -> Tensor:
    """The symmetric square root; negative eigenvalues are rounding."""
    values, vectors = torch.linalg.eigh(covariance)
    root: Tensor = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    return root
