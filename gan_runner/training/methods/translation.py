"""What methods that train translators share: their networks' inputs, their samplers, and what they
refuse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from gan_runner.augmentations import Augmentation
from gan_runner.config.component import Component
from gan_runner.config.schema import Config
from gan_runner.data import Space
from gan_runner.data.batches import Batch
from gan_runner.errors import ConfigError
from gan_runner.models import GenerativeModel, Translator
from gan_runner.models.translator import TranslatorGenerator
from gan_runner.objectives.elbo import VariationalObjective
from gan_runner.sampling.sampler import Sampler, Weights
from gan_runner.sampling.translation import Translation
from gan_runner.training.methods.adversarial import WithDiscriminator, build_objective
from gan_runner.training.methods.base import (
    DiscriminatorInput,
    UpdateSettings,
    check_generator,
    is_of_family,
)
from gan_runner.training.state import TrainState

T = TypeVar("T", bound="TranslatorMethod")


@dataclass(frozen=True)
class TranslatorMethod(WithDiscriminator):
    """The base class of methods whose generator makes an example of an input."""

    augments: ClassVar[bool] = True
    translates: ClassVar[bool] = True
    logit_maps: ClassVar[bool] = True

    settings: Component

    @classmethod
    def with_objective(
        cls: type[T],
        config: Config,
        settings: Component,
        *,
        model: GenerativeModel,
        augmentations: Mapping[str, Augmentation],
        updates: UpdateSettings,
    ) -> T:
        """The method with its settings, and the objective that the configuration asks for."""
        return cls(
            model,
            updates,
            build_objective(config),
            DiscriminatorInput(augmentations),
            discriminates_together=not model.couples_examples,
            settings=settings,
        )

    @classmethod
    def default_norms(cls, config: Config) -> Mapping[str, str]:
        if is_of_family(config.loss, VariationalObjective):
            raise ConfigError(
                f"a translator needs an adversarial loss, {config.choice('method')} with "
                f"{config.choice('loss')}. Use loss=lsgan"
            )
        constrained = build_objective(config).is_constrained
        return {"generator": "instance", "discriminator": "layer" if constrained else "instance"}

    @property
    def batches_per_step(self) -> int:
        return self.objective.d_steps

    @property
    def translator(self) -> Translator:
        """The model by its type."""
        assert isinstance(self.model, Translator), "checked when the method was built"
        return self.model

    def translate(self, state: TrainState, batch: Batch) -> Tensor:
        """The outputs of a batch's inputs. Raises PluginError for those of another shape."""
        inputs = inputs_of(batch)
        with self.updates.autocast(inputs.device):
            outputs: Tensor = state.generator(inputs).float()
        check_generator(self.model, outputs, batch.examples)
        return outputs

    def translate_parts(self, state: TrainState, batch: Batch, *, is_last: bool) -> Tensor:
        """The outputs for an update of D, made a micro-batch at a time."""
        with self.making_for_discriminator(state, is_last=is_last):
            parts = list(self.micro_batches(state, partial(self.translate, state), batch))
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    @contextmanager
    def making_for_discriminator(self, state: TrainState, *, is_last: bool) -> Iterator[None]:
        """In it outputs are made for an update of D. Those of the last can be differentiated,
        unless G learns by micro-batches, which make theirs again."""
        is_whole = self.updates.accumulate == 1
        is_again = is_last and not is_whole
        with (
            torch.set_grad_enabled(is_last and is_whole),
            state.rewound() if is_again else nullcontext(),
        ):
            yield

    def play(self, state: TrainState, targets: Tensor, outputs: Tensor) -> dict[str, Tensor]:
        """The terms of a game about outputs alone, in G's update."""
        on_fake = self.discriminate(state, self.discriminator_input(Batch(outputs), state))
        on_real = None
        if self.objective.compares:
            with torch.no_grad():
                seen = self.discriminator_input(Batch(targets), state)
                on_real = self.discriminate(state, seen)
        return self.generator_terms(on_fake, on_real)

    def sampler(
        self,
        networks: Mapping[str, nn.Module],
        space: Space,
        class_names: Sequence[str],
        *,
        weights: Weights,
    ) -> Sampler:
        generator = networks["generator"]
        assert isinstance(generator, TranslatorGenerator), "of a translator"
        translation = Translation(
            generator,
            space,
            multiple=generator.multiple,
            smallest=generator.smallest,
            factor=generator.factor,
            back=networks.get("back_generator"),
        )
        return Sampler(generator, space, 0, weights=weights, translation=translation)


def check_translator(config: Config, model: GenerativeModel, *, remedy: str) -> None:
    """Raise ConfigError unless the model's generator takes inputs. `remedy`: a model that the
    method trains."""
    if isinstance(model, Translator):
        return
    latent = "method=vae loss=elbo" if "encoder" in model.norms else "method=adversarial"
    if {"encoder", "discriminator"} <= set(model.norms):
        latent = "method=vae_gan"
    raise ConfigError(
        f"this generator makes examples of latent points, not of inputs, {config.choice('model')} "
        f"with {config.choice('method')}. Use {remedy} or {latent}"
    )


def inputs_of(batch: Batch) -> Tensor:
    """The inputs of a batch of data that has some."""
    assert batch.inputs is not None, "checked when the data was read"
    return batch.inputs


def pair(examples: Tensor, inputs: Tensor) -> Tensor:
    """What a conditional D sees: inputs, scaled to the size of their examples [N, C, H, W], and
    these, along the channels."""
    if inputs.shape[2:] != examples.shape[2:]:
        size = examples.shape[2:]
        inputs = interpolate(inputs, size, mode="bilinear", align_corners=False)
    return torch.cat((inputs, examples), dim=1)
