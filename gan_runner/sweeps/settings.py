"""The settings of a sweep as types. They don't belong to a run's configuration."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from gan_runner.config.component import Component


class SweepSettings(Component):
    """The limits of a sweep, and what becomes of combinations that are invalid."""

    max_jobs: PositiveInt
    on_invalid: Literal["abort", "skip"]


class ClusterSettings(Component):
    """The resources that a job asks of a cluster, in the terms of submitit and Slurm's sbatch; null
    leaves it to the cluster."""

    n_jobs: PositiveInt
    executor: Literal["slurm", "local"]
    folder: str | None
    nodes: PositiveInt
    timeout_min: PositiveInt
    max_num_timeout: NonNegativeInt
    signal_delay_s: PositiveInt
    cpus_per_task: PositiveInt | None
    gpus_per_node: NonNegativeInt | None
    mem_gb: PositiveInt | None
    partition: str | None
    account: str | None
    qos: str | None
    constraint: str | None
    additional_parameters: dict[str, Any]
    setup: tuple[str, ...]


class TunedMethod(Component):
    """One of the methods that a tuned comparison holds against each other.

    `settings` are those of all its runs, `first` those of the first sample, and `params` the spaces
    to draw from beside those that all methods have.
    """

    settings: dict[str, Any] = Field(default_factory=dict)
    first: dict[str, Any] = Field(default_factory=dict)
    params: dict[str, Any] = Field(default_factory=dict)


class TuningSettings(Component):
    """A tuned comparison: `samples` settings for each method, one drawn as `seed` says but for the
    first, and `repeats` runs of the best. A method of null is left out."""

    samples: PositiveInt
    repeats: NonNegativeInt
    seed: int
    params: dict[str, Any]
    methods: dict[str, TunedMethod | None]


class HalvingSettings(Component):
    """A search that stops early: `samples` settings, drawn as `seed` says but for the first, of
    which one in `factor` goes on at each of `rungs` but the last. Those of a later one of the
    `brackets` begin at a later rung. `repeats` runs of the best follow."""

    samples: PositiveInt
    repeats: NonNegativeInt
    seed: int
    params: dict[str, Any]
    factor: Annotated[int, Field(ge=2)]
    rungs: Annotated[int, Field(ge=2, le=8)]
    brackets: PositiveInt

    @model_validator(mode="after")
    def _check_brackets(self) -> HalvingSettings:
        if self.brackets > self.rungs:
            raise ValueError(
                f"more brackets than rungs, brackets={self.brackets} with rungs={self.rungs}. "
                f"Use hydra.sweeper.brackets={self.rungs} at most."
            )
        return self
