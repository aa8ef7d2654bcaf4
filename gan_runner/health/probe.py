"""The health of a run in training: samples held against reals now and then, rows watched always."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gan_runner.data import Data
from gan_runner.errors import CheckpointError, printable
from gan_runner.evaluation.metrics.measures import IN_INCEPTION
from gan_runner.evaluation.settings import Evaluation
from gan_runner.health import Health, Monitor, Reals, Verdict
from gan_runner.sampling.sampler import Sampler


class Checkups:
    """Adds numbers on samples to the rows, and reads verdicts from the rows.

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
        self._settings = settings.samples
        self._rollbacks = rollbacks
        self._restarts = 0
        self._asked_at = -1
        self._reals = Reals.drawn(
            data, count=settings.samples.count, neighbours=settings.samples.neighbours
        )
        best = evaluation.best
        renamed = IN_INCEPTION if evaluation.space == "inception" else {}
        self._monitor = Monitor(
            settings, metric=renamed.get(best.metric, best.metric), direction=best.direction
        )
        self._looked = 0
        for row in _rows(metrics):
            try:
                self.observe(row)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise CheckpointError(
                    f"not the rows of a run, {printable(metrics)}. {printable(error)}"
                ) from None

    def numbers(self, step: int, sampler: Sampler) -> dict[str, float]:
        """How samples of the same latent points compare with reals, if it is time to look.

        `sampler` is that of the raw weights: their average hides for a while that they fell ill.
        """
        if step - self._looked < self._settings.every:
            return {}
        return self._reals.against(sampler.sample(len(self._reals), seed=0))

    def observe(self, row: dict[str, Any]) -> list[Verdict]:
        """What a logged row tells of the run's health."""
        step = int(row["step"])
        if "health/diversity" in row:
            self._looked = step
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
        """Why training should end by a rule of the settings, or None."""
        return self._monitor.reason_to_stop()


def _rows(metrics: Path) -> list[dict[str, Any]]:
    if not metrics.exists():
        return []
    return [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]
