"""Points in latent space: drawn, and on the way from one to another."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from gan_runner.seeds import derive

_BLOCK = 16
"""torch draws normal numbers in blocks of so many, and an incomplete last block in another way."""


def draw_latents(count: int, dims: int, *, seed: int, truncation: float | None = None) -> Tensor:
    """Points [count, dims] from the prior N(0, 1), each seed its own.

    The first points of a seed are the same however many are drawn. `truncation` T redraws every
    coordinate beyond T (Brock et al. 2019, section 3.1).
    """
    return LatentStream(dims, seed=seed, truncation=truncation).take(count)


class LatentStream:
    """The points of `draw_latents` one after the other, part by part."""

    def __init__(self, dims: int, *, seed: int, truncation: float | None = None) -> None:
        """`dims`, `seed` and `truncation` as of `draw_latents`."""
        self._dims = dims
        self._truncation = truncation
        self._rng = torch.Generator().manual_seed(derive(seed, "samples"))
        self._redrawing = torch.Generator().manual_seed(derive(seed, "truncation"))
        self._ended = False

    def take(self, count: int) -> Tensor:
        """The next points [count, dims], of which every part but the last has a multiple of 16."""
        assert not self._ended, "the numbers behind an incomplete block are others"
        numbers = count * self._dims
        self._ended = numbers % _BLOCK > 0
        blocks = torch.randn(-(-numbers // _BLOCK) * _BLOCK, generator=self._rng)
        points = blocks[:numbers].view(count, self._dims)
        if self._truncation is None:
            return points
        redrawn = _draw_within(self._truncation, points, self._redrawing)
        return torch.where(points.abs() <= self._truncation, points, redrawn)


def draw_labels(count: int, class_counts: Sequence[int], *, seed: int) -> Tensor:
    """Labels int64 [count] of classes that occur as often as `class_counts` [K] say; the first
    labels of a seed are the same however many are drawn."""
    rng = torch.Generator().manual_seed(derive(seed, "labels"))
    borders = torch.tensor(class_counts, dtype=torch.float64).cumsum(0)
    draws = torch.rand(count, generator=rng, dtype=torch.float64)
    return torch.searchsorted(borders / borders[-1], draws, right=True)


def interpolate(start: Tensor, end: Tensor, count: int) -> Tensor:
    """`count` points [count, D] on the great arc from `start` [D] to `end` [D], both included.

    Spherical interpolation (White 2016, arXiv:1609.04468): the points keep a likely norm.
    """
    cosine = torch.dot(start, end) / (start.norm() * end.norm()).clamp_min(1e-12)
    angle = torch.acos(cosine.clamp(-1.0, 1.0))
    share = torch.linspace(0.0, 1.0, count)[:, None]
    if angle.sin() < 1e-4:  # the arc is a straight line, or any of the many half circles
        return (1 - share) * start + share * end
    return (torch.sin((1 - share) * angle) * start + torch.sin(share * angle) * end) / angle.sin()


def _draw_within(bound: float, points: Tensor, rng: torch.Generator) -> Tensor:
    """Normal numbers within the bound, as many as `points` has: by their quantiles, so that each
    takes one draw and depends on no other."""
    draws = torch.rand(points.numel(), generator=rng, dtype=torch.float64) * 2 - 1
    within = torch.erfinv(draws * math.erf(bound / math.sqrt(2))) * math.sqrt(2)
    return within.clamp(-bound, bound).to(points.dtype).view_as(points)
