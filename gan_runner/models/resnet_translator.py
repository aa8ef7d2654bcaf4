"""The residual network of CycleGAN: Zhu et al. 2017, arXiv:1703.10593, section 7.2, after that of
Johnson et al. 2016, arXiv:1603.08155."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from gan_runner.models.base import Norm
from gan_runner.models.checks import ImageShape
from gan_runner.models.dropout import Rate, dropout_layers
from gan_runner.models.labels import Sequential
from gan_runner.models.layers import UpsampleConv, initialize_weights, needs_bias, norm_of_maps
from gan_runner.models.resnet import Residual
from gan_runner.models.translator import (
    EncoderNetwork,
    EncoderTranslator,
    TranslatorGenerator,
    TranslatorNetwork,
    refuse_other_sizes,
    refuse_small_inputs,
)
from gan_runner.models.upsampling import Up

_SMALLEST = 5  # px, so that maps at a quarter of the size can be reflected at their edge


class ResNetTranslatorNetwork(TranslatorNetwork):
    """`width`: channels at the input's size, four times as many at a quarter of it, where the
    residual `blocks` are."""

    blocks: Annotated[int, Field(ge=1, le=64)]
    dropout: Rate


class ResNetTranslator(EncoderTranslator):
    """Two halvings, residual blocks, and back to the input's size.

    Edges are reflected, so that they leave no artifacts. Sides that are odd are halved upwards.
    """

    generator: ResNetTranslatorNetwork

    @property
    def option(self) -> str:
        return "resnet_translator"

    def check_shapes(self, inputs: ImageShape, outputs: ImageShape) -> None:
        refuse_other_sizes(self.option, inputs, outputs)
        refuse_small_inputs(self.option, inputs, smallest=_SMALLEST)

    def build_generator(self, inputs: ImageShape, outputs: ImageShape) -> TranslatorGenerator:
        network = ResNetGenerator(inputs[0], outputs[0], settings=self.generator)
        initialize_weights(network, init=self.generator.init, norm=self.generator.norm)
        return TranslatorGenerator(network, smallest=_SMALLEST)

    def encoder_shapes(self, inputs: ImageShape) -> tuple[ImageShape, ...]:
        _, height, across = inputs
        width = self.generator.width
        half = 2 * width, -(-height // 2), -(-across // 2)
        quarter = 4 * width, -(-height // 4), -(-across // 4)
        return (inputs, half, *[quarter] * (1 + self.generator.blocks))

    def compared_layers(self, inputs: ImageShape) -> tuple[int, ...]:
        """The inputs, both halvings, the first and the fifth block. Park et al. 2020, section C."""
        last = len(self.encoder_shapes(inputs)) - 1
        return tuple(sorted({*range(4), min(7, last)}))


class ResNetGenerator(EncoderNetwork):
    """Maps [N, inputs, H, W] -> [N, outputs, H, W] in [-1, 1]."""

    def __init__(self, inputs: int, outputs: int, *, settings: ResNetTranslatorNetwork) -> None:
        super().__init__()
        width, norm, bias = settings.width, settings.norm, needs_bias(settings.norm)
        widths = (width, 2 * width, 4 * width)
        self.first = nn.Sequential(
            nn.ReflectionPad2d(3), nn.Conv2d(inputs, width, 7, bias=bias), *_after(width, norm)
        )
        self.downs = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(fine, coarse, 3, stride=2, padding=1, bias=bias), *_after(coarse, norm)
            )
            for fine, coarse in pairwise(widths)
        )
        self.blocks = nn.Sequential(
            *(_block(4 * width, norm, settings.dropout) for _ in range(settings.blocks))
        )
        self.ups = nn.ModuleList(
            Up(
                UpsampleConv(coarse, fine, 3, stride=2, padding=1, output_padding=1, bias=bias),
                *_after(fine, norm),
            )
            for coarse, fine in pairwise(reversed(widths))
        )
        self.last = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(width, outputs, 7), nn.Tanh())

    def forward(self, inputs: Tensor) -> Tensor:
        x = self.first(inputs)
        sizes = []
        for down in self.downs:
            sizes.append(x.shape[2:])
            x = down(x)
        x = self.blocks(x)
        for up in self.ups:
            x = up(x, sizes.pop())
        # with channels last a CPU's convolution to few channels takes two thirds of the time
        outputs: Tensor = self.last(x.contiguous(memory_format=torch.channels_last))
        return outputs

    def encode(self, inputs: Tensor, last: int) -> list[Tensor]:
        """Both halvings, and each residual block."""
        maps, x = [inputs], self.first(inputs)
        for layer in [*self.downs, *self.blocks][:last]:
            x = layer(x)
            maps.append(x)
        return maps


def _after(channels: int, norm: Norm) -> list[nn.Module]:
    return [norm_of_maps(norm, channels), nn.ReLU(inplace=True)]


def _block(channels: int, norm: Norm, dropout: float) -> Residual:
    branch = Sequential(
        *_reflected_conv(channels, norm),
        nn.ReLU(inplace=True),
        *dropout_layers(dropout),
        *_reflected_conv(channels, norm),
    )
    return Residual(branch, nn.Identity())


def _reflected_conv(channels: int, norm: Norm) -> list[nn.Module]:
    return [
        nn.ReflectionPad2d(1),
        nn.Conv2d(channels, channels, 3, bias=needs_bias(norm)),
        norm_of_maps(norm, channels),
    ]
