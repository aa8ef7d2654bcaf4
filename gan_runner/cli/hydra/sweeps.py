"""gan-train -m: many runs from one command line, chosen by a sweeper and brought to their end by a
launcher, both of them plugins of Hydra."""

from __future__ import annotations

from functools import partial

from hydra._internal.callbacks import Callbacks
from hydra.core.plugins import Plugins
from omegaconf import DictConfig

from gan_runner.cli.hydra.command_line import CommandLine
from gan_runner.cli.hydra.composer import Composer, explain_errors, parse_config
from gan_runner.cli.hydra.plugins import SweepContext
from gan_runner.cli.hydra.sweep_settings import (
    check_launcher,
    check_search,
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
        sweep = Sweep(sweep_settings(config), sweep_folder(config), words)
        check_launcher(config)
        check_search(config)
        sweep.announce(number_of_jobs(config))
        _run_jobs(sweep, composer, config)
    return sweep.finish()


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
    except ValueError:  # Optuna's, if no job of a search was done, which the table says better
        if not sweep.all_failed:
            raise
    finally:
        sweep.release()
