"""gan-train on several devices: a process for each, started by torch's own launcher, here or by
torchrun."""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from gan_runner.errors import MachineError

if TYPE_CHECKING:
    from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

_OURS = "GAN_RUNNER_LAUNCHED"  # in the environment of processes that `launch` starts


def rank_here() -> int | None:
    """The number of this process among those of a launcher; None where it is alone."""
    rank, count = os.environ.get("RANK", ""), os.environ.get("WORLD_SIZE", "")
    if not rank.isdecimal() or not count.isdecimal() or int(count) < 2:
        return None
    return int(rank)


def is_launched() -> bool:
    """Whether `launch` started this process, which has said by then what is starting."""
    return _OURS in os.environ


def launch(arguments: Sequence[str], count: int) -> int:
    """Run gan-train with these arguments in `count` processes, and wait for them; the exit code."""
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
        command = ("-m", "gan_runner.train", *arguments)
        try:
            elastic_launch(config, entrypoint=sys.executable)(*command)
        except ChildFailedError as error:
            return _exit_code(error.failures)
        except SignalException as error:
            return 128 + int(error.sigval)
    return 0


@contextmanager
def _environment_of_ranks() -> Iterator[None]:
    os.environ[_OURS] = "1"
    try:
        yield
    finally:
        del os.environ[_OURS]


def remember_run(path: Path) -> None:
    """Keep where the run of these ranks is, if their launcher may start them again."""
    if os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0") == "0":
        return
    with suppress(OSError), _note().open("x", encoding="utf-8") as file:
        file.write(str(path.absolute()))


def forget_run() -> None:
    """The run has ended as it should."""
    with suppress(OSError):
        _note().unlink()


def run_before_restart() -> Path | None:
    """The run that these ranks were started again for; None at a first start."""
    if os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") == "0":
        return None
    with suppress(OSError), _note().open(encoding="utf-8") as file:
        owner = os.fstat(file.fileno()).st_uid
        if owner == getattr(os, "getuid", lambda: owner)():  # no stranger's, in a shared folder
            path = Path(file.read())
            return path if (path / "status.json").exists() else None
    return None


def _note() -> Path:
    from gan_runner.system.machine import start_of_process

    launcher = os.getppid()
    name = f"gan_runner_{launcher}_{start_of_process(launcher):.2f}"
    return Path(tempfile.gettempdir()) / name


def _exit_code(failures: Mapping[int, ProcessFailure]) -> int:
    """That of the rank that failed by itself, not because of another."""
    for rank, failure in sorted(failures.items()):
        if failure.exitcode < 0:
            name = signal.Signals(-failure.exitcode).name
            raise MachineError(
                f"rank {rank} was ended by {name}. Memory may have been too small for all ranks; "
                "a run that has begun can go on from its last checkpoint, with gan-train resume=RUN"
            )
    codes = [failure.exitcode for _, failure in sorted(failures.items())]
    own = [code for code in codes if code != MachineError.exit_code]
    return (own or codes)[0]
