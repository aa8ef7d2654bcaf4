"""The base class of models, and the settings that all networks share."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Literal, final

from pydantic import Field
from torch import nn

from gan_runner.config.component import Component
from gan_runner.data import Space
from gan_runner.models.codes import Code
from gan_runner.models.minibatch import MinibatchLayer, add_minibatch_layer

Norm = Literal["auto", "batch", "layer", "instance", "spectral", "none"]
Init = Literal["normal", "xavier", "he", "orthogonal"]
Width = Annotated[int, Field(ge=1, le=4096)]
LatentSize = Annotated[int, Field(ge=1, le=65536)]


class Network(Component):
    """The settings that every network has; `auto` is resolved before a network is made."""

    norm: Norm
    init: Init


class DiscriminatorNetwork(Network):
    """`minibatch`: a layer that compares the examples of a batch; groups of `minibatch_group` for
    stddev, `minibatch_kernels` of `minibatch_dims` for discrimination."""

    minibatch: MinibatchLayer
    minibatch_group: Annotated[int, Field(ge=2)]
    minibatch_kernels: Annotated[int, Field(ge=1, le=1024)]
    minibatch_dims: Annotated[int, Field(ge=1, le=64)]

    def with_minibatch_layer(self, discriminator: nn.Sequential) -> nn.Sequential:
        """A plain discriminator with the layer that compares the examples of a batch."""
        return add_minibatch_layer(
            discriminator,
            self.minibatch,
            group=self.minibatch_group,
            kernels=self.minibatch_kernels,
            dims=self.minibatch_dims,
        )


class GenerativeModel(Component):
    """Makes a generator for one kind of data, and the networks that it is trained with."""

    generator: Network

    @property
    def norms(self) -> dict[str, Norm]:
        """The norm of each network by its name."""
        return {name: value.norm for name, value in self if isinstance(value, Network)}

    @property
    @abstractmethod
    def latent_dims(self) -> int:
        """The dimensions of a latent point; 0 for a translator, which has none."""

    @abstractmethod
    def generator_input(self, space: Space) -> tuple[int, ...]:
        """The shape of what the generator makes an example of: a latent point or an input."""

    @property
    @abstractmethod
    def latent_code(self) -> Code | None:
        """The codes in the last dimensions of a latent point, where there are any."""

    @property
    @final
    def couples_examples(self) -> bool:
        """Whether a logit of D depends on the other examples of its batch."""
        layers = [of.minibatch for _, of in self if isinstance(of, DiscriminatorNetwork)]
        return self.norms.get("discriminator") == "batch" or any(of != "none" for of in layers)

    @property
    @abstractmethod
    def conditional(self) -> bool:
        """Whether the networks need labels."""

    @abstractmethod
    def check(self, space: Space) -> None:
        """Raise ConfigError, with the remedy, if this model can't build examples of `space`."""

    @abstractmethod
    def check_settings(self, *, batch_size: int) -> None:
        """Raise ConfigError, with the remedy, for settings that can't be combined."""

    @abstractmethod
    def build_networks(self, space: Space, classes: int = 0) -> dict[str, nn.Module]:
        """Fresh networks by name, `generator` among them, initialized from torch's global random
        stream, on the CPU.

        `generator(latents, labels)`: [N, latent_dims], or inputs [N, *generator_input], -> encoded
        examples [N, *shape]. Labels are int64 [N], and None for unconditional networks. `classes`
        is how many a conditional model knows. Raises ConfigError like `check`.
        """
