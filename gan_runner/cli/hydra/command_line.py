"""What a command line of gan-train says: in Hydra's grammar, checked, and as plain settings.

Hydra would take any path for an option of a group, and it tells its own errors its own way: both
are mended here.
"""

from __future__ import annotations

import re
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override, OverrideType
from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from gan_runner.cli.arguments import Arguments
from gan_runner.config.groups import GROUPS, conf_folder, options
from gan_runner.errors import ConfigError, Fault, MachineError, did_you_mean, printable

if TYPE_CHECKING:
    from gan_runner.config.schema import Config

_NOT_SETTINGS = ("resume", "dry_run", "sweep", "sweeping", "hydra")
_PATHS = ("cache", "init_from", "dataset.root", "dataset.path")


def flags_of(arguments: list[str]) -> tuple[Namespace, list[str]]:
    """What Hydra is asked: as it reads it, and the flags alone as they were given.

    Raises ConfigError.
    """
    parser = Arguments("gan-train", parents=[get_args_parser()], add_help=False)
    flags = parser.parse_intermixed_args(arguments)
    if flags.experimental_rerun is not None:
        parser.error("--experimental-rerun reads a pickle, which gan-runner never does")
    flagged = [argument for argument in arguments if argument not in flags.overrides]
    flags.overrides = [_readable(override) for override in flags.overrides]
    return flags, flagged


def _readable(override: str) -> str:
    """An override for Hydra's grammar: a value that it can't read, such as ~/a=b, is quoted."""
    try:
        OverridesParser.create().parse_override(override)
    except HydraException:
        setting, equals, value = override.partition("=")
        escaped = re.sub(r"(\\*)$", r"\1\1", re.sub(r"(\\*)'", r"\1\1\'", value))
        return f"{setting}='{escaped}'" if equals else override
    return override


def checked(flags: Namespace) -> list[Override]:
    """The overrides, whose options are all in the catalogue.

    Hydra itself would take any path for an option, as in loss=../dataset/mnist.
    """
    folders = [conf_folder(), *([Path(flags.config_dir)] if flags.config_dir else [])]
    overrides = OverridesParser.create().parse_overrides(flags.overrides)
    for override in overrides:
        if not override.is_delete() and isinstance(override.value(), Glob):
            shown = printable(override.input_line)
            raise ConfigError(f"not a list of values, {shown}. Name them: loss=hinge,lsgan.")
        group = override.key_or_group.partition("@")[0]
        if group in GROUPS:
            offered = options(group, *folders)
            for name in _names(override):
                if name not in offered:
                    remedy = did_you_mean(name, offered) or "gan-train --help lists them."
                    raise ConfigError(f"unknown {group}, {group}={printable(name)}. {remedy}")
    return overrides


def _names(override: Override) -> list[str]:
    """The options that an override chooses: one, a list of them, or several to sweep over."""
    if override.is_delete():
        return []
    values = override.sweep_iterator() if override.is_sweep_override() else [override.value()]
    names: list[str] = []
    for value in values:
        chosen = value if isinstance(value, list) else [value]
        names += ["null" if name is None else str(name) for name in chosen]
    return names


def composed(lines: list[str], *, with_hydra: bool = False) -> DictConfig:
    """The configuration that these overrides make of the defaults, and with it Hydra's own, which
    knows the options that were chosen. Raises what Hydra raises."""
    at_work = GlobalHydra.instance().hydra  # in a sweep; there can be only one
    GlobalHydra.instance().clear()
    try:
        with hydra.initialize_config_dir(version_base="1.3", config_dir=str(conf_folder())):
            return hydra.compose("config", overrides=lines, return_hydra_config=with_hydra)
    finally:
        GlobalHydra.instance().hydra = at_work


def parsed(config: DictConfig, choices: Any) -> Config:
    """The composed configuration as plain data, with the run's own settings checked."""
    from gan_runner.config.schema import parse

    kept = [str(key) for key in config if key not in _NOT_SETTINGS]
    try:
        plain: Any = OmegaConf.to_container(
            OmegaConf.masked_copy(config, kept), resolve=True, throw_on_missing=True
        )
    except OmegaConfBaseException as error:
        raise explained(error, []) from None
    dataset = plain.get("dataset")
    if isinstance(dataset, dict) and "name" not in dataset:
        # without the group what is left are the settings that config.yaml has for all data sets
        raise ConfigError("missing setting, dataset.name. Choose a data set, as in dataset=digits.")
    plain["choices"] = {g: str(choices[g]) for g in GROUPS if isinstance(choices.get(g), str)}
    for key in _PATHS:
        group, _, name = key.rpartition(".")
        node = plain.get(group) if group else plain
        if isinstance(node, dict) and isinstance(node.get(name), str) and node[name]:
            # a run must find its data from whatever folder it is resumed in
            node[name] = str(absolute(node[name], key=key))
    return parse(plain)


def absolute(path: str, *, key: str) -> Path:
    """The path that setting `key` names, as it is from any folder. Raises ConfigError."""
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError:
        shown = printable(path)
        raise ConfigError(f"no such home folder, {key}={shown}. Write the path in full.") from None


def explained(error: Exception, overrides: list[Override]) -> Fault:
    """What Hydra raises for a command line, as ours: what, where, and the remedy."""
    if isinstance(error, OSError) and not isinstance(error, HydraException):
        return MachineError(f"can't begin here: {printable(error)}. Check the folder and the disk.")
    if isinstance(error, OverrideParseException):
        shown = printable(error.override)
        remedy = "Write setting=value; quote what is special to the shell or to Hydra: 'x=\"a b\"'."
        return ConfigError(f"can't read this setting, {shown}. {remedy}")
    text = str(error).strip()
    if match := re.match(r"Could not (?:override|delete from config\.) '([^']*)'", text):
        remedy = did_you_mean(match[1], _known_settings(overrides))
        remedy = remedy or "gan-train --cfg job prints all settings."
        return ConfigError(f"unknown setting, {printable(match[1])}. {remedy}")
    if match := re.match(r"Multiple values for ([^.]*)\.", text):
        return ConfigError(f"chosen already, +{match[1]}. Write {match[1]}=... without the plus.")
    if "hydra/sweeper/optuna" in text:
        remedy = 'Install it: pip install "gan-runner[optuna]".'
        return ConfigError(f"Optuna is not here, hydra/sweeper=search. {remedy}")
    return ConfigError(f"can't compose the configuration: {text or type(error).__name__}")


def _known_settings(overrides: list[Override]) -> list[str]:
    """Every setting and group that the chosen options have, by dotted key; none if the options
    alone can't be composed, as those of a folder that only the command line names."""
    from gan_runner.config.schema import flat

    chosen = [
        override.input_line or ""
        for override in overrides
        if override.key_or_group in GROUPS
        and override.package is None
        and override.type is OverrideType.CHANGE
        and not override.is_sweep_override()
    ]
    try:
        tree: Any = OmegaConf.to_container(composed(chosen))
    except (HydraException, OmegaConfBaseException):
        return []
    return [*flat(tree), *GROUPS]
