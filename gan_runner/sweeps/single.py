"""A run alone as a job of a cluster."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from gan_runner.errors import CheckpointError, MachineError, printable, report
from gan_runner.logs.terminal import Terminal
from gan_runner.sweeps.cluster import SUBMITTED, run_on_cluster
from gan_runner.sweeps.jobs import Job, JobResult
from gan_runner.sweeps.progress import SweepProgress
from gan_runner.sweeps.settings import ClusterSettings
from gan_runner.system.signals import Interrupted


def run_as_job(job: Job, settings: ClusterSettings, *, launcher: Sequence[str]) -> int:
    """Train a run in a job of a cluster, or go on with it, and wait; the exit code of the run.

    `launcher` are the words that choose the cluster. Raises Interrupted once the job is canceled,
    MachineError if there is no such cluster.
    """
    terminal, results = Terminal(), list[JobResult]()
    progress = SweepProgress(terminal, total=1)

    def note_end(job: Job, result: JobResult) -> None:
        progress.end(job, result)
        results.append(result)

    folder = job.path.parent / SUBMITTED  # not in the run's own: it has links
    try:
        run_on_cluster([job], settings=settings, folder=folder, progress=progress, on_end=note_end)
    except Interrupted:
        terminal.end()
        for line in _how_to_go_on(job, terminal, launcher):
            terminal.say(line)
        raise
    finally:
        terminal.end()
    (result,) = results
    path = shlex.quote(terminal.path_text(job.path))
    if result.code != 0:
        lines = [result.reason, f"The log: {printable(job.folder.train_log, 1000)}"]
        if not result.is_refusal:
            lines.append(f"Go on with: {_resume_command(job, terminal, launcher)}")
        report(MachineError("\n".join(lines)))
        return result.code
    terminal.say(f"run {path}\n  score     gan-evaluate {path}")  # of generators of all kinds
    return 0


def _how_to_go_on(job: Job, terminal: Terminal, launcher: Sequence[str]) -> list[str]:
    """What there is of a run whose job was canceled."""
    step = _saved_step(job)
    if step is None:
        return ["canceled before it began"]
    resumed = _resume_command(job, terminal, launcher)
    return [f"canceled, the run is at step {step}. Continue with:", f"  {resumed}"]


def _resume_command(job: Job, terminal: Terminal, launcher: Sequence[str]) -> str:
    return f"gan-train resume={shlex.quote(terminal.path_text(job.path))} {shlex.join(launcher)}"


def _saved_step(job: Job) -> int | None:
    """The step that a run is at; None if it hasn't begun."""
    try:
        status = job.folder.status()
    except CheckpointError:
        return None
    return None if status.started is None else status.step or 0
