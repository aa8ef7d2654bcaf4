"""The base of every data set: settings that lead to one indexed array."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Protocol, TypeVar, final

import torch
from pydantic import Field, PrivateAttr

from gan_runner.config.component import Component
from gan_runner.data import Data, Decision, LeftOut, Reading, Space, StoredExamples
from gan_runner.data.shapes import check_shape
from gan_runner.datasets.per_class import take_per_class
from gan_runner.errors import PluginError, printable

T = TypeVar("T")

MOST_HELD_OUT = 10_000
"""Examples: a data set that is drawn holds out at most so many."""

_MIRRORED = "images are mirrored left to right at random, which doesn't suit text and digits"


class Track(Protocol):
    """Passes items through and shows how far it is: "decoding images  310/5000"."""

    def __call__(self, items: Iterable[T], *, description: str, total: int) -> Iterator[T]: ...


class Dataset(Component):
    """Reads its examples. No setting has a second meaning, nothing is read before `load`.

    `per_class`: training has so many examples of each class, drawn by `per_class_seed`.
    """

    flip_setting: ClassVar[str] = "dataset.flip"

    per_class: int | None = Field(ge=1)
    per_class_seed: int = Field(ge=0)
    # kept by `training` where they are held out: a file is read once
    _others: Data | None = PrivateAttr(default=None)

    @final
    def training(self, cache: Path, track: Track) -> Data:
        """The training examples: all, or `per_class` of each class.

        Raises what `load` does, ConfigError if there are not so many, and PluginError for what
        isn't as `load` must return it.
        """
        data = self.load(cache, track)
        _check_data(data, source=f"{type(self).__name__}.load")
        if self.flips and data.space.kind == "images":
            remedy = f"To keep them as they are: {self.flip_setting}=false"
            mirrored = Decision(_MIRRORED, remedy, doubtful=False)
            data = replace(data, reading=data.reading.with_decisions(mirrored))
        if self.per_class is None:
            return data
        chosen, others = take_per_class(data, self.per_class, seed=self.per_class_seed)
        reading = self._without_others(data, len(chosen))
        if reading.held_out == 0 and others is not None:
            self._others = others
            reading = replace(reading, held_out=len(others))
        return replace(chosen, reading=reading)

    @final
    def test(self, cache: Path, track: Track) -> Data | None:
        """The held-out examples: those of `held_out`, or else those that `per_class` leaves over.

        None where there are none. Raises what `training` does.
        """
        if self._others is not None:
            return self._others
        held_out = self.held_out(cache, track)
        if held_out is not None:
            _check_data(held_out, source=f"{type(self).__name__}.held_out")
        if held_out is not None or self.per_class is None:
            return held_out
        data = self.load(cache, track)
        return take_per_class(data, self.per_class, seed=self.per_class_seed).others

    def _without_others(self, data: Data, count: int) -> Reading:
        """The reading of `count` chosen examples."""
        if count == len(data):
            return data.reading
        why = f"more than dataset.per_class={self.per_class}"
        others = LeftOut(len(data) - count, len(data), "examples", why)
        return replace(data.reading, left_out=(*data.reading.left_out, others))

    @abstractmethod
    def space(self) -> Space | None:
        """The space of the examples, if it follows from the settings; None if the data must be
        read."""

    @abstractmethod
    def check_present(self) -> None:
        """Raise DataError or MachineError, as `load` does, for files that are missing; none is
        read.
        """

    @abstractmethod
    def load(self, cache: Path, track: Track) -> Data:
        """All examples. `cache`: the folder for decoded data.

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


def _check_data(data: object, *, source: str) -> None:
    """Raise PluginError for what isn't data whose examples and labels fit its space."""
    if not isinstance(data, Data):
        shown = type(data).__name__
        raise PluginError(f"{source} didn't return data, type={shown}. Return a gan_runner.Data.")
    examples, space, labels = data.examples, data.space, data.labels
    meaning = "examples [N, *shape] of its space"
    like: object = examples
    if isinstance(examples, StoredExamples):
        like = torch.empty(examples.shape, dtype=examples.dtype, device="meta")
    count = len(like) if isinstance(like, torch.Tensor) and like.ndim else 0
    shape = space.shape
    if space.inputs is not None and isinstance(like, torch.Tensor) and like.ndim == 4:
        # batches are crops of them
        shape = (shape[0], *map(max, shape[1:], like.shape[2:]))
    check_shape(like, (count, *shape), source=source, meaning=meaning)
    dtype = torch.uint8 if space.kind == "images" else torch.get_default_dtype()
    if examples.dtype != dtype:
        shown = f"{source} returned {space.kind} of a wrong type, dtype={examples.dtype}"
        raise PluginError(f"{shown}. Return {dtype}.")
    if labels is None:
        return
    check_shape(labels, [count], source=source, meaning="a label for each example")
    if labels.dtype != torch.int64 or (count and int(labels.min()) < 0):
        lowest = printable(labels.min().item()) if count else "none"
        raise PluginError(
            f"{source} returned wrong labels, dtype={labels.dtype}, least={lowest}. "
            "Return torch.int64, from 0."
        )
