"""Layers with which translators make maps larger, to a size that is known or by a factor."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

FACTORS = (1, 2, 4, 8)
"""By which networks for super-resolution upscale; 1 keeps the size, as to remove noise."""


class Up(nn.Module):
    """Maps [N, *, h, w] -> [N, *, H, W], at most twice as large: a convolution that doubles, cut to
    the size, and the layers after it."""

    def __init__(self, conv: nn.ConvTranspose2d, *after: nn.Module) -> None:
        super().__init__()
        self.conv = conv
        self.after = nn.Sequential(*after)

    def forward(self, maps: Tensor, size: tuple[int, int]) -> Tensor:
        height, width = size
        outputs: Tensor = self.after(self.conv(maps)[:, :, :height, :width])
        return outputs


def doubling_stages(factor: int, stage: Callable[[], list[nn.Module]]) -> list[nn.Module]:
    """The layers that upscale by a power of 2, of stages that double."""
    return [layer for _ in range(factor.bit_length() - 1) for layer in stage()]
