"""What every augmentation of what D sees is."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from gan_runner.config.component import Component
from gan_runner.objectives.terms import Memory, Scored


class Moment(NamedTuple):
    """When D looks: the number of finished steps, the random stream, what an augmentation keeps."""

    step: int
    noise: torch.Generator
    memory: Memory


class Augmentation(Component):
    """A random, differentiable change of what D sees."""

    images_only: ClassVar[bool] = True

    @abstractmethod
    def __call__(self, examples: Tensor, at: Moment) -> Tensor:
        """Encoded examples [N, *shape], changed."""


class Adaptive(Augmentation):
    """An augmentation whose strength depends on what D says."""

    @abstractmethod
    def learn(
        self, real: Scored, fake: Scored, memory: Memory, *, images: int
    ) -> dict[str, Tensor]:
        """Adapt to D's logits of a batch, or of packs, of so many real images; the strength that
        follows, named, for the rows."""
