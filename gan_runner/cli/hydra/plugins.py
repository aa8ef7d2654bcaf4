"""The sweepers and launchers of gan-runner, as Hydra's interface for plugins has them.

Hydra imports this, by way of `hydra_plugins/`, in every program of its environment: nothing is
imported here before it is used.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

if TYPE_CHECKING:
    from gan_runner.cli.hydra.composer import Composer
    from gan_runner.config.schema import Config
    from gan_runner.sweeps.halving_search import HalvingPlan
    from gan_runner.sweeps.jobs import Job
    from gan_runner.sweeps.sweep import Candidate, JobRunner, Sweep


@dataclass
class SweepContext(HydraContext):
    """The context that Hydra hands from a sweeper to its launcher, with the sweep that both work
    for."""

    composer: Composer
    sweep: Sweep


class WithLauncher(Sweeper):
    """A sweeper whose jobs are brought to their end by the launcher of the configuration."""

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        from hydra.core.plugins import Plugins

        assert isinstance(hydra_context, SweepContext), "made by gan-train"
        self._context, self._config = hydra_context, config
        self._launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )


class GridSweeper(WithLauncher):
    """Every combination of the values that the command line lists.

    Hydra's own sweeper composes all jobs once more and stops at the first that can't be composed.
    """

    def sweep(self, arguments: list[str]) -> Any:
        from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

        from gan_runner.cli.hydra.grammar import PARSER

        overrides = PARSER.parse_overrides(arguments)
        (jobs,) = BasicSweeper.split_arguments(overrides, None)
        return self._launcher.launch(jobs, initial_job_idx=0)


class TunedSweeper(WithLauncher):
    """The same number of settings for every method, and the best of each again with new seeds."""

    def __init__(self, **_: Any) -> None:
        """The settings are read where they are checked, from the configuration."""

    def sweep(self, arguments: list[str]) -> Any:
        from gan_runner.cli.hydra.tuning import contenders, tuning_settings
        from gan_runner.sweeps.tuning import tune

        best = self._config.evaluation.best
        found = tune(
            contenders(self._config),
            self._values,
            seed=self._config.seed,
            repeats=tuning_settings(self._config).repeats,
            direction=best.direction,
        )
        self._context.sweep.record(found, metric=best.metric)

    def _values(self, jobs: list[list[str]]) -> list[float | None]:
        return [job.return_value for job in self._launcher.launch(jobs, initial_job_idx=0)]


class HalvingSweeper(WithLauncher):
    """Many settings for a few steps, the best of them for more, and the best again with new
    seeds."""

    def __init__(self, **_: Any) -> None:
        """The settings are read where they are checked, from the configuration."""

    def sweep(self, arguments: list[str]) -> Any:
        from gan_runner.cli.hydra.halving import halving_plan, halving_settings, searched
        from gan_runner.sweeps.tuning import TuningResult

        assert isinstance(self._launcher, SweepLauncher), "all others are refused"
        config, found = self._config, searched(self._config)
        jobs = [found.job(sample, config.seed) for sample in found.samples]
        values, best = self._launcher.search(jobs, halving_plan(config))
        if best is None:
            return
        seeds = range(config.seed + 1, config.seed + 1 + halving_settings(config).repeats)
        again = [found.job(found.samples[best], seed) for seed in seeds]
        repeats = self._launcher.launch(again, initial_job_idx=0) if again else ()
        result = TuningResult(found, values, best, tuple(job.return_value for job in repeats))
        self._context.sweep.record_search(result, metric=config.evaluation.best.metric)


class SweepLauncher(Launcher):
    """Checks the jobs of a sweep together, and has those carried out that aren't complete.

    Hydra's task function is what makes the settings of a job from its composed configuration.
    """

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        assert isinstance(hydra_context, SweepContext), "made by gan-train"
        self._context, self._parse, self._config = hydra_context, task_function, config

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        sweep, candidates = self._context.sweep, self._candidates(job_overrides)
        jobs = sweep.check(candidates, searching=self._is_search, here=self._is_local)
        if sweep.is_dry:
            return [_job_return(0.0) for _ in candidates]  # as if all were equally good
        carrier = self.job_runner(jobs.values())
        sweep.lock()
        sweep.run_jobs(list(jobs.values()), carrier)
        return [_job_return(sweep.value(candidate.name)) for candidate in candidates]

    def search(
        self, job_overrides: Sequence[Sequence[str]], plan: HalvingPlan
    ) -> tuple[tuple[float | None, ...], int | None]:
        """Bring jobs as far as their places in a search that stops early: the value of each that
        came to the end, and the number of the best; None if none did."""
        from gan_runner.sweeps.halving_search import HalvingSearch, refuse_other_plan

        sweep, candidates = self._context.sweep, self._candidates(job_overrides)
        names = [candidate.name for candidate in candidates]
        jobs = sweep.check(candidates, searching=True, here=self._is_local)
        refuse_other_plan(jobs.values())
        if sweep.is_dry:
            return (0.0,) * len(names), 0  # as if all were equally good
        carrier = self.job_runner(jobs.values())
        sweep.lock()
        starts = {n: s for n, s in zip(names, plan.starts, strict=True) if n in jobs}
        search = HalvingSearch(jobs, plan, starts)
        sweep.run_search(search, carrier)
        values = tuple(search.value(name) if name in jobs else None for name in names)
        return values, None if search.winner is None else names.index(search.winner)

    @property
    @abstractmethod
    def _is_local(self) -> bool:
        """Whether the jobs run on this machine."""

    @abstractmethod
    def job_runner(self, jobs: Collection[Job]) -> JobRunner:
        """The function that runs these jobs to their end."""

    @abstractmethod
    def check_devices(self, devices: int) -> None:
        """Raise ConfigError for a job on so many devices that this launcher can't start."""

    @property
    def _is_search(self) -> bool:
        """Whether a search chooses the jobs by the values that they return."""
        sweeper = self._config.hydra.sweeper._target_
        return not sweeper.endswith((".GridSweeper", ".TunedSweeper", ".BasicSweeper"))

    def _candidates(self, jobs: Sequence[Sequence[str]]) -> list[Candidate]:
        from gan_runner.cli.hydra.sweep_settings import shared_keys
        from gan_runner.sweeps.folders import job_folders
        from gan_runner.sweeps.sweep import Candidate

        names = job_folders(self._context.sweep.path, jobs, shared_keys(self._config))
        return [
            Candidate(name, tuple(job), partial(self._compose_job, job))
            for name, job in zip(names, jobs, strict=True)
        ]

    def _compose_job(self, overrides: Sequence[str]) -> Config:
        """The settings of a job. Raises ConfigError."""
        lines = [*self._config.hydra.overrides.hydra, *overrides]
        composed = self._context.composer.compose(lines)
        OmegaConf.copy_cache(self._config, composed)  # one moment for ${now:} in all jobs
        settings: Config = self._parse(composed)
        self.check_devices(settings.devices)
        return settings


class ProcessLauncher(SweepLauncher):
    """Each job in a process of its own on this machine, or one for each of its devices; `n_jobs`
    at a time."""

    _is_local = True

    def __init__(self, n_jobs: object) -> None:
        self._n_jobs = n_jobs

    def job_runner(self, jobs: Collection[Job]) -> JobRunner:
        from gan_runner.sweeps.processes import run_in_processes
        from gan_runner.sweeps.shares import check_n_jobs, places_here

        places = places_here(check_n_jobs(self._n_jobs))
        kinds = sorted({(job.config.devices, job.config.device) for job in jobs})
        for kind in kinds:
            self._context.sweep.note(places.note(*kind))
        return partial(run_in_processes, places=places, at_a_time=places.most_at_a_time(kinds))

    def check_devices(self, devices: int) -> None:
        """Any number of processes can be started."""


class ClusterLauncher(SweepLauncher):
    """Each job in a job of a cluster."""

    _is_local = False

    def __init__(self, **_: Any) -> None:
        """The settings are read where they are checked, from the configuration."""

    def job_runner(self, jobs: Collection[Job]) -> JobRunner:
        from gan_runner.cli.hydra.cluster import cluster_settings
        from gan_runner.sweeps.cluster import SUBMITTED, run_on_cluster

        folder = self._context.sweep.path / SUBMITTED
        return partial(run_on_cluster, settings=cluster_settings(self._config), folder=folder)

    def check_devices(self, devices: int) -> None:
        from gan_runner.cli.hydra.cluster import cluster_settings
        from gan_runner.sweeps.cluster import check_devices

        check_devices(cluster_settings(self._config), devices)


def _job_return(value: float | None) -> JobReturn:
    """The result of a job for a search: its value, None if it failed. Never an exception, for which
    Hydra's sweepers would give up all other jobs."""
    returned = JobReturn(status=JobStatus.COMPLETED)
    returned.return_value = value
    return returned
