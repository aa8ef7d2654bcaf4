"""The residual networks of SNGAN: Miyato et al. 2018, arXiv:1802.05957, tables 3 and 4.

Their blocks are those of Gulrajani et al. 2017 (arXiv:1704.00028, appendix F).
"""

from __future__ import annotations

from itertools import count, islice, pairwise
from typing import Annotated

import torch
from pydantic import BeforeValidator, Field, PositiveInt
from torch import Tensor, nn

from gan_runner.config.overrides import override
from gan_runner.data import Space
from gan_runner.errors import ConfigError
from gan_runner.models.activations import LeakyReLU
from gan_runner.models.attention import SelfAttention
from gan_runner.models.base import DiscriminatorNetwork, Init, Network, Norm
from gan_runner.models.checks import ImageShape, image_shape, sides
from gan_runner.models.labels import ClassConditional, Sequential
from gan_runner.models.layers import initialize_weights, norm_of_maps
from gan_runner.models.model import Model

Size = tuple[int, int]


def _as_tuple(value: object) -> object:
    """None, one value or a list of them, as a tuple."""
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list) else (value,)


class ResNetNetwork(Network):
    """`width`: channels of all maps up to 32 px; of larger ones, see ResNet.

    `attention`: the longer sides of the maps, in px, that self-attention follows.
    """

    width: Annotated[int, Field(ge=8, le=4096)]
    attention: Annotated[tuple[PositiveInt, ...], BeforeValidator(_as_tuple)]


class ResNetDiscriminator(ResNetNetwork, DiscriminatorNetwork):
    """The generator's settings and those of every discriminator."""


class ResNet(Model):
    """Residual blocks that double or halve: at 32x32 three in G; two, then two plain ones, in D.

    Width is constant up to 32 px, as in the paper's networks for CIFAR-10. Maps larger than
    32, 64 and 128 px have a half, a quarter and an eighth of it: its networks for ImageNet narrow
    toward the image too. D halves until 8 px. Sides are 3 to 7 px doubled at least once (8, 28,
    32, 64, 128), or up to 31 px doubled at least twice (100).
    """

    generator: ResNetNetwork
    discriminator: ResNetDiscriminator

    def check(self, space: Space) -> None:
        _, height, width = image_shape(space, model="resnet", smallest=6)
        if _can_build((height, width)):
            _refuse_missing_maps("generator", self.generator, _sizes((height, width)))
            _refuse_missing_maps(
                "discriminator", self.discriminator, _discriminator_sizes((height, width))
            )
            return
        what = f"resnet can't build images of {height}x{width} pixels"
        if height != width:
            raise ConfigError(f"{what}, model=resnet. Use model=dcgan")
        nearest = " or ".join(map(str, _nearest_sides(height)))
        raise ConfigError(f"{what}, dataset.image_size={height}. Use {nearest}, or model=dcgan")

    def plain_generator(self, latent_size: int, shape: tuple[int, ...]) -> Sequential:
        return generator(
            latent_size=latent_size,
            image=sides(shape),
            width=self.generator.width,
            attention=self.generator.attention,
            norm=self.generator.norm,
            init=self.generator.init,
        )

    def plain_discriminator(self, shape: tuple[int, ...]) -> nn.Sequential:
        return discriminator(
            image=sides(shape),
            width=self.discriminator.width,
            attention=self.discriminator.attention,
            norm=self.discriminator.norm,
            init=self.discriminator.init,
        )


def generator(
    *,
    latent_size: int,
    image: ImageShape,
    width: int,
    attention: tuple[int, ...],
    norm: Norm,
    init: Init,
) -> Sequential:
    """Latents [N, latent_size] -> images [N, *image] in [-1, 1]."""
    sizes = _sizes(image[1:])
    base = sizes[-1]
    channels = _width_at(base, width)
    layers: list[nn.Module] = [
        nn.Linear(latent_size, base[0] * base[1] * channels),
        nn.Unflatten(1, (channels, *base)),
        *_attention_layers(base, channels, attention),
    ]
    for size in reversed(sizes[:-1]):
        inputs, channels = channels, _width_at(size, width)
        layers.append(_up_block(inputs, channels, norm))
        layers += _attention_layers(size, channels, attention)
    layers += [norm_of_maps(norm, channels), nn.ReLU(), _conv(channels, image[0]), nn.Tanh()]
    return initialize_weights(Sequential(*layers), init=init, norm=norm)


def discriminator(
    *, image: ImageShape, width: int, attention: tuple[int, ...], norm: Norm, init: Init
) -> nn.Sequential:
    """Images [N, *image] -> logits [N]. The first block, which sees the data, has no norm."""
    maps = _discriminator_sizes(image[1:])
    channels = _width_at(maps[0], width)
    layers: list[nn.Module] = [_first_block(image[0], _width_at(image[1:], width), channels)]
    layers += _attention_layers(maps[0], channels, attention)
    for size in maps[1:]:
        inputs, channels = channels, _width_at(size, width)
        layers.append(_down_block(inputs, channels, norm))
        layers += _attention_layers(size, channels, attention)
    layers += [_plain_block(channels, norm), _plain_block(channels, norm)]
    layers += [LeakyReLU(0.0), SumOverMap(), nn.Linear(channels, 1), nn.Flatten(0)]
    return initialize_weights(nn.Sequential(*layers), init=init, norm=norm)


class Residual(ClassConditional):
    """The sum of a branch and its shortcut, maps [N, C, H, W]."""

    def __init__(self, branch: Sequential, shortcut: nn.Module) -> None:
        super().__init__()
        self.branch = branch
        self.shortcut = shortcut

    def forward(self, maps: Tensor, labels: Tensor | None = None) -> Tensor:
        return torch.add(self.branch(maps, labels), self.shortcut(maps))


class SumOverMap(nn.Module):
    """Maps [N, C, H, W] -> vectors [N, C]."""

    def forward(self, maps: Tensor) -> Tensor:
        return maps.sum((2, 3))


# Nearest upsampling and average pooling commute with 1x1 convolutions: shortcuts convolve on the
# smaller side, at a quarter of the cost. The first ReLU of a branch isn't in place: with norm
# none it would change what the shortcut sees.


def _up_block(inputs: int, outputs: int, norm: Norm) -> Residual:
    branch = Sequential(
        norm_of_maps(norm, inputs),
        nn.ReLU(),
        nn.Upsample(scale_factor=2),
        _conv(inputs, outputs, bias=norm != "batch"),
        norm_of_maps(norm, outputs),
        nn.ReLU(inplace=True),
        _conv(outputs, outputs),
    )
    shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1), nn.Upsample(scale_factor=2))
    return Residual(branch, shortcut)


def _first_block(inputs: int, hidden: int, outputs: int) -> Residual:
    """The halving block on images: it has no ReLU before its first convolution."""
    branch = Sequential(
        _conv(inputs, hidden),
        LeakyReLU(0.0, inplace=True),
        _conv(hidden, outputs),
        nn.AvgPool2d(2),
    )
    return Residual(branch, nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(inputs, outputs, 1)))


def _down_block(inputs: int, outputs: int, norm: Norm) -> Residual:
    branch = Sequential(*_preactivation_layers(inputs, outputs, norm), nn.AvgPool2d(2))
    return Residual(branch, nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(inputs, outputs, 1)))


def _plain_block(channels: int, norm: Norm) -> Residual:
    return Residual(Sequential(*_preactivation_layers(channels, channels, norm)), nn.Identity())


def _preactivation_layers(inputs: int, outputs: int, norm: Norm) -> list[nn.Module]:
    return [
        norm_of_maps(norm, inputs),
        LeakyReLU(0.0),
        _conv(inputs, inputs, bias=norm != "batch"),
        norm_of_maps(norm, inputs),
        LeakyReLU(0.0, inplace=True),
        _conv(inputs, outputs),
    ]


def _attention_layers(size: Size, channels: int, attention: tuple[int, ...]) -> list[nn.Module]:
    """Self-attention over maps of this size, if it is wanted there."""
    return [SelfAttention(channels)] if max(size) in attention else []


def _refuse_missing_maps(name: str, network: ResNetNetwork, maps: list[Size]) -> None:
    """Raise ConfigError if attention is wanted over maps that the network doesn't have."""
    there = sorted({max(size) for size in maps})
    for wanted in network.attention:
        if wanted not in there:
            fitting = min(there, key=lambda side: abs(side - wanted))
            raise ConfigError(
                f"the {name} has no maps of {wanted} px, model.{name}.attention={wanted}. "
                f"For these images it has maps of {', '.join(map(str, there))} px. "
                f"Use {override(f'model.{name}.attention', [fitting])}"
            )


def _conv(inputs: int, outputs: int, *, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1, bias=bias)


def _width_at(size: Size, width: int) -> int:
    return width >> sum(max(size) > limit for limit in (32, 64, 128))


def _sizes(size: Size) -> list[Size]:
    """The size of the image and of each map below it: halved while even and above 5 px."""
    sizes = [size]
    while max(size) > 5 and size[0] % 2 == size[1] % 2 == 0:
        size = (size[0] // 2, size[1] // 2)
        sizes.append(size)
    return sizes


def _discriminator_sizes(size: Size) -> list[Size]:
    """The sizes of D's maps: those below the image, down to the first of at most 8 px."""
    _, *smaller = _sizes(size)
    return smaller[:1] + [half for whole, half in pairwise(smaller) if max(whole) > 8]


def _can_build(size: Size) -> bool:
    sizes = _sizes(size)
    halvings, base = len(sizes) - 1, max(sizes[-1])
    return (halvings >= 1 and base <= 7) or (halvings >= 2 and base <= 31)


def _nearest_sides(side: int) -> list[int]:
    """The sides of squares that can be built, next below (if any) and next above."""
    below = (s for s in range(side, 5, -1) if _can_build((s, s)))
    above = (s for s in count(side) if _can_build((s, s)))
    return [*islice(below, 1), next(above)]
