"""The networks of R3GAN: Huang et al. 2024, "The GAN is dead; long live the GAN!",
arXiv:2501.05441, section 4 (configuration E), with the initial weights of the authors' code."""

from __future__ import annotations

import math
from itertools import pairwise
from math import prod
from typing import Annotated, Literal, NamedTuple, TypeVar

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from gan_runner.data import Space
from gan_runner.errors import ConfigError
from gan_runner.models.activations import LeakyReLU
from gan_runner.models.base import DiscriminatorNetwork, Network, Width
from gan_runner.models.checks import ImageShape, image_shape, sides
from gan_runner.models.labels import Sequential
from gan_runner.models.model import Model

Blocks = Annotated[int, Field(ge=1, le=64)]
Size = tuple[int, int]
Layer = TypeVar("Layer", nn.Linear, nn.Conv2d)

_SLOPE = 0.2
_GAIN = math.sqrt(2 / (1 + _SLOPE**2))  # of leaky ReLU: He et al. 2015, section 2.2


class R3GANNetwork(Network):
    """`widths`, `blocks`, `cardinality`: channels, residual blocks and groups of a block's 3x3
    convolution for each stage, from the smallest map on; the last counts for all further stages.

    `expansion`: how many times wider a block is within.
    """

    norm: Literal["none"]
    init: Literal["he"]
    widths: Annotated[tuple[Width, ...], Field(min_length=1, max_length=16)]
    blocks: Annotated[tuple[Blocks, ...], Field(min_length=1, max_length=16)]
    cardinality: Annotated[tuple[PositiveInt, ...], Field(min_length=1, max_length=16)]
    expansion: Annotated[int, Field(ge=1, le=16)]


class R3GANDiscriminator(R3GANNetwork, DiscriminatorNetwork):
    """The generator's settings and those of every discriminator."""


class R3GAN(Model):
    """Residual blocks without norms, in stages: one for each size of maps.

    Images are halved, odd sides upwards, until they are 4 px or less: 32, 16, 8, 4; 28, 14, 7, 4.
    The smallest map of G is a learned one whose channels the latent point weights; D ends with a
    weighted sum over the smallest map. G's tanh, which the authors don't have, is that of all
    models here: without it black backgrounds take several times as long to learn.
    """

    generator: R3GANNetwork
    discriminator: R3GANDiscriminator

    def check(self, space: Space) -> None:
        image = image_shape(space, model="r3gan", smallest=4)
        for name, network in (("generator", self.generator), ("discriminator", self.discriminator)):
            for stage in _stages(image, network):
                wide = stage.width * network.expansion
                if wide % stage.cardinality:
                    raise ConfigError(
                        f"{wide} channels can't be parted into {stage.cardinality} groups, "
                        f"model.{name}.cardinality={list(network.cardinality)}. "
                        "Use divisors of widths times expansion."
                    )

    def plain_generator(self, latent_size: int, shape: tuple[int, ...]) -> Sequential:
        image = sides(shape)
        stages = _stages(image, self.generator)
        return generator(latent_size, image[0], stages, expansion=self.generator.expansion)

    def plain_discriminator(self, shape: tuple[int, ...]) -> nn.Sequential:
        image = sides(shape)
        stages = _stages(image, self.discriminator)
        return discriminator(image[0], stages, expansion=self.discriminator.expansion)


class Stage(NamedTuple):
    """The blocks for maps of one size."""

    size: Size
    width: int
    blocks: int
    cardinality: int


def generator(
    latent_size: int, channels: int, stages: list[Stage], *, expansion: int
) -> Sequential:
    """Latents [N, latent_size] -> images [N, channels, *size] in [-1, 1].

    Stages from the smallest map on.
    """
    first, gain = stages[0], _block_gain(stages)
    layers: list[nn.Module] = [
        _init_layer(nn.Linear(latent_size, first.width, bias=False)),
        Basis(first.width, first.size),
        *_blocks(first, expansion, gain),
    ]
    for coarse, fine in pairwise(stages):
        layers += [*_channel_convs(coarse.width, fine.width), Upsample(fine.size)]
        layers += _blocks(fine, expansion, gain)
    layers += [_init_layer(nn.Conv2d(stages[-1].width, channels, 1, bias=False)), nn.Tanh()]
    return Sequential(*layers)


def discriminator(channels: int, stages: list[Stage], *, expansion: int) -> nn.Sequential:
    """Images [N, channels, *size] -> logits [N]. Stages from the smallest map on."""
    last, gain = stages[0], _block_gain(stages)
    layers: list[nn.Module] = [
        _init_layer(nn.Conv2d(channels, stages[-1].width, 1, bias=False)),
        *_blocks(stages[-1], expansion, gain),
    ]
    for fine, coarse in pairwise(reversed(stages)):
        layers += [Downsample(), *_channel_convs(fine.width, coarse.width)]
        layers += _blocks(coarse, expansion, gain)
    layers += [
        _init_layer(nn.Conv2d(last.width, last.width, last.size, groups=last.width, bias=False)),
        nn.Flatten(),
        _init_layer(nn.Linear(last.width, 1, bias=False)),
        nn.Flatten(0),
    ]
    return nn.Sequential(*layers)


class Block(nn.Module):
    """Maps [N, C, H, W] plus a branch that is wider within: 1x1, 3x3 in groups, 1x1."""

    def __init__(self, stage: Stage, *, expansion: int, gain: float) -> None:
        super().__init__()
        width, wide = stage.width, stage.width * expansion
        self.branch = nn.Sequential(
            _init_layer(nn.Conv2d(width, wide, 1), gain),
            LeakyReLU(_SLOPE, inplace=True),
            _init_layer(nn.Conv2d(wide, wide, 3, padding=1, groups=stage.cardinality), gain),
            LeakyReLU(_SLOPE, inplace=True),
            # the block begins as the identity (Fixup: Zhang et al. 2019, arXiv:1901.09321)
            _init_layer(nn.Conv2d(wide, width, 1, bias=False), 0.0),
        )

    def forward(self, maps: Tensor) -> Tensor:
        return torch.add(maps, self.branch(maps))


class Basis(nn.Module):
    """Weights of channels [N, C] -> maps [N, C, *size]: a learned map of each channel, weighted."""

    def __init__(self, channels: int, size: Size) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, *size))

    def forward(self, weights: Tensor) -> Tensor:
        return self.weight * weights[:, :, None, None]


class Resample(nn.Module):
    """Has the filter [1, 3, 3, 1] / 8 in both directions, that of bilinear upsampling."""

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
        self.register_buffer("kernel", torch.outer(taps, taps)[None, None], persistent=False)

    def kernels(self, channels: int) -> Tensor:
        """The filter for each channel, [channels, 1, 4, 4]."""
        return self.kernel.expand(channels, -1, -1, -1)


class Upsample(Resample):
    """Maps [N, C, h, w] -> [N, C, *size], of which h and w are the halves, rounded up."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size

    def forward(self, maps: Tensor) -> Tensor:
        channels = maps.shape[1]
        doubled = F.conv_transpose2d(
            maps, 4 * self.kernels(channels), stride=2, padding=1, groups=channels
        )
        return doubled[:, :, : self.size[0], : self.size[1]]


class Downsample(Resample):
    """Maps [N, C, H, W] -> [N, C, h, w], the halves rounded up: the transpose of Upsample."""

    def forward(self, maps: Tensor) -> Tensor:
        channels, height, width = maps.shape[1:]
        padded = F.pad(maps, (1, 1 + width % 2, 1, 1 + height % 2))
        return F.conv2d(padded, self.kernels(channels), stride=2, groups=channels)


def _blocks(stage: Stage, expansion: int, gain: float) -> list[Block]:
    return [Block(stage, expansion=expansion, gain=gain) for _ in range(stage.blocks)]


def _channel_convs(inputs: int, outputs: int) -> list[nn.Module]:
    """The convolution that changes the number of channels, if it changes."""
    return [] if inputs == outputs else [_init_layer(nn.Conv2d(inputs, outputs, 1, bias=False))]


def _block_gain(stages: list[Stage]) -> float:
    """He's gain times L^(-1/4), L blocks of 3 layers in the network: Fixup's L^(-1 / (2m - 2))."""
    gain: float = _GAIN * sum(stage.blocks for stage in stages) ** -0.25
    return gain


def _init_layer(layer: Layer, gain: float = 1.0) -> Layer:
    """The layer with weights N(0, gain^2 / fan-in) and a bias of 0."""
    weight = layer.weight
    nn.init.normal_(weight, std=gain / math.sqrt(prod(weight.shape[1:])))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def _stages(image: ImageShape, network: R3GANNetwork) -> list[Stage]:
    """The stages of a network for such images, from the smallest map on."""
    size = image[1:]
    sizes = [size]
    while max(size) > 4:
        size = ((size[0] + 1) // 2, (size[1] + 1) // 2)
        sizes.append(size)
    each = (network.widths, network.blocks, network.cardinality)
    return [
        Stage(size, *(values[min(level, len(values) - 1)] for values in each))
        for level, size in enumerate(reversed(sizes))
    ]
