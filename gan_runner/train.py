"""gan-train: compose a configuration, check it, create or continue a run, train.

The only entry point of training. torch is imported only once there is something to train, so that
help and faults of the configuration answer at once.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from gan_runner.cli.hydra import (
    absolute,
    checked,
    composed,
    explained,
    flags_of,
    parsed,
)
from gan_runner.cli.hydra import sweeps as swept
from gan_runner.config.groups import GROUPS, conf_folder, help_text, options
from gan_runner.errors import ConfigError, Fault, InUseError, printable, report
from gan_runner.system.signals import Interrupted, end_at_once, leave
from gan_runner.system.threads import share_cores

if TYPE_CHECKING:
    from gan_runner.config.schema import Config
    from gan_runner.logs.terminal import Terminal
    from gan_runner.training.restore import Changes
    from gan_runner.training.run import Run


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
    flags, flagged = flags_of(arguments)
    sys.argv[1:] = [*flags.overrides, *flagged]  # which Hydra reads
    start = hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name="config")
    overrides: list[Override] = []
    codes: list[int] = []
    try:
        if not flags.shell_completion:
            overrides = checked(flags)
            resumed = [o for o in overrides if o.key_or_group == "resume" and o.value() is not None]
            if _is_rehearsal(overrides):
                return _rehearse(overrides, [*flagged, *(o.input_line or "" for o in resumed)])
            if resumed:
                return _resume(resumed[-1], overrides, flagged)
        if flags.multirun:
            return _sweep(start, overrides, flagged)
        _refuse_name_of_no_sweep(overrides)
        start(lambda config: codes.append(_job(config)))()
    except (HydraException, OmegaConfBaseException, ValueError, OSError) as error:
        raise explained(error, overrides) from None
    finally:
        Claim.give_up_unless_begun()
    return codes[0] if codes else 0


class Claim(Callback):
    """Hydra's callback: checks a run's settings and makes its folder exclusively.

    Hydra calls it once the configuration is composed and before it makes the folder itself.
    """

    path: ClassVar[Path | None] = None
    made: ClassVar[list[Path]] = []  # the folders that this process made for its run

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        from gan_runner.storage.run_folder import claim

        with _ending_the_process():
            parsed(config, config.hydra.runtime.choices)
            named = [o.lstrip("+") for o in config.hydra.overrides.hydra]
            generated = not any(o.startswith("hydra.run.dir=") for o in named)
            Claim.path, Claim.made = claim(Path(config.hydra.run.dir), generated=generated)
        with read_write(config), open_dict(config):
            config.hydra.run.dir = str(Claim.path)

    @classmethod
    def give_up_unless_begun(cls) -> None:
        if cls.path is not None:
            _discard_unless_begun(cls.path, cls.made)
            cls.path = None


class Announcement(Callback):
    """Hydra's callback: says how large a sweep is before its jobs are composed, and refuses one
    that is too large."""

    command: ClassVar[list[str]] = []  # the arguments as the user gave them

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        from gan_runner.sweeps.sweep import Sweep

        with _ending_the_process():
            command = list(Announcement.command)
            if not any(argument.startswith("sweep=") for argument in command):
                command.append(f"sweep={config.sweep}")  # its name has the time in it
            Sweep.current = Sweep(swept.settings(config), swept.folder(config), command)
            swept.check_launcher(config)
            swept.check_search(config)
            Sweep.current.announce(swept.number_of_jobs(config))


def _refuse_name_of_no_sweep(overrides: list[Override]) -> None:
    for override in overrides:
        if override.key_or_group == "sweep":
            shown = printable(override.input_line)
            raise ConfigError(f"a single run is no sweep, {shown}. Add -m, or leave that out.")


@contextmanager
def _ending_the_process() -> Iterator[None]:
    """Within this context an exception ends the process: Hydra makes warnings of those that leave
    a callback, and goes on."""
    try:
        yield
    except Fault as fault:
        sys.exit(report(fault))
    except (HydraException, OmegaConfBaseException) as error:
        sys.exit(report(explained(error, [])))
    except Exception:
        traceback.print_exc()
        sys.exit(1)


def _job(config: DictConfig) -> int:
    """Train one composed configuration, in the folder that Hydra names; the exit code."""
    path = Path(HydraConfig.get().runtime.output_dir)
    try:
        return _create(parsed(config, HydraConfig.get().runtime.choices), path)
    except Fault as fault:
        return report(fault)  # here: to a fault that leaves a job, Hydra adds words of its own


def _sweep(
    start: Callable[[Callable[[DictConfig], None]], Callable[[], None]],
    overrides: list[Override],
    flagged: list[str],
) -> int:
    """Make or continue a sweep; the exit code."""
    from gan_runner.sweeps.sweep import Sweep

    Sweep.current, Announcement.command = None, sys.argv[1:]
    sys.argv[1:] = [*swept.composable(overrides), *flagged]
    try:
        start(_not_a_job)()
    except ValueError:  # Optuna's, if no job of a search was done, which the table tells better
        if Sweep.current is None or not Sweep.current.is_fruitless:
            raise
    finally:
        if Sweep.current is not None:
            Sweep.current.release()
    return 0 if Sweep.current is None else Sweep.current.conclude()


def _not_a_job(config: DictConfig) -> None:
    """What Hydra's launchers would call in this process. Ours have processes of their own."""
    raise AssertionError("a launcher of others isn't refused")


def _create(settings: Config, path: Path) -> int:
    try:
        from gan_runner.runs.open import create

        return _train(lambda terminal: create(settings, path, terminal), path)
    except InUseError:
        raise
    except BaseException:
        _discard_unless_begun(path, [])
        raise


def _discard_unless_begun(path: Path, made: list[Path]) -> None:
    from gan_runner.storage.run_folder import discard

    if not (path / "status.json").exists():
        discard(path, made)


def _reopen(path: Path, changes: Changes) -> int:
    from gan_runner.runs.open import reopen

    return _train(lambda terminal: reopen(path, changes, terminal), path)


def _train(obtain: Callable[[Terminal], Run | None], path: Path) -> int:
    from gan_runner.logs.terminal import Terminal
    from gan_runner.runs.finish import DEFECT, as_fault, conduct
    from gan_runner.training.loop import train

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
    path = absolute(_path(resumed), key="resume")
    return _reopen(path, _changes(path, [o for o in overrides if o is not resumed]))


def _path(override: Override) -> str:
    """The path that an override names. To Hydra, one with a comma in it is a list of values."""
    listed = override.is_sweep_override()
    return str((override.input_line or "").partition("=")[2] if listed else override.value())


def _is_rehearsal(overrides: list[Override]) -> bool:
    """Whether a dry run is asked for. Raises ConfigError rather than train by mistake."""
    asked = [override for override in overrides if override.key_or_group == "dry_run"]
    for override in asked:
        if override.is_delete() or not isinstance(override.value(), bool):
            raise ConfigError(f"{printable(override.input_line)} is neither true nor false.")
    return bool(asked) and asked[-1].value() is True


def _rehearse(overrides: list[Override], others: list[str]) -> int:
    """`others` are what a dry run can't be together with."""
    if others:
        shown = printable(" ".join(others))
        raise ConfigError(f"a dry run is of one new run, dry_run=true with {shown}. Leave it out.")
    asked = [o for o in overrides if o.key_or_group.split(".")[0] != "hydra"]
    config = composed([o.input_line or "" for o in asked], with_hydra=True)
    settings = parsed(config, config.hydra.runtime.choices)
    from gan_runner.logs.terminal import Terminal
    from gan_runner.runs.dry_run import rehearse
    from gan_runner.runs.finish import as_fault

    try:
        rehearse(settings, Terminal())
    except Exception as error:
        raise as_fault(error) or error from None
    return 0


def _changes(path: Path, overrides: list[Override]) -> Changes:
    """What the rest of the command line asks of the run, composed with the run's own options."""
    from gan_runner.config.schema import read
    from gan_runner.training.restore import Changes

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


if __name__ == "__main__":
    from gan_runner import train  # noqa: PLW0406 - Hydra knows this one, and its Claim

    train.main()
