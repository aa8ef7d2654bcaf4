"""The way of labels to the layers of a generator that use them: as an argument of `forward`."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor, nn


class ClassConditional(nn.Module):
    """A module whose `forward` takes labels beside its input."""

    @abstractmethod
    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """`labels`, int64 [N], are the classes of x [N, ...]; without classes None, or ignored."""


class Sequential(nn.Sequential, ClassConditional):
    """torch's, which passes the labels to those of its modules that take them."""

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        for module in self:
            x = module(x, labels) if isinstance(module, ClassConditional) else module(x)
        return x


def require_labels(labels: Tensor | None) -> Tensor:
    """The labels. Raises ValueError where a conditional network was given none."""
    if labels is None:
        raise ValueError("a conditional network needs labels, labels=None. Pass int64 labels [N].")
    return labels
