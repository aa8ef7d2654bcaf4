"""gan-train: compose a configuration, check it, create or continue a run, train.

The only entry point of training and the only door to Hydra. torch is imported only once there is
something to train, so that help and faults of the configuration answer at once.
"""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from gan_runner.errors import ConfigError, Fault, did_you_mean, printable, report
from gan_runner.groups import GROUPS, conf_folder, help_text, options
from gan_runner.interruption import Interrupted, end_at_once

if TYPE_CHECKING:
    from gan_runner.config import Config
    from gan_runner.resuming import Changes
    from gan_runner.run import Run
    from gan_runner.terminal import Terminal

_JOB_FAILED = 8
_COMPLETION = ("-sc", "--shell-completion")
_NOT_SETTINGS = ("resume", "sweep", "hydra")


def main() -> None:
    """The command `gan-train`."""
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: list[str]) -> int:
    """Do what the arguments say; the exit code of the contract."""
    if any(argument in ("-h", "--help") for argument in arguments):
        print(help_text(), end="")
        return 0
    end_at_once()
    try:
        return _compose_and_train(arguments)
    except Fault as fault:
        return report(fault)
    except Interrupted as interruption:
        return interruption.exit_code


def _compose_and_train(arguments: list[str]) -> int:
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra's errors reach us instead of its own exit
    overrides: list[Override] = []
    try:
        if not any(argument in _COMPLETION for argument in arguments):
            overrides = _checked(arguments)
            resumed = [o for o in overrides if o.key_or_group == "resume" and o.value() is not None]
            if resumed and not any(argument.startswith("-") for argument in arguments):
                return _resume(resumed[-1], overrides)
        codes: list[int] = []
        start = hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name="config")
        start(lambda config: codes.append(_job(config)))()
    except (HydraException, OmegaConfBaseException) as error:
        raise _explained(error, overrides) from None
    if len(codes) > 1:
        return _JOB_FAILED if any(codes) else 0
    return codes[0] if codes else 0


class Claim(Callback):
    """Hydra's callback: checks a run's settings and makes its folder exclusively.

    Hydra calls it once the configuration is composed and before it makes the folder itself. It
    turns ordinary exceptions into warnings, so a fault must end the process here.
    """

    made: ClassVar[list[Path]] = []  # the folders that this process made for its run

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        from gan_runner.folder import claim

        try:
            parsed(config, config.hydra.runtime.choices)
            explicit = any(o.startswith("hydra.run.dir=") for o in config.hydra.overrides.hydra)
            path, made = claim(Path(config.hydra.run.dir), generated=not explicit)
        except Fault as fault:
            sys.exit(report(fault))
        except Exception:
            traceback.print_exc()
            sys.exit(1)
        Claim.made[:] = made
        with read_write(config), open_dict(config):
            config.hydra.run.dir = str(path)


def _job(config: DictConfig) -> int:
    """Train one composed configuration, in the folder that Hydra names; the exit code."""
    from gan_runner.folder import discard
    from gan_runner.resuming import Changes
    from gan_runner.run import create, reopen

    hydra_config = HydraConfig.get()
    path = Path(hydra_config.runtime.output_dir)
    swept = hydra_config.mode == RunMode.MULTIRUN
    try:
        settings = parsed(config, hydra_config.runtime.choices)
        if swept and (path / "config.yaml").exists():
            return _train(lambda terminal: reopen(path, Changes(None, ()), terminal), path)
        return _train(lambda terminal: create(settings, path, terminal), path)
    except BaseException as error:
        if not (path / "status.json").exists():
            discard(path, Claim.made)
        if swept and isinstance(error, Fault):
            return report(error)
        raise


def _train(obtain: Callable[[Terminal], Run | None], path: Path) -> int:
    from gan_runner.loop import train
    from gan_runner.outcome import as_fault, conduct
    from gan_runner.terminal import Terminal

    terminal = Terminal()
    try:
        run = obtain(terminal)
    except Exception as error:
        raise as_fault(error) or error from None
    if run is None:
        terminal.say(f"already complete: {printable(path)}")
        return 0
    return conduct(run, train)


def _resume(resumed: Override, overrides: list[Override]) -> int:
    from gan_runner.run import reopen

    path = Path(str(resumed.value())).expanduser().absolute()
    changes = _changes([o for o in overrides if o is not resumed])
    return _train(lambda terminal: reopen(path, changes, terminal), path)


def _changes(overrides: list[Override]) -> Changes:
    """What the rest of the command line asks of the run, composed as for a new one."""
    from gan_runner.resuming import Changes

    named: set[str] = set()
    for override in overrides:
        key = override.key_or_group.replace("/", ".")
        if key.split(".")[0] == "hydra":
            raise ConfigError(f"a resumed run stays in its folder, {printable(key)}. Leave it out.")
        # a recipe may set anything
        named |= set(GROUPS) | {"train", "seed"} if key == "experiment" else {key}
    if not named:
        return Changes(None, ())
    config = composed([o.input_line or "" for o in overrides])
    return Changes(parsed(config, {}), tuple(sorted(named)))


def composed(lines: list[str]) -> DictConfig:
    with hydra.initialize_config_dir(version_base="1.3", config_dir=str(conf_folder())):
        return hydra.compose("config", overrides=lines)


def parsed(config: DictConfig, choices: Any) -> Config:
    """The composed configuration as plain data, with the run's own settings checked."""
    from gan_runner.config import parse

    kept = [str(key) for key in config if key not in _NOT_SETTINGS]
    plain: Any = OmegaConf.to_container(
        OmegaConf.masked_copy(config, kept), resolve=True, throw_on_missing=True
    )
    plain["choices"] = {g: str(choices[g]) for g in GROUPS if isinstance(choices.get(g), str)}
    for node, key in (
        (plain, "cache"),
        (plain, "init_from"),
        (plain["dataset"], "root"),
        (plain["dataset"], "path"),
    ):
        if isinstance(node, dict) and isinstance(node.get(key), str):
            # a run must find its data from whatever folder it is resumed in
            node[key] = str(Path(node[key]).expanduser().absolute())
    return parse(plain)


def _checked(arguments: list[str]) -> list[Override]:
    """The overrides, whose options are all in the catalogue.

    Hydra itself would take any path for an option, as in loss=../dataset/mnist.
    """
    lines = [a for a in arguments if not a.startswith("-") and ("=" in a or a.startswith("~"))]
    overrides = OverridesParser.create().parse_overrides(lines)
    for override in overrides:
        group = override.key_or_group.partition("@")[0]
        if group in GROUPS:
            offered = options(group, conf_folder(), *_own_folders(arguments))
            for name in _names(override):
                if name not in offered:
                    remedy = did_you_mean(name, offered)
                    raise ConfigError(f"unknown {group}, {group}={printable(name)}. {remedy}")
    return overrides


def _own_folders(arguments: list[str]) -> Iterable[Path]:
    """The folders that the user adds with --config-dir."""
    for before, argument in zip(["", *arguments], [*arguments, ""], strict=True):
        if before in ("--config-dir", "-cd"):
            yield Path(argument)
        elif argument.startswith("--config-dir="):
            yield Path(argument.partition("=")[2])


def _names(override: Override) -> list[str]:
    """The options that an override chooses: one, a list of them, or several to sweep over."""
    if override.is_delete():
        return []
    values = override.sweep_iterator() if override.is_sweep_override() else [override.value()]
    names: list[str] = []
    for value in values:
        chosen = value if isinstance(value, list) else [value]
        names += [str(name) for name in chosen if name is not None and str(name) != "null"]
    return names


def _explained(error: Exception, overrides: list[Override]) -> ConfigError:
    """Hydra's error as ours: what, where, and the remedy."""
    text = str(error).strip()
    if match := re.match(r"Could not override '([^']*)'", text):
        remedy = did_you_mean(match[1], _known_settings(overrides))
        return ConfigError(f"unknown setting, {printable(match[1])}. {remedy}")
    first = next((line for line in text.splitlines() if line.strip()), type(error).__name__)
    return ConfigError(f"can't compose the configuration: {printable(first)}")


def _known_settings(overrides: list[Override]) -> list[str]:
    """Every setting and group that the chosen options have, by dotted key."""
    from gan_runner.config import flat

    chosen = [o.input_line or "" for o in overrides if o.key_or_group in GROUPS]
    tree: Any = OmegaConf.to_container(composed(chosen))
    return [*flat(tree), *GROUPS]
