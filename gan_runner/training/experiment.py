"""What a configuration names, as objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gan_runner.augmentations import Augmentation
from gan_runner.config.schema import Config
from gan_runner.datasets import Dataset
from gan_runner.evaluation.settings import Evaluation
from gan_runner.health import Health
from gan_runner.models import GenerativeModel
from gan_runner.objectives.elbo import Bound
from gan_runner.objectives.objective import Objective
from gan_runner.training.optimizers import Optimizers


@dataclass(frozen=True)
class Experiment:
    """A configuration and what it names. `config` has no setting left to be settled but lengths.

    `objective` is that of an adversarial game, None for a plain autoencoder, which has `bound`.
    """

    config: Config
    model: GenerativeModel
    objective: Objective | None
    augmentations: Mapping[str, Augmentation]
    bound: Bound | None
    dataset: Dataset
    optimizers: Optimizers
    evaluation: Evaluation
    health: Health
    warnings: tuple[str, ...]

    @property
    def d_steps(self) -> int:
        """How many batches of reals a step takes: one for each update of D, or one."""
        return 1 if self.objective is None else self.objective.d_steps

    def steps(self, examples: int) -> int:
        """How many steps it has on so many examples: as many as take all batches of its epochs, if
        its length is given in epochs."""
        plan = self.config.train
        if plan.epochs is None:
            return plan.steps
        return -(-plan.epochs * (examples // plan.batch_size) // self.d_steps)
