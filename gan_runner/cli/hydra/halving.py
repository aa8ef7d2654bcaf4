"""What a search that stops early tries, and how far: its settings, its draws and its rungs."""

from __future__ import annotations

from itertools import islice
from random import Random
from typing import TYPE_CHECKING

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig

from gan_runner.cli.hydra.grammar import PARSER
from gan_runner.cli.hydra.tuning import draw_contender, parse_sweeper, search_space
from gan_runner.config.names import key_of
from gan_runner.errors import ConfigError, printable
from gan_runner.sweeps.tuning import Contender

if TYPE_CHECKING:
    from gan_runner.sweeps.halving_search import HalvingPlan
    from gan_runner.sweeps.settings import HalvingSettings

_SHARED = ("seed", "train.steps", "train.epochs", "train.eval_every", "evaluation.best.metric")
_REMEDIES = {"seed": "Use seed=N and hydra.sweeper.repeats=K for the seeds after it."}


def is_halving(config: DictConfig) -> bool:
    """Whether the jobs of this sweep are those of a search that stops early."""
    return "rungs" in config.hydra.sweeper


def halving_settings(config: DictConfig) -> HalvingSettings:
    """The settings of the search. Raises ConfigError."""
    from gan_runner.sweeps.settings import HalvingSettings

    return parse_sweeper(config, HalvingSettings)


def searched(config: DictConfig) -> Contender:
    """The settings that the search tries: the first as they stand, the others drawn from all
    intervals, lists and `params`. Raises ConfigError."""
    from gan_runner.sweeps.settings import TunedMethod

    asked = halving_settings(config)
    parsed = PARSER.parse_overrides(list(config.hydra.overrides.task))
    given = {o.key_or_group: o for o in parsed}.values()  # of a setting's values the last holds
    drawn = {o.key_or_group: search_space(o) for o in given if _has_values(o)}
    spaces = {**asked.params, **drawn}
    for key in _SHARED:
        if spaces.get(key) is not None:
            raise ConfigError(
                f"all jobs of a search have one {key}, {key}={printable(spaces[key])}. "
                f"{_REMEDIES.get(key, f'Name one value of {key}.')}"
            )
    if not any(space is not None for space in spaces.values()):
        raise ConfigError(
            "nothing to search, hydra/sweeper=halving. Name an interval or a list, as "
            "'optimizer.generator.lr=tag(log,interval(1e-5,1e-2))'"
        )
    lines = [_only_line(o) for o in given if not _has_values(o)]
    if config.train.eval_every == "auto":
        lines = [text for text in lines if key_of(text) != "train.eval_every"]
        lines.append(f"train.eval_every={_interval(config, asked)}")
    fixed = [text for text in lines if key_of(text) != "seed"]
    stream = Random(f"{asked.seed} ")
    return draw_contender("all", fixed, drawn, TunedMethod(), asked, random=stream)


def _has_values(override: Override) -> bool:
    """Whether it is an interval, or a list of more than one value: beside a swept group, what lies
    below a group is written as a list of one."""
    if not override.is_discrete_sweep():
        return override.is_sweep_override()
    return len({*islice(override.sweep_string_iterator(), 2)}) > 1


def _only_line(override: Override) -> str:
    """An override of one value, as a job has it."""
    if not override.is_sweep_override():
        return override.input_line or ""
    return f"{override.get_key_element()}={next(iter(override.sweep_string_iterator()))}"


def halving_plan(config: DictConfig) -> HalvingPlan:
    """The rungs of the search and the jobs that begin at each. Raises ConfigError where there is
    nothing to stop at."""
    from gan_runner.sweeps.halving import rung_steps
    from gan_runner.sweeps.halving_search import make_plan

    asked, train = halving_settings(config), config.train
    if train.get("epochs") is not None:
        raise ConfigError(
            "a search that stops early is as long as its steps say, "
            f"train.epochs={printable(train.epochs)}. Use train.epochs=null train.steps=4000 or so."
        )
    if train.eval_every == 0:
        raise ConfigError(
            "a search needs evaluations, train.eval_every=0. Use train.eval_every=auto"
        )
    interval = _interval(config, asked)
    rungs = rung_steps(train.steps, interval, factor=asked.factor, rungs=asked.rungs)
    best = config.evaluation.best
    count = len(searched(config).samples)
    return make_plan(
        count,
        rungs,
        factor=asked.factor,
        brackets=asked.brackets,
        metric=best.metric,
        direction=best.direction,
    )


def trained_share(config: DictConfig) -> float:
    """The share of the steps of all jobs, those with new seeds among them, that are trained."""
    plan, repeats = halving_plan(config), halving_settings(config).repeats
    jobs = len(plan.starts)
    return (plan.share * jobs + repeats) / (jobs + repeats)


def _interval(config: DictConfig, asked: HalvingSettings) -> int:
    """The steps between two evaluations of every job."""
    from gan_runner.sweeps.halving import automatic_interval

    if config.train.eval_every != "auto":
        return int(config.train.eval_every)
    return automatic_interval(config.train.steps, factor=asked.factor, rungs=asked.rungs)
