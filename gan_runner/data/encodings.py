"""How networks see the numbers of a table's column: a place in [-1, 1], and what kind of value.

A number has its place in one of several modes. Values that many rows share are choices of their
own, and so is a missing one. Xu et al. 2019, arXiv:1907.00503, section 4.2, has the modes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot


@dataclass(frozen=True)
class Mode:
    """A stretch of numbers: `knots`, in ascending order, lie at equal distances in [-1, 1], and
    numbers between two of them on a line. `weight`, `mean` and `deviation` are those of a component
    of a Gaussian mixture, by which a number finds its mode."""

    knots: tuple[float, ...]
    weight: float = 1.0
    mean: float = 0.0
    deviation: float = 1.0

    def places(self, values: Tensor) -> Tensor:
        """The place of each of the values [N], beyond -1 or 1 where they are beyond the knots."""
        knots = values.new_tensor(self.knots)
        if self.knots[0] == self.knots[-1]:
            return torch.zeros_like(values)
        # in the middle of the knots that are the same
        low = torch.searchsorted(knots, values).clamp(1, len(knots) - 1)
        high = torch.searchsorted(knots, values, right=True).clamp(1, len(knots) - 1)
        found = (_place(values, knots, low) + _place(values, knots, high)) / 2
        return found / (len(knots) - 1) * 2 - 1

    def numbers(self, places: Tensor) -> Tensor:
        """The number at each place [N]."""
        knots = places.new_tensor(self.knots)
        at = (places + 1) / 2 * (len(knots) - 1)
        below = at.floor().clamp(0, len(knots) - 2)
        low, high = knots[below.long()], knots[below.long() + 1]
        return low + (at - below) * (high - low)


@dataclass(frozen=True)
class NumberEncoding:
    """The `modes` of a column's numbers, the `spikes`, which are numbers of their own, and whether
    values may be `missing`. Without modes all numbers are spikes. `bounded`: no number lies outside
    of the modes."""

    modes: tuple[Mode, ...]
    spikes: tuple[float, ...] = ()
    missing: bool = False
    bounded: bool = True

    def __post_init__(self) -> None:
        """Raises ValueError without modes and spikes, and for knots that aren't in order."""
        if not self.modes and not self.spikes:
            raise ValueError("an encoding needs modes or spikes")
        for mode in self.modes:
            if len(mode.knots) < 2 or not all(map(math.isfinite, mode.knots)):
                raise ValueError("a mode has two knots or more")
            if list(mode.knots) != sorted(mode.knots) or not mode.deviation > 0:
                raise ValueError("knots are in ascending order, and a deviation is above 0")

    @property
    def choices(self) -> int:
        """The number of kinds of values to choose from; 0 where there is one alone."""
        count = len(self.modes) + len(self.spikes) + self.missing
        return count if count > 1 or not self.modes else 0

    @property
    def width(self) -> int:
        """The values that networks see of a cell: its place, and one for each choice."""
        return bool(self.modes) + self.choices

    def encode(self, values: Tensor, missing: Tensor | None) -> Tensor:
        """Values [N], and which are missing, bool [N], as networks see them: [N, width]."""
        choices = self._choices(values)
        if missing is not None:
            choices = choices.masked_fill(missing, len(self.modes) + len(self.spikes))
        parts = []
        if self.modes:
            places = torch.zeros_like(values)
            for index, mode in enumerate(self.modes):
                places = torch.where(choices == index, mode.places(values), places)
            parts.append((places.clamp(-1, 1) if self.bounded else places)[:, None])
        if self.choices:
            parts.append(one_hot(choices, self.choices).to(values.dtype))
        return torch.cat(parts, dim=1)

    def decode(self, encoded: Tensor) -> tuple[Tensor, Tensor]:
        """Encoded values [N, width] as values [N], and which of them are missing, bool [N]."""
        count = len(self.modes)
        choices = encoded.new_zeros(len(encoded), dtype=torch.int64)
        if self.choices:
            choices = encoded[:, bool(self.modes) :].argmax(1)
        values = torch.zeros_like(encoded[:, 0])
        if self.modes:
            places = encoded[:, 0].clamp(-1, 1) if self.bounded else encoded[:, 0]
            # a missing value gets some number, too
            shown = choices.where(choices < count, torch.zeros_like(choices))
            for index, mode in enumerate(self.modes):
                values = torch.where(shown == index, mode.numbers(places), values)
        for index, spike in enumerate(self.spikes, start=count):
            values = values.masked_fill(choices == index, spike)
        return values, choices == count + len(self.spikes)

    def _choices(self, values: Tensor) -> Tensor:
        """The mode or the spike of each of the values [N]."""
        choices = torch.zeros_like(values, dtype=torch.int64)
        if len(self.modes) > 1:
            likelihoods = [_log_density(mode, values) for mode in self.modes]
            choices = torch.stack(likelihoods).argmax(0)
        if not self.modes:
            spikes = values.new_tensor(self.spikes)
            return (values[:, None] - spikes).abs().argmin(1)
        for index, spike in enumerate(self.spikes, start=len(self.modes)):
            choices = choices.masked_fill(values == spike, index)
        return choices


def _place(values: Tensor, knots: Tensor, above: Tensor) -> Tensor:
    """Where values lie, counted in knots, of which `above` is the one beyond."""
    low, high = knots[above - 1], knots[above]
    share = (values - low) / torch.where(high > low, high - low, torch.ones_like(high))
    return above - 1 + share


def _log_density(mode: Mode, values: Tensor) -> Tensor:
    """Of the values [N] in a component of a Gaussian mixture, but for a constant."""
    # a number beyond the stretch belongs to another one, if there is one that has it
    outside = (values < mode.knots[0]) | (values > mode.knots[-1])
    away = (values - mode.mean) / mode.deviation
    density = -away.square() / 2 + math.log(max(mode.weight, 1e-12) / mode.deviation)
    return density - outside.to(values.dtype) * 1e6
