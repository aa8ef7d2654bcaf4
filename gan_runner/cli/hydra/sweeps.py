"""gan-train -m: many runs from one command line, chosen by a sweeper and brought to their end by a
launcher, both of them plugins of Hydra."""

from __future__ import annotations

from functools import partial
from tempfile import TemporaryDirectory

from hydra._internal.callbacks import Callbacks
from hydra.core.plugins import Plugins
from omegaconf import DictConfig

from gan_runner.cli.hydra import halving
from gan_runner.cli.hydra.cluster import is_on_cluster
from gan_runner.cli.hydra.command_line import CommandLine
from gan_runner.cli.hydra.composer import Composer, explain_errors, parse_config
from gan_runner.cli.hydra.plugins import SweepContext
from gan_runner.cli.hydra.sweep_settings import (
    check_launcher,
    check_search,
    is_search,
    number_of_jobs,
    overrides_for_composition,
    sweep_folder,
    sweep_settings,
)
from gan_runner.config.plugins import share_plugins
from gan_runner.sweeps.sweep import Sweep


def run_sweep(command: CommandLine) -> int:
    """Make or continue a sweep; the exit code. Raises a Fault before the first job, Interrupted."""
    composer = command.composer()
    share_plugins(command.plugins)  # with the processes of the jobs
    config = composer.compose(overrides_for_composition(command.overrides), multirun=True)
    with explain_errors():
        words = command.words
        if not any(word.startswith("sweep=") for word in words):
            words.append(f"sweep={config.sweep}")  # its name has the time in it
        sweep = Sweep(sweep_settings(config), sweep_folder(config), words, is_dry=command.dry_run)
        check_launcher(config)
        check_search(config)
        sweep.announce(number_of_jobs(config))
        if halving.is_halving(config):
            sweep.announce_plan(halving.halving_plan(config))
        if command.dry_run:
            return _run_dry(sweep, composer, config, command)
        _run_jobs(sweep, composer, config)
    return sweep.finish(compares=is_search(config))


def _run_dry(sweep: Sweep, composer: Composer, config: DictConfig, command: CommandLine) -> int:
    """Say what the jobs would take; the exit code."""
    from gan_runner.logs.terminal import Terminal
    from gan_runner.sweeps.dry_run import run_sweep_dry
    from gan_runner.sweeps.shares import check_n_jobs, places_here

    n_jobs = check_n_jobs(config.hydra.launcher.n_jobs)
    with TemporaryDirectory(prefix="gan-runner-") as folder:
        config.hydra.sweep.dir = folder  # a search of Optuna's writes there what it has found
        _run_jobs(sweep, composer, config)
    terminal = Terminal()
    if not sweep.jobs_left:
        terminal.say("all jobs are complete already: nothing is left to do")
        return 0
    if not is_on_cluster(config):
        kinds = {(job.config.devices, job.config.device) for job in sweep.jobs_left}
        n_jobs = places_here(n_jobs).most_at_a_time(kinds)
    words = command.words_without("dry_run")
    run_sweep_dry(
        sweep.jobs_left,
        terminal,
        done=sweep.jobs_done,
        n_jobs=n_jobs,
        command=words,
        share=halving.trained_share(config) if halving.is_halving(config) else 1.0,
    )
    return 0


def _run_jobs(sweep: Sweep, composer: Composer, config: DictConfig) -> None:
    loader = composer.hydra.config_loader
    context = SweepContext(loader, Callbacks(), composer=composer, sweep=sweep)
    try:
        sweeper = Plugins.instance().instantiate_sweeper(
            hydra_context=context,
            task_function=partial(parse_config, plugins=composer.plugins),
            config=config,
        )
        sweeper.sweep(list(config.hydra.overrides.task))
    except ValueError:  # Optuna's, if no job of a search has a value, which `finish` says better
        if not sweep.lacks_values:
            raise
    finally:
        sweep.release()
