"""Points in latent space: drawn, and on the way from one to another."""

from __future__ import annotations

import torch
from torch import Tensor

from gan_runner.seeds import derive


def draw_latents(count: int, dims: int, *, seed: int, truncation: float | None = None) -> Tensor:
    """Points [count, dims] from the prior N(0, 1), each seed its own.

    `truncation` T redraws every coordinate beyond T (Brock et al. 2019, section 3.1).
    """
    rng = torch.Generator().manual_seed(derive(seed, "samples"))
    points = torch.randn(count, dims, generator=rng)
    while truncation is not None and bool((beyond := points.abs() > truncation).any()):
        points[beyond] = torch.randn(int(beyond.sum()), generator=rng)
    return points


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
