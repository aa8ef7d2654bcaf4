"""Activations that networks share with the mathematics: of discriminators, which gradient penalties
differentiate, and of decoders, whose likelihoods want what comes before it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_IN_PLACE_FROM = 2**18  # numbers in a tensor

# (x, at, slope, False) -> x times the derivative of leaky ReLU where `at` is, or its activation:
# linear in x. Looked up once, since small networks feel it.
_scale_by_derivative = torch.ops.aten.leaky_relu_backward.default


class LeakyReLU(nn.LeakyReLU):
    """torch's, and ReLU with a slope of 0, in training without a second derivative.

    The derivative is a constant on either side of 0. torch's operator has a second derivative, of
    zeros, which the backward pass of a gradient penalty carries through all layers once more: a
    sixth of the work of a WGAN-GP update.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not (self.training and x.requires_grad and torch.is_grad_enabled()):
            return super().forward(x)
        activated: Tensor
        if self.inplace and x.numel() >= _IN_PLACE_FROM:
            # fresh memory costs up to 5 % of a step here; with small tensors, calling Python in the
            # backward pass would cost up to 15 %
            activated = _InPlaceLeakyReLU.apply(x, self.negative_slope)  # type: ignore[no-untyped-call]
        else:
            activated = _scale_by_derivative(x, x.detach(), self.negative_slope, False)
        return activated


class _InPlaceLeakyReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: float) -> Tensor:
        ctx.mark_dirty(x)
        F.leaky_relu_(x, slope)
        ctx.save_for_backward(x)
        ctx.slope = slope
        return x

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (activated,) = ctx.saved_tensors
        return _scale_by_derivative(gradients[0], activated.detach(), ctx.slope, False), None


def likelihood_mean(outputs: Tensor) -> Tensor:
    """The mean of p(x|z) by a decoder's unbounded outputs: vectors [N, D] and sequences [N, T, D]
    themselves; of images [N, C, H, W] the outputs are logits, and each pixel's probability is
    scaled to [-1, 1]."""
    return (outputs / 2).tanh() if outputs.ndim == 4 else outputs  # 2 sigmoid(v) - 1
