"""Terms of an update beside the loss itself: what they are, and those that aren't D's alone.

Terms that regularise the discriminator by its logits and slopes are in `penalties.py`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from pydantic import NonNegativeFloat
from torch import Tensor

from gan_runner.config.component import Component

Memory = dict[str, Tensor]
"""What one term or augmentation remembers from update to update; TrainState keeps it."""


class Scored(NamedTuple):
    """Examples as D saw them [N, *shape], their logits [N], the features [N, ...] behind these,
    and the named losses [N], weighted, of telling what D should know of them beside."""

    examples: Tensor
    logits: Tensor
    features: Tensor | None = None
    told: Mapping[str, Tensor] = {}


class Term(Component):
    """Added to a loss: `weight` times the mean over the batch."""

    weight: NonNegativeFloat


class Matching(Term):
    """A term of G's update, which sees reals and fakes as D does."""

    @abstractmethod
    def __call__(self, real: Scored, fake: Scored) -> Tensor:
        """The unweighted term, a scalar; no gradient is wanted for `real`."""


class FeatureMatching(Matching):
    """|mean f(x) - mean f(G(z))|^2 for D's last features f. Salimans et al. 2016, section 3.1."""

    def __call__(self, real: Scored, fake: Scored) -> Tensor:
        assert real.features is not None and fake.features is not None, "D judged them"
        difference = real.features.float().mean(0) - fake.features.float().mean(0)
        return difference.square().sum()


class WeightTerm(Term):
    """A term of both updates, which sees the weights of the network that is updated."""

    @abstractmethod
    def __call__(self, parameters: Sequence[Tensor], memory: Memory) -> Tensor:
        """The unweighted term, a scalar."""


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
