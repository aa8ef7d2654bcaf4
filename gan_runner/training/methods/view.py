"""What D sees of a batch: changed by the augmentations, and packed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from gan_runner.augmentations import Adaptive, Augmentation, Moment
from gan_runner.data.batches import Batch
from gan_runner.objectives.terms import Scored
from gan_runner.training.state import TrainState


@dataclass(frozen=True)
class View:
    """The augmentations by name, one after the other, and how many examples make a pack.

    Reals and fakes are changed alike, each time anew. All changes are differentiable, so that G
    learns through them; penalties look at what D sees.
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

    def learn(self, real: Scored, fake: Scored, state: TrainState) -> dict[str, Tensor]:
        """Adapt to what D said of a batch; the strengths, to be logged."""
        found: dict[str, Tensor] = {}
        images = len(real.logits) * self.packing
        for name, augmentation in self.augmentations.items():
            if isinstance(augmentation, Adaptive):
                memory = _moment(name, state).memory
                told = augmentation.learn(real, fake, memory, images=images)
                found |= {f"augment/{name}/{key}": value for key, value in told.items()}
        return found


def _moment(name: str, state: TrainState) -> Moment:
    return Moment(state.step, state.view_noise, state.memory(f"augment.{name}"))
