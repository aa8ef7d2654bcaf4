"""The U-Net of pix2pix: Isola et al. 2017, arXiv:1611.07004, section 6.1."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, linear, pad, unfold

from gan_runner.config.overrides import override
from gan_runner.errors import ConfigError
from gan_runner.models.base import Norm
from gan_runner.models.checks import ImageShape
from gan_runner.models.dropout import Rate, dropout_layers
from gan_runner.models.layers import (
    UpsampleConv,
    initialize_weights,
    is_plain_float32,
    needs_bias,
    norm_of_maps,
)
from gan_runner.models.translator import (
    EncoderNetwork,
    EncoderTranslator,
    TranslatorGenerator,
    TranslatorNetwork,
    refuse_other_sizes,
    refuse_small_inputs,
)
from gan_runner.models.upsampling import Up

_FEW_PLACES = 128
_DROPPING = 3  # of the decoder's layers, from the smallest maps on
_SLOPE = 0.2  # of the leaky ReLU
_LEAST_COMPARED = 16  # px of maps whose patches are compared: of fewer there are few to tell apart


class UNetNetwork(TranslatorNetwork):
    """`width`: channels at half the image's size, doubled at each halving, up to 8 * width.
    `depth`: halvings, null for as many as there can be. `noise`: dropout also when translating."""

    depth: Annotated[int, Field(ge=2, le=12)] | None
    dropout: Rate
    noise: bool


class UNet(EncoderTranslator):
    """An encoder that halves until the shorter side is 1 px, and a decoder that sees the encoder's
    maps of its size beside its own.

    Dropout follows the decoder's first three layers. Sides that are odd are halved upwards, so any
    size from that of the deepest norm on will do.
    """

    generator: UNetNetwork

    @property
    def option(self) -> str:
        return "unet"

    def check_shapes(self, inputs: ImageShape, outputs: ImageShape) -> None:
        refuse_other_sizes(self.option, inputs, outputs)
        refuse_small_inputs(self.option, inputs, smallest=4)
        deepest = _halvings(inputs)
        if self.generator.depth is not None and self.generator.depth > deepest:
            raise ConfigError(
                f"inputs of {inputs[1]}x{inputs[2]} pixels can be halved {deepest} times, "
                f"model.generator.depth={self.generator.depth}. "
                f"Use {override('model.generator.depth', None)}"
            )

    def build_generator(self, inputs: ImageShape, outputs: ImageShape) -> TranslatorGenerator:
        depth = self.generator.depth or _halvings(inputs)
        network = UNetGenerator(inputs[0], outputs[0], settings=self.generator, depth=depth)
        initialize_weights(network, init=self.generator.init, norm=self.generator.norm)
        return TranslatorGenerator(network, smallest=2 ** (depth - 1) + 1)

    def encoder_shapes(self, inputs: ImageShape) -> tuple[ImageShape, ...]:
        shapes = [inputs]
        for width in _widths(self.generator, self.generator.depth or _halvings(inputs)):
            _, height, across = shapes[-1]
            shapes.append((width, -(-height // 2), -(-across // 2)))
        return tuple(shapes)

    def compared_layers(self, inputs: ImageShape) -> tuple[int, ...]:
        """The inputs and all maps but the smallest."""
        shapes = self.encoder_shapes(inputs)
        return tuple(k for k, (_, h, w) in enumerate(shapes) if not k or h * w >= _LEAST_COMPARED)


class UNetGenerator(EncoderNetwork):
    """Maps [N, inputs, H, W] -> [N, outputs, H, W] in [-1, 1]."""

    def __init__(self, inputs: int, outputs: int, *, settings: UNetNetwork, depth: int) -> None:
        super().__init__()
        norm = settings.norm
        widths = _widths(settings, depth)
        downs: list[nn.Module] = [HalvingConv(inputs, widths[0])]
        for level in range(1, depth):
            is_last = level == depth - 1  # whose maps may be single pixels, which no norm takes
            downs.append(_down(widths[level - 1], widths[level], "none" if is_last else norm))
        ups: list[nn.Module] = []
        for level in reversed(range(1, depth)):
            # beside those of the decoder the encoder's, but for the deepest, which are one
            seen = widths[level] * (1 if level == depth - 1 else 2)
            rate = settings.dropout if depth - level <= min(_DROPPING, depth - 2) else 0.0
            after = [norm_of_maps(norm, widths[level - 1])]
            after += dropout_layers(rate, always=settings.noise)
            conv = DoublingConv(seen, widths[level - 1], bias=needs_bias(norm))
            ups.append(Up(conv, *after))
        ups.append(Up(DoublingConv(2 * widths[0], outputs, bias=True), nn.Tanh()))
        self.downs, self.ups = nn.ModuleList(downs), nn.ModuleList(ups)

    def forward(self, inputs: Tensor) -> Tensor:
        maps = self._halve(inputs, len(self.downs))
        x = maps.pop()
        for up in self.ups:
            beside = maps.pop()
            # in place: the encoder's maps, which went through a leaky ReLU, are the same after ReLU
            x = up(torch.relu_(x), beside.shape[2:])
            if maps:
                x = torch.cat((beside, x), dim=1)
        return x

    def encode(self, inputs: Tensor, last: int) -> list[Tensor]:
        """Maps after their leaky ReLU."""
        maps = self._halve(inputs, last)
        # the others went through it in place, on their way to the next
        return maps if last == 0 else [*maps[:-1], leaky_relu(maps[-1], _SLOPE)]

    def _halve(self, inputs: Tensor, times: int) -> list[Tensor]:
        """The inputs, and the maps after each halving; the last one not yet activated."""
        maps = [inputs]
        for down in self.downs[:times]:
            maps.append(down(maps[-1]))
        return maps


class HalvingConv(nn.Conv2d):
    """Maps [N, inputs, H, W] -> [N, outputs, H / 2, W / 2], where odd sides are halved upwards."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool = True) -> None:
        super().__init__(inputs, outputs, 4, stride=2, padding=1, bias=bias)

    def forward(self, maps: Tensor) -> Tensor:
        height, width = maps.shape[2:]
        if height % 2 or width % 2:
            maps = pad(maps, (0, width % 2, 0, height % 2))
        # not in evaluation, where numbers must not depend on the size of a batch
        if not (self.training and _are_few(maps) and is_plain_float32(maps)):
            return super().forward(maps)
        patches = unfold(maps, 4, padding=1, stride=2).transpose(1, 2)
        outputs = linear(patches.flatten(0, 1), self.weight.flatten(1), self.bias)
        sides = maps.shape[2] // 2, maps.shape[3] // 2
        return outputs.view(len(maps), *sides, -1).permute(0, 3, 1, 2).contiguous()


class DoublingConv(UpsampleConv):
    """Maps [N, inputs, h, w] -> [N, outputs, 2h, 2w]."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool) -> None:
        super().__init__(inputs, outputs, 4, stride=2, padding=1, bias=bias)

    def is_slower(self, maps: Tensor) -> bool:
        return (self.training and _are_few(maps)) or super().is_slower(maps)


def _are_few(maps: Tensor) -> bool:
    """Whether there are so few places in maps, under many weights, that a CPU's convolution takes
    longer to put these in order than a product of matrices does in all, forward and backward."""
    return maps.numel() // maps.shape[1] <= _FEW_PLACES


def _down(inputs: int, outputs: int, norm: Norm) -> nn.Sequential:
    return nn.Sequential(
        # in place, also for the decoder, which sees what is above 0 alone
        nn.LeakyReLU(_SLOPE, inplace=True),
        HalvingConv(inputs, outputs, bias=needs_bias(norm)),
        norm_of_maps(norm, outputs),
    )


def _widths(settings: UNetNetwork, depth: int) -> list[int]:
    """The channels of the maps after each halving."""
    return [settings.width * min(2**level, 8) for level in range(depth)]


def _halvings(image: ImageShape) -> int:
    """How often the shorter side is halved, upwards, until it is 1 px."""
    return (min(image[1:]) - 1).bit_length()
