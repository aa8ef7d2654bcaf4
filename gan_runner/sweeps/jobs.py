"""The jobs of a sweep: what each is to do, whether it is done, how it ended."""

from __future__ import annotations

import signal
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gan_runner.config.dotted import flatten
from gan_runner.config.schema import Config
from gan_runner.errors import CheckpointError, ConfigError, InUseError
from gan_runner.runs.ended import OPEN, record_end
from gan_runner.storage.rows import best_evaluation
from gan_runner.storage.run_folder import RunFolder
from gan_runner.storage.status import State, Status
from gan_runner.sweeps.folders import write_overrides
from gan_runner.system.signals import SIGNALS

if TYPE_CHECKING:
    from gan_runner.training.experiment import Experiment

DONE = ("completed", "stopped")
PAUSED = "paused"
_LOG_BYTES = 1 << 20  # that are read of what a process logged


@dataclass(frozen=True)
class Job:
    """A run of a sweep: its name, its folder, and the configuration that is asked for.

    `overrides` are what the command line says of it, for people. `threads` are the CPU threads that
    a new run may choose from, unless its configuration says their number; None for all. At the step
    `pause_at` it ends for now; None for its last.
    """

    name: str
    path: Path
    config: Config
    overrides: tuple[str, ...] = ()
    threads: int | None = None
    pause_at: int | None = None

    @property
    def folder(self) -> RunFolder:
        return RunFolder(self.path)

    def prepare(self) -> None:
        """Make the folder. Raises CheckpointError for one with links, OSError."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.folder.refuse_links()
        write_overrides(self.path, self.overrides)

    def value(self, *, until: float = inf) -> float | None:
        """The best value of `evaluation.best.metric` so far, or up to a step; None without any."""
        row = None
        with suppress(OSError):
            direction = self.config.evaluation["best"]["direction"]
            row = best_evaluation(self.folder.evaluations, direction, until=until)
        return None if row is None else float(row["best"])


class JobResult(NamedTuple):
    """The end of a job. `state` is that of its status, or `invalid`; `step` None before any."""

    state: str
    code: int
    step: int | None
    seconds: float
    reason: str

    @property
    def is_failure(self) -> bool:
        return self.state not in (*DONE, PAUSED, "invalid")

    @property
    def first_line(self) -> str:
        """The reason, in a line."""
        return first_line(self.reason)

    @property
    def is_refusal(self) -> bool:
        """Whether the same command would end in the same way."""
        return self.is_failure and self.code in (ConfigError.exit_code, CheckpointError.exit_code)


def first_line(text: str) -> str:
    """The first line of a fault, and of a list its first item."""
    first, second, *_ = [*text.splitlines(), "", ""]
    return f"{first} {second.strip()}" if first.endswith(":") else first


def requested_settings(config: Config) -> tuple[str, ...]:
    """The settings of a job that its folder must have, or take over where it may, by dotted key.

    Threads that nobody asked for stay what they were, and a length given in epochs is turned into
    steps.
    """
    left = set() if isinstance(config.threads, int) else {"threads"}
    if config.train.epochs is not None:
        left.add("train.steps")
    keys = flatten(config.plain())
    kept = (key for key in keys if key not in left and not key.startswith(("choices", "logger")))
    return (*kept, "logger")


def has_begun(folder: RunFolder) -> bool:
    """Whether a run was made in the folder, and not merely tried."""
    return folder.config.exists() and (
        folder.status().started is not None or any(folder.checkpoints.glob("step_*"))
    )


def refuse_other_settings(job: Job) -> None:
    """Raise CheckpointError, with the differences, if the run has begun with settings that it
    can't change."""
    from gan_runner.runs.resume import Changes, apply_changes

    changes = Changes(job.config, requested_settings(job.config))
    apply_changes(job.folder.saved_config(), changes)


def is_done(job: Job, experiment: Experiment) -> bool:
    """Whether the run ended by itself, as long as it is asked to be, and its last checkpoint is
    whole. `experiment` is what is asked for; other settings have been refused."""
    from gan_runner.runs.resume import is_complete, requested_steps
    from gan_runner.storage import checkpoint

    folder = job.folder
    try:
        folder.refuse_links()
        if folder.status().state == "stopped":
            checkpoint.select(folder.checkpoints, "last")
            saved = folder.saved_config()
            return requested_steps(folder, experiment) == saved.train.steps
        return is_complete(folder, experiment)
    except CheckpointError:
        return False  # the job itself will say what is wrong


def job_result(job: Job, *, code: int, seconds: float, reason: str | None = None) -> JobResult:
    """The end of a job by the exit code of its process, negative for a signal. A status that the
    process couldn't write itself is written."""
    is_explained = reason is not None
    reason = reason or f"ended with exit code {code}"
    if code < 0:
        name = signal.Signals(-code).name
        reason = f"killed by {name}"
        reason += ", as the machine does when memory runs out" if name == "SIGKILL" else ""
        code = 128 - code
    if code == InUseError.exit_code:
        reason = "a live process has its folder. Wait for that to end, or stop it"
    interrupted = code in [128 + number for number in SIGNALS]
    if code != 0:
        is_explained |= _status(job.folder).exit_code == code
        record(job, state="interrupted" if interrupted else "failed", code=code, reason=reason)
        if not is_explained:
            _log(job, reason)
    status = _status(job.folder)
    recorded = status.state if status.exit_code == code else None
    if code == 0:
        state = recorded if recorded in (*DONE, PAUSED) else "completed"
        reason = "" if state == PAUSED else reason
    else:
        state = "interrupted" if interrupted else "failed"
        reason = status.reason if recorded == state and status.reason else reason
    return JobResult(state, code, status.step, seconds, reason)


def record(job: Job, *, state: State, code: int, reason: str, saved: bool = False) -> None:
    """Let the folder say how its process ended, unless it says so already, or says something that
    still holds: a run that was refused is as complete, or as interrupted, as it was. `saved`: it
    was interrupted for this reason. A status that can't be read is left to whoever can."""
    replaced: tuple[State | None, ...] = (*OPEN, "interrupted") if saved else OPEN
    record_end(job.folder, job.config, state=state, code=code, reason=reason, replaced=replaced)


def logged_error(job: Job, *, since: int) -> str | None:
    """The fault that a process reported in the log of its job, behind so many bytes, if any."""
    with suppress(OSError), job.folder.train_log.open("rb") as log:
        log.seek(since)
        return last_error(log.read(_LOG_BYTES).decode(errors="replace"))
    return None


def last_error(text: str) -> str | None:
    """The last fault that what a process printed has, if any."""
    _, found, fault = f"\n{text}".rpartition("\nerror: ")
    return fault.rstrip() if found else None


def log_size(job: Job) -> int:
    """The number of bytes in the log of a job. Raises OSError."""
    log = job.folder.train_log
    return log.stat().st_size if log.exists() else 0


def _log(job: Job, reason: str) -> None:
    """Let the log of a job end with what its process couldn't say."""
    with suppress(OSError), job.folder.train_log.open("a", encoding="utf-8") as log:
        log.write(f"error: {reason}\n")


def _status(folder: RunFolder) -> Status:
    with suppress(CheckpointError):
        return folder.status()
    return Status()
