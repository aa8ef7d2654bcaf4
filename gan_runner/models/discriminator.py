"""What every discriminator is: a body up to the last features, and a head that judges them."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn


class Judgement(NamedTuple):
    """Logits [N], and the features [N, ...] that the last linear layer made them of."""

    logits: Tensor
    features: Tensor


class Discriminator(nn.Module):
    """D of examples alone; those that know more of them build on it."""

    def __init__(self, network: nn.Sequential) -> None:
        """`network` gives logits [N], by a linear layer and Flatten(0) in the end."""
        super().__init__()
        *body, head, _ = network
        assert isinstance(head, nn.Linear), "every discriminator ends with a linear layer"
        self.body = nn.Sequential(*body)
        self.head = head

    def forward(self, examples: Tensor, labels: Tensor | None = None) -> Tensor:
        """Examples [N, *shape], and labels [N] for a conditional D -> logits [N]."""
        return self.judge(examples, labels).logits

    def judge(self, examples: Tensor, labels: Tensor | None = None) -> Judgement:
        """The logits with the features behind them."""
        features = self.body(examples)
        return Judgement(self.head(features).flatten(), features)

    def tell(
        self, features: Tensor, *, labels: Tensor | None, codes: Tensor | None
    ) -> dict[str, Tensor]:
        """The named losses [N], weighted, of telling from features what D should know of examples:
        their labels [N], or the codes [N, K] that they were made of."""
        return {}
