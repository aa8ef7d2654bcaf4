"""Hydra's plugins for the sweeps of gan-runner: a grid, and a launcher that uses processes.

Hydra looks for plugins in the namespace package `hydra_plugins` alone and imports all that it
finds, for any program of its environment: nothing is imported here before it is used.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

if TYPE_CHECKING:
    from gan_runner.config.schema import Config
    from gan_runner.sweeps.sweep import Candidate, Carrier


class Grid(Sweeper):
    """Every combination of the values that the command line lists.

    Hydra's own sweeper composes all jobs once more and stops at the first that can't be composed.
    """

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        from hydra.core.plugins import Plugins

        self._context, self._config = hydra_context, config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

        assert self.launcher is not None
        overrides = OverridesParser.create().parse_overrides(arguments)
        (jobs,) = BasicSweeper.split_arguments(overrides, None)
        return self.launcher.launch(jobs, initial_job_idx=0)


class Tuned(Grid):
    """The same number of settings for every method, and the best of each again with new seeds."""

    def __init__(self, **_: Any) -> None:
        """The settings are read where they are checked, from the configuration."""

    def sweep(self, arguments: list[str]) -> Any:
        from gan_runner.cli.hydra.tuning import cells, tuning
        from gan_runner.sweeps.sweep import Sweep
        from gan_runner.sweeps.tuning import tune

        assert Sweep.current is not None, "made by the callback of gan-train"
        found = tune(
            cells(self._config),
            self._values,
            seed=self._config.seed,
            repeats=tuning(self._config).repeats,
            direction=self._config.evaluation.best.direction,
        )
        Sweep.current.record(found, metric=self._config.evaluation.best.metric)

    def _values(self, jobs: list[list[str]]) -> list[float | None]:
        assert self.launcher is not None
        return [job.return_value for job in self.launcher.launch(jobs, initial_job_idx=0)]


class SweepLauncher(Launcher):
    """Checks the jobs of a sweep together, and has those carried out that aren't complete."""

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        self._context, self._config = hydra_context, config

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        from gan_runner.sweeps.sweep import Sweep

        sweep = Sweep.current
        assert sweep is not None, "made by the callback of gan-train"
        carrier = self.carrier()
        candidates = _candidates(self._context, self._config, job_overrides)
        jobs = sweep.check(candidates, searching=self._searches, here=self._is_here)
        sweep.hold()
        sweep.carry_out(list(jobs.values()), carrier)
        return [_returned(sweep.value(candidate.name)) for candidate in candidates]

    @property
    @abstractmethod
    def _is_here(self) -> bool:
        """Whether the jobs run on this machine."""

    @abstractmethod
    def carrier(self) -> Carrier:
        """What brings jobs to their end. Raises ConfigError for settings that can't be."""

    @property
    def _searches(self) -> bool:
        """Whether a search chooses the jobs by the values that they return."""
        sweeper = self._config.hydra.sweeper._target_
        return not sweeper.endswith((".Grid", ".Tuned", ".BasicSweeper"))


class Processes(SweepLauncher):
    """Each job in a process of its own on this machine, `n_jobs` at a time."""

    _is_here = True

    def __init__(self, n_jobs: object) -> None:
        self._n_jobs = n_jobs

    def carrier(self) -> Carrier:
        from gan_runner.sweeps.processes import run_in_processes
        from gan_runner.sweeps.shares import checked_n_jobs

        return partial(run_in_processes, n_jobs=checked_n_jobs(self._n_jobs))


class Cluster(SweepLauncher):
    """Each job in a job of a cluster."""

    _is_here = False

    def __init__(self, **settings: Any) -> None:
        self._settings = settings

    def carrier(self) -> Carrier:
        from gan_runner.config.component import validated
        from gan_runner.sweeps import settings
        from gan_runner.sweeps.cluster import run_on_cluster

        plain: Any = OmegaConf.to_container(OmegaConf.create(self._settings), resolve=True)
        asked = validated(plain, settings.Cluster, where="hydra.launcher")
        return partial(run_on_cluster, settings=asked)


def _candidates(
    context: HydraContext, config: DictConfig, jobs: Sequence[Sequence[str]]
) -> list[Candidate]:
    from gan_runner.cli.hydra.sweeps import shared
    from gan_runner.sweeps.names import job_name
    from gan_runner.sweeps.sweep import Candidate

    fixed = shared(config)
    return [
        Candidate(job_name(job, fixed), tuple(job), partial(_composed, context, config, job))
        for job in jobs
    ]


def _composed(context: HydraContext, config: DictConfig, overrides: Sequence[str]) -> Config:
    """A job composed as Hydra does it, with faults as gan-train tells them."""
    from gan_runner.cli.hydra import parsed
    from gan_runner.cli.hydra.sweeps import faults

    with faults(overrides):
        job = context.config_loader.load_sweep_config(config, list(overrides))
    return parsed(job, job.hydra.runtime.choices)


def _returned(value: float | None) -> JobReturn:
    """What a search learns of a job: its value, None if it failed. Never an exception, for which
    Hydra's sweepers would give up all other jobs."""
    returned = JobReturn(status=JobStatus.COMPLETED)
    returned.return_value = value
    return returned
