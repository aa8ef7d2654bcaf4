"""The share of the machine for each of several jobs at a time."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from gan_runner.errors import ConfigError, plural, printable


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


def visible_cores() -> int:
    """The number of CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Places(NamedTuple):
    """The places of a machine for the processes of jobs, each of which takes one for each of its
    devices: GPUs, or else CPU cores, but never fewer than `n_jobs`, which the user asked for."""

    n_jobs: int
    cores: int
    gpus: Sequence[str]

    def count(self, device: str) -> int:
        """The number of places for jobs with this setting of their device."""
        return max(self.n_jobs, len(self._gpus(device)) or self.cores)

    def at_a_time(self, devices: int, device: str) -> int:
        """The number of jobs on so many devices that run at a time."""
        return max(1, min(self.n_jobs, self.count(device) // devices))

    def most_at_a_time(self, kinds: Iterable[tuple[int, str]]) -> int:
        """The most jobs that run at a time, by the devices of each and their setting."""
        return max((self.at_a_time(*kind) for kind in kinds), default=1)

    def find(self, taken: Collection[int], devices: int, device: str) -> list[int] | None:
        """The places of a job, the first ones that are free; None while there are too few. A job
        that needs more than there are has the machine for itself."""
        free = [place for place in range(self.count(device)) if place not in taken]
        if len(free) >= devices:
            return free[:devices]
        return None if taken else list(range(devices))

    def gpus_of(self, places: Sequence[int], device: str) -> dict[str, str]:
        """The change of the environment that gives the job in these places GPUs of its own.

        Nothing where there is nothing to divide: one GPU or none, one job at a time, or a device
        that the user has named by its number.
        """
        gpus = self._gpus(device)
        if len(gpus) < 2 or self.n_jobs < 2:
            return {}
        own = dict.fromkeys(gpus[place % len(gpus)] for place in places)
        return {"CUDA_VISIBLE_DEVICES": ",".join(own)}

    def note(self, devices: int, device: str) -> str:
        """What there is to say of jobs on so many devices of which fewer run at a time than were
        asked for; empty where all do."""
        most = self.at_a_time(devices, device)
        if devices == 1 or most == self.n_jobs:
            return ""
        gpus = self._gpus(device)
        has = plural(len(gpus), "GPU") if gpus else plural(self.cores, "core")
        return (
            f"note: jobs on {plural(devices, 'device')} run {most} at a time, "
            f"hydra.launcher.n_jobs={self.n_jobs}: this machine has {has}"
        )

    def _gpus(self, device: str) -> Sequence[str]:
        return self.gpus if device in ("auto", "cuda") else ()


def places_here(n_jobs: int) -> Places:
    """The places of this machine, where `n_jobs` jobs at a time are asked for."""
    import torch

    return Places(n_jobs, visible_cores(), visible_gpus(torch.cuda.device_count()))
