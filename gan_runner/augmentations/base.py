"""The base classes of augmentations of D's input."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from gan_runner.config.component import Component
from gan_runner.models.discriminator import ChannelPart, DiscriminatorOutput

Memory = dict[str, Tensor]
"""The tensors that one augmentation, or one term of an objective, keeps from update to update; it
is a part of TrainState."""


class Moment(NamedTuple):
    """The arguments of an augmentation beside the examples: the number of finished steps, its
    random stream, and what it keeps; the `parts` that examples have along the channels, as an input
    and its output, () for one."""

    step: int
    rng: torch.Generator
    memory: Memory
    parts: tuple[ChannelPart, ...] = ()


class Augmentation(Component):
    """A random, differentiable change of D's input."""

    images_only: ClassVar[bool] = True

    @abstractmethod
    def __call__(self, examples: Tensor, at: Moment) -> Tensor:
        """Encoded examples [N, *shape], changed."""


class Adaptive(Augmentation):
    """An augmentation whose strength depends on D's output."""

    @abstractmethod
    def adapt(
        self, real: DiscriminatorOutput, fake: DiscriminatorOutput, memory: Memory, *, images: int
    ) -> dict[str, Tensor]:
        """Adapt to D's logits of a batch, or of packs, of so many real images; the strength that
        follows, named, for the rows."""
