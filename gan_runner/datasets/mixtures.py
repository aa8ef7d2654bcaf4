"""Gaussians in the plane, where one can see which modes a generator finds."""

from __future__ import annotations

import math
from abc import abstractmethod
from pathlib import Path

import torch
from pydantic import Field, field_validator
from torch import Tensor

from gan_runner.data import Data, Space
from gan_runner.datasets.base import HELD_OUT, Dataset, Track
from gan_runner.datasets.vectors import plain, standardized
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
    def centres(self) -> Tensor:
        """Where the modes are, float32 [modes, 2]."""

    def space(self) -> Space | None:
        return None if self.standardize else plain(2)

    def look(self) -> None:
        """Nothing has to be there: the data is drawn."""

    def load(self, cache: Path, track: Track) -> Data:
        points, labels = self._drawn("mixture", self.count)
        return Data(points, self.space() or standardized(points), labels, self._names)

    def held_out(self, cache: Path, track: Track) -> Data | None:
        space = self.space() or self.load(cache, track).space
        points, labels = self._drawn("held out", min(self.count, HELD_OUT))
        return Data(points, space, labels, self._names)

    @property
    def flips(self) -> bool:
        return False

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(map(str, range(self.modes)))

    def _drawn(self, purpose: str, count: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(derive(self.seed, purpose))
        labels = torch.randint(self.modes, (count,), generator=generator)
        points = torch.randn(count, 2, generator=generator)
        return points.mul_(self.std).add_(self.centres[labels]), labels


class Ring(Mixture):
    """Modes at equal angles on a circle. Srivastava et al. 2017 (VEEGAN)."""

    radius: float = Length

    @property
    def centres(self) -> Tensor:
        angles = torch.arange(self.modes) * (2 * math.pi / self.modes)
        return self.radius * torch.stack([angles.cos(), angles.sin()], dim=1)


class Grid(Mixture):
    """Modes on a square lattice. Srivastava et al. 2017 (VEEGAN)."""

    spacing: float = Length

    @field_validator("modes")
    @classmethod
    def _square(cls, modes: int) -> int:
        if math.isqrt(modes) ** 2 != modes:
            raise ValueError("A grid needs a square number of modes, such as 9, 16 or 25")
        return modes

    @property
    def centres(self) -> Tensor:
        side = math.isqrt(self.modes)
        ticks = self.spacing * (torch.arange(side) - (side - 1) / 2)
        return torch.cartesian_prod(ticks, ticks).reshape(-1, 2)
