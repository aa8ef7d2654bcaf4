"""Jobs on a cluster, by submitit: the jobs of a sweep, or a run alone as one.

Hydra's plugin for submitit gives up all jobs when the process of one dies, so it isn't used.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gan_runner.errors import ConfigError, MachineError, printable
from gan_runner.sweeps.cluster_task import Task
from gan_runner.sweeps.jobs import (
    Job,
    JobResult,
    job_result,
    last_error,
    log_size,
    logged_error,
)
from gan_runner.sweeps.settings import ClusterSettings
from gan_runner.system.signals import watch_signals

if TYPE_CHECKING:
    from gan_runner.sweeps.progress import SweepProgress

SUBMITTED = ".submitit"
"""The folder of submitit's files, beside those of the runs."""

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
    folder: Path,
    progress: SweepProgress,
    on_end: Callable[[Job, JobResult], None],
) -> None:
    """Run every job to its end, whatever that is; None stands for one that isn't known before
    another has ended. `folder` is for submitit's files, unless the settings name one. Raises
    Interrupted once all are canceled, MachineError if there is no such cluster."""
    cluster = _Cluster(settings, folder)
    # a list is one array, of whose jobs Slurm runs so many at a time
    most = len(jobs) if isinstance(jobs, Sequence) else settings.n_jobs
    source, running = iter(jobs), list[_Submitted]()
    with watch_signals() as signals:
        try:
            while signals.received is None:
                new = list(_known(source, most - len(running)))
                running += cluster.submit(new)
                for job in new:
                    progress.start(job)
                if not running:
                    break
                for one in [one for one in running if one.has_ended]:
                    running.remove(one)
                    on_end(one.job, cluster.result(one))
                progress.update([one.job for one in running])
                time.sleep(_POLL_SECONDS)
        finally:
            cluster.cancel(running)
        signals.check()


def check_devices(settings: ClusterSettings, devices: int) -> None:
    """Raise ConfigError for a run on so many devices that a job of these settings can't be."""
    nodes, gpus = settings.nodes, settings.gpus_per_node
    if settings.executor == "local" and nodes > 1:
        raise ConfigError(
            f"this machine is one node, hydra.launcher.nodes={nodes} with "
            "hydra.launcher.executor=local. Use hydra.launcher.nodes=1"
        )
    if devices % nodes:
        raise ConfigError(
            f"devices can't be shared alike among nodes, devices={devices} with "
            f"hydra.launcher.nodes={nodes}. Use devices={-(-devices // nodes) * nodes}"
        )
    each = devices // nodes
    if gpus is not None and 0 < gpus < each:
        raise ConfigError(
            f"too few GPUs for {each} devices on a node, hydra.launcher.gpus_per_node={gpus}. "
            f"Use hydra.launcher.gpus_per_node={each}"
        )


class _Submitted(NamedTuple):
    """A job that is with the cluster, when it came there, and the size of its log then."""

    job: Job
    task: Any
    began: float
    logged: int

    @property
    def has_ended(self) -> bool:
        """Whether rank 0 has: the others have nothing to do without it."""
        return bool(self.task.task(0).done())


class _Cluster:
    """The cluster that the settings name."""

    def __init__(self, settings: ClusterSettings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder if settings.folder is None else Path(settings.folder)
        self._executors: dict[int, Any] = {}  # by the number of devices of a job
        self._late = _LATE.format(settings.timeout_min, settings.max_num_timeout)
        is_local = settings.executor == "local"
        self._task = Task(self._late, None if is_local else settings.cpus_per_task)

    def submit(self, jobs: Sequence[Job]) -> list[_Submitted]:
        """Send jobs to the cluster, those on as many devices as one array. Raises MachineError."""
        submitted = []
        for devices in dict.fromkeys(job.config.devices for job in jobs):
            alike = [job for job in jobs if job.config.devices == devices]
            submitted += self._submit(alike, devices)
        return submitted

    def result(self, ended: _Submitted) -> JobResult:
        """How a job ended: as rank 0 did, or, where that has only lost another, as that one."""
        job, task, seconds = ended.job, ended.task, time.monotonic() - ended.began
        code = self._exit_code(task.task(0))
        if code is not None and code != MachineError.exit_code:
            return job_result(job, code=code, seconds=seconds)
        reason = self._verdict(task.task(0)) or logged_error(job, since=ended.logged)
        if reason is None or _is_loss(reason):
            reason = _first_fault(task) or reason
        if reason is None and code is None:
            reason = self._reason_of_death(task.task(0))
        found = job_result(job, code=MachineError.exit_code, seconds=seconds, reason=reason)
        return found._replace(reason=reason) if reason and _is_loss(found.reason) else found

    def cancel(self, running: Sequence[_Submitted]) -> None:
        """Cancel what runs: a signal lets a job finish its step and save."""
        tasks = [one.task for one in running]
        for task in tasks:
            self._cancel(task)
        began = time.monotonic()
        while not all(task.done() for task in tasks) and time.monotonic() - began < _GRACE_SECONDS:
            time.sleep(_POLL_SECONDS)

    def _cancel(self, task: Any) -> None:
        if self._settings.executor != "local":
            task.cancel(check=False)
        elif not task.done():
            # submitit would kill it after a second; its controller passes this one on
            with suppress(OSError):
                os.kill(int(task.job_id), signal.SIGTERM)

    def _submit(self, jobs: Sequence[Job], devices: int) -> list[_Submitted]:
        from submitit.helpers import clean_env

        if devices not in self._executors:
            self._executors[devices] = _executor(self._settings, self._folder, devices)
        executor = self._executors[devices]
        began, logged = time.monotonic(), [log_size(job) for job in jobs]
        try:
            with clean_env(), _keep_interrupts_here(), executor.batch():
                tasks = [executor.submit(self._task, job) for job in jobs]
        except (OSError, RuntimeError) as error:  # submitit's FailedSubmissionError is one
            raise MachineError(f"the cluster refused the jobs. {printable(error)}") from None
        sent = zip(jobs, tasks, logged, strict=True)
        return [_Submitted(job, task, began, size) for job, task, size in sent]

    def _exit_code(self, task: Any) -> int | None:
        """The exit code of a process that has ended; None if it ended without one."""
        is_local = self._settings.executor == "local"
        if is_local and not task.paths.result_pickle.exists():
            return None  # for which submitit waits, as the files of a cluster may come late
        return None if task.exception() is not None else int(task.result())

    def _verdict(self, task: Any) -> str | None:
        """Why Slurm ended a job; None if it didn't."""
        state = str(task.state).upper()
        if state == "TIMEOUT":
            return self._late
        if state.startswith("OUT_OF_ME"):
            asked = f"hydra.launcher.mem_gb={self._settings.mem_gb}"
            return f"out of memory on the cluster, {asked}. Raise it; the same command goes on."
        return None

    def _reason_of_death(self, task: Any) -> str:
        """What there is to say of a process that ended without an exit code."""
        if task.paths.result_pickle.exists():  # with what was raised
            raised = [line for line in str(task.exception()).splitlines()[:-4] if line.strip("- ")]
            return f"defect: {raised[-1]}"
        if self._settings.executor == "local":
            return "killed, as the machine does when memory runs out"
        return f"ended by the cluster, {task.state}. Its output: {printable(task.paths.stderr)}"


def _is_loss(reason: str) -> bool:
    """Whether a rank has merely lost another."""
    from gan_runner.system import ranks

    return reason.startswith(ranks.LOSS) or ranks.KILLED in reason.partition(",")[0]


def _first_fault(task: Any) -> str | None:
    """The fault of the first rank, other than 0, that failed by itself and not because of another;
    None if there is none."""
    for number in range(1, task.num_tasks):
        one = task.task(number)
        if (fault := last_error(one.stderr() or "")) is not None:
            return fault
        if not one.paths.result_pickle.exists():
            return f"rank {number} was killed, as the machine does when memory runs out"
    return None


@contextmanager
def _keep_interrupts_here() -> Iterator[None]:
    """Within this context processes are started that Ctrl-C doesn't reach: it is passed on to them
    once, by a signal to save. One that comes meanwhile isn't lost."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])


def _known(source: Iterator[Job | None], most: int) -> Iterator[Job]:
    """The jobs that can begin now, up to so many."""
    for job in islice(source, most):
        if job is None:
            return
        yield job


def _executor(settings: ClusterSettings, folder: Path, devices: int) -> Any:
    """Submitit's executor of jobs on so many devices each."""
    try:
        import submitit
    except ImportError:
        raise ConfigError(
            "submitit isn't installed, hydra/launcher=slurm. "
            'Install it: pip install "gan-runner[slurm]"'
        ) from None
    again = {f"{settings.executor}_max_num_timeout": settings.max_num_timeout}
    try:
        executor = submitit.AutoExecutor(folder, cluster=settings.executor, **again)
    except RuntimeError as error:
        raise MachineError(
            f"Slurm is not available, hydra/launcher=slurm. {printable(error)}"
        ) from None
    given = _parameters(settings, devices)
    executor.update_parameters(**{name: v for name, v in given.items() if v is not None})
    return executor


def _parameters(settings: ClusterSettings, devices: int) -> dict[str, Any]:
    """What a job asks of the cluster, in the terms of submitit; None leaves it to the cluster."""
    slurm = {
        "signal_delay_s": settings.signal_delay_s,
        "array_parallelism": settings.n_jobs,
        "partition": settings.partition,
        "account": settings.account,
        "qos": settings.qos,
        "constraint": settings.constraint,
        "additional_parameters": settings.additional_parameters or None,
        "setup": list(settings.setup) or None,
        # a rank that dies before it has met the others would leave them waiting
        "srun_args": ["--kill-on-bad-exit=1"] if devices > 1 else None,
    }
    return {
        "name": "gan-runner",
        "nodes": settings.nodes,
        "tasks_per_node": devices // settings.nodes,
        "timeout_min": settings.timeout_min,
        "cpus_per_task": settings.cpus_per_task,
        "gpus_per_node": settings.gpus_per_node,
        "mem_gb": settings.mem_gb,
        **{f"slurm_{name}": value for name, value in slurm.items()},
    }
