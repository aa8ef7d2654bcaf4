"""Fully connected networks, for vectors and small images (Goodfellow et al. 2014)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from math import prod
from typing import Annotated, Literal

from pydantic import Field
from torch import nn

from gan_runner.data import Space
from gan_runner.errors import ConfigError
from gan_runner.models.activations import LeakyReLU
from gan_runner.models.base import DiscriminatorNetwork, GenerativeModel, Network, Width
from gan_runner.models.dropout import Rate, dropout_layers
from gan_runner.models.labels import Sequential
from gan_runner.models.layers import initialize_weights, norm_of_vectors
from gan_runner.models.model import Model

Activation = Literal["relu", "leaky_relu", "tanh", "silu"]


class Perceptron(Network):
    """`hidden`: the widths of the hidden layers, from the input on."""

    hidden: Annotated[tuple[Width, ...], Field(min_length=1, max_length=64)]
    activation: Activation

    def build_decoder(self, inputs: int, shape: tuple[int, ...], *, bounded: bool) -> Sequential:
        """[N, inputs] -> examples [N, *shape], within [-1, 1] if `bounded`."""
        ends: list[nn.Module] = [nn.Tanh()] if bounded else []
        if len(shape) > 1:
            ends.append(nn.Unflatten(1, shape))
        return self._network([], inputs, prod(shape), ends, dropout=0.0)

    def build_encoder(
        self, shape: tuple[int, ...], outputs: int, *ends: nn.Module, dropout: float = 0.0
    ) -> Sequential:
        """Examples [N, *shape] -> [N, outputs], followed by the modules `ends`."""
        begins: list[nn.Module] = [nn.Flatten()] if len(shape) > 1 else []
        return self._network(begins, prod(shape), outputs, ends, dropout=dropout)

    def _network(
        self,
        begins: Iterable[nn.Module],
        inputs: int,
        outputs: int,
        ends: Iterable[nn.Module],
        *,
        dropout: float,
    ) -> Sequential:
        layers = [*begins]
        for width in self.hidden:
            layers += [
                nn.Linear(inputs, width, bias=self.norm != "batch"),
                norm_of_vectors(self.norm, width),
                ACTIVATIONS[self.activation](),
                *dropout_layers(dropout),
            ]
            inputs = width
        network = Sequential(*layers, nn.Linear(inputs, outputs), *ends)
        return initialize_weights(network, init=self.init, norm=self.norm)


class MLPDiscriminator(Perceptron, DiscriminatorNetwork):
    """The generator's settings, those of every discriminator, and `dropout` after hidden layers."""

    dropout: Rate


class MLP(Model):
    """Fully connected, for vectors, sequences and images, which are flattened inside.

    Images lie in [-1, 1], all else is unbounded.
    """

    generator: Perceptron
    discriminator: MLPDiscriminator

    def check(self, space: Space) -> None:
        refuse_norms_of_maps(self, option="mlp")
        if space.columns is None:
            return
        needed = space.columns.choices + bool(space.conditional_vector_size)
        if needed >= self.latent_size:
            raise ConfigError(
                f"each of the table's {needed} choices, as of a category, takes a coordinate of "
                f"the latent point, model.latent_size={self.latent_size}. "
                f"Use model.latent_size={needed + 64}"
            )

    def plain_generator(self, latent_size: int, shape: tuple[int, ...]) -> Sequential:
        return self.generator.build_decoder(latent_size, shape, bounded=len(shape) == 3)

    def plain_discriminator(self, shape: tuple[int, ...]) -> nn.Sequential:
        settings = self.discriminator
        return settings.build_encoder(shape, 1, nn.Flatten(0), dropout=settings.dropout)


def refuse_norms_of_maps(model: GenerativeModel, *, option: str) -> None:
    """Raise ConfigError for a norm that fully connected networks don't have."""
    for name, norm in model.norms.items():
        if norm == "instance":
            raise ConfigError(
                f"{option} has no maps to normalize, model.{name}.norm=instance. "
                f"Use model.{name}.norm=layer"
            )


ACTIVATIONS: dict[Activation, Callable[[], nn.Module]] = {
    "relu": partial(LeakyReLU, 0.0, inplace=True),
    "leaky_relu": partial(LeakyReLU, 0.2, inplace=True),
    "tanh": nn.Tanh,
    "silu": nn.SiLU,
}
