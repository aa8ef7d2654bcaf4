"""A job of a cluster on its nodes: a process, or one for each rank of a run on several devices."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from types import FrameType
from typing import Any

from gan_runner.errors import MachineError, report
from gan_runner.sweeps.job import run_follower, run_job
from gan_runner.sweeps.jobs import Job, record
from gan_runner.system.signals import Interrupted, ask_to_end, end_at_once, raise_on_signals
from gan_runner.system.threads import share_cores

_WARNINGS = ("SIGUSR1", "SIGUSR2")  # one of them, as submitit chooses; Windows has none


@dataclass(frozen=True)
class Task:
    """What each process of a job does; its exit code.

    `late` is the fault of a job that has no time left, `threads` are the CPU threads of a process,
    None for a share of those that torch finds.
    """

    late: str
    threads: int | None = None

    def __call__(self, job: Job) -> int:
        share_cores()
        several = job.config.devices > 1
        rank, of = _export_ranks() if several else (0, 1)
        if self.threads is not None:
            import torch

            torch.set_num_threads(self.threads * of)  # the ranks of a node divide them
        if rank > 0:  # rank 0 alone is heard of signals
            end_at_once()  # until they have met
            return run_follower()
        return self._lead(job)

    def checkpoint(self, job: Job) -> Any:
        """What submitit queues again for a job that is preempted or out of time: the same."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, job)

    def _lead(self, job: Job) -> int:
        job.prepare()
        with job.folder.train_log.open("a", encoding="utf-8") as log, redirect_stderr(log):
            with _warned() as warning:
                code = _run(job)
            if not warning.has_come or code not in warning.ends:
                return code
            if not warning.queue_again():
                fault = MachineError(self.late)
                record(job, state="failed", code=fault.exit_code, reason=str(fault), saved=True)
                return report(fault)
        return code


def _run(job: Job) -> int:
    """Train a job; a signal ends it once its state is saved, or at once before there is any."""
    try:
        with raise_on_signals():
            return run_job(job)
    except Interrupted as interrupted:
        return interrupted.exit_code


def _export_ranks() -> tuple[int, int]:
    """Tell torch's distributed package what submitit knows of the tasks of this job; the number of
    this one, and how many there are on this node."""
    from submitit.helpers import TorchDistributedEnvironment

    found = TorchDistributedEnvironment()
    if found.local_world_size == found.world_size:
        found.master_addr = "localhost"  # a single node may not know itself by its name
    found.export(set_cuda_visible_devices=False, overwrite=True)
    return found.rank, found.local_world_size


class _Warning:
    """Submitit's signal to a job that is preempted or soon out of time. It is obeyed when the state
    is saved, not in the middle of a step."""

    def __init__(self) -> None:
        self.has_come = False
        self.ends = (128 + signal.SIGTERM,)
        self.handlers: dict[int, Callable[..., Any]] = {}
        self._number = 0

    def note(self, number: int, frame: FrameType | None) -> None:
        self.has_come, self._number = True, number
        ask_to_end()

    def queue_again(self) -> bool:
        """Have submitit queue the job again, which ends the process; False if it has been too
        often."""
        from submitit.core.utils import UncompletedJobError

        try:
            self.handlers[self._number](self._number, None)
        except UncompletedJobError:
            return False
        return True


@contextmanager
def _warned() -> Iterator[_Warning]:
    """Within this context submitit's signals are noted."""
    warning = _Warning()
    for number in (int(getattr(signal, name)) for name in _WARNINGS):
        handler = signal.getsignal(number)
        if callable(handler):
            warning.handlers[number] = handler
            signal.signal(number, warning.note)
    try:
        yield warning
    finally:
        for number, handler in warning.handlers.items():
            signal.signal(number, handler)
