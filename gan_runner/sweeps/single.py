"""A run alone as a job of a cluster."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from gan_runner.errors import CheckpointError, MachineError, printable, report
from gan_runner.logs.terminal import Terminal
from gan_runner.storage.status import Status
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
    if result.code != 0:
        report(MachineError(f"{result.reason}\nThe log: {printable(job.folder.train_log, 1000)}"))
        return result.code
    path = shlex.quote(terminal.path_text(job.path))
    terminal.say(f"run {path}\n  sample    gan-sample {path} --out samples.png")
    return 0


def _how_to_go_on(job: Job, terminal: Terminal, launcher: Sequence[str]) -> list[str]:
    """What there is of a run whose job was canceled."""
    status = _status(job)
    if status.started is None:
        return ["canceled before it began"]
    words = shlex.join(launcher)
    resumed = f"gan-train resume={shlex.quote(terminal.path_text(job.path))} {words}"
    return [f"canceled, the run is at step {status.step or 0}. Continue with:", f"  {resumed}"]


def _status(job: Job) -> Status:
    try:
        return job.folder.status()
    except CheckpointError:
        return Status()
