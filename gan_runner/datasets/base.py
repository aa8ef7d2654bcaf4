"""What every data set is: settings that lead to one indexed array."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

from torch import Tensor

from gan_runner.catalogue import Component
from gan_runner.data import Data, Space

T = TypeVar("T")


class Track(Protocol):
    """Passes items through and shows how far it is: "decoding images  310/5000"."""

    def __call__(self, items: Iterable[T], *, what: str, total: int) -> Iterator[T]: ...


class Dataset(Component):
    """Reads its examples. No setting has a second meaning, nothing is read before `load`."""

    @abstractmethod
    def space(self) -> Space | None:
        """What one example is, where the settings alone tell it; None if the data must be read."""

    @abstractmethod
    def load(self, cache: Path, track: Track) -> Data:
        """All examples. `cache`: the folder where decoded data may be kept.

        Raises DataError for data that is missing, damaged, empty or of another shape, and
        MachineError where a download or the cache folder fails.
        """

    @abstractmethod
    def held_out(self, cache: Path, track: Track) -> Tensor | None:
        """Examples that no generator learns from, as stored; None where there are none.

        Raises what `load` does.
        """

    @property
    @abstractmethod
    def flips(self) -> bool:
        """Whether batches are mirrored left to right at random."""
