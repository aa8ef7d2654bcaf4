"""Variational autoencoders of fully connected layers. Kingma & Welling 2014, arXiv:1312.6114."""

from __future__ import annotations

from math import prod

from torch import nn

from gan_runner.data import Space
from gan_runner.errors import ConfigError
from gan_runner.models.autoencoder import Autoencoder
from gan_runner.models.base import Init, Norm
from gan_runner.models.layers import initialised
from gan_runner.models.mlp import Activation, MLPNetwork, hidden_layers


class VAE(Autoencoder):
    """Fully connected, for vectors of any size and for images, which are flattened inside."""

    generator: MLPNetwork
    encoder: MLPNetwork

    def check(self, space: Space) -> None:
        for name, norm in self.norms.items():
            if norm == "instance":
                raise ConfigError(
                    f"vae has no maps to normalise, model.{name}.norm=instance. Use norm=layer."
                )

    def plain_decoder(self, shape: tuple[int, ...]) -> nn.Sequential:
        return decoder(
            latent_size=self.latent_size,
            shape=shape,
            hidden=self.generator.hidden,
            activation=self.generator.activation,
            norm=self.generator.norm,
            init=self.generator.init,
        )

    def plain_encoder(self, shape: tuple[int, ...]) -> nn.Sequential:
        return encoder(
            latent_size=self.latent_size,
            shape=shape,
            hidden=self.encoder.hidden,
            activation=self.encoder.activation,
            norm=self.encoder.norm,
            init=self.encoder.init,
        )

    def adversary(self, shape: tuple[int, ...]) -> dict[str, nn.Module]:
        return {}


def decoder(
    *,
    latent_size: int,
    shape: tuple[int, ...],
    hidden: tuple[int, ...],
    activation: Activation,
    norm: Norm,
    init: Init,
) -> nn.Sequential:
    """Latents [N, latent_size] -> unbounded outputs [N, *shape]."""
    layers = hidden_layers(latent_size, hidden, activation, norm)
    layers.append(nn.Linear(hidden[-1], prod(shape)))
    if len(shape) > 1:
        layers.append(nn.Unflatten(1, shape))
    return initialised(nn.Sequential(*layers), init=init, norm=norm)


def encoder(
    *,
    latent_size: int,
    shape: tuple[int, ...],
    hidden: tuple[int, ...],
    activation: Activation,
    norm: Norm,
    init: Init,
) -> nn.Sequential:
    """Examples [N, *shape] -> mean and log variance [N, 2 latent_size]."""
    layers: list[nn.Module] = [nn.Flatten()] if len(shape) > 1 else []
    layers += hidden_layers(prod(shape), hidden, activation, norm)
    layers.append(nn.Linear(hidden[-1], 2 * latent_size))
    return initialised(nn.Sequential(*layers), init=init, norm=norm)
