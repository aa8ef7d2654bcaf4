"""The base class of models of an adversarial game: a generator and a discriminator."""

from __future__ import annotations

from abc import abstractmethod
from typing import final

from pydantic import NonNegativeFloat, PositiveInt
from torch import nn

from gan_runner.data import Space
from gan_runner.errors import ConfigError
from gan_runner.models.base import DiscriminatorNetwork, GenerativeModel, LatentSize
from gan_runner.models.categories import add_columns
from gan_runner.models.checks import refuse_batch_of_one
from gan_runner.models.codes import Code, CodeDiscriminator, CodeGenerator
from gan_runner.models.conditional_vector import build_with_vector
from gan_runner.models.conditioning import Conditioning, ConditioningSettings, build_conditional
from gan_runner.models.discriminator import Discriminator, PlainDiscriminator
from gan_runner.models.labels import ClassConditional, Sequential
from gan_runner.models.layer_checks import check_layers


class Model(GenerativeModel):
    """Makes the two networks of an adversarial game for one kind of data.

    `packing`: how many examples D sees at once (PacGAN, Lin et al. 2018, arXiv:1712.04086).
    """

    latent_size: LatentSize
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
                f"model.conditioning={self.conditioning}. Use model.conditioning=none"
            )
        if self.packing > 1 and (self.conditional or self.code.size):
            condition = f"conditioning={self.conditioning}" if self.conditional else "code"
            raise ConfigError(
                "packing can't be combined with conditioning or latent codes, "
                f"model.packing={self.packing} with model.{condition}. Use model.packing=1"
            )
        if batch_size % self.packing:
            fitting = self.packing * -(-batch_size // self.packing)
            raise ConfigError(
                f"the batch can't be packed, train.batch_size={batch_size} with "
                f"model.packing={self.packing}. Use train.batch_size={fitting}"
            )
        if self.conditioning == "projection" and self.generator.norm in ("none", "spectral"):
            raise ConfigError(
                "projection conditions the norms of the generator, and it has none, "
                f"model.conditioning=projection with model.generator.norm={self.generator.norm}. "
                "Use model.conditioning=concat or model.generator.norm=batch in a model with "
                "norms."
            )

    @property
    def latent_dims(self) -> int:
        """`latent_size` of noise, and one for each code."""
        return self.latent_size + self.code.size

    @final
    def generator_input(self, space: Space) -> tuple[int, ...]:
        return (self.latent_dims,)

    @property
    def latent_code(self) -> Code | None:
        return self.code if self.code.size else None

    @final
    def build_networks(self, space: Space, classes: int = 0) -> dict[str, nn.Module]:
        """The networks `generator` and `discriminator`, as GenerativeModel says.

        `discriminator(examples, labels)`: encoded examples [N, *shape], with packing packs of them
        -> DiscriminatorOutput.
        """
        self.check(space)
        generator, discriminator = self._build_pair(space, classes)
        return {"generator": generator, "discriminator": discriminator}

    def _build_pair(self, space: Space, classes: int) -> tuple[ClassConditional, Discriminator]:
        if space.columns is not None and space.conditional_vector_size:
            return build_with_vector(
                lambda latent_size: self._generator(latent_size, space),
                self._discriminator,
                self.latent_size,
                space.columns,
            )
        if self.conditioning != "none":
            return build_conditional(
                self.conditioning,
                lambda latent_size: self._generator(latent_size, space),
                self._discriminator,
                ConditioningSettings(
                    classes=classes,
                    label_size=self.label_size,
                    auxiliary_weight=self.auxiliary_weight,
                    latent_size=self.latent_size,
                    shape=space.network_shape,
                    spectral=self.discriminator.norm == "spectral",
                ),
            )
        first, *rest = space.network_shape
        pack = (self.packing * first, *rest)
        if self.code.size:
            shown = sum(self.code.categorical) + self.code.continuous
            return (
                CodeGenerator(self._generator(self.latent_size + shown, space), self.code),
                CodeDiscriminator(self._discriminator(pack), self.code),
            )
        return (
            self._generator(self.latent_size, space),
            PlainDiscriminator(self._discriminator(pack)),
        )

    def _discriminator(self, shape: tuple[int, ...]) -> nn.Sequential:
        network = self.plain_discriminator(shape)
        source = f"{type(self).__name__}.plain_discriminator"
        check_layers(network, source=source, ends_with_logits=True)
        return self.discriminator.with_minibatch_layer(network)

    def _generator(self, latent_size: int, space: Space) -> ClassConditional:
        def make(size: int) -> Sequential:
            # a plugin's may be torch's own, which takes no labels
            network = self.plain_generator(size, space.network_shape)
            check_layers(network, source=f"{type(self).__name__}.plain_generator")
            return Sequential(*network)

        return add_columns(make, latent_size, space.columns)

    @abstractmethod
    def plain_generator(self, latent_size: int, shape: tuple[int, ...]) -> nn.Sequential:
        """[N, latent_size] -> [N, *shape]. Its modules get the labels if they are
        ClassConditional; torch's Sequential within it passes none on."""

    @abstractmethod
    def plain_discriminator(self, shape: tuple[int, ...]) -> nn.Sequential:
        """[N, *shape] -> logits [N], by a linear layer and Flatten(0)."""
