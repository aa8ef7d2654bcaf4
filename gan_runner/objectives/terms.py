"""Terms of an update beside the loss itself: what they are, and those that aren't D's alone.

Terms that regularize the discriminator by its logits and their gradients are in `penalties.py`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from pydantic import NonNegativeFloat
from torch import Tensor

from gan_runner.augmentations.base import Memory
from gan_runner.config.component import Component
from gan_runner.models.discriminator import DiscriminatorOutput
from gan_runner.objectives.returns import check_returns


class Term(Component):
    """Added to a loss: `weight` times the mean over the batch."""

    weight: NonNegativeFloat


class Matching(Term):
    """A term of G's update, which compares D's outputs on reals and fakes."""

    @abstractmethod
    def __call__(self, real: DiscriminatorOutput, fake: DiscriminatorOutput) -> Tensor:
        """The unweighted term, a scalar; no gradient is wanted for `real`."""

    @classmethod
    def __pydantic_init_subclass__(cls, **settings: Any) -> None:
        check_returns(cls, {"__call__": lambda *arguments: ()}, meaning="a scalar")


class FeatureMatching(Matching):
    """|mean f(x) - mean f(G(z))|^2 for D's last features f. Salimans et al. 2016, section 3.1."""

    def __call__(self, real: DiscriminatorOutput, fake: DiscriminatorOutput) -> Tensor:
        assert real.features is not None and fake.features is not None, "of a discriminator's own"
        difference = real.features.float().mean(0) - fake.features.float().mean(0)
        return difference.square().sum()


class WeightTerm(Term):
    """A term of both updates, computed from the weights of the network that is updated."""

    @abstractmethod
    def __call__(self, parameters: Sequence[Tensor], memory: Memory) -> Tensor:
        """The unweighted term, a scalar."""

    @classmethod
    def __pydantic_init_subclass__(cls, **settings: Any) -> None:
        check_returns(cls, {"__call__": lambda *arguments: ()}, meaning="a scalar")


class HistoricalAveraging(WeightTerm):
    """|theta - mean of theta so far|^2. Salimans et al. 2016, section 3.3."""

    def __call__(self, parameters: Sequence[Tensor], memory: Memory) -> Tensor:
        count = memory.get("count", parameters[0].new_zeros(())) + 1
        memory["count"] = count
        apart = []
        for index, theta in enumerate(parameters):
            now = theta.detach()
            mean = memory.get(str(index), now)
            memory[str(index)] = mean + (now - mean) / count
            apart.append((theta - memory[str(index)]).square().sum())
        return torch.stack(apart).sum()
