"""A run: its folder, its configuration, the objects made of it, and what they leave behind."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gan_runner.config import schema as configuration
from gan_runner.data import Data, digest
from gan_runner.errors import NumbersError
from gan_runner.evaluation.evaluator import Evaluator
from gan_runner.health.probe import Checkups
from gan_runner.logs.log import Log, best_step
from gan_runner.logs.terminal import Terminal
from gan_runner.sampling.pictures.examples import draw_examples
from gan_runner.sampling.sampler import Sampler, Weights
from gan_runner.storage import checkpoint
from gan_runner.storage.facts import Facts
from gan_runner.storage.run_folder import RunFolder, now
from gan_runner.storage.status import State, Status, Verdict
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
        classes = data.classes if experiment.model.conditional else 0
        self.class_names = _named(classes, data.class_names)
        self.saved_step = -1
        self._data_digest = digest(data)
        self._status = folder.status()
        self._began = self._row_began = time.monotonic()
        self._seconds_before = state.seconds
        self._row_step = state.step
        self.reason_to_stop: str | None = None
        self._checkups = Checkups(
            experiment.health,
            experiment.evaluation,
            data,
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
        optimizers, method = self.experiment.optimizers, self.experiment.method
        moment = time.monotonic()
        batches = (state.step - self._row_step) * method.batches_per_step
        images = batches * self.config.train.batch_size
        values = {
            **sums,
            **method.derived(sums),
            **{
                f"learning_rate/{part}": optimizers.of(part).rate(state.step - 1)
                * state.rate_factor
                for part in state.optimizers
            },
            "speed/images_per_second": images / max(moment - self._row_began, 1e-9),
            **self._checkups.numbers(state.step, self._sampler(state.generator, "raw")),
        }
        self.log.row(state.step, self._seconds(), values)
        self._observe(values)
        state.sums.clear()
        self._row_began, self._row_step = moment, state.step

    def sample(self) -> None:
        """Log a picture of samples from the same latent points each time."""
        sampler, count = self.sampler, self._shown
        labels, classes = sampler.label_each(count), sampler.classes
        examples = sampler.sample(count, labels=labels, seed=self.config.seed)
        # a column for each class, as far as they fit
        columns = classes if 1 < classes <= _MOST_COLUMNS else None
        shown = draw_examples(examples, self.data.space, columns=columns, labels=labels)
        self.log.picture(self.state.step, shown)
        if sampler.encoder is not None and self.data.space.kind != "vectors":
            self._reconstruct(sampler)

    def _reconstruct(self, sampler: Sampler) -> None:
        """Log a picture of the first examples, each row of them over its reconstructions."""
        columns = math.ceil(math.sqrt(self.config.train.samples))
        rows = self.data.examples[: columns * max(1, columns // 2)].cpu().split(columns)
        drawn = [torch.cat((row, sampler.reconstruct(row))) for row in rows]
        shown = draw_examples(torch.cat(drawn), self.data.space, columns=columns)
        self.log.reconstructions(self.state.step, shown)

    @property
    def sampler(self) -> Sampler:
        """What the run is sampled and evaluated by: the moving average, where there is one."""
        return self._sampler(self.state.sampled, "raw" if self.state.ema is None else "average")

    def _sampler(self, generator: nn.Module, weights: Weights) -> Sampler:
        networks = {**self.state.networks, "generator": generator}
        return self.experiment.method.sampler(
            networks, self.data.space, self.class_names, weights=weights
        )

    def evaluate(self) -> None:
        """Measure the generator and log the numbers; the best state so far is saved and kept."""
        began, experiment = time.monotonic(), self.experiment
        assert self._evaluator is not None, "made by begin"
        measured = self._evaluator.measure(self.sampler)
        self._observe(self.log.evaluation(self.state.step, self._seconds(), measured))
        wanted, doubts = experiment.evaluation.best.metric, list(measured.doubts)
        if measured.best is None:
            doubts.append(f"not measured here, evaluation.best.metric={wanted}: no best is kept.")
        for doubt in doubts:
            if doubt not in self._status.warnings:
                self.warn(doubt)
        best = best_step(self.folder, experiment.evaluation.best.direction) == self.state.step
        self.log.say(
            f"evaluated step {self.state.step}: {wanted} {measured.best}{', the best' * best}"
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
        if not self._checkups.wants_rollback(state.step):
            return
        if not (self.folder.checkpoints / "best.json").exists():
            self.warn(f"no evaluation before step {state.step}, so no best to go back to.")
            return
        factor = self.experiment.health.rollback.factor
        best = checkpoint.select(self.folder.checkpoints, "best")
        go_back(state, best, rate_factor=factor)
        text = (
            f"went back to the weights of step {best.step}, "
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
        path = checkpoint.write(self.folder.checkpoints, self.state.tensors(), self.facts())
        self.saved_step = self.state.step
        self.log.say(f"saved step {self.state.step} {path}")
        checkpoint.prune(self.folder.checkpoints, keep=self.config.train.keep)
        self.note_status(state="running", step=self.state.step, checkpoint=path.name)

    def begin(self) -> None:
        """Log what is logged once, say that the run is running, and have ready what evaluates it.

        Raises DataError or MachineError if evaluation lacks something.
        """
        began_anew = self._status.started is None
        text, settings = configuration.text(self.config), configuration.settings(self.config)
        self.log.configuration(self.folder.title, text, settings)
        if self.saved_step < 0:
            shown, labels = self.data.examples[: self._shown], self.data.labels
            of = None if labels is None else labels[: self._shown]
            self.log.reals(draw_examples(shown, self.data.space, labels=of))
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
            verdicts=_verdicts_until(self.state.step, self._status),
            step=self.state.step,
            started=self._status.started or now(),
            ended=None,
            git=machine.git_commit(),
            parameters=self.state.sizes(),
            examples=len(self.data),
            **asdict(machine.fingerprint(self.device)),
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

    def close(self, *, state: State, exit_code: int, reason: str) -> None:
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
        if text not in self._status.warnings:
            self._status = replace(self._status, warnings=(*self._status.warnings, text))

    def _observe(self, values: Mapping[str, float]) -> None:
        """Tell every verdict on a logged row once; one may end the training."""
        for verdict in self._checkups.observe({"step": self.state.step, **values}):
            text = f"{verdict.name}: {verdict.evidence} {verdict.advice}"
            self.log.say(f"verdict at step {verdict.step}, {text}")
            self.log.verdict(verdict.step, text)
            self.note_status(verdicts=(*self._status.verdicts, verdict))
            if self._checkups.stops(verdict):
                self.reason_to_stop = f"{verdict.name}, {verdict.evidence}"
        self.reason_to_stop = self.reason_to_stop or self._checkups.reason_to_stop()

    def note_status(self, **changes: Any) -> None:
        """Change `status.json`, and note the memory that it took so far. Raises OSError."""
        peak = max(machine.peak_memory(self.device), self._status.peak_memory or 0)
        self._status = replace(self._status, **changes, peak_memory=peak)
        self.folder.write_status(self._status)

    @property
    def _shown(self) -> int:
        """How many examples a picture shows."""
        points = self.data.space.kind in ("vectors", "table")
        return _VECTORS_SHOWN if points else self.config.train.samples

    def _seconds(self) -> float:
        return self._seconds_before + time.monotonic() - self._began

    def facts(self) -> Facts:
        """What a checkpoint says beside its tensors."""
        return Facts(
            state=self.state.facts(),
            classes=self.class_names,
            config=self.config.digest(),
            data=self._data_digest,
            space=self.data.space,
            fingerprint=machine.fingerprint(self.device),
        )


def _named(classes: int, names: tuple[str, ...]) -> tuple[str, ...]:
    """A name for each class that the generator is conditioned on."""
    return tuple(names[k] if k < len(names) else str(k) for k in range(classes))


def _verdicts_until(step: int, status: Status) -> tuple[Verdict, ...]:
    """The verdicts that a resumed run won't come to again."""
    return tuple(verdict for verdict in status.verdicts if verdict.step <= step)
