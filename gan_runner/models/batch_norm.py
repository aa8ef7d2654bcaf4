"""Batch norm over the whole batch, of which each rank of a run on several devices has its rows.

Torch's SyncBatchNorm does that on GPUs alone, and can't be differentiated twice. Ioffe & Szegedy
2015, algorithm 1.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from gan_runner.system import ranks


class BatchNorm1d(nn.BatchNorm1d):
    """Torch's, of vectors [N, C]."""

    def forward(self, rows: Tensor) -> Tensor:
        if ranks.count() == 1 or not self.training:
            return super().forward(rows)
        return _normalize_over_ranks(self, rows)


class BatchNorm2d(nn.BatchNorm2d):
    """Torch's, of maps [N, C, H, W]."""

    def forward(self, rows: Tensor) -> Tensor:
        if ranks.count() == 1 or not self.training:
            return super().forward(rows)
        return _normalize_over_ranks(self, rows)


def _normalize_over_ranks(norm: nn.BatchNorm1d | nn.BatchNorm2d, rows: Tensor) -> Tensor:
    x = rows.to(torch.promote_types(rows.dtype, torch.float32))
    with torch.no_grad():
        own = torch.ops.aten.batch_norm_update_stats(x, None, None, 0.0)
        mean, variance = _of_all(ranks.gather(torch.stack(own)[None]))
        _follow(norm, mean, variance, _numbers(x))
    # no weight and bias where they depend on the class
    y = _Normalization.apply(x, norm.weight, norm.bias, mean, variance, norm.eps)  # type: ignore[no-untyped-call]
    return y.to(rows.dtype)  # type: ignore[no-any-return]


def _of_all(moments: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance [C] of all rows, by those of each rank [ranks, 2, C]: Chan et al. 1979."""
    means, variances = moments.unbind(1)
    mean = means.mean(0)
    return mean, (variances + (means - mean).square()).mean(0)


def _numbers(x: Tensor) -> int:
    """How many numbers of a channel all rows have."""
    return ranks.count() * x.numel() // x.shape[1]


class _Normalization(torch.autograd.Function):
    """By torch's kernels for given moments, in a third of the passes over the numbers that the
    formula takes; by the formula where the gradients are differentiated, as by a penalty."""

    @staticmethod
    def forward(
        context: Any,
        x: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        mean: Tensor,
        variance: Tensor,
        eps: float,
    ) -> Tensor:
        context.save_for_backward(x, weight, mean, variance)
        context.eps = eps
        return torch.native_batch_norm(x, weight, bias, mean, variance, False, 0.0, eps)[0]

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, variance = context.saved_tensors
        if torch.is_grad_enabled():
            gradients = _differentiable_gradients(gradient, x, weight, context.eps)
        else:
            gradients = _gradients(gradient, x, weight, mean, variance, context.eps)
        of_x, of_weight, of_bias = gradients
        affine = (None, None) if weight is None else (of_weight, of_bias)
        return of_x, *affine, None, None, None


def _gradients(
    gradient: Tensor,
    x: Tensor,
    weight: Tensor | None,
    mean: Tensor,
    variance: Tensor,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Of x, of the weight and of the bias, from that of the result."""
    _, *own = torch.ops.aten.native_batch_norm_backward(
        *(gradient, x, weight, mean, variance, None, None, False, eps, [False, True, True])
    )
    of_scaled, of_sum = ranks.add_up(torch.stack(own)) / _numbers(x)
    inverse = (variance + eps).rsqrt()
    scale = inverse if weight is None else inverse * weight
    of_deviation = -scale * inverse * of_scaled
    constant = -scale * of_sum - of_deviation * mean
    of_x = torch.addcmul(_wide(constant, x), x, _wide(of_deviation, x))
    return of_x.addcmul_(gradient, _wide(scale, x)), own[0], own[1]


def _differentiable_gradients(
    gradient: Tensor, x: Tensor, weight: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """The same, by operations that can be differentiated."""
    dims, numbers = [0, *range(2, x.ndim)], _numbers(x)
    mean = ranks.add_up(x.sum(dims)) / numbers
    deviation = x - _wide(mean, x)
    variance = ranks.add_up(deviation.square().sum(dims)) / numbers
    inverse = (variance + eps).rsqrt()
    scaled = deviation * _wide(inverse, x)
    own = torch.stack(((gradient * scaled).sum(dims), gradient.sum(dims)))
    of_scaled, of_sum = ranks.add_up(own) / numbers
    scale = inverse if weight is None else inverse * weight
    centered = gradient - _wide(of_sum, x) - scaled * _wide(of_scaled, x)
    return centered * _wide(scale, x), own[0], own[1]


def _wide(of_channels: Tensor, x: Tensor) -> Tensor:
    """Numbers [C] in a shape that goes with x [N, C, ...]."""
    return of_channels.view(-1, *[1] * (x.ndim - 2))


def _follow(
    norm: nn.BatchNorm1d | nn.BatchNorm2d, mean: Tensor, variance: Tensor, numbers: int
) -> None:
    """Move the running statistics toward those of a batch."""
    assert norm.running_mean is not None and norm.running_var is not None
    assert norm.num_batches_tracked is not None and norm.momentum is not None
    norm.num_batches_tracked += 1
    norm.running_mean.lerp_(mean.to(norm.running_mean), norm.momentum)
    unbiased = variance * (numbers / (numbers - 1))
    norm.running_var.lerp_(unbiased.to(norm.running_var), norm.momentum)
