"""Three digits on top of one another: a thousand modes that can be counted."""

from __future__ import annotations

from pathlib import Path

import torch
from pydantic import Field
from torch import Tensor

from gan_runner.data import Data, Reading, Space
from gan_runner.datasets.base import MOST_HELD_OUT, Dataset, Track
from gan_runner.datasets.readers.paths import Location
from gan_runner.datasets.vision import MNIST
from gan_runner.seeds import derive

_CHANNELS = 3
_NAMES = tuple(f"{label:03}" for label in range(10**_CHANNELS))


class StackedMNIST(Dataset):
    """Images whose three channels are three digits of MNIST; "407" is a 4, a 0 and a 7.

    Metz et al. 2016, arXiv:1611.02163. All of them are in memory: drawing them again takes less
    time than reading them from a disk.
    """

    root: Location
    download: bool
    image_size: int | None = Field(ge=4, le=1024)
    flip: bool
    count: int = Field(ge=1, le=100_000_000)
    seed: int = Field(ge=0)

    def space(self) -> Space:
        return Space("images", (_CHANNELS, *self._digits.space().shape[1:]))

    def check_present(self) -> None:
        self._digits.check_present()

    def load(self, cache: Path, track: Track) -> Data:
        digits = self._digits.load(cache, track)
        return self._stack(digits, self._draw("stacked", self.count, of=len(digits)))

    def held_out(self, cache: Path, track: Track) -> Data | None:
        """Stacked from the test split, if its files are there."""
        digits = self._digits.held_out(cache, track)
        if digits is None:
            return None
        drawn = self._draw("held out", min(self.count, MOST_HELD_OUT), of=len(digits))
        return self._stack(digits, drawn)

    @property
    def flips(self) -> bool:
        return self.flip

    @property
    def _digits(self) -> MNIST:
        return MNIST(
            per_class=None,
            per_class_seed=0,
            root=self.root,
            download=self.download,
            image_size=self.image_size,
            flip=self.flip,
        )

    def _stack(self, digits: Data, drawn: Tensor) -> Data:
        """Images of three digits each, and their labels."""
        assert digits.labels is not None
        labels = digits.labels[drawn] @ torch.tensor([100, 10, 1])
        reading = Reading(
            source=f"three at a time of {digits.reading.source}, dataset.seed={self.seed}",
            stored=digits.reading.stored,
            labels="the three digits' own",
            decisions=digits.reading.decisions,
        )
        return Data(_stack(digits.in_memory, drawn), self.space(), labels, _NAMES, reading)

    def _draw(self, purpose: str, count: int, *, of: int) -> Tensor:
        """Which digits make up each image, int64 [count, 3].

        A channel shows all digits in a random order before it shows one again: so a network that
        learns from the first ones can be tested on others that are new to it.
        """
        rng = torch.Generator().manual_seed(derive(self.seed, purpose))
        rounds = -(-count // of)
        orders = [torch.randperm(of, generator=rng) for _ in range(rounds * _CHANNELS)]
        return torch.cat(orders).view(_CHANNELS, -1)[:, :count].T


def _stack(digits: Tensor, drawn: Tensor) -> Tensor:
    """Images [N, 3, H, W] of digits [M, 1, H, W]."""
    return digits.index_select(0, drawn.flatten()).view(*drawn.shape, *digits.shape[2:])
