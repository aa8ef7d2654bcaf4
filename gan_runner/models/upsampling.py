"""Layers with which translators make maps larger, to a size that is known or by a factor."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from torch import Tensor, nn

from gan_runner.models.checks import ImageShape
from gan_runner.models.translator import Translator, refuse_small_inputs, upscaling

FACTORS = (1, 2, 3, 4, 8)
"""By which networks for super-resolution upscale; 1 keeps the size, as to remove noise."""


class UpscalingTranslator(Translator):
    """A translator whose outputs are larger than its inputs by one of FACTORS."""

    smallest: ClassVar[int] = 2
    """The least side of an input in px: a norm of maps takes no single pixels."""

    def check_shapes(self, inputs: ImageShape, outputs: ImageShape) -> None:
        refuse_small_inputs(self.option, inputs, smallest=self.smallest)
        self.factor(inputs, outputs)

    def factor(self, inputs: ImageShape, outputs: ImageShape) -> int:
        """By what outputs are larger. Raises ConfigError for another one."""
        return upscaling(self.option, inputs, outputs, factors=FACTORS)


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


def upscaling_stages(factor: int, stage: Callable[[int], list[nn.Module]]) -> list[nn.Module]:
    """The layers that upscale by one of FACTORS, of stages that double, or one that triples."""
    steps = [3] if factor == 3 else [2] * (factor.bit_length() - 1)
    return [layer for by in steps for layer in stage(by)]
