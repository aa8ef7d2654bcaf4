"""The progress of a sweep: a live display on a terminal, plain lines in a pipe."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from gan_runner.config.plain_yaml import read_plain
from gan_runner.errors import CheckpointError, printable
from gan_runner.logs.terminal import Terminal
from gan_runner.storage.rows import last_step
from gan_runner.sweeps.jobs import DONE, PAUSED, Job, JobResult
from gan_runner.system.units import duration_text

_DRAW_EVERY = 1.0  # seconds between updates of the live display
_LINE_EVERY = 30.0  # seconds between plain lines on what is running


@dataclass
class _JobProgress:
    """The progress of a running job, as its files say."""

    began: float
    steps: int | None = None
    first: tuple[float, int] | None = None  # when the first row was seen, and its step
    step: int | None = None


class SweepProgress:
    """Shows how far a sweep is."""

    def __init__(self, terminal: Terminal, total: int) -> None:
        self._terminal = terminal
        self._total = total
        self._results: list[JobResult] = []
        self._running: dict[str, _JobProgress] = {}
        self._updated = time.monotonic()

    def start(self, job: Job) -> None:
        """A process has begun with the job."""
        self._running[job.name] = _JobProgress(time.monotonic())
        if not self._terminal.is_live:
            self._terminal.say(f"started  {printable(job.name)}")

    def end(self, job: Job, result: JobResult) -> None:
        """The job has ended."""
        self._running.pop(job.name, None)
        self._results.append(result)
        ended = len(self._results)
        number = f"[{ended}/{max(ended, self._total)}]"  # a search may take more than it planned
        reason = "" if result.state in (*DONE, PAUSED) else f": {printable(result.first_line)}"
        steps = "" if result.step is None else f" at step {result.step}"
        took = f" in {duration_text(result.seconds)}" if result.seconds else ""
        line = f"{number} {result.state}{steps}{took}  {printable(job.name)}{reason}"
        self._terminal.paragraph(line)
        self._draw()

    def skip(self, result: JobResult) -> None:
        """A job was done before."""
        self._results.append(result)

    def update(self, running: Sequence[Job]) -> None:
        """Show how far the running jobs are. Cheap: most calls do nothing."""
        every = _DRAW_EVERY if self._terminal.is_live else _LINE_EVERY
        if time.monotonic() - self._updated < every:
            return
        self._updated = time.monotonic()
        for job in running:
            _read_files(job, self._running[job.name])
        if self._terminal.is_live:
            self._draw()
        else:
            shown = [f"{printable(n)} {_position(p)}" for n, p in self._running.items()]
            self._terminal.say("; ".join([self._counts(), *shown]))

    def _draw(self) -> None:
        if self._terminal.is_live:
            running = [(printable(name), _position(p)) for name, p in self._running.items()]
            self._terminal.overview(self._counts(), running)

    def _counts(self) -> str:
        failed = sum(result.state == "failed" for result in self._results)
        stopped = sum(result.state == "interrupted" for result in self._results)
        done = len(self._results) - failed - stopped
        waiting = max(0, self._total - len(self._results) - len(self._running))
        return f"{done} done, {len(self._running)} running, {failed} failed, {waiting} waiting" + (
            f", {stopped} interrupted" if stopped else ""
        )


def _read_files(job: Job, progress: _JobProgress) -> None:
    folder = job.folder
    if progress.steps is None:
        with suppress(CheckpointError, KeyError, TypeError):  # it isn't written at once
            progress.steps = int(read_plain(folder.config)["train"]["steps"])
    with suppress(OSError):
        step = last_step(folder.metrics)
        if isinstance(step, int):
            progress.step = step
            progress.first = progress.first or (time.monotonic(), step)


def _position(progress: _JobProgress) -> str:
    if progress.step is None or progress.steps is None:
        return "begins"
    text = f"step {progress.step}/{progress.steps}"
    assert progress.first is not None
    moment, first = progress.first
    if progress.step > first:
        left = (progress.steps - progress.step) * (time.monotonic() - moment)
        text += f", {duration_text(left / (progress.step - first))} left"
    return text
