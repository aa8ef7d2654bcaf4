"""Mixtures of Gaussians in the plane, on which lost modes are seen at a glance."""

from __future__ import annotations

import math
from abc import abstractmethod
from pathlib import Path

import torch
from pydantic import Field, field_validator
from torch import Tensor

from gan_runner.data import Data, Reading, Space
from gan_runner.datasets.base import MOST_HELD_OUT, Dataset, Track
from gan_runner.datasets.vectors import plain_space, standardized_space
from gan_runner.seeds import derive

Length = Field(gt=0, le=1e6)


class Mixture(Dataset):
    """Equal round Gaussians around the origin; the label of a point is the index of its mode."""

    modes: int = Field(ge=1, le=10_000)
    std: float = Field(gt=0, le=1e6)
    count: int = Field(ge=1, le=100_000_000)
    seed: int = Field(ge=0)
    standardize: bool

    @property
    @abstractmethod
    def centers(self) -> Tensor:
        """The centers of the modes, float32 [modes, 2]."""

    def space(self) -> Space | None:
        return None if self.standardize else plain_space(2)

    def check_present(self) -> None:
        """Nothing is missing: the data is drawn."""

    def load(self, cache: Path, track: Track) -> Data:
        points, labels = self._draw("mixture", self.count)
        space = self.space() or standardized_space(points)
        return Data(points, space, labels, self._names, self._reading(self.count))

    def held_out(self, cache: Path, track: Track) -> Data | None:
        space = self.space() or self.load(cache, track).space
        points, labels = self._draw("held out", min(self.count, MOST_HELD_OUT))
        return Data(points, space, labels, self._names, self._reading(len(points)))

    def _reading(self, count: int) -> Reading:
        what = f"{self.modes} Gaussians of deviation {self.std:g} ({type(self).__name__})"
        return Reading(
            source=f"drawn from {what}, dataset.seed={self.seed}",
            stored=f"float32 [{count}, 2]",
            labels="index of the Gaussian",
        )

    @property
    def flips(self) -> bool:
        return False

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(map(str, range(self.modes)))

    def _draw(self, purpose: str, count: int) -> tuple[Tensor, Tensor]:
        rng = torch.Generator().manual_seed(derive(self.seed, purpose))
        labels = torch.randint(self.modes, (count,), generator=rng)
        points = torch.randn(count, 2, generator=rng)
        return points.mul_(self.std).add_(self.centers[labels]), labels


class Ring(Mixture):
    """Modes at equal angles on a circle. Srivastava et al. 2017 (VEEGAN)."""

    radius: float = Length

    @property
    def centers(self) -> Tensor:
        angles = torch.arange(self.modes) * (2 * math.pi / self.modes)
        return self.radius * torch.stack([angles.cos(), angles.sin()], dim=1)


class Grid(Mixture):
    """Modes on a square lattice. Srivastava et al. 2017 (VEEGAN)."""

    spacing: float = Length

    @field_validator("modes")
    @classmethod
    def _check_square(cls, modes: int) -> int:
        if math.isqrt(modes) ** 2 != modes:
            raise ValueError("A grid needs a square number of modes, such as 9, 16 or 25")
        return modes

    @property
    def centers(self) -> Tensor:
        side = math.isqrt(self.modes)
        ticks = self.spacing * (torch.arange(side) - (side - 1) / 2)
        return torch.cartesian_prod(ticks, ticks).reshape(-1, 2)
