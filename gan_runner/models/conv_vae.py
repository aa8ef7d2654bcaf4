"""Variational autoencoders of images: the networks of `simple_conv`, its D as the encoder.

Kingma & Welling 2014, arXiv:1312.6114; with an adversary, Larsen et al. 2016, arXiv:1512.09300.
"""

from __future__ import annotations

from pydantic import NonNegativeFloat
from torch import nn

from gan_runner.data import Space
from gan_runner.models import simple_conv
from gan_runner.models.autoencoder import Autoencoder, Featured
from gan_runner.models.base import (
    ImageShape,
    Init,
    Norm,
    image_shape,
    refuse_single_pixels,
    sides,
)
from gan_runner.models.layers import LinearOfMaps, initialised
from gan_runner.models.simple_conv import SimpleConvDiscriminator, SimpleConvGenerator


class ConvAutoencoder(Autoencoder):
    """Two halvings between image and base map, 5x5 kernels, leaky ReLU. Sides are at least 4 px."""

    generator: SimpleConvGenerator
    encoder: SimpleConvDiscriminator

    def check(self, space: Space) -> None:
        refuse_single_pixels(self, image_shape(space, model="conv_vae or vae_gan", smallest=4))

    def plain_decoder(self, shape: tuple[int, ...]) -> nn.Sequential:
        return decoder(
            latent_size=self.latent_size,
            image=sides(shape),
            hidden=self.generator.hidden,
            width=self.generator.width,
            norm=self.generator.norm,
            init=self.generator.init,
        )

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

    def adversary(self, shape: tuple[int, ...]) -> dict[str, nn.Module]:
        return {}


class VAEGAN(ConvAutoencoder):
    """A decoder, an encoder, and a discriminator whose last features measure likeness.

    `gamma` weighs this likeness against the adversarial loss, in the decoder's loss.
    """

    gamma: NonNegativeFloat
    discriminator: SimpleConvDiscriminator

    def adversary(self, shape: tuple[int, ...]) -> dict[str, nn.Module]:
        network = simple_conv.discriminator(
            image=sides(shape),
            width=self.discriminator.width,
            norm=self.discriminator.norm,
            init=self.discriminator.init,
        )
        return {"discriminator": Featured(network)}


def decoder(
    *, latent_size: int, image: ImageShape, hidden: int, width: int, norm: Norm, init: Init
) -> nn.Sequential:
    """Latents [N, latent_size] -> unbounded outputs [N, *image]."""
    network = simple_conv.generator(
        latent_size=latent_size, image=image, hidden=hidden, width=width, norm=norm, init=init
    )
    return nn.Sequential(*list(network)[:-1])  # without the tanh


def encoder(
    *, latent_size: int, image: ImageShape, width: int, norm: Norm, init: Init
) -> nn.Sequential:
    """Images [N, *image] -> mean and log variance [N, 2 latent_size]."""
    network = simple_conv.discriminator(image=image, width=width, norm=norm, init=init)
    *body, head, _ = network
    assert isinstance(head, LinearOfMaps)
    told = nn.Sequential(LinearOfMaps(head.shape, 2 * latent_size))
    return nn.Sequential(*body, initialised(told, init=init, norm=norm))
