"""The small convolutional network of many tutorials, TensorFlow's DCGAN tutorial among them."""

from __future__ import annotations

from torch import nn

from gan_runner.data import Space
from gan_runner.models.activations import LeakyReLU
from gan_runner.models.base import DiscriminatorNetwork, Init, Network, Norm, Width
from gan_runner.models.checks import ImageShape, image_shape, refuse_single_pixels, sides
from gan_runner.models.labels import Sequential
from gan_runner.models.layers import (
    LinearOfMaps,
    UpsampleConv,
    initialize_weights,
    norm_of_maps,
    norm_of_vectors,
)
from gan_runner.models.model import Model


class SimpleConvGenerator(Network):
    """`hidden`: units of the first dense layer. `width`: channels at half the image's size."""

    hidden: Width
    width: Width

    def network(self, latent_size: int, shape: tuple[int, ...]) -> Sequential:
        """Latents [N, latent_size] -> images [N, *shape] in [-1, 1]."""
        return generator(
            latent_size=latent_size,
            image=sides(shape),
            hidden=self.hidden,
            width=self.width,
            norm=self.norm,
            init=self.init,
        )


class SimpleConvDiscriminator(DiscriminatorNetwork):
    """`width`: channels at half the image's size; twice as many at a quarter."""

    width: Width

    def network(self, shape: tuple[int, ...]) -> nn.Sequential:
        """Images [N, *shape] -> logits [N]."""
        return discriminator(image=sides(shape), width=self.width, norm=self.norm, init=self.init)


class SimpleConv(Model):
    """Two halvings between image and base map, 5x5 kernels, leaky ReLU after all maps.

    At 28x28, hidden 128 and width 64: G is dense 128 with tanh, dense 7*7*128, transposed
    convolutions 128, 64, C. D is convolutions 64, 128, dense 1. Sides are at least 4 px.
    """

    generator: SimpleConvGenerator
    discriminator: SimpleConvDiscriminator

    def check(self, space: Space) -> None:
        refuse_single_pixels(self, image_shape(space, model="simple_conv", smallest=4))

    def plain_generator(self, latent_size: int, shape: tuple[int, ...]) -> Sequential:
        return self.generator.network(latent_size, shape)

    def plain_discriminator(self, shape: tuple[int, ...]) -> nn.Sequential:
        return self.discriminator.network(shape)


def generator(
    *, latent_size: int, image: ImageShape, hidden: int, width: int, norm: Norm, init: Init
) -> Sequential:
    """Latents [N, latent_size] -> images [N, *image] in [-1, 1]."""
    channels, *full = image
    half, base = _half(full), _half(_half(full))
    bias = norm != "batch"
    layers = [
        nn.Linear(latent_size, hidden, bias=bias),
        norm_of_vectors(norm, hidden),
        # tanh is odd: a ReLU's positive mean would be a bias for the whole picture, and along it G
        # collapses onto a single one (on MNIST within 200 steps, and still there after 3000)
        nn.Tanh(),
        nn.Linear(hidden, base[0] * base[1] * 2 * width, bias=bias),
        nn.Unflatten(1, (2 * width, *base)),
        norm_of_maps(norm, 2 * width),
        nn.LeakyReLU(0.2, inplace=True),
        nn.ConvTranspose2d(2 * width, 2 * width, 5, padding=2, bias=bias),
        norm_of_maps(norm, 2 * width),
        nn.LeakyReLU(0.2, inplace=True),
        _upsample_conv(2 * width, width, to=half, bias=bias),
        norm_of_maps(norm, width),
        nn.LeakyReLU(0.2, inplace=True),
        _upsample_conv(width, channels, to=full, bias=True),
        nn.Tanh(),
    ]
    return initialize_weights(Sequential(*layers), init=init, norm=norm)


def discriminator(*, image: ImageShape, width: int, norm: Norm, init: Init) -> nn.Sequential:
    """Images [N, *image] -> logits [N]. The first layer, which sees the data, has no norm."""
    channels, *full = image
    base = _half(_half(full))
    layers = [
        nn.Conv2d(channels, width, 5, stride=2, padding=2),
        LeakyReLU(0.2, inplace=True),
        nn.Conv2d(width, 2 * width, 5, stride=2, padding=2, bias=norm != "batch"),
        norm_of_maps(norm, 2 * width),
        LeakyReLU(0.2, inplace=True),
        LinearOfMaps((2 * width, base[0], base[1]), 1),
        nn.Flatten(0),
    ]
    return initialize_weights(nn.Sequential(*layers), init=init, norm=norm)


def _half(size: list[int]) -> list[int]:
    """Height and width after a 5x5 convolution of stride 2: halves, rounded up."""
    return [(side + 1) // 2 for side in size]


def _upsample_conv(inputs: int, outputs: int, *, to: list[int], bias: bool) -> UpsampleConv:
    # from half the side, rounded up, this convolution comes to 2 * half - 1, one too few for even
    # sides
    output_padding = (1 - to[0] % 2, 1 - to[1] % 2)
    return UpsampleConv(
        inputs, outputs, 5, stride=2, padding=2, output_padding=output_padding, bias=bias
    )
