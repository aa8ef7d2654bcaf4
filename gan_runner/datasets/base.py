"""What every data set is: settings that lead to one indexed array."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar, final

from pydantic import Field

from gan_runner.config.component import Component
from gan_runner.data import Data, Space
from gan_runner.datasets.few import few

T = TypeVar("T")

HELD_OUT = 10_000
"""At most so many examples are drawn to be held out, where examples are drawn."""


class Track(Protocol):
    """Passes items through and shows how far it is: "decoding images  310/5000"."""

    def __call__(self, items: Iterable[T], *, what: str, total: int) -> Iterator[T]: ...


class Dataset(Component):
    """Reads its examples. No setting has a second meaning, nothing is read before `load`.

    `per_class`: a generator learns from so many examples of each class, drawn by `per_class_seed`.
    """

    per_class: int | None = Field(ge=1)
    per_class_seed: int = Field(ge=0)

    @final
    def training(self, cache: Path, track: Track) -> Data:
        """What a generator learns from: all examples, or `per_class` of each class.

        Raises what `load` does, and ConfigError if there are not so many.
        """
        data = self.load(cache, track)
        if self.per_class is None:
            return data
        return few(data, self.per_class, seed=self.per_class_seed).chosen

    @final
    def test(self, cache: Path, track: Track) -> Data | None:
        """What no generator learns from: `held_out`, or else what `per_class` leaves over.

        None where there is nothing. Raises what `training` does.
        """
        found = self.held_out(cache, track)
        if found is not None or self.per_class is None:
            return found
        return few(self.load(cache, track), self.per_class, seed=self.per_class_seed).others

    @abstractmethod
    def space(self) -> Space | None:
        """What one example is, where the settings alone tell it; None if the data must be read."""

    @abstractmethod
    def look(self) -> None:
        """See that what must be there already is there, without reading it.

        Raises DataError or MachineError as `load` does.
        """

    @abstractmethod
    def load(self, cache: Path, track: Track) -> Data:
        """All examples. `cache`: the folder where decoded data may be kept.

        Raises DataError for data that is missing, damaged, empty or of another shape, and
        MachineError where a download or the cache folder fails.
        """

    @abstractmethod
    def held_out(self, cache: Path, track: Track) -> Data | None:
        """The test split, with the labels and the space of `load`; None where there is none.

        Raises what `load` does.
        """

    @property
    @abstractmethod
    def flips(self) -> bool:
        """Whether batches are mirrored left to right at random."""
