"""The jobs of a sweep on a cluster, by submitit. Here is its only door.

Hydra's plugin for submitit gives up all jobs when the process of one dies, so it isn't used.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from itertools import islice
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

from gan_runner.errors import ConfigError, MachineError, printable
from gan_runner.sweeps.job import run_job
from gan_runner.sweeps.jobs import Job, JobResult, job_result
from gan_runner.sweeps.settings import ClusterSettings
from gan_runner.system.signals import watch_signals

if TYPE_CHECKING:
    from gan_runner.sweeps.progress import SweepProgress

_POLL_SECONDS = 1.0
_GRACE_SECONDS = 60.0  # for canceled jobs to save
_LATE = (
    "out of time on the cluster, hydra.launcher.timeout_min={} with max_num_timeout={}. "
    "Raise one of them; the same command goes on."
)


def run_on_cluster(
    jobs: Iterable[Job | None],
    *,
    settings: ClusterSettings,
    progress: SweepProgress,
    on_end: Callable[[Job, JobResult], None],
) -> None:
    """Run every job to its end, whatever that is; None stands for one that isn't known before
    another has ended. Raises Interrupted once all are canceled, MachineError if there is no such
    cluster."""
    executor = _executor(settings)
    # a list is one array, of whose jobs Slurm runs so many at a time
    most = len(jobs) if isinstance(jobs, Sequence) else settings.n_jobs
    late = _LATE.format(settings.timeout_min, settings.max_num_timeout)
    source, running = iter(jobs), list[_Submitted]()
    with watch_signals() as signals:
        try:
            while signals.received is None:
                new = list(_known(source, most - len(running)))
                running += _submit(executor, Task(late), new)
                for job in new:
                    progress.start(job)
                if not running:
                    break
                for one in [one for one in running if one.task.done()]:
                    running.remove(one)
                    on_end(one.job, _job_result(one, late))
                progress.update([one.job for one in running])
                time.sleep(_POLL_SECONDS)
        finally:
            _cancel([one.task for one in running])
        signals.check()


class _Submitted(NamedTuple):
    """A job that is with the cluster, and when it came there."""

    job: Job
    task: Any
    began: float


@dataclass(frozen=True)
class Task:
    """A job, as it is done on a node. One that is preempted goes on in the same way; `late` is
    the fault of one that has no time left."""

    late: str

    def __call__(self, job: Job) -> int:
        _raise_when_late(self.late)
        job.prepare()
        with job.folder.train_log.open("a", encoding="utf-8") as log, redirect_stderr(log):
            return run_job(job)

    def checkpoint(self, job: Job) -> Any:
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, job)


def _raise_when_late(late: str) -> None:
    """Have submitit's signal raise a fault of the machine where it would raise its own error: in
    the middle of a step that is taken for a defect."""
    from submitit.core.utils import UncompletedJobError

    def raise_fault(handler: Callable[..., Any]) -> Callable[..., None]:
        def handle(number: int, frame: FrameType | None) -> None:
            try:
                handler(number, frame)
            except UncompletedJobError:
                raise MachineError(late) from None

        return handle

    for number in (signal.SIGUSR1, signal.SIGUSR2):  # one of them, as submitit chooses
        handler = signal.getsignal(number)
        if callable(handler):
            signal.signal(number, raise_fault(handler))


def _known(source: Iterator[Job | None], most: int) -> Iterator[Job]:
    """The jobs that can begin now, up to so many."""
    for job in islice(source, most):
        if job is None:
            return
        yield job


def _submit(executor: Any, task: Task, jobs: Sequence[Job]) -> list[_Submitted]:
    if not jobs:
        return []
    began = time.monotonic()
    try:
        with executor.batch():
            tasks = [executor.submit(task, job) for job in jobs]
    except (OSError, RuntimeError) as error:  # submitit's FailedSubmissionError is one
        raise MachineError(f"the cluster refused the jobs. {printable(error)}") from None
    return [_Submitted(job, each, began) for job, each in zip(jobs, tasks, strict=True)]


def _executor(settings: ClusterSettings) -> Any:
    try:
        import submitit
    except ImportError:
        raise ConfigError(
            "submitit isn't installed, hydra/launcher=slurm. "
            'Install it: pip install "gan-runner[slurm]"'
        ) from None
    try:
        executor = submitit.AutoExecutor(
            settings.folder,
            cluster=settings.executor,
            slurm_max_num_timeout=settings.max_num_timeout,
        )
    except RuntimeError as error:
        raise MachineError(
            f"Slurm is not available, hydra/launcher=slurm. {printable(error)}"
        ) from None
    slurm = {
        "signal_delay_s": settings.signal_delay_s,
        "array_parallelism": settings.n_jobs,
        "partition": settings.partition,
        "account": settings.account,
        "qos": settings.qos,
        "constraint": settings.constraint,
        "additional_parameters": settings.additional_parameters or None,
        "setup": list(settings.setup) or None,
    }
    common = {
        "name": "gan-runner",
        "timeout_min": settings.timeout_min,
        "cpus_per_task": settings.cpus_per_task,
        "gpus_per_node": settings.gpus_per_node,
        "mem_gb": settings.mem_gb,
    }
    named = {**common, **{f"slurm_{name}": value for name, value in slurm.items()}}
    executor.update_parameters(
        **{name: value for name, value in named.items() if value is not None}
    )
    return executor


def _job_result(submitted: _Submitted, late: str) -> JobResult:
    job, task, seconds = submitted.job, submitted.task, time.monotonic() - submitted.began
    error = task.exception()
    if error is None:
        return job_result(job, code=task.result(), seconds=seconds)
    if task.state == "TIMEOUT":
        return job_result(job, code=MachineError.exit_code, seconds=seconds, reason=late)
    lines = str(error).strip().splitlines() or [type(error).__name__]
    reason = f"ended on the cluster, {lines[0]}"
    return job_result(job, code=1, seconds=seconds, reason=reason)


def _cancel(tasks: Sequence[Any]) -> None:
    """Cancel what runs: Slurm's signal lets a job finish its step and save."""
    for task in tasks:
        task.cancel(check=False)
    began = time.monotonic()
    while not all(task.done() for task in tasks) and time.monotonic() - began < _GRACE_SECONDS:
        time.sleep(_POLL_SECONDS)
