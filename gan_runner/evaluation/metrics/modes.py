"""The number of modes of the data that a generator covers, and how evenly it does."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from gan_runner.evaluation.metrics.distances import as_float64
from gan_runner.evaluation.metrics.search import find_nearest

_HIGH_QUALITY = 3  # standard deviations, which hold 98.9 % of a Gaussian in the plane


class Modes(NamedTuple):
    """`covered` of `modes`; the total variation lies in [0, 1], the divergence is in nats."""

    covered: int
    modes: int
    reverse_kl: float
    total_variation: float


class ModesOfMixture(NamedTuple):
    """The same, and the share of samples of high quality."""

    covered: int
    modes: int
    high_quality: float
    reverse_kl: float
    total_variation: float


def modes_of_mixture(samples: Tensor, centers: Tensor, *, std: float) -> ModesOfMixture:
    """Modes of equally weighted Gaussians in samples [N, 2], for centers [K, 2].

    A sample is of high quality within 3 `std` of its nearest center; a mode is covered if it is
    the nearest of at least one such sample (Srivastava et al. 2017, arXiv:1705.07761). All
    samples, good or bad, make up the masses of their nearest modes, of which `reverse_kl` is
    KL(generated || uniform) (Lin et al. 2018, arXiv:1712.04086).
    """
    distances, indices = find_nearest(samples, centers)
    good = distances <= _HIGH_QUALITY * std
    counts = torch.bincount(indices, minlength=len(centers))
    masses = counts.double() / len(samples)
    uniform = torch.full_like(masses, 1 / len(centers))
    return ModesOfMixture(
        covered=len(indices[good].unique()),
        modes=len(centers),
        high_quality=float(good.double().mean()),
        reverse_kl=_divergence(masses, uniform),
        total_variation=_total_variation(masses, uniform),
    )


def modes_of_classes(labels: Tensor, *, weights: Tensor) -> Modes:
    """The same for predicted classes [N] (int64): those seen, and KL(generated || real).

    `weights` [K] are the masses of the real classes up to a factor; a class without weight is not
    a mode, and samples in it make the divergence infinite. The protocol of stacked MNIST's 1,000
    modes, Metz et al. 2016, arXiv:1611.02163.
    """
    classes = len(weights)
    if len(labels) == 0 or int(labels.min()) < 0 or int(labels.max()) >= classes:
        raise ValueError(f"Labels are one or more numbers from 0 to {classes - 1}.")
    counts = torch.bincount(labels.cpu(), minlength=classes)
    masses = counts.double() / len(labels)
    real = _normalize(weights.cpu())
    return Modes(
        covered=int(((counts > 0) & (real > 0)).sum()),
        modes=int((real > 0).sum()),
        reverse_kl=_divergence(masses, real),
        total_variation=_total_variation(masses, real),
    )


def missed_modes_warning(weights: Tensor, *, samples: int) -> str | None:
    """One line where even real examples would miss a mode or more, on average, at this number of
    samples; `weights` [K] are the masses of the modes up to a factor."""
    masses = _normalize(weights.cpu())
    masses = masses[masses > 0]
    missed = float((1 - masses).pow(samples).sum())
    if missed < 1:
        return None
    return (
        f"modes_covered of {samples} samples: as many real examples would miss {missed:.1f} of "
        f"{len(masses)} modes on average. Use more (evaluation.num, and as much data)."
    )


def classifier_score(probabilities: Tensor) -> float:
    """exp(mean KL(p(y|x) || p(y))) of p(y|x), [N, K]: from 1 to K.

    The formula of the inception score (Salimans et al. 2016, arXiv:1606.03498), over all samples
    at once: its usual ten splits lower it.
    """
    given = as_float64(probabilities, at_least=1)
    sums = given.sum(1, keepdim=True)
    if float(given.min()) < 0 or float((sums - 1).abs().max()) > 1e-3:
        raise ValueError("Probabilities are positive, with a sum of 1 per row. Apply a softmax.")
    given = given / sums
    divergence = torch.xlogy(given, given) - torch.xlogy(given, given.mean(0))
    return math.exp(max(float(divergence.sum(1).mean()), 0.0))


def _normalize(weights: Tensor) -> Tensor:
    """Masses [K] with a sum of 1, float64."""
    weights = weights.double()
    if weights.ndim != 1 or not bool((weights >= 0).all()) or not weights.sum() > 0:
        raise ValueError("Weights are numbers of at least 0, not all of them 0.")
    return weights / weights.sum()


def _divergence(p: Tensor, q: Tensor) -> float:
    """KL(p || q) with 0 log 0 = 0."""
    seen = p > 0
    return max(float((p[seen] * (p[seen] / q[seen]).log()).sum()), 0.0)


def _total_variation(p: Tensor, q: Tensor) -> float:
    """Half the sum of |p - q|."""
    return float((p - q).abs().sum()) / 2
