"""Sines with noise: sequences on which the quality of a generator is seen at a glance."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import torch
from pydantic import AfterValidator, Field, ValidationInfo, field_validator
from torch import Tensor

from gan_runner.data import Data, Reading, Space
from gan_runner.datasets.base import MOST_HELD_OUT, Dataset, Track
from gan_runner.datasets.sequences import plain_sequence_space, standardized_sequence_space
from gan_runner.seeds import derive


def _check_order(limits: tuple[float, float]) -> tuple[float, float]:
    low, high = limits
    if low > high:
        raise ValueError("A range goes from its lower to its upper end")
    return limits


Real = Annotated[float, Field(ge=-1e6, le=1e6)]
Range = Annotated[tuple[Real, Real], AfterValidator(_check_order)]


class Sines(Dataset):
    """x_t = a sin(2 pi f t / T + p) + noise, t = 1..T, as in Esteban et al. 2017.

    Each dimension of each sequence has a frequency, an amplitude and a phase of its own, uniform
    in their ranges. The label of a sequence is the index of the range of its frequencies.
    """

    length: int = Field(ge=2, le=10_000)
    dimensions: int = Field(ge=1, le=1000)
    frequencies: Annotated[tuple[Range, ...], Field(min_length=1, max_length=1000)]
    amplitude: Range
    phase: Range
    noise: float = Field(ge=0, le=1e6)
    count: int = Field(ge=1, le=10_000_000)
    seed: int = Field(ge=0)
    standardize: bool

    @field_validator("frequencies")
    @classmethod
    def _check_nyquist(
        cls, ranges: tuple[tuple[float, float], ...], info: ValidationInfo
    ) -> tuple[tuple[float, float], ...]:
        highest = info.data.get("length", math.inf) / 2  # faster ones look slower: Nyquist 1928
        if any(low < 0 or high > highest for low, high in ranges):
            raise ValueError(f"A frequency is from 0 to dataset.length / 2 = {highest:g} cycles")
        return ranges

    def space(self) -> Space | None:
        return None if self.standardize else plain_sequence_space(self.length, self.dimensions)

    def check_present(self) -> None:
        """Nothing is missing: the data is drawn."""

    def load(self, cache: Path, track: Track) -> Data:
        sequences, labels = self._draw("sines", self.count)
        space = self.space() or standardized_sequence_space(sequences)
        return Data(sequences, space, labels, self._names, self._reading(sequences))

    def held_out(self, cache: Path, track: Track) -> Data | None:
        space = self.space() or self.load(cache, track).space
        sequences, labels = self._draw("held out", min(self.count, MOST_HELD_OUT))
        return Data(sequences, space, labels, self._names, self._reading(sequences))

    def _reading(self, sequences: Tensor) -> Reading:
        return Reading(
            source=f"drawn sines with noise {self.noise:g}, dataset.seed={self.seed}",
            stored=f"float32 {list(sequences.shape)}",
            labels="index of the range of frequencies",
        )

    @property
    def flips(self) -> bool:
        return False

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(map(str, range(len(self.frequencies))))

    def _draw(self, purpose: str, count: int) -> tuple[Tensor, Tensor]:
        rng = torch.Generator().manual_seed(derive(self.seed, purpose))
        labels = torch.randint(len(self.frequencies), (count,), generator=rng)
        low, high = torch.tensor(self.frequencies)[labels, :, None].unbind(1)

        def uniform(low: Tensor | float, high: Tensor | float) -> Tensor:
            return low + (high - low) * torch.rand(count, self.dimensions, generator=rng)

        frequency, amplitude = uniform(low, high), uniform(*self.amplitude)
        phase = uniform(*self.phase)
        time = torch.arange(1, self.length + 1)[:, None] * (2 * math.pi / self.length)
        sequences = torch.randn(count, self.length, self.dimensions, generator=rng)
        sequences *= self.noise
        sequences += amplitude[:, None] * torch.sin(frequency[:, None] * time + phase[:, None])
        return sequences, labels
