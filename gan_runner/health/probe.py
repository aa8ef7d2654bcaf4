"""The health of a run in training: samples compared with reals at intervals, all rows watched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gan_runner.data import Data
from gan_runner.errors import CheckpointError, printable
from gan_runner.evaluation.metrics.registry import numbers
from gan_runner.evaluation.settings import Evaluation, space_name
from gan_runner.health import EvaluationNames, Health, Monitor, Reals, Verdict
from gan_runner.health.translations import ProbedImages, TranslationProbe
from gan_runner.sampling.sampler import Sampler


class HealthProbe:
    """Compares samples with reals, and reads verdicts from the rows.

    Nothing of it is saved: the rows of metrics.jsonl bring it to where it was.
    """

    def __init__(
        self,
        settings: Health,
        evaluation: Evaluation,
        data: Data,
        *,
        metrics: Path,
        rollbacks: list[int],
    ) -> None:
        """`rollbacks` are the steps after which the run went back, those to come as well.

        Raises CheckpointError for rows that aren't those of a run.
        """
        self._actions = settings.action.model_dump()
        self._limit = settings.rollback.times
        self._every = settings.samples.every
        self._rollbacks = rollbacks
        self._restarts = 0
        self._asked_at = -1
        count, neighbors = settings.samples.count, settings.samples.neighbors
        self._translations, self._reals = None, None
        if data.space.inputs is not None:
            self._translations = TranslationProbe(ProbedImages.of(data, count=count))
        else:
            self._reals = Reals.of(data, count=count, neighbors=neighbors)
        self._monitor = Monitor(settings, evaluation_names(evaluation, data))
        for row in _rows(metrics):
            try:
                self.observe(row)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise CheckpointError(
                    f"not the rows of a run, {printable(metrics)}. {printable(error)}"
                ) from None

    def is_due(self, step: int) -> bool:
        """Whether samples are compared at this step, whatever else is logged there."""
        return step % self._every == 0

    def compare_samples(self, sampler: Sampler) -> dict[str, float]:
        """Samples of the same latent points each time, compared with reals; of a translator what it
        makes of the same inputs, with inputs and targets.

        `sampler` is that of the raw weights: their EMA hides for a while that they fell ill.
        """
        if self._translations is not None:
            assert sampler.translation is not None, "data with inputs is for translators"
            return self._translations.compare(sampler.translation)
        assert self._reals is not None, "all other data has reals"
        return self._reals.compare(sampler.sample(len(self._reals), seed=0))

    def observe(self, row: dict[str, Any]) -> list[Verdict]:
        """Verdicts on a logged row."""
        step = int(row["step"])
        gone_back = sum(before < step for before in self._rollbacks)
        if gone_back > self._restarts:
            self._monitor.restart()
            self._restarts = gone_back
        verdicts = self._monitor.observe(row)
        if any(self._actions[verdict.name] == "rollback" for verdict in verdicts):
            self._asked_at = step
        return verdicts

    def wants_rollback(self, step: int) -> bool:
        """Whether the rows of this step, the last one, call for a rollback that is still to come.

        It follows from the rows, so a run that was saved at this step knows it when it is resumed.
        """
        allowed = len(self._rollbacks) < self._limit
        return allowed and self._asked_at == step and step not in self._rollbacks

    def stops(self, verdict: Verdict) -> bool:
        """Whether training ends by this verdict."""
        action = self._actions[verdict.name]
        return action == "stop" or (action == "rollback" and len(self._rollbacks) >= self._limit)

    def reason_to_stop(self) -> str | None:
        """The reason to end training by a rule of the settings, or None."""
        return self._monitor.reason_to_stop()


def evaluation_names(evaluation: Evaluation, data: Data) -> EvaluationNames:
    """The names in rows of the numbers of evaluations that are watched. Raises ConfigError for a
    space that doesn't fit the data."""
    space, known = space_name(evaluation, data), numbers()
    return EvaluationNames(
        best=f"eval/{known[evaluation.best.metric].name_in(space)}",
        direction=evaluation.best.direction,
        memorization=f"eval/{known['memorization'].name_in(space)}",
        impossible=f"eval/{known['impossible_share'].name_in(space)}",
    )


def _rows(metrics: Path) -> list[dict[str, Any]]:
    if not metrics.exists():
        return []
    return [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]
