"""A run: its experiment at work, and what it leaves behind in its folder."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import torch

from gan_runner.config import schema as configuration
from gan_runner.config.schema import Config
from gan_runner.data import Data
from gan_runner.data_report.report import ReadingReport, read_report, write_report
from gan_runner.data_report.text import short_form
from gan_runner.errors import CheckpointError, printable
from gan_runner.evaluation.evaluator import Evaluator
from gan_runner.health.probe import HealthProbe
from gan_runner.logs.log import Log, best_step
from gan_runner.logs.terminal import StartPanel, Terminal
from gan_runner.logs.trackers import RunFacts
from gan_runner.sampling.sampler import Sampler
from gan_runner.storage.facts import Facts
from gan_runner.storage.run_folder import RunFolder, current_time
from gan_runner.storage.status import State
from gan_runner.system import machine, ranks
from gan_runner.system.allocator import keep_freed_memory
from gan_runner.system.units import four_digits
from gan_runner.training.advice import advice
from gan_runner.training.checkpoints import Checkpoints
from gan_runner.training.clock import Clock
from gan_runner.training.experiment import Experiment
from gan_runner.training.perceptual import with_perceptual_space
from gan_runner.training.pictures import Pictures, held_out_to_translate
from gan_runner.training.recording import Recorder
from gan_runner.training.sampled import class_names, sampler_of
from gan_runner.training.start_panel import panel_rows
from gan_runner.training.state import TrainState


class Run:
    """Everything that training needs. What it leaves is written by its recorder, its log and its
    checkpoints."""

    def __init__(
        self,
        folder: RunFolder,
        experiment: Experiment,
        data: Data,
        reading: ReadingReport,
        state: TrainState,
        log: Log,
        terminal: Terminal,
        device: torch.device,
    ) -> None:
        config = experiment.config
        self.experiment = experiment
        self.data = data
        self.reading = reading
        self.state = state
        self.log = log
        self.terminal = terminal
        self.device = device
        self.recorder = Recorder(folder, log, device)
        self.checkpoints = Checkpoints(folder.checkpoints, keep=config.train.keep)
        self.reason_to_stop: str | None = None
        self.last_step = config.train.steps  # of this process: an earlier one pauses the run
        # when the data is read: what that took needn't stay
        self._reuses_memory = config.reuse_memory and keep_freed_memory()
        self._clock = Clock(seconds_before=state.seconds, step=state.step)
        self._pictures = Pictures(
            data,
            samples=config.train.samples,
            seed=config.seed,
            held_out=held_out_to_translate(experiment, terminal.track),
        )
        self._probe = HealthProbe(
            experiment.health,
            experiment.evaluation,
            data,
            metrics=folder.metrics,
            rollbacks=state.rollbacks,
        )
        self._evaluator: Evaluator | None = None  # made by `prepare_evaluation`

    @property
    def config(self) -> Config:
        return self.experiment.config

    @property
    def folder(self) -> RunFolder:
        return self.recorder.folder

    @property
    def path(self) -> Path:
        return self.folder.path

    @property
    def is_paused(self) -> bool:
        """Whether training ended because this process was to go no further."""
        is_short = self.last_step < self.config.train.steps
        return is_short and self.state.step >= self.last_step and self.reason_to_stop is None

    @property
    def sampler(self) -> Sampler:
        """The sampler of the run: of the EMA, where there is one."""
        return sampler_of(self.experiment, self.data, self.state)

    def begin(self) -> None:
        """Log what is logged once, and say that the run is running."""
        status, step, path = self.recorder.status, self.state.step, self.path
        is_new = status.started is None
        text, settings = configuration.text(self.config), configuration.settings(self.config)
        facts = RunFacts(self.folder.title, text, settings)
        began = time.monotonic()
        self.log.begin(step, facts, warn=self.recorder.warn_once)
        self._clock.leave_out(time.monotonic() - began)  # other packages are imported for it
        if self.checkpoints.saved_step < 0:
            self.log.reals(self._pictures.reals())
        self.log.event("start" if is_new else "resume", step, str(path))
        self._show_start("run" if is_new else f"resumed at step {step}")
        for warning in (*self.experiment.warnings, *self.data.reading.warnings):
            self.recorder.warn_once(step, warning)
        proposal = advice(self.experiment, self.data)
        if is_new and proposal is not None:
            self.log.say(f"advice: {proposal}")
        self._record_start(step, started=status.started or current_time())

    def prepare_method(self) -> None:
        """Give the method the features that it compares in, if it does: a classifier may be trained
        for minutes. Raises CheckpointError where the saved ones don't fit."""
        began = time.monotonic()
        self.experiment = with_perceptual_space(
            self.experiment, self.data, self.state, device=self.device, say=self.log.say
        )
        self._clock.leave_out(time.monotonic() - began)

    def prepare_evaluation(self) -> None:
        """Have ready what evaluates the run, if it is evaluated: a classifier may be trained for
        minutes.

        Raises DataError or MachineError if evaluation lacks something.
        """
        if self.config.train.is_evaluated:
            self._evaluator = Evaluator(
                self.experiment.evaluation,
                self.experiment.dataset,
                self.data,
                cache=Path(self.config.cache).expanduser(),
                device=self.device,
                say=self.log.say,
                track=self.terminal.track,
            )

    def _record_start(self, step: int, *, started: str) -> None:
        self.recorder.update_status(
            state="running",
            exit_code=None,
            reason=None,
            verdicts=self.recorder.verdicts_until(step),
            step=step,
            started=started,
            ended=None,
            git=machine.git_commit(),
            machine=machine.description(),
            parameters=self.state.sizes(),
            examples=len(self.data),
            reuses_memory=self._reuses_memory,
            **asdict(machine.fingerprint(self.device)),
        )

    def _show_start(self, title: str) -> None:
        """Show what the run begins with, on a terminal in a panel, and keep it."""
        config, terminal, step = self.config, self.terminal, self.state.step
        if not terminal.is_live:
            terminal.say(f"{title}: {printable(self.path, limit=1000)}")
        self.log.note(f"{title}: {printable(self.path, limit=1000)}")
        self._report_reading()
        folder = terminal.path_text(self.path)
        rows = panel_rows(config, self.reading, self.state, device=self.device, folder=folder)
        for head, text in rows[1:-1]:  # train.log has the data and the folder already
            self.log.note(f"{head:<10}{text}")
        terminal.begin(
            StartPanel(title, rows if terminal.is_live else rows[1:-1]),
            step=step,
            total=config.train.steps,
            unit="img/s" if self.data.space.kind == "images" else "examples/s",
            preview=config.terminal.preview,
        )

    def _report_reading(self) -> None:
        """Say in short how the data was read, and keep the whole report; on resume only what isn't
        as it was."""
        with suppress(FileNotFoundError, CheckpointError):
            if read_report(self.folder.data) == self.reading:
                return
        lines = short_form(self.reading)
        if not self.terminal.is_live:  # there, a line of the panel says it
            self.terminal.say("\n".join(lines))
        for line in lines:
            self.log.note(line)
        write_report(self.folder.data, self.reading)

    def row(self) -> None:
        """Log the means since the last row. Raises NumbersError if one is NaN or Inf."""
        state, method, sums = self.state, self.experiment.method, self.state.sums.means()
        images_per_step = method.batches_per_step * self.config.train.batch_size
        spent = self.experiment.spent_privacy(state.step)
        rates = {
            part: self.experiment.optimizers.of(part).rate(state.step - 1)
            for part in state.optimizers
        }
        values = {
            **sums,
            **method.derived_numbers(sums),
            **({"privacy/epsilon": spent["epsilon"]} if spent else {}),
            **{f"learning_rate/{part}": rate * state.rate_factor for part, rate in rates.items()},
            "speed/images_per_second": images_per_step * self._clock.steps_per_second(state.step),
            **(self._compare_samples() if self.probe_is_due else {}),
        }
        self.log.row(state.step, self._clock.seconds(), values)
        self._observe(values)
        state.sums.clear()

    @property
    def probe_is_due(self) -> bool:
        """Whether samples are to be compared with reals at this step."""
        return self._probe.is_due(self.state.step)

    def probe(self) -> None:
        """Log how samples compare with reals, at a step that has no row of its own. Raises
        NumbersError for a sample that is NaN or Inf."""
        values = self._compare_samples()
        self.log.numbers(self.state.step, self._clock.seconds(), values)
        self._observe(values)

    def sample(self) -> None:
        """Log a picture of samples, from the same latent points or inputs each time."""
        sampler = self.sampler
        self.log.picture(self.state.step, *self._pictures.samples(sampler))
        reconstructions = self._pictures.reconstructions(sampler)
        if reconstructions is not None:
            self.log.reconstructions(self.state.step, reconstructions)
        ways_back = self._pictures.ways_back(sampler)
        if ways_back is not None:
            self.log.ways_back(self.state.step, ways_back)

    def evaluate(self) -> None:
        """Measure the generator and log the numbers; the best state so far is saved and kept."""
        began, step, best = time.monotonic(), self.state.step, self.experiment.evaluation.best
        assert self._evaluator is not None, "made by prepare_evaluation"
        report = self._evaluator.measure(self.sampler)
        self._observe(self.log.evaluation(step, self._clock.seconds(), report))
        for doubt in report.doubts:
            self.recorder.warn_once(step, doubt)
        if report.best is None:
            missing = f"not measured here, evaluation.best.metric={best.metric}: no best is kept."
            self.recorder.warn_once(step, missing)
        is_best = best_step(self.folder, best.direction) == step
        if report.best is not None:
            score = f"{best.metric} {four_digits(report.best)}"
            self.terminal.score(f"{score} at {step:,}{' (best)' * is_best}")
            self.log.say(f"evaluated step {step}: {score}{', the best' * is_best}")
        if is_best:
            self.save()
            self.checkpoints.make_best(step)
        self._clock.leave_out(time.monotonic() - began)

    def go_back_if_ill(self) -> None:
        """Return to the best weights if a verdict on the last rows asks for it; the step stays.

        Raises MachineError or CheckpointError if the best checkpoint can't be read.
        """
        step = self.state.step
        if not self._probe.wants_rollback(step):
            return
        if not self.checkpoints.has_best:
            self.warn(f"no evaluation before step {step}, so no best to go back to.")
            return
        factor = self.experiment.health.rollback.factor
        best = self.checkpoints.go_back_to_best(self.state, rate_factor=factor)
        ranks.tell(ranks.Order.TAKE_STATE)
        self.state.share()
        text = (
            f"went back to the weights of step {best}, "
            f"learning rates times {self.state.rate_factor:g}"
        )
        self.log.say(f"rollback at step {step}: {text}")
        self.log.event("rollback", step, text)

    def save(self) -> None:
        """Save the state under its step, unless it is saved already.

        Raises NumbersError if a weight is NaN or Inf, MachineError if the disk refuses.
        """
        step = self.state.step
        if self.checkpoints.saved_step == step:
            return
        self.state.seconds = self._clock.seconds()
        self.log.flush()
        path = self.checkpoints.save(self.state, self.facts())
        self.log.checkpoint(step, path)
        spent = self.experiment.spent_privacy(step)
        self.recorder.update_status(state="running", step=step, checkpoint=path.name, privacy=spent)

    def close(self, *, state: State, exit_code: int, reason: str) -> None:
        """Record how the run ended and let the folder go. Raises OSError."""
        self.recorder.close(self.state.step, state=state, exit_code=exit_code, reason=reason)

    def warn(self, text: str) -> None:
        """Say a warning at this step, and keep it in the status."""
        self.recorder.warn(self.state.step, text)

    def facts(self) -> Facts:
        """The facts of a checkpoint beside its tensors."""
        return Facts(
            state=self.state.facts(),
            classes=class_names(self.experiment, self.data),
            config=self.config.digest(),
            data=self.data.digest,
            space=self.data.space,
            fingerprint=machine.fingerprint(self.device),
            class_counts=self._class_counts(),
        )

    def _class_counts(self) -> tuple[int, ...]:
        """The number of training examples of each of these classes."""
        if not self.experiment.model.conditional or self.data.labels is None:
            return ()
        return tuple(self.data.labels.bincount(minlength=self.data.classes).tolist())

    def _compare_samples(self) -> dict[str, float]:
        raw = sampler_of(self.experiment, self.data, self.state, raw=True)
        return self._probe.compare_samples(raw)

    def _observe(self, values: Mapping[str, float]) -> None:
        """Record every verdict on a logged row; one may end the training."""
        for verdict in self._probe.observe({"step": self.state.step, **values}):
            self.recorder.add_verdict(verdict)
            if self._probe.stops(verdict):
                self.reason_to_stop = f"{verdict.name}, {verdict.evidence}"
        self.reason_to_stop = self.reason_to_stop or self._probe.reason_to_stop()
