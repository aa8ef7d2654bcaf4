"""The overrides of a sweep: how many jobs, what they share, what a search looks for."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from gan_runner.cli.hydra import halving, tuning
from gan_runner.cli.hydra.cluster import cluster_settings, is_on_cluster
from gan_runner.cli.hydra.composer import OPTUNA_DIRECTIONS
from gan_runner.cli.hydra.grammar import PARSER
from gan_runner.config.groups import GROUPS
from gan_runner.errors import ConfigError, printable

if TYPE_CHECKING:
    from gan_runner.sweeps.settings import SweepSettings

_OUR_LAUNCHERS = "hydra_plugins.gan_runner_sweeps."
_CHOSEN = {group.partition("/")[0] for group in GROUPS}
_COUNTED = 1_000_000  # values of a setting; of more, nobody needs to know how many


def overrides_for_composition(overrides: Sequence[Override]) -> list[str]:
    """The overrides of a sweep, so that Hydra can compose what its jobs share.

    It leaves out what is swept over, and would then look for dataset.root in the default data set
    while the command line says dataset=mnist,fashion_mnist. Where a group is swept over, a setting
    of what it chooses becomes a choice of one. A data set chooses a model, too.
    """
    groups = {o.key_or_group for o in overrides if o.is_sweep_override()} & set(GROUPS)
    lines = []
    for override in overrides:
        top, dot, _ = override.key_or_group.partition(".")
        depends = groups and dot and (top in _CHOSEN or ("experiment" in groups and top != "hydra"))
        if depends and not override.is_sweep_override() and not override.is_delete():
            value = override.get_value_element_as_str()
            lines.append(f"{override.get_key_element()}=choice({value})")
        else:
            lines.append(override.input_line or "")
    return lines


def sweep_settings(config: DictConfig) -> SweepSettings:
    """The settings of the sweep itself. Raises ConfigError."""
    from gan_runner.config.component import parse_settings
    from gan_runner.sweeps.settings import SweepSettings

    plain: Any = OmegaConf.to_container(config.sweeping, resolve=True)
    return parse_settings(plain, SweepSettings, where="sweeping")


def sweep_folder(config: DictConfig) -> Path:
    """The folder of the sweep. Raises ConfigError for a name that is none."""
    if config.sweep in (None, "", ".", ".."):
        raise ConfigError(f"not a name, sweep={printable(config.sweep)}. Use sweep=NAME")
    if _values(config).get("sweep", 1) > 1:
        raise ConfigError("a sweep has one name, sweep=A,B. Use sweep=NAME")
    if {"/", "\\"} & set(str(config.sweep)):
        # it would be a folder within outputs/sweeps, whatever the path
        shown = printable(config.sweep)
        raise ConfigError(
            f"a sweep's name isn't a path, sweep={shown}. Use sweep=NAME for the folder "
            "outputs/sweeps/NAME, or another one by hydra.sweep.dir=FOLDER"
        )
    return Path(config.hydra.sweep.dir)


def check_launcher(config: DictConfig) -> None:
    """Raise ConfigError for settings of a launcher that can't be, and for a launcher of others: it
    neither checks nor names the jobs of a sweep, and gives up all for one."""
    from gan_runner.sweeps.shares import check_n_jobs

    if not str(config.hydra.launcher.get("_target_")).startswith(_OUR_LAUNCHERS):
        shown = printable(config.hydra.runtime.choices.get("hydra/launcher"))
        raise ConfigError(
            f"not a launcher of gan-runner, hydra/launcher={shown}. "
            "Use hydra/launcher=processes or hydra/launcher=slurm"
        )
    if is_on_cluster(config):
        cluster_settings(config)
    else:
        check_n_jobs(config.hydra.launcher.n_jobs)


def is_search(config: DictConfig) -> bool:
    """Whether a sweep chooses the best of its jobs."""
    searched = "n_trials" in config.hydra.sweeper
    return searched or tuning.is_tuned(config) or halving.is_halving(config)


def check_search(config: DictConfig) -> None:
    """Raise ConfigError if a search would learn nothing, or the wrong thing."""
    searched = "n_trials" in config.hydra.sweeper
    if halving.is_halving(config):
        halving.halving_plan(config)
    elif (searched or tuning.is_tuned(config)) and config.train.eval_every == 0:
        raise ConfigError(
            "a search needs evaluations, train.eval_every=0. Use train.eval_every=500 or so."
        )
    if is_search(config):
        from gan_runner.sweeps.compared_number import refuse_unmeasured

        refuse_unmeasured(config.evaluation.metrics, config.evaluation.best.metric)
    if not searched:
        return
    direction = config.hydra.sweeper.direction
    wanted = OPTUNA_DIRECTIONS.get(config.evaluation.best.direction)
    if getattr(direction, "name", direction) != wanted:
        raise ConfigError(
            f"the search would look for the worst, hydra.sweeper.direction={printable(direction)} "
            f"with evaluation.best.metric={printable(config.evaluation.best.metric)}. "
            f"Use hydra/sweeper=search or hydra.sweeper.direction={wanted}"
        )


def shared_keys(config: DictConfig) -> set[str]:
    """The keys of the overrides that all jobs of a sweep share."""
    if tuning.is_tuned(config):
        return tuning.shared_keys(tuning.contenders(config))
    if halving.is_halving(config):
        return tuning.shared_keys([halving.searched(config)])
    return {key for key, count in _values(config).items() if count == 1}


def number_of_jobs(config: DictConfig) -> int:
    """The number of jobs of a sweep: the trials of a search, or all combinations of its values."""
    if tuning.is_tuned(config):
        contenders, repeats = tuning.contenders(config), tuning.tuning_settings(config).repeats
        return sum(len(one.samples) + repeats for one in contenders)
    if halving.is_halving(config):
        samples = halving.searched(config).samples
        return len(samples) + halving.halving_settings(config).repeats
    if "n_trials" in config.hydra.sweeper:
        return int(config.hydra.sweeper.n_trials)
    return prod(_values(config).values())


def _values(config: DictConfig) -> dict[str, int]:
    """The number of values that a sweep tries of each key; an interval stands for two, more than
    one."""
    given = PARSER.parse_overrides(list(config.hydra.overrides.task))
    return {override.get_key_element(): _count(override) for override in given}


def _count(override: Override) -> int:
    if not override.is_sweep_override():
        return 1
    if not override.is_discrete_sweep():
        return 2
    return len(set(islice(override.sweep_string_iterator(), _COUNTED)))
