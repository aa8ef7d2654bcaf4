"""Every adversarial loss, on logits, side by side.

Logits are unbounded: r = D(x) of real examples, f = D(G(z)) of fakes, both [N]. A loss is per
example, [N]; both networks minimise theirs. With s = softplus, -log sigmoid(t) = s(-t).
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from torch import Tensor
from torch.nn.functional import softplus

from gan_runner.catalogue import Component


class Loss(Component):
    """What the two networks minimise. It knows logits and its own settings, nothing else.

    `paired` says that the generator's loss compares fakes with reals, and so needs real logits.
    """

    paired: ClassVar[bool] = False

    @abstractmethod
    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """D's loss for real logits [N] and fake logits [N]: [N]."""

    @abstractmethod
    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        """G's loss for fake logits [N]: [N]. `real` [N] is given if the loss is paired."""
