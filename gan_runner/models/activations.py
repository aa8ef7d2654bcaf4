"""Activations that networks share with the mathematics: of discriminators, which gradient penalties
differentiate, and of decoders, whose likelihoods want what comes before it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor, nn

_for_slopes = ContextVar("for_slopes", default=False)


@contextmanager
def for_slopes() -> Iterator[None]:
    """Around a forward pass of D of which only the gradient by its input will be differentiated."""
    before = _for_slopes.set(True)
    try:
        yield
    finally:
        _for_slopes.reset(before)


class LeakyReLU(nn.LeakyReLU):
    """torch's, and ReLU with a slope of 0; within `for_slopes` a product with its own derivative.

    The derivative is a constant on either side of 0. torch's operator has a second derivative, of
    zeros, which the backward pass of a gradient penalty carries through all layers once more: a
    sixth of the work of a WGAN-GP update. The product needs more memory, so it isn't the rule.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not _for_slopes.get():
            return super().forward(x)
        ones = x.new_ones(()).expand_as(x)
        derivative: Tensor = torch.ops.aten.leaky_relu_backward(
            ones, x.detach(), self.negative_slope, False
        )
        return x.mul_(derivative) if self.inplace else x.mul(derivative)


def expected(outputs: Tensor) -> Tensor:
    """The example that a decoder's unbounded outputs mean: vectors [N, D] and sequences [N, T, D]
    themselves; of images [N, C, H, W] the outputs are logits, and each pixel's probability is
    scaled to [-1, 1]."""
    return (outputs / 2).tanh() if outputs.ndim == 4 else outputs  # 2 sigmoid(v) - 1
