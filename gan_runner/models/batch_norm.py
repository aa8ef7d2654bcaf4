"""Batch norm over the whole batch, of which each rank of a run on several devices has its rows.

Torch's SyncBatchNorm does that on GPUs alone. Ioffe & Szegedy 2015, algorithm 1.
"""

from __future__ import annotations

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
    """By the mean and the variance of all rows, from those of each rank: Chan et al. 1979."""
    dims, channels = [0, *range(2, rows.ndim)], [1, -1, *[1] * (rows.ndim - 2)]
    x = rows.to(torch.promote_types(rows.dtype, torch.float32))
    own = torch.stack(torch.var_mean(x, dims, correction=0))
    variances, means = ranks.couple(own[None]).unbind(1)  # one exchange, and one backward
    mean = means.mean(0)
    variance = (variances + (means - mean).square()).mean(0)
    numbers = ranks.count() * x.numel() // x.shape[1]
    _follow(norm, mean.detach(), variance.detach() * (numbers / (numbers - 1)))
    scale, shift = (variance + norm.eps).rsqrt(), None
    if norm.weight is not None:  # none where it depends on the class
        scale, shift = scale * norm.weight, norm.bias
    offset = -mean * scale if shift is None else shift - mean * scale
    return torch.addcmul(offset.view(channels), x, scale.view(channels)).to(rows.dtype)


@torch.no_grad()
def _follow(norm: nn.BatchNorm1d | nn.BatchNorm2d, mean: Tensor, variance: Tensor) -> None:
    """Move the running statistics toward those of a batch."""
    assert norm.running_mean is not None and norm.running_var is not None
    assert norm.num_batches_tracked is not None and norm.momentum is not None
    norm.num_batches_tracked += 1
    norm.running_mean.lerp_(mean.to(norm.running_mean), norm.momentum)
    norm.running_var.lerp_(variance.to(norm.running_var), norm.momentum)
