"""Training from Python: the same composition, run folder and end as gan-train's."""

from __future__ import annotations

import numbers
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gan_runner.api.arguments import machine_faults, plugin_files
from gan_runner.api.table_file import TableColumns, save_table
from gan_runner.api.trained_run import TrainedRun, open_run
from gan_runner.cli.hydra.command_line import CommandLine, read_command_line
from gan_runner.cli.hydra.composer import parse_config, plain_settings, run_folder
from gan_runner.cli.hydra.records import write_records
from gan_runner.errors import ConfigError, printable
from gan_runner.logs.terminal import Terminal
from gan_runner.runs.finish import train_and_record
from gan_runner.runs.open import create
from gan_runner.storage.run_folder import claim_until_begun
from gan_runner.system.machine import share_threads
from gan_runner.system.signals import Interrupted
from gan_runner.training.build import build

Overrides = Sequence[str] | Mapping[str, Any]

_CONSTANTS = ("null", "true", "false", "nan", "inf")  # of Hydra's grammar


@machine_faults()
def fit(
    overrides: Overrides = (),
    *,
    data: TableColumns | None = None,
    quiet: bool = False,
    plugins: Sequence[str | Path] = (),
) -> TrainedRun:
    """Train a new run to its end; the run, opened at its last checkpoint.

    `overrides` are those of gan-train: `["loss=hinge", "train.steps=500"]`, or a mapping of keys to
    values. `data`: a table, as a pandas DataFrame or a mapping of names to arrays, which is kept as
    a CSV file in the cache and read as dataset=table. `quiet`: nothing is printed. `plugins` are
    files with classes of your own.

    Raises what gan-train reports, as exceptions: ConfigError, DataError, MachineError,
    NumbersError. An interrupt ends the step, saves the state and raises KeyboardInterrupt.
    """
    if data is not None:
        overrides = _with_table(overrides, data, plugins)
    command = _command(overrides, plugins)
    composed = command.composer().compose(command.lines)
    config = parse_config(composed, command.plugins)
    with claim_until_begun(run_folder(composed), generated=not command.names_folder) as path:
        write_records(composed, path)
        with share_threads(None):  # those of the program stay as they are
            run = create(config, path, Terminal(quiet=quiet))
            try:
                train_and_record(run)
            except Interrupted:
                raise KeyboardInterrupt from None
    return open_run(path)


@machine_faults()
def compose(overrides: Overrides = (), *, plugins: Sequence[str | Path] = ()) -> dict[str, Any]:
    """The configuration that overrides make of the defaults, as nested plain data.

    Raises ConfigError for options and settings that don't exist or don't fit, alone or together;
    whether they fit the data is known to `fit`, which reads it.
    """
    command = _command(overrides, plugins)
    config = parse_config(command.composer().compose(command.lines), command.plugins)
    build(config)
    return config.plain()


def _with_table(
    overrides: Overrides, data: TableColumns, plugins: Sequence[str | Path]
) -> list[str]:
    """Overrides that read a table of Python's own. Raises ConfigError for another data set, too."""
    words = _words(overrides)
    other = next((word for word in words if re.match(r"dataset(\.path)?=", word)), None)
    if other is not None and other != "dataset=table":
        raise ConfigError(f"data can't be combined with {printable(other)}. Remove one.")
    words = [word for word in words if word != other] + ["dataset=table"]
    command = _command(words, plugins)
    settings = plain_settings(command.composer().compose(command.lines))
    path = save_table(data, Path(settings["cache"]) / "tables")
    return [*words, f"dataset.path={_to_hydra_grammar(path, 'dataset.path')}"]


def _command(overrides: Overrides, plugins: Sequence[str | Path]) -> CommandLine:
    """The overrides of one new run. Raises ConfigError for what is of the command line alone."""
    files = [word for file in plugin_files(plugins) for word in ("--plugin", str(file))]
    command = read_command_line([*_words(overrides), *files])
    asked = {
        **{word: True for word in command.flag_words if word not in files},
        "resume": command.resume is not None,
        "dry_run=true": command.dry_run,
        "a list of values": command.multirun
        or any(o.is_sweep_override() for o in command.overrides),
    }
    others = [what for what, is_asked in asked.items() if is_asked]
    if others:
        raise ConfigError(
            f"fit and compose can't be combined with {printable(others[0])}. Use gan-train."
        )
    return command


def _words(overrides: object) -> list[str]:
    """Overrides as words of the command line. Raises ConfigError for anything else."""
    if isinstance(overrides, Mapping):
        for key in overrides:
            if not isinstance(key, str) or not key:
                raise ConfigError(f"not a setting, {key!r}. Name it, as in 'train.steps'.")
        return [f"{key}={_to_hydra_grammar(value, key)}" for key, value in overrides.items()]
    if isinstance(overrides, (str, bytes)) or not isinstance(overrides, Iterable):
        shown = printable(overrides)
        example = shown if isinstance(overrides, str) else "loss=hinge"
        raise ConfigError(f"not a list, overrides={shown}. Write each in a list: [{example!r}].")
    words = list(overrides)
    for word in words:
        if not isinstance(word, str):
            raise ConfigError(f"not setting=value, overrides=[{printable(word)}]. Use text.")
    return words


def _to_hydra_grammar(value: object, key: str) -> str:
    """A value of Python, of setting `key`, in Hydra's grammar, where it is the value itself.

    Raises ConfigError for a value that isn't plain data.
    """
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case list() | tuple():
            return f"[{','.join(_to_hydra_grammar(item, key) for item in value)}]"
        case Mapping():
            items = (f"{_key(k, key)}:{_to_hydra_grammar(v, key)}" for k, v in value.items())
            return "{" + ",".join(items) + "}"
        case str() | Path():
            return _quote(_escape_interpolations(str(value)))
        case numbers.Real():
            return str(value)
    shown = f"{printable(key)}={printable(value)}"
    raise ConfigError(f"not plain data, {shown}. Use numbers, text, lists or mappings.")


def _key(name: object, key: str) -> str:
    """A key of a mapping, which Hydra's grammar can't quote. Raises ConfigError."""
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise ConfigError(f"not a setting, {name!r} in {printable(key)}. Name it, as in 'weight'.")
    return name


def _escape_interpolations(text: str) -> str:
    """A text that OmegaConf reads as it is: it would replace `${...}` by another setting or by a
    variable of the environment. Before `${` a backslash stands for the next character."""
    return re.sub(r"(\\*)\$\{", lambda found: 2 * found[1] + r"\${", text)


def _quote(text: str) -> str:
    """A text, in quotes unless it is a name or an option."""
    if re.fullmatch(r"[A-Za-z_]\w*", text) and text.lower() not in _CONSTANTS:
        return text
    escaped = re.sub(r"(\\*)('|$)", lambda found: 2 * found[1] + ("\\'" if found[2] else ""), text)
    return f"'{escaped}'"
