"""The share of the machine for each of several jobs at a time."""

from __future__ import annotations

import os
from collections.abc import Sequence

from gan_runner.errors import ConfigError, printable


def check_n_jobs(n_jobs: object) -> int:
    """The number of jobs at a time. Raises ConfigError for anything but a number from 1."""
    if not isinstance(n_jobs, int) or isinstance(n_jobs, bool) or n_jobs < 1:
        raise ConfigError(
            f"not a number of jobs, hydra.launcher.n_jobs={printable(n_jobs)}. Use 1 or more."
        )
    return n_jobs


def threads_each(n_jobs: int, available: int) -> int | None:
    """The CPU threads of each job; None, torch's own choice, for one job at a time."""
    return None if n_jobs == 1 else max(1, available // n_jobs)


def visible_gpus(count: int) -> list[str]:
    """The names of the `count` GPUs that torch sees, as CUDA_VISIBLE_DEVICES has them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = [str(number) for number in range(count)]
    return names if named is None else [name.strip() for name in named.split(",")][:count]


def gpu_of(slot: int, gpus: Sequence[str], *, device: str, n_jobs: int) -> dict[str, str]:
    """The change of the environment that gives the jobs of a slot a GPU of their own.

    Nothing where there is nothing to divide: one GPU or none, one job at a time, or a device that
    the user has named by its number.
    """
    if len(gpus) < 2 or n_jobs < 2 or device not in ("auto", "cuda"):
        return {}
    return {"CUDA_VISIBLE_DEVICES": gpus[slot % len(gpus)]}
