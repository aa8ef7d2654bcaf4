"""Variational autoencoders of images: the networks of `simple_conv`, its D as the encoder.

Kingma & Welling 2014, arXiv:1312.6114; with an adversary, Larsen et al. 2016, arXiv:1512.09300.
"""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from gan_runner.data import Space
from gan_runner.models.autoencoder import Autoencoder
from gan_runner.models.base import Init, Network, Norm, Width
from gan_runner.models.checks import ImageShape, image_shape, refuse_single_pixels, sides
from gan_runner.models.discriminator import PlainDiscriminator
from gan_runner.models.layers import LinearOfMaps, initialize_weights
from gan_runner.models.simple_conv import (
    SimpleConvDiscriminator,
    SimpleConvGenerator,
    discriminator,
)


class ConvEncoder(Network):
    """`width`: channels at half the image's size; twice as many at a quarter."""

    width: Width


class ConvAutoencoder(Autoencoder):
    """Two halvings between image and base map, 5x5 kernels, leaky ReLU. Sides are at least 4 px."""

    option: ClassVar[str]
    generator: SimpleConvGenerator
    encoder: ConvEncoder

    def check(self, space: Space) -> None:
        image = image_shape(space, model=self.option, smallest=4, instead="vae")
        refuse_single_pixels(self, image)

    def plain_decoder(self, shape: tuple[int, ...]) -> nn.Sequential:
        *layers, _ = self.generator.network(self.latent_size, shape)  # without the tanh
        return nn.Sequential(*layers)

    def plain_encoder(self, shape: tuple[int, ...]) -> nn.Sequential:
        return encoder(
            latent_size=self.latent_size,
            image=sides(shape),
            width=self.encoder.width,
            norm=self.encoder.norm,
            init=self.encoder.init,
        )


class ConvVAE(ConvAutoencoder):
    """A decoder and an encoder."""

    option: ClassVar[str] = "conv_vae"

    def adversary(self, shape: tuple[int, ...]) -> dict[str, nn.Module]:
        return {}


class ConvVAEGAN(ConvAutoencoder):
    """A decoder, an encoder, and a discriminator whose last features measure likeness."""

    option: ClassVar[str] = "vae_gan"
    discriminator: SimpleConvDiscriminator

    def adversary(self, shape: tuple[int, ...]) -> dict[str, nn.Module]:
        network = self.discriminator.network(shape)
        whole = self.discriminator.with_minibatch_layer(network)
        return {"discriminator": PlainDiscriminator(whole)}


def encoder(
    *, latent_size: int, image: ImageShape, width: int, norm: Norm, init: Init
) -> nn.Sequential:
    """Images [N, *image] -> mean and log variance [N, 2 latent_size]."""
    network = discriminator(image=image, width=width, norm=norm, init=init)
    *body, head, _ = network
    assert isinstance(head, LinearOfMaps)
    wide = nn.Sequential(LinearOfMaps(head.shape, 2 * latent_size))
    return nn.Sequential(*body, initialize_weights(wide, init=init, norm=norm))
