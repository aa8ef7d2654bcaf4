"""Translation learned from pairs of inputs and targets: image to image, and super-resolution."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, Literal

import torch
from pydantic import NonNegativeFloat, NonNegativeInt
from torch import Tensor, nn

from gan_runner.augmentations import Augmentation
from gan_runner.config.component import Component
from gan_runner.config.schema import Config
from gan_runner.data import Space
from gan_runner.data.batches import Batch
from gan_runner.errors import ConfigError
from gan_runner.evaluation.features.spaces import NetworkSpace
from gan_runner.models import GenerativeModel
from gan_runner.objectives.reconstruction import feature_l1, l1, l2
from gan_runner.system import ranks
from gan_runner.training.methods.base import UpdateSettings
from gan_runner.training.methods.translation import (
    TranslatorMethod,
    check_translator,
    inputs_of,
    pair,
)
from gan_runner.training.state import TrainState


class PairedSettings(Component):
    """`conditional`: D sees the input beside the output. `warmup`: the steps at the start in which
    G learns by the distances of pixels alone. `adversarial`, `l1`, `l2`, `features` and
    `perceptual` are the weights of G's terms, the last one in the features of
    `perceptual_space`."""

    conditional: bool
    warmup: NonNegativeInt
    adversarial: NonNegativeFloat
    l1: NonNegativeFloat
    l2: NonNegativeFloat
    features: NonNegativeFloat
    perceptual: NonNegativeFloat
    perceptual_space: Literal["classifier", "random"]


@dataclass(frozen=True)
class Paired(TranslatorMethod):
    """All updates of D, then one of G by the adversarial loss and by distances to the target.

    With a conditional D it is pix2pix (Isola et al. 2017, arXiv:1611.07004); with a warm-up, and a
    D of outputs alone, SRGAN and its kind (Ledig et al. 2017, arXiv:1609.04802).
    """

    Settings: ClassVar[type[Component]] = PairedSettings
    accumulates: ClassVar[bool] = True
    needs_pairs: ClassVar[bool] = True

    settings: PairedSettings
    space_of_features: NetworkSpace | None = None

    @classmethod
    def build(
        cls,
        config: Config,
        *,
        settings: Component,
        model: GenerativeModel,
        augmentations: Mapping[str, Augmentation],
        updates: UpdateSettings,
    ) -> Paired:
        assert isinstance(settings, PairedSettings), "which this class asks for"
        check_translator(config, model, remedy="model=unet method=paired")
        _check_terms(settings, augmentations)
        return cls.with_objective(
            config, settings, model=model, augmentations=augmentations, updates=updates
        )

    def build_networks(self, space: Space, classes: int = 0) -> dict[str, nn.Module]:
        return self.translator.build_pair(space, conditional=self.settings.conditional)

    def network_inputs(self, space: Space) -> dict[str, tuple[int, ...]]:
        assert space.inputs is not None, "checked when the data was read"
        channels, *sides = space.shape
        seen = channels + (space.inputs.shape[0] if self.settings.conditional else 0)
        return {"generator": space.inputs.shape, "discriminator": (seen, *sides)}

    @property
    def perceptual_space(self) -> str | None:
        return self.settings.perceptual_space if self.settings.perceptual else None

    def with_perceptual_space(self, space: NetworkSpace) -> Paired:
        return replace(self, space_of_features=space)

    def step(self, state: TrainState, batches: Iterator[Batch]) -> None:
        d_steps = self.objective.d_steps
        is_warm = state.step >= self.settings.warmup
        for k in range(d_steps):
            batch = next(batches)
            if is_warm:
                outputs = self.translate_parts(state, batch, is_last=k == d_steps - 1)
                real, fake = self._seen(batch, batch.examples), self._seen(batch, outputs)
                self.update_discriminator(state, real, fake, update=state.step * d_steps + k)
        self._update_generator(state, batch, outputs if is_warm else None)
        self.finish_step(state)

    def _seen(self, batch: Batch, examples: Tensor) -> Batch:
        """What D sees of examples that belong to the inputs of a batch."""
        conditional = self.settings.conditional
        return Batch(pair(examples, inputs_of(batch)) if conditional else examples)

    def _update_generator(self, state: TrainState, batch: Batch, outputs: Tensor | None) -> None:
        """`outputs` that D was shown; None in the warm-up."""
        learn = partial(self._learn_to_translate, state, outputs)
        couples = outputs is not None and self.objective.couples_in_generator
        terms = self.accumulate(state, learn, batch, couples=couples)
        state.sums.add({**terms, "grad_norm/generator": self.optimize("generator", state)})

    def _learn_to_translate(
        self, state: TrainState, shown: Tensor | None, batch: Batch
    ) -> dict[str, Tensor]:
        """The terms of G's update give it a gradient. Those of the game are weighted, as they are
        in its loss, and distances are logged as they are."""
        is_again = shown is None or self.updates.accumulate > 1
        outputs = self.translate(state, batch) if is_again else shown
        assert outputs is not None, "made just now"
        terms: dict[str, Tensor] = {}
        distances = self._pixel_distances(outputs, batch.examples)
        if shown is not None:
            terms, of_features = self._play(state, batch, outputs)
            distances |= {**of_features, **self._perceptual(outputs, batch.examples)}
        weighted = {
            name: getattr(self.settings, name) * distance for name, distance in distances.items()
        }
        total = {**terms, **weighted}
        self.differentiate("generator", total, state)
        terms = {name: term for name, term in total.items() if name not in weighted}
        return terms | {f"reconstruction/{name}": of for name, of in distances.items()}

    def _pixel_distances(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        used = {"l1": l1} if self.settings.l1 else {}
        used |= {"l2": l2} if self.settings.l2 else {}
        return {name: ranks.gather(of(outputs, targets)).mean() for name, of in used.items()}

    def _perceptual(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """The distance in a space of features, nothing without a weight."""
        if not self.settings.perceptual:
            return {}
        space = self.space_of_features
        assert space is not None, "given before the first step"
        with torch.no_grad():
            of_targets = space.of_encoded(targets)
        return {"perceptual": ranks.gather(l1(space.of_encoded(outputs), of_targets)).mean()}

    def _play(
        self, state: TrainState, batch: Batch, outputs: Tensor
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The terms of the game, weighted, and the distance of D's features."""
        seen = self.discriminator_input(self._seen(batch, outputs), state)
        on_fake, on_real = self.discriminate(state, seen), None
        if self.objective.compares or self.settings.features:
            with torch.no_grad():
                target = self.discriminator_input(self._seen(batch, batch.examples), state)
                on_real = self.discriminate(state, target)
        terms = self.generator_terms(on_fake, on_real)
        terms["loss/generator"] = self.settings.adversarial * terms["loss/generator"]
        if not self.settings.features:
            return terms, {}
        assert on_real is not None, "features are compared"
        return terms, {"features": ranks.gather(feature_l1(on_fake, on_real)).mean()}

    def derived_numbers(self, row: Mapping[str, float]) -> dict[str, float]:
        """None of the game in the warm-up."""
        return super().derived_numbers(row) if "loss/discriminator" in row else {}


def _check_terms(settings: PairedSettings, augmentations: Mapping[str, Augmentation]) -> None:
    """Raise ConfigError, with the remedy, for terms that can't be combined."""
    if settings.warmup and not (settings.l1 or settings.l2):
        raise ConfigError(
            "the warm-up learns by the distance of pixels, which has no weight, "
            f"method.warmup={settings.warmup} with method.l1=0 and method.l2=0. "
            "Use method.l1=1 or method.warmup=0"
        )
    if settings.features and augmentations:
        name = next(iter(augmentations))
        raise ConfigError(
            "features are those of outputs and targets as they are, "
            f"method.features={settings.features:g} with augment={name}. "
            "Use method.features=0 or augment=[]"
        )
