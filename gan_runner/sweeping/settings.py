"""The settings of a sweep as types. They are no part of a run's configuration."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import NonNegativeInt, PositiveInt

from gan_runner.catalogue import Component


class Sweeping(Component):
    """How large a sweep may be, and what becomes of combinations that can't be."""

    max_jobs: PositiveInt
    on_invalid: Literal["abort", "skip"]


class Cluster(Component):
    """What a job asks of a cluster, in the terms of submitit and Slurm's sbatch; null leaves it to
    the cluster."""

    executor: Literal["slurm", "local"]
    folder: str
    timeout_min: PositiveInt
    max_num_timeout: NonNegativeInt
    signal_delay_s: PositiveInt
    cpus_per_task: PositiveInt | None
    gpus_per_node: NonNegativeInt | None
    mem_gb: PositiveInt | None
    array_parallelism: PositiveInt
    partition: str | None
    account: str | None
    qos: str | None
    constraint: str | None
    additional_parameters: dict[str, Any]
    setup: tuple[str, ...]
