"""What quick=true makes of a configuration: the same choices, narrow and short."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

if TYPE_CHECKING:
    from gan_runner.config.schema import QuickLimits

_LIMITS = "quick_limits."


def asks_quick(config: DictConfig, overrides: Sequence[Override]) -> bool:
    """Whether quick=true is what counts: that of the overrides, or that of a recipe."""
    asked = [o for o in overrides if o.key_or_group == "quick" and not o.is_delete()]
    value = asked[-1].value() if asked else config.get("quick")
    return value is True


def apply_limits(config: DictConfig, overrides: Sequence[Override]) -> None:
    """Lower what is above `quick_limits` in a configuration that is merged and that no override has
    changed yet: the command line still has the last word, on the limits, too."""
    limits = _limits(config, overrides)
    _limit_training(config, limits)
    _limit_networks(config.get("model"), limits)
    sweeper = config.hydra.get("sweeper")
    _lower(sweeper, "samples", limits.sweep_samples)
    _lower(sweeper, "repeats", limits.sweep_repeats)
    _lower(sweeper, "n_trials", limits.sweep_trials)
    # beside the full sweep of this name
    OmegaConf.update(config, "hydra.sweep.dir", f"{_source(config.hydra.sweep, 'dir')}_quick")


def _limits(config: DictConfig, overrides: Sequence[Override]) -> QuickLimits:
    """The limits, which overrides may set. Raises ConfigError."""
    from gan_runner.config.component import parse_settings
    from gan_runner.config.schema import QuickLimits

    plain: Any = OmegaConf.to_container(config.quick_limits)
    for override in overrides:
        if override.key_or_group.startswith(_LIMITS) and not override.is_sweep_override():
            plain[override.key_or_group.removeprefix(_LIMITS)] = override.value()
    return parse_settings(plain, QuickLimits, where="quick_limits")


def _limit_training(config: DictConfig, limits: QuickLimits) -> None:
    train = config.train
    train.epochs = None
    d_steps = config.get("loss", {}).get("d_steps", 1)
    updates = 1 + (d_steps if isinstance(d_steps, int) else 1)
    steps = max(1, limits.updates // updates)
    for key in ("steps", "save_every", "eval_every"):
        _lower(train, key, steps)
    _lower(train, "batch_size", limits.batch_size)
    _lower(train, "log_every", limits.log_every)
    _lower(train, "sample_every", limits.every)
    _lower(config.get("dataset"), "image_size", limits.image_size)
    _lower(config.get("evaluation"), "num", limits.evaluated)


def _limit_networks(node: Any, limits: QuickLimits) -> None:
    """The sizes of the layers at any depth of a model's settings."""
    if not isinstance(node, DictConfig):
        return
    for key in node:
        if key in ("width", "widths"):
            _lower(node, str(key), limits.width)
        elif key in ("hidden", "expansion"):
            _lower(node, str(key), getattr(limits, str(key)))
        else:
            _limit_networks(node._get_node(str(key)), limits)


def _lower(node: Any, key: str, limit: int) -> None:
    """Lower a number, or each of a list of them, to a limit; other values stay."""
    if not isinstance(node, DictConfig) or key not in node or OmegaConf.is_interpolation(node, key):
        return
    value = node[key]
    if isinstance(value, int) and not isinstance(value, bool):
        node[key] = min(value, limit)
    elif OmegaConf.is_list(value):
        node[key] = [min(each, limit) for each in value]


def _source(node: DictConfig, key: str) -> str:
    """A value as it is written, with its interpolations."""
    plain = OmegaConf.to_container(node, resolve=False)
    assert isinstance(plain, dict)
    return str(plain[key])
