"""Fully connected networks, for vectors and small images (Goodfellow et al. 2014)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Annotated, Literal

from pydantic import Field
from torch import nn

from gan_runner.activations import LeakyReLU
from gan_runner.data import Space
from gan_runner.errors import ConfigError
from gan_runner.models.base import DiscriminatorNetwork, Init, Model, Network, Norm, Width
from gan_runner.models.layers import initialised, norm_of_vectors

Activation = Literal["relu", "leaky_relu", "tanh", "silu"]


class MLPNetwork(Network):
    """`hidden`: the widths of the hidden layers, from the input on."""

    hidden: Annotated[tuple[Width, ...], Field(min_length=1, max_length=64)]
    activation: Activation


class MLPDiscriminator(MLPNetwork, DiscriminatorNetwork):
    """The generator's settings and those of every discriminator."""


class MLP(Model):
    """Fully connected, for vectors, sequences and images, which are flattened inside."""

    generator: MLPNetwork
    discriminator: MLPDiscriminator

    def check(self, space: Space) -> None:
        for name, network in (("generator", self.generator), ("discriminator", self.discriminator)):
            if network.norm == "instance":
                raise ConfigError(
                    f"mlp has no maps to normalise, model.{name}.norm=instance. Use norm=layer."
                )

    def plain_generator(self, latent_size: int, shape: tuple[int, ...]) -> nn.Sequential:
        return generator(
            latent_size=latent_size,
            shape=shape,
            hidden=self.generator.hidden,
            activation=self.generator.activation,
            norm=self.generator.norm,
            init=self.generator.init,
        )

    def plain_discriminator(self, shape: tuple[int, ...]) -> nn.Sequential:
        return discriminator(
            shape=shape,
            hidden=self.discriminator.hidden,
            activation=self.discriminator.activation,
            norm=self.discriminator.norm,
            init=self.discriminator.init,
        )


def generator(
    *,
    latent_size: int,
    shape: tuple[int, ...],
    hidden: tuple[int, ...],
    activation: Activation,
    norm: Norm,
    init: Init,
) -> nn.Sequential:
    """Latents [N, latent_size] -> images [N, C, H, W] in [-1, 1], or unbounded vectors [N, D] or
    sequences [N, T, D]."""
    layers = hidden_layers(latent_size, hidden, activation, norm)
    layers.append(nn.Linear(hidden[-1], prod(shape)))
    if len(shape) == 3:
        layers.append(nn.Tanh())
    if len(shape) > 1:
        layers.append(nn.Unflatten(1, shape))
    return initialised(nn.Sequential(*layers), init=init, norm=norm)


def discriminator(
    *,
    shape: tuple[int, ...],
    hidden: tuple[int, ...],
    activation: Activation,
    norm: Norm,
    init: Init,
) -> nn.Sequential:
    """Vectors [N, D], sequences [N, T, D] or images [N, C, H, W] -> logits [N]."""
    layers: list[nn.Module] = [nn.Flatten()] if len(shape) > 1 else []
    layers += hidden_layers(prod(shape), hidden, activation, norm)
    layers += [nn.Linear(hidden[-1], 1), nn.Flatten(0)]
    return initialised(nn.Sequential(*layers), init=init, norm=norm)


def hidden_layers(
    inputs: int, hidden: tuple[int, ...], activation: Activation, norm: Norm
) -> list[nn.Module]:
    """Linear layers of these widths, each with its norm and activation."""
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [
            nn.Linear(inputs, width, bias=norm != "batch"),
            norm_of_vectors(norm, width),
            ACTIVATIONS[activation](),
        ]
        inputs = width
    return layers


ACTIVATIONS: dict[Activation, Callable[[], nn.Module]] = {
    "relu": partial(LeakyReLU, 0.0, inplace=True),
    "leaky_relu": partial(LeakyReLU, 0.2, inplace=True),
    "tanh": nn.Tanh,
    "silu": nn.SiLU,
}
