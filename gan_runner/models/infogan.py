"""The networks of InfoGAN on MNIST: Chen et al. 2016, table 1, arXiv:1606.03657.

Lucic et al. 2018, "Are GANs created equal?", arXiv:1711.10337, compare all losses on them, with a
leaky ReLU in G as well, and a variational autoencoder on the same layers. The codes of InfoGAN are
`model.code`, of every model.
"""

from __future__ import annotations

from math import prod

from torch import nn

from gan_runner.data import Space
from gan_runner.models.activations import LeakyReLU
from gan_runner.models.autoencoder import Autoencoder
from gan_runner.models.base import DiscriminatorNetwork, Network, Width
from gan_runner.models.checks import ImageShape, image_shape, refuse_single_pixels, sides
from gan_runner.models.labels import Sequential
from gan_runner.models.layers import (
    LinearOfMaps,
    downsample_conv,
    initialize_weights,
    norm_of_maps,
    norm_of_vectors,
    upsample_conv,
)
from gan_runner.models.model import Model


class InfoGANNetwork(Network):
    """`hidden`: units of the dense layer between latent point or logit and maps. `width`: channels
    at half the image's size; twice as many at a quarter."""

    hidden: Width
    width: Width

    def build_decoder(self, latent_size: int, shape: tuple[int, ...]) -> Sequential:
        """Latents [N, latent_size] -> unbounded images [N, *shape]."""
        image, half, quarter = self._levels(shape)
        bias = self.norm != "batch"
        layers = [
            nn.Linear(latent_size, self.hidden, bias=bias),
            norm_of_vectors(self.norm, self.hidden),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(self.hidden, prod(quarter), bias=bias),
            nn.Unflatten(1, quarter),
            norm_of_maps(self.norm, quarter[0]),
            nn.LeakyReLU(0.2, inplace=True),
            upsample_conv(quarter, half, bias=bias),
            norm_of_maps(self.norm, half[0]),
            nn.LeakyReLU(0.2, inplace=True),
            upsample_conv(half, image, bias=True),
        ]
        return initialize_weights(Sequential(*layers), init=self.init, norm=self.norm)

    def build_encoder(self, shape: tuple[int, ...], outputs: int) -> nn.Sequential:
        """Images [N, *shape] -> [N, outputs]. The first layer, which sees the data, has no norm."""
        image, half, quarter = self._levels(shape)
        bias = self.norm != "batch"
        layers = [
            downsample_conv(image, half, bias=True),
            LeakyReLU(0.2, inplace=True),
            downsample_conv(half, quarter, bias=bias),
            norm_of_maps(self.norm, quarter[0]),
            LeakyReLU(0.2, inplace=True),
            LinearOfMaps(quarter, self.hidden, bias=bias),
            norm_of_vectors(self.norm, self.hidden),
            LeakyReLU(0.2, inplace=True),
            nn.Linear(self.hidden, outputs),
        ]
        return initialize_weights(nn.Sequential(*layers), init=self.init, norm=self.norm)

    def _levels(self, shape: tuple[int, ...]) -> tuple[ImageShape, ImageShape, ImageShape]:
        channels, height, width = sides(shape)
        half = (height + 1) // 2, (width + 1) // 2
        quarter = (half[0] + 1) // 2, (half[1] + 1) // 2
        return (channels, height, width), (self.width, *half), (2 * self.width, *quarter)


class InfoGANDiscriminator(InfoGANNetwork, DiscriminatorNetwork):
    """The generator's settings and those of every discriminator."""


class InfoGAN(Model):
    """Two halvings by 4x4 convolutions, and a dense layer. Sides are at least 4 px."""

    generator: InfoGANNetwork
    discriminator: InfoGANDiscriminator

    def check(self, space: Space) -> None:
        refuse_single_pixels(self, image_shape(space, model="infogan", smallest=4))

    def plain_generator(self, latent_size: int, shape: tuple[int, ...]) -> Sequential:
        return Sequential(*self.generator.build_decoder(latent_size, shape), nn.Tanh())

    def plain_discriminator(self, shape: tuple[int, ...]) -> nn.Sequential:
        return nn.Sequential(*self.discriminator.build_encoder(shape, 1), nn.Flatten(0))


class InfoGANVAE(Autoencoder):
    """G as a decoder, and D, with as many outputs as a posterior has parameters, as an encoder."""

    generator: InfoGANNetwork
    encoder: InfoGANNetwork

    def check(self, space: Space) -> None:
        image = image_shape(space, model="infogan_vae", smallest=4, instead="vae")
        refuse_single_pixels(self, image)

    def plain_decoder(self, shape: tuple[int, ...]) -> nn.Sequential:
        return self.generator.build_decoder(self.latent_size, shape)

    def plain_encoder(self, shape: tuple[int, ...]) -> nn.Sequential:
        return self.encoder.build_encoder(shape, 2 * self.latent_size)

    def adversary(self, shape: tuple[int, ...]) -> dict[str, nn.Module]:
        return {}
