"""gan-train: compose a configuration, check it, create or continue a run, train.

The only entry point of training and the only door to Hydra. torch is imported only once there is
something to train, so that help and faults of the configuration answer at once.
"""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override, OverrideType
from hydra.errors import HydraException, OverrideParseException
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from gan_runner.arguments import Arguments
from gan_runner.errors import (
    ConfigError,
    Fault,
    InUseError,
    MachineError,
    did_you_mean,
    printable,
    report,
)
from gan_runner.groups import GROUPS, conf_folder, help_text, options
from gan_runner.interruption import Interrupted, end_at_once, leave
from gan_runner.threads import share_cores

if TYPE_CHECKING:
    from argparse import Namespace

    from gan_runner.config import Config
    from gan_runner.resuming import Changes
    from gan_runner.run import Run
    from gan_runner.terminal import Terminal

_JOB_FAILED = 8
_NOT_SETTINGS = ("resume", "sweep", "hydra")
_PATHS = ("cache", "init_from", "dataset.root", "dataset.path")


def main() -> None:
    """The command `gan-train`."""
    leave(run_command(sys.argv[1:]))


def run_command(arguments: list[str]) -> int:
    """Do what the arguments say; the exit code of the contract."""
    if any(argument in ("-h", "--help") for argument in arguments):
        print(help_text(), end="")
        return 0
    end_at_once(undo=Claim.give_up_unless_begun)
    share_cores()
    try:
        return _compose_and_train(arguments)
    except Fault as fault:
        return report(fault)
    except Interrupted as interruption:
        return interruption.exit_code


def _compose_and_train(arguments: list[str]) -> int:
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra's errors reach us instead of its own exit
    flags, flagged = _flags(arguments)
    sys.argv[1:] = [*flags.overrides, *flagged]  # which Hydra reads
    start = hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name="config")
    overrides: list[Override] = []
    codes: list[int] = []
    try:
        if not flags.shell_completion:
            overrides = _checked(flags)
            resumed = [o for o in overrides if o.key_or_group == "resume" and o.value() is not None]
            if resumed:
                return _resume(resumed[-1], overrides, flagged)
        start(lambda config: codes.append(_job(config)))()
    except (HydraException, OmegaConfBaseException, ValueError, OSError) as error:
        raise _explained(error, overrides) from None
    finally:
        Claim.give_up_unless_begun()
    if flags.multirun:
        return _JOB_FAILED if any(codes) else 0
    return codes[0] if codes else 0


def _flags(arguments: list[str]) -> tuple[Namespace, list[str]]:
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


class Claim(Callback):
    """Hydra's callback: checks a run's settings and makes its folder exclusively.

    Hydra calls it once the configuration is composed and before it makes the folder itself. It
    turns ordinary exceptions into warnings, so a fault must end the process here.
    """

    path: ClassVar[Path | None] = None
    made: ClassVar[list[Path]] = []  # the folders that this process made for its run

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        from gan_runner.folder import claim

        try:
            parsed(config, config.hydra.runtime.choices)
            named = [o.lstrip("+") for o in config.hydra.overrides.hydra]
            generated = not any(o.startswith("hydra.run.dir=") for o in named)
            Claim.path, Claim.made = claim(Path(config.hydra.run.dir), generated=generated)
        except Fault as fault:
            sys.exit(report(fault))
        except OmegaConfBaseException as error:
            sys.exit(report(_explained(error, [])))
        except Exception:
            traceback.print_exc()
            sys.exit(1)
        with read_write(config), open_dict(config):
            config.hydra.run.dir = str(Claim.path)

    @classmethod
    def give_up_unless_begun(cls) -> None:
        if cls.path is not None:
            _discard_unless_begun(cls.path, cls.made)
            cls.path = None


def _job(config: DictConfig) -> int:
    """Train one composed configuration, in the folder that Hydra names; the exit code."""
    path = Path(HydraConfig.get().runtime.output_dir)
    try:
        if (path / "config.yaml").exists():  # a job of a sweep that is run again
            return _reopen(path, _changes(path, []))
        return _create(parsed(config, HydraConfig.get().runtime.choices), path)
    except Fault as fault:
        return report(fault)  # here: to a fault that leaves a job, Hydra adds words of its own


def _create(settings: Config, path: Path) -> int:
    try:
        from gan_runner.run import create

        return _train(lambda terminal: create(settings, path, terminal), path)
    except InUseError:
        raise
    except BaseException:
        _discard_unless_begun(path, [])
        raise


def _discard_unless_begun(path: Path, made: list[Path]) -> None:
    from gan_runner.folder import discard

    if not (path / "status.json").exists():
        discard(path, made)


def _reopen(path: Path, changes: Changes) -> int:
    from gan_runner.run import reopen

    return _train(lambda terminal: reopen(path, changes, terminal), path)


def _train(obtain: Callable[[Terminal], Run | None], path: Path) -> int:
    from gan_runner.loop import train
    from gan_runner.outcome import DEFECT, as_fault, conduct
    from gan_runner.terminal import Terminal

    terminal = Terminal()
    try:
        run = obtain(terminal)
    except Exception as error:
        if fault := as_fault(error):
            raise fault from None
        traceback.print_exc()
        return DEFECT
    if run is None:
        terminal.say(f"already complete: {printable(path)}")
        return 0
    return conduct(run, train)


def _resume(resumed: Override, overrides: list[Override], flagged: list[str]) -> int:
    if flagged:
        shown = printable(" ".join(flagged))
        raise ConfigError(f"a run is resumed by itself, resume with {shown}. Leave that out.")
    path = _absolute(str(resumed.value()), key="resume")
    return _reopen(path, _changes(path, [o for o in overrides if o is not resumed]))


def _changes(path: Path, overrides: list[Override]) -> Changes:
    """What the rest of the command line asks of the run, composed with the run's own options."""
    from gan_runner.config import read
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
    chosen = {
        group: f"{group}={option}"
        for group, option in read(path / "config.yaml").choices.items()
        if group in GROUPS and option in options(group, conf_folder())
    }
    own = [line for group, line in chosen.items() if group not in named]
    config = composed([*own, *(o.input_line or "" for o in overrides)])
    return Changes(parsed(config, {}), tuple(sorted(named)))


def composed(lines: list[str]) -> DictConfig:
    with hydra.initialize_config_dir(version_base="1.3", config_dir=str(conf_folder())):
        return hydra.compose("config", overrides=lines)


def parsed(config: DictConfig, choices: Any) -> Config:
    """The composed configuration as plain data, with the run's own settings checked."""
    from gan_runner.config import parse

    kept = [str(key) for key in config if key not in _NOT_SETTINGS]
    try:
        plain: Any = OmegaConf.to_container(
            OmegaConf.masked_copy(config, kept), resolve=True, throw_on_missing=True
        )
    except OmegaConfBaseException as error:
        raise _explained(error, []) from None
    plain["choices"] = {g: str(choices[g]) for g in GROUPS if isinstance(choices.get(g), str)}
    for key in _PATHS:
        group, _, name = key.rpartition(".")
        node = plain.get(group) if group else plain
        if isinstance(node, dict) and isinstance(node.get(name), str) and node[name]:
            # a run must find its data from whatever folder it is resumed in
            node[name] = str(_absolute(node[name], key=key))
    return parse(plain)


def _absolute(path: str, *, key: str) -> Path:
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError:
        shown = printable(path)
        raise ConfigError(f"no such home folder, {key}={shown}. Write the path in full.") from None


def _checked(flags: Namespace) -> list[Override]:
    """The overrides, whose options are all in the catalogue.

    Hydra itself would take any path for an option, as in loss=../dataset/mnist.
    """
    folders = [conf_folder(), *([Path(flags.config_dir)] if flags.config_dir else [])]
    overrides = OverridesParser.create().parse_overrides(flags.overrides)
    for override in overrides:
        group = override.key_or_group.partition("@")[0]
        if group in GROUPS:
            offered = options(group, *folders)
            for name in _names(override):
                if name not in offered:
                    remedy = did_you_mean(name, offered)
                    raise ConfigError(f"unknown {group}, {group}={printable(name)}. {remedy}")
    return overrides


def _names(override: Override) -> list[str]:
    """The options that an override chooses: one, a list of them, or several to sweep over."""
    if override.is_delete() or isinstance(override.value(), Glob):
        return []
    values = override.sweep_iterator() if override.is_sweep_override() else [override.value()]
    names: list[str] = []
    for value in values:
        chosen = value if isinstance(value, list) else [value]
        names += ["null" if name is None else str(name) for name in chosen]
    return names


def _explained(error: Exception, overrides: list[Override]) -> Fault:
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
    return ConfigError(f"can't compose the configuration: {text or type(error).__name__}")


def _known_settings(overrides: list[Override]) -> list[str]:
    """Every setting and group that the chosen options have, by dotted key."""
    from gan_runner.config import flat

    chosen = [
        override.input_line or ""
        for override in overrides
        if override.key_or_group in GROUPS
        and override.package is None
        and override.type is OverrideType.CHANGE
        and not override.is_sweep_override()
    ]
    tree: Any = OmegaConf.to_container(composed(chosen))
    return [*flat(tree), *GROUPS]


if __name__ == "__main__":
    from gan_runner import train  # noqa: PLW0406 - Hydra knows this one, and its Claim

    train.main()
