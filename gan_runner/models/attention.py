"""Self-attention over a map: Zhang et al. 2019, "SAGAN", arXiv:1805.08318, section 3."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SelfAttention(nn.Module):
    """Maps [N, C, H, W] plus gamma times what each place gathers from all others; gamma is 0 first.

    As in the authors' code: queries and keys of C / 8 channels, values of C / 2, keys and values
    pooled to half the sides (rounded up here: they have no odd ones), no biases.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        narrow, wide = max(1, channels // 8), max(1, channels // 2)
        self.query = nn.Conv2d(channels, narrow, 1, bias=False)
        self.key = nn.Conv2d(channels, narrow, 1, bias=False)
        self.value = nn.Conv2d(channels, wide, 1, bias=False)
        self.out = nn.Conv2d(wide, channels, 1, bias=False)
        self.pool = nn.MaxPool2d(2, ceil_mode=True)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, maps: Tensor) -> Tensor:
        query = self.query(maps).flatten(2)  # [N, C / 8, H * W]
        key = self.pool(self.key(maps)).flatten(2)
        value = self.pool(self.value(maps)).flatten(2)
        # not torch's fused attention, which can't be differentiated twice
        attention = (query.transpose(1, 2) @ key).softmax(-1)
        gathered = value @ attention.transpose(1, 2)  # [N, C / 2, H * W]
        attended: Tensor = self.out(gathered.unflatten(2, maps.shape[2:]))
        return maps + self.gamma * attended
