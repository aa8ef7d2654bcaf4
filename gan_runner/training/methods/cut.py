"""Translation learned from two domains in one direction, by contrasting patches: CUT."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, ClassVar

import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat
from torch import Tensor, nn

from gan_runner.augmentations import Augmentation
from gan_runner.config.component import Component
from gan_runner.config.overrides import override
from gan_runner.config.schema import Config
from gan_runner.data import Space
from gan_runner.data.batches import Batch
from gan_runner.errors import ConfigError
from gan_runner.models import GenerativeModel
from gan_runner.models.base import Width
from gan_runner.models.checks import ImageShape, sides
from gan_runner.models.patch_heads import PatchHeads
from gan_runner.models.translator import EncoderTranslator, TranslatorGenerator, input_space
from gan_runner.objectives.contrast import patch_nce
from gan_runner.system import ranks
from gan_runner.training.methods.base import UpdateSettings
from gan_runner.training.methods.translation import (
    TranslatorMethod,
    check_translator,
    inputs_of,
)
from gan_runner.training.state import TrainState


class CUTSettings(Component):
    """`nce`: the weight of the contrast of inputs and outputs; `identity`: that of images of the
    other domain and their translations, which should be themselves. `patches` of each of the
    encoder's `layers`, None for the model's own choice, are compared in vectors of `width` numbers;
    a low `temperature` gives the most similar patches more weight."""

    nce: NonNegativeFloat
    identity: NonNegativeFloat
    layers: Annotated[tuple[NonNegativeInt, ...], Field(min_length=1)] | None
    patches: Annotated[int, Field(ge=2)]
    width: Width
    temperature: PositiveFloat


@dataclass(frozen=True)
class CUT(TranslatorMethod):
    """All updates of D, then one of G, which learns to make outputs whose patches are like those of
    the input at the same places, and unlike its others. Park et al. 2020, arXiv:2007.15651."""

    Settings: ClassVar[type[Component]] = CUTSettings
    accumulates: ClassVar[bool] = True

    settings: CUTSettings

    @classmethod
    def build(
        cls,
        config: Config,
        *,
        settings: Component,
        model: GenerativeModel,
        augmentations: Mapping[str, Augmentation],
        updates: UpdateSettings,
    ) -> CUT:
        assert isinstance(settings, CUTSettings), "which this class asks for"
        check_translator(config, model, remedy="model=resnet_translator method=cut")
        if not isinstance(model, EncoderTranslator):
            raise ConfigError(
                "this generator has no encoder whose patches can be compared, "
                f"{config.choice('model')} with {config.choice('method')}. "
                "Use model=resnet_translator or method=super_resolution"
            )
        return cls.with_objective(
            config, settings, model=model, augmentations=augmentations, updates=updates
        )

    def build_networks(self, space: Space, classes: int = 0) -> dict[str, nn.Module]:
        pair = self.translator.build_pair(space, conditional=False)
        inputs = sides(input_space(space).shape)
        shapes = self._encoder.encoder_shapes(inputs)
        channels = [shapes[layer][0] for layer in self._layers(inputs)]
        return {**pair, "heads": PatchHeads(channels, width=self.settings.width)}

    def network_inputs(self, space: Space) -> dict[str, tuple[int, ...]]:
        return {"generator": input_space(space).shape, "discriminator": space.shape}

    @property
    def _encoder(self) -> EncoderTranslator:
        """The model by its type."""
        assert isinstance(self.model, EncoderTranslator), "checked when the method was built"
        return self.model

    def _layers(self, inputs: ImageShape) -> Sequence[int]:
        """The encoder's layers whose patches are compared, of such inputs."""
        chosen = self.settings.layers or self._encoder.compared_layers(inputs)
        return list(dict.fromkeys(chosen))

    def step(self, state: TrainState, batches: Iterator[Batch]) -> None:
        d_steps = self.objective.d_steps
        for k in range(d_steps):
            batch = next(batches)
            outputs = self.translate_parts(state, batch, is_last=k == d_steps - 1)
            update = state.step * d_steps + k
            self.update_discriminator(state, Batch(batch.examples), Batch(outputs), update=update)
        self._update_generator(state, batch, outputs)
        self.finish_step(state)

    def _update_generator(self, state: TrainState, batch: Batch, outputs: Tensor) -> None:
        learn = partial(self._learn_to_translate, state, outputs)
        terms = self.accumulate(state, learn, batch, couples=self.objective.couples_in_generator)
        for name in ("generator", "heads"):
            terms[f"grad_norm/{name}"] = self.optimize(name, state)
        state.sums.add(terms)

    def _learn_to_translate(
        self, state: TrainState, shown: Tensor, batch: Batch
    ) -> dict[str, Tensor]:
        """The terms of G's update give it and the heads a gradient. Contrasts are logged without
        their weights."""
        outputs = shown if self.updates.accumulate == 1 else self.translate(state, batch)
        terms = self.play(state, batch.examples, outputs)
        contrasts = {"contrast/inputs": self._contrast(state, inputs_of(batch), outputs)}
        weighted = [self.settings.nce * contrasts["contrast/inputs"]]
        if self.settings.identity:
            with self.updates.autocast(batch.examples.device):
                same = state.generator(batch.examples).float()
            contrasts["contrast/examples"] = self._contrast(state, batch.examples, same)
            weighted.append(self.settings.identity * contrasts["contrast/examples"])
        of_weights = self.weight_terms("generator", state)
        shares = [term / ranks.shares() for term in of_weights.values()]
        loss = torch.stack([*terms.values(), *weighted, *shares]).sum()
        self.add_gradients(loss, state, "generator", "heads")
        return {**terms, **of_weights, **contrasts}

    def _contrast(self, state: TrainState, images: Tensor, outputs: Tensor) -> Tensor:
        """The contrast of images with what was made of them, eq. 4, but as the mean over layers, as
        the authors' code has it, not their sum; nothing of the images learns."""
        generator, layers = state.generator, self._layers(sides(images.shape[1:]))
        assert isinstance(generator, TranslatorGenerator), "of a translator"
        with self.updates.autocast(images.device):
            of_outputs = generator.features(outputs, layers)
            places = [self._places(state, maps) for maps in of_outputs]
            queries = state.networks["heads"](_patches(of_outputs, places))
            with torch.no_grad():
                of_images = generator.features(images, layers)
                keys = state.networks["heads"](_patches(of_images, places))
        temperature = self.settings.temperature
        each = [
            patch_nce(*both, temperature=temperature) for both in zip(queries, keys, strict=True)
        ]
        return ranks.gather(torch.stack(each).mean(0)).mean()

    def _places(self, state: TrainState, maps: Tensor) -> Tensor:
        """Where the patches of each image are in maps [N, C, h, w], int64 [N, S]: drawn without
        repetition, or all where there are no more."""
        count, rng = maps[0, 0].numel(), state.rng.latent
        if count <= self.settings.patches:
            return torch.arange(count, device=maps.device).expand(len(maps), count)
        shape = len(maps), count
        drawn = ranks.draw(torch.rand, shape, generator=rng, device=rng.device)
        return drawn.topk(self.settings.patches, dim=1).indices

    def check_space(self, space: Space) -> None:
        super().check_space(space)
        inputs = sides(input_space(space).shape)
        if inputs[0] != space.shape[0]:
            raise ConfigError(
                "one encoder sees inputs and targets, which need as many channels each, method=cut "
                f"with {inputs[0]} and {space.shape[0]} channels. "
                "Use method=unpaired method.identity=0"
            )
        shapes = self._encoder.encoder_shapes(inputs)
        for layer in self._layers(inputs):
            if layer >= len(shapes) or shapes[layer][1] * shapes[layer][2] < 2:
                raise ConfigError(
                    f"the encoder has no maps of several patches in layer {layer}, "
                    f"method.layers={list(self._layers(inputs))}. "
                    f"Use {override('method.layers', None)} or "
                    f"{override('method.layers', self._encoder.compared_layers(inputs))}"
                )


def _patches(maps: Sequence[Tensor], places: Sequence[Tensor]) -> list[Tensor]:
    """The features [N, S, C] of these places [N, S] of maps [N, C, h, w], of each layer."""
    return [
        of.flatten(2).gather(2, at[:, None].expand(-1, of.shape[1], -1)).transpose(1, 2)
        for of, at in zip(maps, places, strict=True)
    ]
