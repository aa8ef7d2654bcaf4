"""The base class of discriminators, and the plain one: a body up to the last features, and a head
that makes logits of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn


class DiscriminatorOutput(NamedTuple):
    """`examples` [N, *shape] as D was given them, their `logits` [N, ...], the `features` [N, ...]
    that the last layer made these of, and named `auxiliary` losses [N], weighted.

    A D of whole examples gives each a logit, [N]; one of patches gives it a map [N, h, w], and one
    of several scales all logits of its maps, [N, K].
    """

    examples: Tensor
    logits: Tensor
    features: Tensor | None = None
    auxiliary: Mapping[str, Tensor] = {}


class ChannelPart(NamedTuple):
    """Neighboring channels of what D sees that belong together: those of an image, or a label
    map's, one for each class."""

    channels: int
    is_label_map: bool = False


class Discriminator(nn.Module):
    """Makes logits of examples. `parts`: what it sees along the channels, () for an image or a
    vector alone."""

    parts: tuple[ChannelPart, ...] = ()

    @abstractmethod
    def forward(self, examples: Tensor, labels: Tensor | None = None) -> DiscriminatorOutput:
        """Logits and features of examples [N, *shape]; a conditional D needs their labels [N]."""

    def auxiliary_losses(
        self, features: Tensor, *, labels: Tensor | None, codes: Tensor | None
    ) -> dict[str, Tensor]:
        """The named losses [N], weighted, of predicting from features [N, ...] the labels [N] of
        examples, or the codes [N, K] that they were generated from; the plain D predicts neither.
        """
        return {}


class PlainDiscriminator(Discriminator):
    """D of examples alone; those that use labels or codes build on it."""

    def __init__(self, network: nn.Sequential) -> None:
        """`network` makes logits [N], by a linear layer and Flatten(0) in the end, or maps of them
        [N, h, w], by a convolution and Flatten(1, 2)."""
        super().__init__()
        *body, head, _ = network
        assert isinstance(head, nn.Linear | nn.Conv2d), "it makes logits of the last features"
        self.body = nn.Sequential(*body)
        self.head = head

    def forward(self, examples: Tensor, labels: Tensor | None = None) -> DiscriminatorOutput:
        features = self.body(examples)
        return DiscriminatorOutput(examples, self.head(features).squeeze(1), features)

    @property
    def feature_size(self) -> int:
        """How many last features an example has, where a linear layer makes its logit of them."""
        assert isinstance(self.head, nn.Linear)
        return self.head.in_features


@torch.no_grad()
def logit_statistics(real: DiscriminatorOutput, fake: DiscriminatorOutput) -> dict[str, Tensor]:
    """Means and accuracy, the share of logits on the right side of the middle between both means:
    one measure for all losses, which put D's undecided point at different logits."""
    mean_real, mean_fake = real.logits.mean(), fake.logits.mean()
    middle = (mean_real + mean_fake) / 2
    right = torch.cat((real.logits > middle, fake.logits <= middle))
    return {
        "logits/real": mean_real,
        "logits/fake": mean_fake,
        "accuracy/discriminator": right.float().mean(),
    }
