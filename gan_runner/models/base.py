"""The base classes of models: settings that make a generator and the networks that it is trained
with."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Literal, NamedTuple, final

from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import nn

from gan_runner.config.component import Component
from gan_runner.data import Space
from gan_runner.errors import ConfigError
from gan_runner.models.categories import add_categories
from gan_runner.models.checks import check_layers
from gan_runner.models.codes import Code, CodeDiscriminator, CodeGenerator
from gan_runner.models.conditioning import Conditioning, ConditioningSettings, build_conditional
from gan_runner.models.discriminator import Discriminator
from gan_runner.models.labels import ClassConditional, Sequential
from gan_runner.models.minibatch import MinibatchLayer, add_minibatch_layer

Norm = Literal["auto", "batch", "layer", "instance", "spectral", "none"]
Init = Literal["normal", "xavier", "he", "orthogonal"]
Width = Annotated[int, Field(ge=1, le=4096)]
ImageShape = tuple[int, int, int]


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

    @property
    def couples_examples(self) -> bool:
        """Whether the logit of an example depends on the others of its batch."""
        return self.norm == "batch" or self.minibatch != "none"

    def with_minibatch_layer(self, discriminator: nn.Sequential) -> nn.Sequential:
        """A plain discriminator with the layer that compares the examples of a batch."""
        return add_minibatch_layer(
            discriminator,
            self.minibatch,
            group=self.minibatch_group,
            kernels=self.minibatch_kernels,
            dims=self.minibatch_dims,
        )


class Networks(NamedTuple):
    """`generator(latents, labels)`: [N, latent_dims] -> encoded examples [N, *shape].
    `discriminator(examples, labels)`: encoded examples [N, *shape], with packing packs of them ->
    DiscriminatorOutput. Labels are int64 [N], and None for unconditional networks."""

    generator: ClassConditional
    discriminator: Discriminator


class GenerativeModel(Component):
    """Makes a generator for one kind of data, and the networks that it is trained with."""

    latent_size: int = Field(ge=1, le=65536)
    generator: Network

    @property
    def norms(self) -> dict[str, Norm]:
        """The norm of each network by its name."""
        return {name: value.norm for name, value in self if isinstance(value, Network)}

    @property
    @abstractmethod
    def latent_dims(self) -> int:
        """The dimensions of a latent point: `latent_size` of noise, and one for each code."""

    @property
    @abstractmethod
    def latent_code(self) -> Code | None:
        """The codes in the last dimensions of a latent point, where there are any."""

    @property
    @final
    def couples_examples(self) -> bool:
        """Whether a logit of D depends on the other examples of its batch."""
        networks = [value for _, value in self if isinstance(value, DiscriminatorNetwork)]
        return any(network.couples_examples for network in networks)

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
    def parts(self, space: Space, classes: int = 0) -> dict[str, nn.Module]:
        """Fresh networks by name, `generator` among them, initialized from torch's global
        random stream, on the CPU.

        `classes` is how many a conditional model knows. Raises ConfigError like `check`.
        """


class Model(GenerativeModel):
    """Makes the two networks of an adversarial game for one kind of data.

    `packing`: how many examples D sees at once (PacGAN, Lin et al. 2018, arXiv:1712.04086).
    """

    conditioning: Conditioning
    label_size: PositiveInt
    auxiliary_weight: NonNegativeFloat
    code: Code
    packing: PositiveInt
    discriminator: DiscriminatorNetwork

    @property
    def conditional(self) -> bool:
        """Whether the networks need labels."""
        return self.conditioning != "none"

    def check_settings(self, *, batch_size: int) -> None:
        refuse_batch_of_one(self, batch_size)
        if self.conditional and self.code.size:
            raise ConfigError(
                "codes are found without labels, model.code with "
                f"model.conditioning={self.conditioning}. Use model.conditioning=none."
            )
        if self.packing > 1 and (self.conditional or self.code.size):
            condition = f"conditioning={self.conditioning}" if self.conditional else "code"
            raise ConfigError(
                "packing can't be combined with conditioning or latent codes, "
                f"model.packing={self.packing} with model.{condition}. Use model.packing=1."
            )
        if batch_size % self.packing:
            raise ConfigError(
                f"the batch can't be packed, train.batch_size={batch_size} with "
                f"model.packing={self.packing}. Use a batch that the packing divides."
            )
        if self.conditioning == "projection" and self.generator.norm in ("none", "spectral"):
            raise ConfigError(
                "projection conditions the norms of the generator, and it has none, "
                f"model.conditioning=projection with model.generator.norm={self.generator.norm}. "
                "Use model.conditioning=concat, or model.generator.norm=batch in a model with "
                "norms."
            )

    @property
    def latent_dims(self) -> int:
        return self.latent_size + self.code.size

    @property
    def latent_code(self) -> Code | None:
        return self.code if self.code.size else None

    @final
    def parts(self, space: Space, classes: int = 0) -> dict[str, nn.Module]:
        return self.networks(space, classes)._asdict()

    @final
    def networks(self, space: Space, classes: int = 0) -> Networks:
        """Fresh networks, initialized from torch's global random stream, on the CPU.

        `classes` is how many a conditional model knows. Raises ConfigError like `check`.
        """
        self.check(space)
        first, *rest = space.shape
        seen = (self.packing * first, *rest)
        if self.conditioning != "none":
            return Networks(
                *build_conditional(
                    self.conditioning,
                    lambda latent_size: self._generator(latent_size, space),
                    self._discriminator,
                    ConditioningSettings(
                        classes=classes,
                        label_size=self.label_size,
                        auxiliary_weight=self.auxiliary_weight,
                        latent_size=self.latent_size,
                        shape=space.shape,
                        spectral=self.discriminator.norm == "spectral",
                    ),
                )
            )
        if self.code.size:
            shown = sum(self.code.categorical) + self.code.continuous
            return Networks(
                CodeGenerator(self._generator(self.latent_size + shown, space), self.code),
                CodeDiscriminator(self._discriminator(seen), self.code),
            )
        return Networks(
            self._generator(self.latent_size, space),
            Discriminator(self._discriminator(seen)),
        )

    def _discriminator(self, shape: tuple[int, ...]) -> nn.Sequential:
        network = self.plain_discriminator(shape)
        source = f"{type(self).__name__}.plain_discriminator"
        check_layers(network, source=source, ends_with_logits=True)
        return self.discriminator.with_minibatch_layer(network)

    def _generator(self, latent_size: int, space: Space) -> ClassConditional:
        def make(size: int) -> Sequential:
            # a plugin's may be torch's own, which takes no labels
            network = self.plain_generator(size, space.shape)
            check_layers(network, source=f"{type(self).__name__}.plain_generator")
            return Sequential(*network)

        return add_categories(make, latent_size, space.columns)

    @abstractmethod
    def plain_generator(self, latent_size: int, shape: tuple[int, ...]) -> nn.Sequential:
        """[N, latent_size] -> [N, *shape]. Its modules get the labels if they are
        ClassConditional; torch's Sequential within it passes none on."""

    @abstractmethod
    def plain_discriminator(self, shape: tuple[int, ...]) -> nn.Sequential:
        """[N, *shape] -> logits [N], by a linear layer and Flatten(0)."""


def refuse_batch_of_one(model: GenerativeModel, batch_size: int) -> None:
    """Raise ConfigError where a network compares the examples of a batch, and there is but one."""
    if batch_size > 1:
        return
    for name, network in model:
        layer = network.minibatch if isinstance(network, DiscriminatorNetwork) else "none"
        if layer != "none":
            raise ConfigError(
                "a minibatch layer needs more than one example, train.batch_size=1 "
                f"with model.{name}.minibatch={layer}. "
                f"Raise the batch size or use model.{name}.minibatch=none."
            )
    for name, norm in model.norms.items():
        if norm == "batch":
            raise ConfigError(
                f"batch norm needs more than one example, train.batch_size=1 with "
                f"model.{name}.norm=batch. Raise the batch size or use another norm."
            )


def refuse_single_pixels(model: GenerativeModel, image: ImageShape) -> None:
    """Raise ConfigError where two halvings leave instance norm maps of a single pixel."""
    _, height, width = image
    for name, norm in model.norms.items():
        if norm == "instance" and max(height, width) == 4:
            raise ConfigError(
                f"{height}x{width} pixels end in a map of a single pixel, which has no "
                f"variance, model.{name}.norm=instance. Use norm=layer."
            )


def image_shape(space: Space, *, model: str, smallest: int, instead: str = "mlp") -> ImageShape:
    """The shape [C, H, W] of one image, for the models that make nothing else.

    Raises ConfigError, which names a model to take `instead`, for other examples, for more than 4
    channels and for a side under `smallest`.
    """
    if space.kind != "images":
        fitting = "rnn" if space.kind == "sequences" and instead == "mlp" else instead
        raise ConfigError(
            f"{model} can't build examples of shape {list(space.shape)}, model={model}. "
            f"Use model={fitting} for {space.kind}."
        )
    channels, height, width = space.shape
    if not 1 <= channels <= 4:
        raise ConfigError(
            f"{model} can't build images of {channels} channels, model={model}. "
            f"Use images of 1 to 4 channels, or model={instead}."
        )
    if min(height, width) < smallest:
        raise ConfigError(
            f"{model} can't build images of {height}x{width} pixels, model={model}. "
            f"Use images of at least {smallest}x{smallest} pixels, or model={instead}."
        )
    return channels, height, width


def sides(shape: tuple[int, ...]) -> ImageShape:
    """The shape [C, H, W] of what a network is made for; a conditional D sees more channels."""
    channels, height, width = shape
    return channels, height, width
