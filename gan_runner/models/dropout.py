"""Dropout whose draws belong to the network: a resumed run draws as if it had never stopped."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from gan_runner.system import ranks

Rate = Annotated[float, Field(ge=0, lt=1)]
"""The share of numbers that dropout sets to 0."""


class Dropout(nn.Module):
    """torch's, whose masks follow from a seed of its own and the number of earlier draws.

    Both are buffers: they are saved, and rewound for micro-batches, as the statistics of norms are.
    Nothing is read back from a device, and no stream of random numbers moves. With `always` it
    drops in evaluation mode, too, where each pass has the mask of the last draw.
    """

    seed: Tensor
    draws: Tensor

    def __init__(self, rate: float, *, always: bool = False) -> None:
        super().__init__()
        self.rate = rate
        self.always = always
        self.register_buffer("seed", torch.randint(2**31, ()))
        self.register_buffer("draws", torch.zeros((), dtype=torch.int64))

    def forward(self, x: Tensor) -> Tensor:
        if not (self.training or self.always):
            return x
        if self.training:
            self.draws += 1
        return x * self._keep(x).to(x.dtype).div_(1 - self.rate)

    def _keep(self, x: Tensor) -> Tensor:
        """Which numbers stay, by the places of their examples in the whole batch."""
        size = x[0].numel()
        first = ranks.own_places(x)[:, None] * size
        index = (first + torch.arange(size, device=x.device)).flatten().to(torch.int32)
        key = _mix(_mix(self.seed.to(torch.int32)) ^ self.draws.to(torch.int32))
        drawn = _mix(index.add_(key)).bitwise_and_(2**31 - 1)
        return drawn.view(x.shape) >= int(self.rate * 2**31)


def dropout_layers(rate: float, *, always: bool = False) -> list[nn.Module]:
    """The layer with this rate, or none at a rate of 0."""
    return [Dropout(rate, always=always)] if rate else []


def _mix(x: Tensor) -> Tensor:
    """A hash of integers int32 of any shape, in place. lowbias32 by Chris Wellons, 2018."""
    for shift, factor in (16, 0x7FEB352D), (15, 0x846CA68B - 2**32):
        x = x.bitwise_xor_((x >> shift).bitwise_and_(2 ** (32 - shift) - 1)).mul_(factor)
    return x.bitwise_xor_((x >> 16).bitwise_and_(2**16 - 1))
