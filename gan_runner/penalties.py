"""Every regulariser of the discriminator.

A penalty sees what D scored and may ask D (the `critic`) for more. It returns one value per
example, [N]; weight and laziness are applied in one place, the objective.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar, NamedTuple

import torch
from pydantic import NonNegativeFloat, PositiveInt
from torch import Tensor

from gan_runner.catalogue import Component

Critic = Callable[[Tensor], Tensor]


class Scored(NamedTuple):
    """Examples as D saw them [N, *shape], and their logits [N]."""

    examples: Tensor
    logits: Tensor


class Penalty(Component):
    """A term added to D's loss: `weight` times the mean over the batch.

    With `every: k` it is computed at each k-th update of D and weighted k-fold (lazy
    regularisation, Karras et al. 2020, appendix B).

    `slope` says that it constrains the slope of D, which batch norm in D makes ill-defined.
    `differentiates` names the scored examples whose logits it differentiates by the examples, so
    that they must be scored with gradients.
    """

    weight: NonNegativeFloat
    every: PositiveInt
    slope: ClassVar[bool] = True
    differentiates: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def __call__(
        self, critic: Critic, real: Scored, fake: Scored, generator: torch.Generator
    ) -> Tensor:
        """The unweighted penalty of each example, [N]. Random points come from `generator`."""
