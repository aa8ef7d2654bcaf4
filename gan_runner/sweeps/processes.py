"""The jobs of a sweep on this machine, some at a time: a process each, which starts the ranks of a
job on several devices."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gan_runner.errors import Fault
from gan_runner.sweeps.jobs import Job, JobResult, job_result, log_size, logged_error
from gan_runner.sweeps.shares import Places, threads_each
from gan_runner.system.signals import watch_signals

if TYPE_CHECKING:
    from gan_runner.sweeps.progress import SweepProgress

_POLL_SECONDS = 0.05
_GRACE_SECONDS = 10.0  # that a second signal leaves to a process


@dataclass(frozen=True)
class _Child:
    job: Job
    places: Sequence[int]
    process: subprocess.Popen[str]
    began: float
    logged: int  # bytes of the log before it


def run_in_processes(
    jobs: Iterable[Job | None],
    *,
    places: Places,
    at_a_time: int,
    progress: SweepProgress,
    on_end: Callable[[Job, JobResult], None],
) -> None:
    """Run every job to its end, whatever that is; None stands for one that isn't known before
    another has ended. Raises Interrupted once all have stopped. A job begins when it has its
    `places` and fewer than `at_a_time` run.

    A process doesn't outlive this one: it stops at a saved step when the pipe to it breaks.
    """
    source, running, is_passed_on = iter(jobs), list[_Child](), False
    start, waiting = _make_start(places, at_a_time), None
    with watch_signals() as signals:
        try:
            while True:
                while len(running) < at_a_time and signals.received is None:
                    if (job := waiting or next(source, None)) is None:
                        break
                    taken = {place for child in running for place in child.places}
                    own = places.find(taken, job.config.devices, job.config.device)
                    waiting = job if own is None else None
                    if own is None:
                        break
                    _begin(job, own, start, running, progress, on_end)
                if not running:
                    break
                if signals.received is not None and not is_passed_on:
                    is_passed_on = True
                    for child in running:
                        child.process.send_signal(signals.received)
                for child in [c for c in running if c.process.poll() is not None]:
                    running.remove(child)
                    on_end(child.job, _result_of(child))
                progress.update([child.job for child in running])
                time.sleep(_POLL_SECONDS)
            signals.check()
        finally:
            _end(running)


def python_program(function: str) -> tuple[str, str]:
    """Python's arguments for calling a function of the module of jobs, with the same modules as
    here, wherever they were imported from: a wheel, an editable install, a checkout."""
    imported = f"from gan_runner.sweeps.job import {function}; {function}()"
    return "-c", f"import sys; sys.path[:] = {sys.path!r}; {imported}"


Start = Callable[[Job, Sequence[int]], subprocess.Popen[str]]


def _make_start(places: Places, at_a_time: int) -> Start:
    """The function that starts a job in its places."""
    import torch

    threads = threads_each(at_a_time, torch.get_num_threads())
    program = python_program("main")

    def start(job: Job, own: Sequence[int]) -> subprocess.Popen[str]:
        job.prepare()
        order = {"config": job.config.plain(), "threads": threads, "pause_at": job.pause_at}
        with job.folder.train_log.open("a") as log:
            process = subprocess.Popen(
                [sys.executable, *program, str(job.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,  # train.log has it, and the numbers are in files
                stderr=log,
                text=True,
                env=os.environ | places.gpus_of(own, job.config.device),
                start_new_session=True,  # Ctrl-C comes to us alone, and we pass it on once
            )
        assert process.stdin is not None
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
        return process

    return start


def _begin(
    job: Job,
    own: Sequence[int],
    start: Start,
    running: list[_Child],
    progress: SweepProgress,
    on_end: Callable[[Job, JobResult], None],
) -> None:
    try:
        logged = log_size(job)
        running.append(_Child(job, own, start(job, own), time.monotonic(), logged))
    except Fault as fault:
        on_end(job, JobResult("failed", fault.exit_code, None, 0.0, str(fault)))
    except OSError as error:
        on_end(job, JobResult("failed", 4, None, 0.0, f"can't begin: {error}"))
    else:
        progress.start(job)


def _result_of(child: _Child) -> JobResult:
    assert child.process.stdin is not None
    with suppress(BrokenPipeError):
        child.process.stdin.close()
    seconds = time.monotonic() - child.began
    code = child.process.returncode
    reason = logged_error(child.job, since=child.logged) if code > 0 else None
    return job_result(child.job, code=code, seconds=seconds, reason=reason)


def _end(running: Sequence[_Child]) -> None:
    """End what is left, by a second signal, or else for good."""
    for child in running:
        child.process.terminate()
    for child in running:
        try:
            child.process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            child.process.kill()
            child.process.wait()
