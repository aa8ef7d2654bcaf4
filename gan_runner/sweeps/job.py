"""One job of a sweep, in a process of its own, or one for each of its devices: begun or continued,
as its folder stands."""

from __future__ import annotations

import faulthandler
import json
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from gan_runner.config import schema as configuration
from gan_runner.config.plugins import find_plugins, load_plugins
from gan_runner.errors import Fault, report
from gan_runner.storage.run_folder import RunFolder
from gan_runner.sweeps.jobs import Job, has_begun, record, requested_settings
from gan_runner.sweeps.processes import python_program
from gan_runner.system.launcher import end_with_launcher, launch, rank_here
from gan_runner.system.signals import Interrupted, end_at_once, exit_process
from gan_runner.system.threads import share_cores

if TYPE_CHECKING:
    from gan_runner.logs.terminal import Terminal
    from gan_runner.training.run import Run

_GRACE_SECONDS = 60.0  # for a process of an earlier sweep to finish its step
_POLL_SECONDS = 0.2


def main() -> None:
    """The process of a job: its folder is the argument, what it is to do a line of standard input,
    which stays open for as long as the sweep lives."""
    faulthandler.enable()
    end_at_once()
    order = sys.stdin.readline()
    if not order:  # the sweep is dead already
        exit_process(128 + signal.SIGTERM)
    threading.Thread(target=_end_with_the_sweep, daemon=True).start()
    job = _read_job(Path(sys.argv[1]), order)
    exit_process(run_job(job) if job.config.devices == 1 else _launch_ranks(job, order))


def main_of_rank() -> None:
    """The process of a rank of a job: its folder, and a file with what it is to do, are the
    arguments."""
    faulthandler.enable()
    end_at_once()
    end_with_launcher()
    if rank_here():
        exit_process(run_follower())
    order = Path(sys.argv[2]).read_text(encoding="utf-8")
    exit_process(run_job(_read_job(Path(sys.argv[1]), order)))


def run_follower() -> int:
    """Follow rank 0 of a job to the end of its run; the exit code. Raises what is a defect."""
    share_cores()
    try:
        load_plugins(find_plugins())
        from gan_runner.runs.ranks import follow

        return follow()
    except Fault as fault:
        return report(fault)
    except Exception:
        traceback.print_exc()
        raise


def run_job(job: Job) -> int:
    """Train a job to its end; its exit code. A fault is recorded in its folder."""
    share_cores()
    try:
        load_plugins(find_plugins())
        return _train(job)
    except Interrupted as interrupted:
        return interrupted.exit_code
    except Fault as fault:
        record(job, state="failed", code=fault.exit_code, reason=str(fault))
        return report(fault)
    except Exception as error:
        traceback.print_exc()
        record(job, state="failed", code=1, reason=f"defect: {error}")
        return 1


def _read_job(path: Path, order: str) -> Job:
    plain = json.loads(order)
    config = configuration.parse(plain["config"])
    return Job(path.name, path, config, threads=plain["threads"], pause_at=plain["pause_at"])


def _launch_ranks(job: Job, order: str) -> int:
    """Train a job on several devices, as a run alone is; its exit code."""
    share_cores()
    with TemporaryDirectory(prefix="gan-runner-") as folder:
        file = Path(folder) / "job.json"
        file.write_text(order, encoding="utf-8")
        program = python_program("main_of_rank")
        try:
            return launch((*program, str(job.path), str(file)), job.config.devices)
        except Fault as fault:
            record(job, state="failed", code=fault.exit_code, reason=str(fault))
            return report(fault)


def _end_with_the_sweep() -> None:
    """When the sweep's process dies, however it does, the step is finished and the state saved."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _train(job: Job) -> int:
    from gan_runner.logs.terminal import Terminal
    from gan_runner.runs.finish import as_fault, train_to_end
    from gan_runner.runs.ranks import lead
    from gan_runner.system import ranks

    if job.config.devices > 1:  # in one of as many processes
        _limit_threads(job)  # which the ranks divide
        ranks.join()
    try:
        run = _create_or_reopen(job, Terminal())
    except Exception as error:
        if fault := as_fault(error):
            raise fault from None
        raise
    lead(run)
    if run is None:
        return 0
    if job.pause_at is not None:
        run.last_step = min(job.pause_at, run.last_step)
    return train_to_end(run)


def _create_or_reopen(job: Job, terminal: Terminal) -> Run | None:
    """The job's run, new or at its newest checkpoint; None if it is complete."""
    from gan_runner.runs.open import create
    from gan_runner.runs.resume import Changes, reopen

    job.path.mkdir(parents=True, exist_ok=True)
    folder = job.folder
    folder.refuse_links()
    _await_release(folder)
    if has_begun(folder):
        changes = Changes(job.config, requested_settings(job.config))
        return reopen(job.path, changes, terminal)
    _remove_attempt(folder)
    if job.config.devices == 1:
        _limit_threads(job)
    return create(job.config, job.path, terminal)


def _limit_threads(job: Job) -> None:
    import torch

    if job.threads is not None:
        torch.set_num_threads(job.threads)


def _await_release(folder: RunFolder) -> None:
    """Wait for a process of an earlier sweep that is at its last step; not for ever."""
    began = time.monotonic()
    while folder.is_held() and time.monotonic() - began < _GRACE_SECONDS:
        time.sleep(_POLL_SECONDS)


def _remove_attempt(folder: RunFolder) -> None:
    """Remove what an attempt left that ended before its first step, but for its log."""
    folder.remove_event_files()
    for path in (folder.checkpoints, folder.samples, folder.path / "wandb"):
        shutil.rmtree(path, ignore_errors=True)
    files = (folder.config, folder.metrics, folder.metrics_csv, folder.evaluations, folder.events)
    for path in (*files, folder.trackers, folder.path / "status.json"):
        path.unlink(missing_ok=True)
