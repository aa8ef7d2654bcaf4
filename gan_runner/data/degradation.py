"""Inputs that are made of their targets: the base of all degradations."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import final

import torch
from torch import Tensor

from gan_runner.config.component import Component


class Degradation(Component):
    """Makes inputs of targets: a translator learns the way back.

    What is random in it is drawn for each example by itself, so that the input of an example
    depends on the seed that is given for it and on nothing else.
    """

    @final
    def __call__(self, targets: Tensor, rng: torch.Generator) -> Tensor:
        """The inputs uint8 [N, *input_shape] of targets uint8 [N, C, H, W]."""
        shape = targets.shape[1:]
        return self._apply_all(targets, [self.draw(shape, rng) for _ in targets])

    @final
    def of_each(self, targets: Tensor, seeds: Iterable[int]) -> Tensor:
        """The same with a seed for each target: its input is a pure function of both."""
        shape, rng = targets.shape[1:], torch.Generator()
        drawn = [self.draw(shape, rng.manual_seed(seed)) for seed in seeds]
        return self._apply_all(targets, drawn)

    def _apply_all(self, targets: Tensor, drawn: Sequence[Tensor]) -> Tensor:
        if not drawn:
            return targets.new_empty((0, *self.input_shape(targets.shape[1:])))
        return self.apply(targets, torch.stack(list(drawn)).to(targets.device))

    @abstractmethod
    def input_shape(self, target: Sequence[int]) -> tuple[int, ...]:
        """The shape of the input of a target [C, H, W]. Raises ConfigError for one of which it
        can't make any."""

    @abstractmethod
    def draw(self, target: Sequence[int], rng: torch.Generator) -> Tensor:
        """The random numbers [...] for one target [C, H, W]; an empty tensor where it needs
        none."""

    @abstractmethod
    def apply(self, targets: Tensor, drawn: Tensor) -> Tensor:
        """The inputs uint8 [N, *input_shape] of targets uint8 [N, C, H, W], by the numbers
        [N, ...] that were drawn for them."""


class HidingDegradation(Degradation):
    """One that hides pixels: its inputs have the size of their targets and say nothing there."""

    @final
    def hidden_of_each(self, target: Sequence[int], seeds: Iterable[int]) -> Tensor:
        """Which pixels the inputs hide that `of_each` makes of targets [C, H, W] with these seeds,
        bool [N, 1, H, W]."""
        rng = torch.Generator()
        drawn = [self.draw(target, rng.manual_seed(seed)) for seed in seeds]
        if not drawn:
            return torch.empty((0, 1, *target[1:]), dtype=torch.bool)
        return self.hidden(target, torch.stack(drawn))

    @abstractmethod
    def hidden(self, target: Sequence[int], drawn: Tensor) -> Tensor:
        """The pixels that are hidden of targets [C, H, W], by the numbers [N, ...] that were drawn
        for them, bool [N, 1, H, W]."""
