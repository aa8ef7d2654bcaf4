"""The sliced Wasserstein distance."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gan_runner.evaluation.metrics.distances import both_as_float64, row_chunks

_MOST_KEPT = 2**24  # numbers of a side: 128 MiB


class Projected(NamedTuple):
    """Real [P, N] and generated examples [P, M] along P directions, float64."""

    real: Tensor
    fake: Tensor

    def part(self, real: Tensor, fake: Tensor) -> Projected:
        """Of the examples that masks [N] and [M] choose."""
        return Projected(self.real[:, real], self.fake[:, fake])

    def distance(self) -> float:
        """The sliced Wasserstein distance. Raises ValueError for no example on a side."""
        if not min(self.real.shape[1], self.fake.shape[1]):
            raise ValueError("No examples are too few, at least 1 is needed.")
        return math.sqrt(float(_squared_w2(*self).mean()))


def sliced_wasserstein(
    real: Tensor, fake: Tensor, *, projections: int, rng: torch.Generator
) -> float:
    """Root of the mean squared W2 of [N, D] and [M, D] along random directions.

    Exact along each direction, for equal and for unequal numbers. The directions come from
    `rng`. Rabin et al. 2012; Bonneel et al. 2015.
    """
    real, fake, directions = _with_directions(real, fake, projections, rng)
    longer = max(real, fake, key=len)
    total = 0.0
    for rows in row_chunks(directions, longer):
        total += float(_squared_w2(directions[rows] @ real.T, directions[rows] @ fake.T).sum())
    return math.sqrt(total / projections)


def project(
    real: Tensor, fake: Tensor, *, projections: int, rng: torch.Generator
) -> Projected | None:
    """The same examples along the same directions, for the distances of parts of them. None where
    they would take too much memory."""
    if projections * max(len(real), len(fake)) > _MOST_KEPT:
        return None
    real, fake, directions = _with_directions(real, fake, projections, rng)
    return Projected(directions @ real.T, directions @ fake.T)


def _with_directions(
    real: Tensor, fake: Tensor, projections: int, rng: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Both sides in float64, and directions [projections, D]. Raises ValueError."""
    real, fake = both_as_float64(real, fake, at_least=1)
    if projections < 1:
        raise ValueError(f"projections={projections} is not a number of directions. Use 1 or more.")
    return real, fake, _directions(projections, real.shape[1], rng).to(real.device)


def _directions(count: int, size: int, rng: torch.Generator) -> Tensor:
    """Uniform on the unit sphere, [count, size]."""
    normal = torch.randn(count, size, generator=rng, device=rng.device, dtype=torch.float64)
    directions: Tensor = normal / torch.linalg.vector_norm(normal, dim=1, keepdim=True)
    return directions


def _squared_w2(a: Tensor, b: Tensor) -> Tensor:
    """Integral of (F_a^-1 - F_b^-1)^2 over each row of [P, N] and [P, M]: [P]."""
    n, m = a.shape[1], b.shape[1]
    if n == m:
        return (_sorted(a) - _sorted(b)).square_().mean(1)
    # both quantile functions are constant between multiples of 1/n and 1/m, here times n m
    ends = torch.cat([torch.arange(1, n + 1) * m, torch.arange(1, m + 1) * n]).unique()
    widths = ends.diff(prepend=ends.new_zeros(1)).to(a) / (n * m)
    of_a, of_b = ((ends - 1) // m).to(a.device), ((ends - 1) // n).to(a.device)
    gaps = _sorted(a)[:, of_a] - _sorted(b)[:, of_b]
    integral: Tensor = gaps.square() @ widths
    return integral


def _sorted(rows: Tensor) -> Tensor:
    """Each row in order. torch keeps the places as well, which takes nine times as long."""
    return torch.from_numpy(np.sort(rows.cpu().numpy(), axis=1)).to(rows.device)
