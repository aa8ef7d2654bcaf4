"""A run: its folder, its configuration, the objects made of it, and what they leave behind."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from gan_runner.config import schema as configuration
from gan_runner.data.data import Data, digest
from gan_runner.errors import NumbersError
from gan_runner.evaluation.evaluator import Evaluator, TrainedModel
from gan_runner.evaluation.likelihood import Coder, reconstruct
from gan_runner.health.probe import HealthProbe
from gan_runner.logs.log import Log, best_step
from gan_runner.logs.terminal import Terminal
from gan_runner.sampling.sampling import evenly, latent_points, picture, sample
from gan_runner.storage import checkpoint
from gan_runner.storage.run_folder import RunFolder, now
from gan_runner.system import machine
from gan_runner.training.experiment import Experiment
from gan_runner.training.restore import go_back
from gan_runner.training.state import TrainState

_MOST_COLUMNS = 20
_VECTORS_SHOWN = 2000  # a scatter needs more points than a grid has pictures


class Run:
    """Everything that training needs, and what it leaves in the folder."""

    def __init__(
        self,
        folder: RunFolder,
        experiment: Experiment,
        data: Data,
        state: TrainState,
        log: Log,
        terminal: Terminal,
        device: torch.device,
    ) -> None:
        self.folder = folder
        self.experiment = experiment
        self.config = experiment.config
        self.data = data
        self.state = state
        self.log = log
        self.terminal = terminal
        self.device = device
        self.classes = data.classes if experiment.model.conditional else 0
        self.saved_step = -1
        self._data_digest = digest(data)
        self._status = folder.status()
        self._began = self._row_began = time.monotonic()
        self._seconds_before = state.seconds
        self._row_step = state.step
        self.reason_to_stop: str | None = None
        self._probe = HealthProbe(
            experiment.health,
            experiment.evaluation,
            data,
            classes=self.classes,
            metrics=folder.metrics,
            rollbacks=state.rollbacks,
        )
        self._evaluator: Evaluator | None = None  # made by `begin`, if the run is evaluated

    @property
    def path(self) -> Path:
        return self.folder.path

    def row(self) -> None:
        """Log the means since the last row. Raises NumbersError if one is NaN or Inf."""
        state, sums = self.state, self.state.sums.means()
        optimizers, objective = self.experiment.optimizers, self.experiment.objective
        moment = time.monotonic()
        d_steps = self.experiment.d_steps
        images = (state.step - self._row_step) * self.config.train.batch_size * d_steps
        values = {
            **sums,
            **(objective.derived(sums) if objective else {}),
            **{
                f"learning_rate/{part}": optimizers.of(part).rate(state.step - 1)
                * state.rate_factor
                for part in state.optimizers
            },
            "speed/images_per_second": images / max(moment - self._row_began, 1e-9),
            **(self._compare_samples() if self.probe_is_due else {}),
        }
        self.log.row(state.step, self._seconds(), values)
        self._observe(values)
        state.sums.clear()
        self._row_began, self._row_step = moment, state.step

    @property
    def probe_is_due(self) -> bool:
        """Whether samples are to be compared with reals at this step."""
        return self._probe.is_due(self.state.step)

    def probe(self) -> None:
        """Log how samples compare with reals, at a step that has no row of its own. Raises
        NumbersError for a sample that is NaN or Inf."""
        values = self._compare_samples()
        self.log.numbers(self.state.step, self._seconds(), values)
        self._observe(values)

    def _compare_samples(self) -> dict[str, float]:
        latent_size = self.experiment.model.latent_columns
        return self._probe.compare_samples(self.state.generator, latent_size)

    def sample(self) -> None:
        """Log a picture of samples from the same latent points each time."""
        count = self._shown
        latent = latent_points(
            count, self.experiment.model.latent_columns, seed=self.config.seed, truncation=None
        )
        labels = evenly(count, self.classes)
        examples = sample(self.state.sampled, latent, self.data.space, labels)
        # a column for each class, as far as they fit
        columns = self.classes if 1 < self.classes <= _MOST_COLUMNS else None
        shown = picture(examples, self.data.space, columns=columns, labels=labels)
        self.log.picture(self.state.step, shown)
        encoder = self.state.networks.get("encoder")
        if encoder is not None and self.data.space.kind != "vectors":
            self._reconstruct(Coder.of(encoder, self.state.sampled))

    def _reconstruct(self, coder: Coder) -> None:
        """Log a picture of the first examples, each row of them over its reconstructions."""
        columns = math.ceil(math.sqrt(self.config.train.samples))
        rows = self.data.examples[: columns * max(1, columns // 2)].cpu().split(columns)
        drawn = [torch.cat((row, reconstruct(coder, row, self.data.space))) for row in rows]
        shown = picture(torch.cat(drawn), self.data.space, columns=columns)
        self.log.reconstructions(self.state.step, shown)

    def evaluate(self) -> None:
        """Measure the generator and log the numbers; the best state so far is saved and kept."""
        began, experiment = time.monotonic(), self.experiment
        assert self._evaluator is not None, "made by begin"
        model = TrainedModel(
            self.state.sampled,
            experiment.model.latent_columns,
            weights="raw" if self.state.average is None else "average",
            conditional=experiment.model.conditional,
            code=experiment.model.latent_code,
            encoder=self.state.networks.get("encoder"),
            elbo=experiment.bound,
        )
        report = self._evaluator.measure(model)
        self._observe(self.log.evaluation(self.state.step, self._seconds(), report))
        wanted, doubts = experiment.evaluation.best.metric, list(report.doubts)
        if report.best is None:
            doubts.append(f"not measured here, evaluation.best.metric={wanted}: no best is kept.")
        for doubt in doubts:
            if doubt not in self._status["warnings"]:
                self.warn(doubt)
        best = best_step(self.folder, experiment.evaluation.best.direction) == self.state.step
        self.log.say(
            f"evaluated step {self.state.step}: {wanted} {report.best}{', the best' * best}"
        )
        if best:
            self.save()
            checkpoint.make_best(self.folder.checkpoints, self.state.step)
        self._row_began += time.monotonic() - began  # no part of the speed of training

    def go_back_if_ill(self) -> None:
        """Return to the best weights if a verdict on the last rows asks for it; the step stays.

        Raises MachineError or CheckpointError if the best checkpoint can't be read.
        """
        state = self.state
        if not self._probe.wants_rollback(state.step):
            return
        if not (self.folder.checkpoints / "best.json").exists():
            self.warn(f"no evaluation before step {state.step}, so no best to go back to.")
            return
        factor = self.experiment.health.rollback.factor
        best = checkpoint.select(self.folder.checkpoints, "best")
        go_back(state, best, rate_factor=factor)
        text = (
            f"went back to the weights of step {best.facts['step']}, "
            f"learning rates times {state.rate_factor:g}"
        )
        self.log.say(f"rollback at step {state.step}: {text}")
        self.log.event("rollback", state.step, text)

    def save(self) -> None:
        """Save the state under its step; then what `train.keep` no longer wants is deleted.

        Raises NumbersError if a weight is NaN or Inf, MachineError if the disk refuses.
        """
        if self.saved_step == self.state.step:
            return
        if not self.state.weights_are_finite():
            raise NumbersError(f"a weight is NaN or Inf at step {self.state.step}.")
        self.state.seconds = self._seconds()
        self.log.flush()
        path = checkpoint.write(self.folder.checkpoints, self.state.tensors(), self._facts())
        self.saved_step = self.state.step
        self.log.say(f"saved step {self.state.step} {path}")
        checkpoint.prune(self.folder.checkpoints, keep=self.config.train.keep)
        self.note_status(state="running", step=self.state.step, checkpoint=path.name)

    def begin(self) -> None:
        """Log what is logged once, say that the run is running, and have ready what evaluates it.

        Raises DataError or MachineError if evaluation lacks something.
        """
        began_anew = "started" not in self._status
        text, settings = configuration.text(self.config), configuration.settings(self.config)
        self.log.configuration(self.folder.title, text, settings)
        if self.saved_step < 0:
            shown, labels = self.data.examples[: self._shown], self.data.labels
            of = None if labels is None else labels[: self._shown]
            self.log.reals(picture(shown, self.data.space, labels=of))
        self.log.event("start" if began_anew else "resume", self.state.step, str(self.path))
        self.log.say(
            f"{'run' if began_anew else f'resumed at step {self.state.step}'}: {self.path}"
        )
        self.terminal.begin(step=self.state.step, total=self.config.train.steps)
        for warning in (*self.experiment.warnings, *self.data.warnings) if began_anew else ():
            self.warn(warning)
        self.note_status(
            state="running",
            exit_code=None,
            reason=None,
            verdicts=_until(self.state.step, self._status.get("verdicts")),
            step=self.state.step,
            started=self._status.get("started", now()),
            ended=None,
            git=machine.git_commit(),
            parameters=self.state.sizes(),
            examples=len(self.data),
            **machine.fingerprint(self.device),
        )
        if self.config.train.eval_every > 0:
            self._evaluator = Evaluator(
                self.experiment.evaluation,
                self.experiment.dataset,
                self.data,
                cache=Path(self.config.cache).expanduser(),
                device=self.device,
                say=self.log.say,
                track=self.terminal.track,
            )

    def verify(self) -> None:
        """Raise CheckpointError unless the last checkpoint on the disk passes its check."""
        checkpoint.select(self.folder.checkpoints, "last")

    def close(self, *, state: str, exit_code: int, reason: str) -> None:
        """Record how the run ended and let the folder go. Raises OSError."""
        try:
            self.note_status(state=state, exit_code=exit_code, reason=reason, ended=now())
            self.log.event("end", self.state.step, f"{state}: {reason}")
            self.log.close(success=None if state == "interrupted" else exit_code == 0)
        finally:
            self.folder.release()

    def warn(self, text: str) -> None:
        """Tell a warning once, and keep it in the status."""
        self.log.say(f"warning: {text}")
        self.log.event("warning", self.state.step, text)
        told = self._status.get("warnings", [])
        self._status["warnings"] = told if text in told else [*told, text]

    def _observe(self, values: Mapping[str, float]) -> None:
        """Tell every verdict on a logged row once; one may end the training."""
        for verdict in self._probe.observe({"step": self.state.step, **values}):
            text = f"{verdict.name}: {verdict.evidence} {verdict.advice}"
            self.log.say(f"verdict at step {verdict.step}, {text}")
            self.log.verdict(verdict.step, text)
            told = [*self._status.get("verdicts", []), verdict._asdict()]
            self.note_status(verdicts=told)
            if self._probe.stops(verdict):
                self.reason_to_stop = f"{verdict.name}, {verdict.evidence}"
        self.reason_to_stop = self.reason_to_stop or self._probe.reason_to_stop()

    def note_status(self, **changes: Any) -> None:
        """Change `status.json`, and note the memory that it took so far. Raises OSError."""
        before = self._status.get("peak_memory")
        peak = max(machine.peak_memory(self.device), before if isinstance(before, int) else 0)
        defaults: dict[str, Any] = {"checkpoint": None, "warnings": [], "verdicts": []}
        self._status = {**defaults, **self._status, **changes, "peak_memory": peak}
        self.folder.write_status(self._status)

    @property
    def _shown(self) -> int:
        """How many examples a picture shows."""
        points = self.data.space.kind in ("vectors", "table")
        return _VECTORS_SHOWN if points else self.config.train.samples

    def _seconds(self) -> float:
        return self._seconds_before + time.monotonic() - self._began

    def _facts(self) -> dict[str, Any]:
        return {
            **self.state.facts(),
            "classes": _named(self.classes, self.data.class_names),
            "config": self.config.digest(),
            "data": self._data_digest,
            "space": asdict(self.data.space),
            "fingerprint": machine.fingerprint(self.device),
        }


def _named(classes: int, names: tuple[str, ...]) -> list[str]:
    """A name for each class that the generator is told."""
    return [names[k] if k < len(names) else str(k) for k in range(classes)]


def _until(step: int, verdicts: Any) -> list[Any]:
    """The verdicts that a resumed run won't come to again."""
    told = verdicts if isinstance(verdicts, list) else []
    return [v for v in told if isinstance(v, dict) and v.get("step", 0) <= step]
