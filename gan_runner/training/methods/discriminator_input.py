"""The input of D for a batch: augmented, and packed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from gan_runner.augmentations import Adaptive, Augmentation, Moment
from gan_runner.data import Space
from gan_runner.data.batches import Batch
from gan_runner.errors import ConfigError
from gan_runner.models.discriminator import DiscriminatorOutput
from gan_runner.training.state import TrainState


@dataclass(frozen=True)
class DiscriminatorInput:
    """The augmentations by name, one after the other, and how many examples make a pack.

    Reals and fakes are changed alike, each time anew. All changes are differentiable, so that G
    learns through them; penalties are computed on D's input.
    """

    augmentations: Mapping[str, Augmentation] = field(default_factory=dict)
    packing: int = 1

    def __call__(self, batch: Batch, state: TrainState) -> Batch:
        """[N, C, ...] -> [N / packing, packing * C, ...]: a pack lies along the channels."""
        examples = batch.examples
        for name, augmentation in self.augmentations.items():
            examples = augmentation(examples, _moment(name, state))
        if self.packing > 1:
            packs, (first, *rest) = len(examples) // self.packing, examples.shape[1:]
            examples = examples.reshape(packs, self.packing * first, *rest)
        return batch._replace(examples=examples)

    def adapt(
        self, real: DiscriminatorOutput, fake: DiscriminatorOutput, state: TrainState
    ) -> dict[str, Tensor]:
        """Adapt to D's output on a batch; the strengths, to be logged."""
        strengths: dict[str, Tensor] = {}
        images = len(real.logits) * self.packing
        for name, augmentation in self.augmentations.items():
            if isinstance(augmentation, Adaptive):
                memory = _moment(name, state).memory
                found = augmentation.adapt(real, fake, memory, images=images)
                strengths |= {f"augment/{name}/{key}": value for key, value in found.items()}
        return strengths

    def check_space(self, space: Space) -> None:
        """Raise ConfigError, with the remedy, for augmentations that examples can't have."""
        for name, augmentation in self.augmentations.items():
            if augmentation.images_only and space.kind != "images":
                raise ConfigError(
                    f"{name} changes images, augment={name} with {space.kind}. "
                    "Use augment=instance_noise."
                )


def _moment(name: str, state: TrainState) -> Moment:
    return Moment(state.step, state.rng.augment, state.memory(f"augment.{name}"))
