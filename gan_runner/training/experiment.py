"""The objects that a configuration names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gan_runner.config.schema import Config
from gan_runner.datasets import Dataset
from gan_runner.evaluation.settings import Evaluation
from gan_runner.health import Health
from gan_runner.logs.loggers import Logger
from gan_runner.models import GenerativeModel
from gan_runner.training.methods import Method
from gan_runner.training.optimizers import Optimizers


@dataclass(frozen=True)
class Experiment:
    """A configuration and the objects that it names, each checked, and together able to work.

    `config` has no setting left to be resolved but lengths.
    """

    config: Config
    method: Method
    model: GenerativeModel
    dataset: Dataset
    evaluation: Evaluation
    health: Health
    loggers: Mapping[str, Logger]
    warnings: tuple[str, ...]

    @property
    def optimizers(self) -> Optimizers:
        return self.method.updates.optimizers

    def spent_privacy(self, step: int) -> dict[str, float]:
        """The epsilon that D's updates until a step have spent, and its delta; empty without
        privacy."""
        privacy = self.method.updates.privacy
        return {} if privacy is None else privacy.spent(step * self.method.batches_per_step)

    def steps(self, examples: int) -> int:
        """The number of steps on so many examples: as many as take all batches of its epochs, if
        its length is given in epochs."""
        plan = self.config.train
        if plan.epochs is None:
            return plan.steps
        batches = plan.epochs * (examples // plan.batch_size)
        return -(-batches // self.method.batches_per_step)
