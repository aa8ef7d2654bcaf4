"""The ranks of a run on this machine: a process each, started by torch's own launcher."""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gan_runner.errors import MachineError

if TYPE_CHECKING:
    from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

_OURS = (
    "GAN_RUNNER_LAUNCHED"  # in the environment of processes that `launch` starts: its own number
)
_POLL_SECONDS = 1.0


def rank_here() -> int | None:
    """The number of this process among those of a launcher; None where it is alone."""
    rank, count = os.environ.get("RANK", ""), os.environ.get("WORLD_SIZE", "")
    if not rank.isdecimal() or not count.isdecimal() or int(count) < 2:
        return None
    return int(rank)


def is_launched() -> bool:
    """Whether `launch` started this process, which has said by then what is starting."""
    return _OURS in os.environ


def end_with_launcher() -> None:
    """From now on this process is asked to end, as by SIGTERM, if the `launch` that started it is
    killed: nobody else would tell it."""
    if is_launched():
        threading.Thread(target=_watch_launcher, daemon=True).start()


def launch(arguments: Sequence[str], count: int) -> int:
    """Run Python with these arguments in `count` processes, and wait for them; the exit code.
    Raises MachineError for one that was killed."""
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.getLogger("torch.distributed").setLevel(logging.CRITICAL)  # we report what failed
    with tempfile.TemporaryDirectory() as folder, _environment_of_ranks():
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=count,
            run_id=str(os.getpid()),
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",
            local_addr="localhost",
            max_restarts=0,
            logs_specs=DefaultLogsSpecs(log_dir=folder),
        )
        try:
            elastic_launch(config, entrypoint=sys.executable)(*arguments)
        except ChildFailedError as error:
            return _exit_code(error.failures)
        except SignalException as error:
            return 128 + int(error.sigval)
    return 0


@contextmanager
def _environment_of_ranks() -> Iterator[None]:
    os.environ[_OURS] = str(os.getpid())
    try:
        yield
    finally:
        del os.environ[_OURS]


def _watch_launcher() -> None:
    while str(os.getppid()) == os.environ[_OURS]:
        time.sleep(_POLL_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def _exit_code(failures: Mapping[int, ProcessFailure]) -> int:
    """That of the rank that failed by itself, not because of another."""
    for rank, failure in sorted(failures.items()):
        if failure.exitcode < 0:
            name = signal.Signals(-failure.exitcode).name
            raise MachineError(
                f"rank {rank} was ended by {name}. Unless another rank says why, memory may have "
                "been too small for all. A run that has begun can go on from its last checkpoint, "
                "with gan-train resume=RUN"
            )
    codes = [failure.exitcode for _, failure in sorted(failures.items())]
    own = [code for code in codes if code != MachineError.exit_code]
    return (own or codes)[0]
