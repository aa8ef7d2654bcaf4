"""What every model is: a recipe that makes a matched generator and discriminator."""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal, NamedTuple

from pydantic import Field, PositiveInt
from torch import nn

from gan_runner.catalogue import Component
from gan_runner.data import Space

Norm = Literal["auto", "batch", "layer", "instance", "spectral", "none"]
Init = Literal["normal", "xavier", "he", "orthogonal"]
Width = PositiveInt


class Network(Component):
    """The settings that every network has; `auto` is settled before a network is made."""

    norm: Norm
    init: Init


class Networks(NamedTuple):
    """`generator`: latent [N, latent_size] -> encoded examples [N, *shape].
    `discriminator`: encoded examples [N, *shape] -> logits [N]."""

    generator: nn.Module
    discriminator: nn.Module


class Model(Component):
    """Makes the two networks for one kind of data."""

    latent_size: int = Field(ge=1, le=65536)
    generator: Network
    discriminator: Network

    @abstractmethod
    def check(self, space: Space) -> None:
        """Raise ConfigError, with the remedy, if this model can't build examples of `space`."""

    @abstractmethod
    def networks(self, space: Space) -> Networks:
        """Fresh networks, initialised from torch's global generator, on the CPU."""
