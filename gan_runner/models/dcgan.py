"""DCGAN: Radford et al. 2015, "Unsupervised representation learning", arXiv:1511.06434."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from gan_runner.data import Space
from gan_runner.models.base import (
    ImageShape,
    Init,
    Model,
    Network,
    Networks,
    Norm,
    Width,
    image_shape,
)
from gan_runner.models.layers import ToMaps, ToVectors, initialised, norm_of_maps


class DCGANNetwork(Network):
    """`width`: channels at half the image's size, doubled at each halving, up to 8 * width."""

    width: Width


class DCGAN(Model):
    """Images are halved until they are 4 px or less: 64, 32, 16, 8, 4 or 28, 14, 7, 4.

    4x4 kernels of stride 2 throughout, ReLU in G, leaky ReLU in D. No norm touches the data: none
    after G's last layer and D's first. The paper's G is width 128 at 64x64: 1024 maps of 4x4.
    """

    generator: DCGANNetwork
    discriminator: DCGANNetwork

    def check(self, space: Space) -> None:
        image_shape(space, model="dcgan", smallest=4)

    def networks(self, space: Space) -> Networks:
        image = image_shape(space, model="dcgan", smallest=4)
        return Networks(
            generator=generator(
                latent_size=self.latent_size,
                image=image,
                width=self.generator.width,
                norm=self.generator.norm,
                init=self.generator.init,
            ),
            discriminator=discriminator(
                image=image,
                width=self.discriminator.width,
                norm=self.discriminator.norm,
                init=self.discriminator.init,
            ),
        )


def generator(
    *, latent_size: int, image: ImageShape, width: int, norm: Norm, init: Init
) -> nn.Sequential:
    """Latents [N, latent_size] -> images [N, *image] in [-1, 1]."""
    levels = _levels(image, width)
    channels, *base = levels[-1]
    bias = norm != "batch"
    layers: list[nn.Module] = [
        nn.Linear(latent_size, channels * base[0] * base[1], bias=bias),
        ToMaps(*base),
    ]
    for coarse, fine in pairwise(reversed(levels)):
        layers += [
            norm_of_maps(norm, coarse[0]),
            nn.ReLU(inplace=True),
            _doubling(coarse, fine, bias=bias or fine == image),
        ]
    layers.append(nn.Tanh())
    return initialised(nn.Sequential(*layers), init=init, norm=norm)


def discriminator(*, image: ImageShape, width: int, norm: Norm, init: Init) -> nn.Sequential:
    """Images [N, *image] -> logits [N]."""
    first, *others = pairwise(_levels(image, width))
    layers: list[nn.Module] = [_halving(*first, bias=True), nn.LeakyReLU(0.2, inplace=True)]
    for fine, coarse in others:
        layers += [
            _halving(fine, coarse, bias=norm != "batch"),
            norm_of_maps(norm, coarse[0]),
            nn.LeakyReLU(0.2, inplace=True),
        ]
    layers += [ToVectors(), nn.Linear(prod(levels[-1]), 1), nn.Flatten(0)]
    return initialised(nn.Sequential(*layers), init=init, norm=norm)
