"""DCGAN: Radford et al. 2015, "Unsupervised representation learning", arXiv:1511.06434."""

from __future__ import annotations

from itertools import pairwise
from math import prod

from torch import nn

from gan_runner.data import Space
from gan_runner.models.activations import LeakyReLU
from gan_runner.models.base import DiscriminatorNetwork, Init, Network, Norm, Width
from gan_runner.models.checks import ImageShape, image_shape, refuse_single_pixels, sides
from gan_runner.models.dropout import Rate, dropout_layers
from gan_runner.models.labels import Sequential
from gan_runner.models.layers import (
    LinearOfMaps,
    downsample_conv,
    initialize_weights,
    norm_of_maps,
    upsample_conv,
)
from gan_runner.models.model import Model


class DCGANNetwork(Network):
    """`width`: channels at half the image's size, doubled at each halving, up to 8 * width."""

    width: Width


class DCGANDiscriminator(DCGANNetwork, DiscriminatorNetwork):
    """The generator's settings, those of every discriminator, and `dropout` after hidden layers."""

    dropout: Rate


class DCGAN(Model):
    """Images are halved until they are 4 px or less, but twice: 64, 32, 16, 8, 4 or 8, 4, 2.

    4x4 kernels of stride 2 throughout, ReLU in G, leaky ReLU in D. No norm touches the data: none
    after G's last layer and D's first. The paper's G is width 128 at 64x64: 1024 maps of 4x4.
    """

    generator: DCGANNetwork
    discriminator: DCGANDiscriminator

    def check(self, space: Space) -> None:
        refuse_single_pixels(self, image_shape(space, model="dcgan", smallest=4))

    def plain_generator(self, latent_size: int, shape: tuple[int, ...]) -> Sequential:
        return generator(
            latent_size=latent_size,
            image=sides(shape),
            width=self.generator.width,
            norm=self.generator.norm,
            init=self.generator.init,
        )

    def plain_discriminator(self, shape: tuple[int, ...]) -> nn.Sequential:
        return discriminator(
            image=sides(shape),
            width=self.discriminator.width,
            dropout=self.discriminator.dropout,
            norm=self.discriminator.norm,
            init=self.discriminator.init,
        )


def generator(
    *, latent_size: int, image: ImageShape, width: int, norm: Norm, init: Init
) -> Sequential:
    """Latents [N, latent_size] -> images [N, *image] in [-1, 1]."""
    levels = _levels(image, width)
    base = levels[-1]
    bias = norm != "batch"
    layers: list[nn.Module] = [
        nn.Linear(latent_size, prod(base), bias=bias),
        nn.Unflatten(1, base),
    ]
    for coarse, fine in pairwise(reversed(levels)):
        layers += [
            norm_of_maps(norm, coarse[0]),
            nn.ReLU(inplace=True),
            upsample_conv(coarse, fine, bias=bias or fine == image),
        ]
    layers.append(nn.Tanh())
    return initialize_weights(Sequential(*layers), init=init, norm=norm)


def discriminator(
    *, image: ImageShape, width: int, dropout: float, norm: Norm, init: Init
) -> nn.Sequential:
    """Images [N, *image] -> logits [N]."""
    levels = _levels(image, width)
    layers: list[nn.Module] = []
    for fine, coarse in pairwise(levels):
        layers.append(downsample_conv(fine, coarse, bias=norm != "batch" or fine == image))
        if fine != image:
            layers.append(norm_of_maps(norm, coarse[0]))
        layers += [LeakyReLU(0.2, inplace=True), *dropout_layers(dropout)]
    layers += [LinearOfMaps(levels[-1], 1), nn.Flatten(0)]
    return initialize_weights(nn.Sequential(*layers), init=init, norm=norm)


def _levels(image: ImageShape, width: int) -> list[ImageShape]:
    """The shapes of the image and of each map below it: at least two, the last 4 px or less."""
    levels = [image]
    while len(levels) < 3 or max(levels[-1][1:]) > 4:
        _, *size = levels[-1]
        channels = width * min(2 ** (len(levels) - 1), 8)
        height, breadth = ((side + 1) // 2 for side in size)
        levels.append((channels, height, breadth))
    return levels
