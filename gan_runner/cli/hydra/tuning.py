"""Which settings the methods of a tuned comparison try: drawn at random, the same in every draw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import exp, log
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.types import IntervalSweep, Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from gan_runner.cli.hydra.grammar import PARSER
from gan_runner.config.names import job_name, key_of
from gan_runner.errors import ConfigError, printable
from gan_runner.sweeps.tuning import Contender

if TYPE_CHECKING:
    from gan_runner.config.component import Component
    from gan_runner.sweeps.settings import HalvingSettings, TunedMethod, TuningSettings

C = TypeVar("C", bound="Component")

_DIGITS = 3  # significant ones of a number that is drawn: they stand in the names of folders
_DRAWS = 100  # for each sample that is new, where there are few to be had


def is_tuned(config: DictConfig) -> bool:
    """Whether the jobs of this sweep are those of a tuned comparison."""
    return "methods" in config.hydra.sweeper


def tuning_settings(config: DictConfig) -> TuningSettings:
    """The settings of the comparison. Raises ConfigError."""
    from gan_runner.sweeps.settings import TuningSettings

    return parse_sweeper(config, TuningSettings)


def parse_sweeper(config: DictConfig, settings: type[C]) -> C:
    """The settings of a sweeper, of their class. Raises ConfigError."""
    from gan_runner.config.component import parse_settings

    plain: Any = OmegaConf.to_container(config.hydra.sweeper, resolve=True)
    del plain["_target_"]
    return parse_settings(plain, settings, where="hydra.sweeper")


def contenders(config: DictConfig) -> list[Contender]:
    """Every combination of the values that the command line lists, for every method.

    What the command line sets, no method sets again, nor what is in a group of which it chooses
    an option; its intervals are drawn from as those of `params` are. Raises ConfigError.
    """
    from gan_runner.sweeps.settings import TunedMethod

    asked = tuning_settings(config)
    given = PARSER.parse_overrides(list(config.hydra.overrides.task))
    if any(o.key_or_group == "seed" and o.is_sweep_override() for o in given):
        raise ConfigError(
            "a tuned comparison can't sweep over seeds, hydra/sweeper=tuned. Use seed=N for the "
            "search's and hydra.sweeper.repeats=K for the seeds after it."
        )
    drawn = {o.key_or_group: search_space(o) for o in given if not _is_listed(o)}
    listed = [o for o in given if _is_listed(o) and o.key_or_group != "seed"]
    (combinations,) = BasicSweeper.split_arguments(listed, None)
    common = set(combinations[0]).intersection(*combinations)
    found: dict[tuple[str, ...], str] = {}
    made = []
    methods = {name: method for name, method in asked.methods.items() if method is not None}
    for name, method in (methods or {"": TunedMethod()}).items():
        # a method has draws of its own, the same on every data set: another one beside it changes
        # nothing, and neither does a larger number of samples, of those that are drawn already
        stream = f"{asked.seed} {name}"
        for combination in combinations:
            differs = [text for text in combination if text not in common]
            words = [*([name] if name else []), *([job_name(differs, ())] if differs else [])]
            named = " ".join(words) or "all"
            contender = draw_contender(
                named, combination, drawn, method, asked, random=Random(stream)
            )
            same = found.setdefault(tuple(sorted(contender.overrides)), contender.name)
            if same != contender.name:
                both = f"{printable(same)} and {printable(contender.name)}"
                raise ConfigError(
                    f"{both} are the same: the command line sets what they differ by. Leave that "
                    f"out, or a method, as in hydra.sweeper.methods.{printable(name)}=null"
                )
            made.append(contender)
    return made


def shared_keys(contenders: Sequence[Contender]) -> set[str]:
    """The keys whose one value needs no word in the name of a job: all contenders that have it
    agree."""
    lines = {text for one in contenders for text in one.overrides}
    sampled = {key_of(text) for one in contenders for sample in one.samples for text in sample}
    counts = Counter(key_of(text) for text in lines)
    agreed = {key for key, count in counts.items() if count == 1} - sampled
    left = {
        tuple(sorted(x for x in one.overrides if key_of(x) not in agreed)) for one in contenders
    }
    # a contender may differ from another in nothing but that it has a setting at all
    return agreed if len(left) == len(contenders) else set()


def _is_listed(override: Override) -> bool:
    """Whether it has one value, or a list of them, and isn't an interval to draw from."""
    return not override.is_sweep_override() or override.is_discrete_sweep()


def search_space(override: Override) -> str:
    """What an override draws from, as it is written."""
    return (override.input_line or "").partition("=")[2]


def draw_contender(
    name: str,
    combination: Sequence[str],
    drawn: Mapping[str, str],
    method: TunedMethod,
    asked: TuningSettings | HalvingSettings,
    *,
    random: Random,
) -> Contender:
    """A method with the settings that it tries, drawn from its spaces. Raises ConfigError."""
    given = {key_of(text) for text in combination}
    settings = {
        key: line
        for key, line in _overrides_of(method.settings, given | drawn.keys()).items()
        if key.partition(".")[0] not in given
    }
    first = _overrides_of(method.first, given)
    search_spaces = {**asked.params, **method.params, **drawn}
    left = {
        key: _parse_search_space(key, str(text))
        for key, text in search_spaces.items()
        if key not in given and text is not None
    }
    samples = [first]
    for _ in range(_DRAWS * asked.samples if left else 0):
        if len(samples) == asked.samples:
            break
        sample = {key: f"{key}={_draw(random, one)}" for key, one in left.items()}
        if sample not in samples:
            samples.append(sample)
    tried = {key for sample in samples for key in sample}
    base = {key: line for key, line in settings.items() if key in tried}
    always = (line for key, line in settings.items() if key not in tried)
    return Contender(
        name, (*combination, *always), tuple(tuple((base | own).values()) for own in samples)
    )


def _overrides_of(settings: Mapping[str, Any], given: set[str]) -> dict[str, str]:
    """Settings as overrides by key, those aside that the command line has."""
    return {
        key: f"{key}={_grammar_of(value)}" for key, value in settings.items() if key not in given
    }


def _grammar_of(value: Any) -> str:
    """A value of YAML in Hydra's grammar."""
    match value:
        case None:
            return "null"
        case list():
            return f"[{','.join(_grammar_of(item) for item in value)}]"
        case _:
            return str(value)


def _parse_search_space(key: str, text: str) -> Override:
    """A search space as tag(log,interval(1e-5,1e-2)) or choice(a,b). Raises ConfigError."""
    try:
        override = PARSER.parse_override(f"{key}={text}")
    except HydraException:
        override = None
    if override is None or not override.is_sweep_override():
        raise ConfigError(
            f"not a search space, {printable(key)}={printable(text)} in hydra.sweeper.params. "
            "Write interval(a,b), tag(log,interval(a,b)), choice(a,b,c) or range(a,b)."
        )
    interval = override.value()
    if isinstance(interval, IntervalSweep):
        low, high = _bounds(interval)
        if low > high or (_is_logarithmic(interval) and low <= 0):
            raise ConfigError(
                f"invalid interval, {printable(key)}={printable(text)}. "
                "The first end is the smaller one, and above 0 for log."
            )
    return override


def _draw(random: Random, search_space: Override) -> str:
    """A value of a search space."""
    interval = search_space.value()
    if not isinstance(interval, IntervalSweep):
        return random.choice(list(search_space.sweep_string_iterator()))
    (low, high), logarithmic = _bounds(interval), _is_logarithmic(interval)
    if isinstance(low, int) and isinstance(high, int) and not logarithmic:
        return str(random.randint(low, high))
    number = exp(random.uniform(log(low), log(high))) if logarithmic else random.uniform(low, high)
    if isinstance(low, int):
        return str(round(number))
    short = float(f"{number:.{_DIGITS}g}")
    return str(short if low <= short <= high else number)


def _bounds(interval: IntervalSweep) -> tuple[float, float]:
    assert interval.start is not None
    assert interval.end is not None
    return interval.start, interval.end


def _is_logarithmic(interval: IntervalSweep) -> bool:
    return "log" in interval.tags
