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

    @final
    def hidden_of_each(self, target: Sequence[int], seeds: Iterable[int]) -> Tensor | None:
        """Which pixels say nothing of the inputs that `of_each` makes of targets [C, H, W] with
        these seeds, bool [N, 1, H, W]; None where all say something."""
        rng = torch.Generator()
        drawn = [self.draw(target, rng.manual_seed(seed)) for seed in seeds]
        return self.hidden(target, torch.stack(drawn)) if drawn else None

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

    def hidden(self, target: Sequence[int], drawn: Tensor) -> Tensor | None:
        """Which pixels of inputs of the size of their targets [C, H, W] say nothing, by the numbers
        [N, ...] that were drawn for them: bool [N, 1, H, W]; None where all say something."""
        return None

    @abstractmethod
    def apply(self, targets: Tensor, drawn: Tensor) -> Tensor:
        """The inputs uint8 [N, *input_shape] of targets uint8 [N, C, H, W], by the numbers
        [N, ...] that were drawn for them."""
