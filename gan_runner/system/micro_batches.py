"""The micro-batches of an update: parts of its batch, that take turns on one device.

Each is to the batch what a rank is to it (`ranks.py`): it draws what the whole batch would draw and
keeps its own rows, and it is shown the rows of all, of which only its own lead back into networks.
So their gradients add up to that of the whole batch. The last is shown what every other one had, so
what it computes is what the whole batch would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from gan_runner.errors import PluginError


class MicroBatches:
    """The `count` micro-batches of one update, and the rows that they have shown each other.

    `index`: of the one whose turn it is. In a rehearsal nothing gets a gradient: what couples
    examples must know the rows of all before the first of them can have one.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.index = 0
        self.rehearses = False
        self._shown: list[list[list[Tensor] | None]] = []
        self._calls = 0
        self._states: dict[torch.Generator, Tensor] = {}

    @contextmanager
    def turn(
        self, index: int, streams: Iterable[torch.Generator], *, rehearses: bool
    ) -> Iterator[None]:
        """The turn of one of them, which draws from these random streams. Raises PluginError if
        some numbers weren't drawn for the whole batch."""
        global _at_work  # noqa: PLW0603  (as torch's process group is, which ranks have)
        self.index, self.rehearses, self._calls = index, rehearses, 0
        self._states = {stream: stream.get_state() for stream in streams}
        _at_work = self
        try:
            yield
        finally:
            _at_work = None
        for stream in self._states:
            self._check(stream)

    def show(self, rows: list[Tensor]) -> list[list[Tensor]]:
        """The rows that each micro-batch has shown at this call of its turn, one entry a rank. Of
        one that wasn't there yet they are unknown: this one's stand for them."""
        if self._calls == len(self._shown):
            self._shown.append([None] * self.count)
        shown = self._shown[self._calls]
        shown[self.index] = rows
        self._calls += 1
        return [rows if of is None else of for of in shown]

    def draw(self, stream: torch.Generator, random: Callable[[], Tensor]) -> Tensor:
        """Numbers for the whole batch."""
        self._check(stream)
        numbers = random()
        self._states[stream] = stream.get_state()
        return numbers

    def _check(self, stream: torch.Generator) -> None:
        if not stream.get_state().equal(self._states[stream]):
            raise PluginError(
                "random numbers were drawn for a part of the batch alone, "
                f"train.accumulate={self.count}. Draw them by uniform or normal of "
                "gan_runner.augmentations.transforms, or use train.accumulate=1"
            )


_at_work: MicroBatches | None = None


def at_work() -> MicroBatches | None:
    """Those of the update that is being made; None where the whole batch goes at once."""
    return _at_work
