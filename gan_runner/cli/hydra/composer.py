"""From YAML files and a command line to plain settings: one way for every run, by Hydra."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra import version
from hydra._internal.hydra import Hydra
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.types import ChoiceSweep, Override, OverrideType, QuotedString
from hydra.errors import HydraException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from gan_runner.cli.hydra.grammar import PARSER
from gan_runner.cli.hydra.loader import CachingLoader, loader_of, search_path
from gan_runner.config.column_settings import complete_columns, typed_columns
from gan_runner.config.dotted import flatten
from gan_runner.config.groups import DATA_PLACES, GROUPS, OF_SEVERAL, conf_folder
from gan_runner.config.names import run_name
from gan_runner.config.overrides import override, quote_setting
from gan_runner.config.reference import TYPES
from gan_runner.config.suggestions import suggest_settings
from gan_runner.errors import ConfigError, Fault, MachineError, printable

if TYPE_CHECKING:
    from gan_runner.cli.plugin_options import FileOption
    from gan_runner.config.plugins import Plugin
    from gan_runner.config.schema import Config

OPTUNA_DIRECTIONS = {"min": "minimize", "max": "maximize"}

_NOT_SETTINGS = ("name", "resume", "dry_run", "sweep", "sweeping", "quick_limits", "hydra")
_LONGEST_NAME_BYTES = 200  # file systems take 255; the time stands before it
_PATHS = ("cache", "init_from", *DATA_PLACES)
_RAISED = (HydraException, OmegaConfBaseException, ValueError)  # by Hydra


class Composer:
    """Composes the configuration that overrides make of the defaults in our YAML files.

    `hydra` is Hydra's own object for them; nothing of it is global.
    """

    def __init__(
        self,
        folders: Sequence[Path] = (),
        *,
        primary: str | None = None,
        plugins: Sequence[Plugin] = (),
        file_options: Sequence[FileOption] = (),
    ) -> None:
        """`folders` are where the files lie, the first before those after it; `primary` is the name
        of the one that the others are composed into, `config`. `plugins` are recorded in the runs
        that use them; `file_options` are those of single files."""
        version.setbase("1.3")
        folders = list(folders) or [conf_folder()]
        store = ConfigStore.instance()
        for option in file_options:
            store.store(option.name, option.node, option.group, option.package)
        self.plugins = tuple(plugins)
        ours_alone = folders == [conf_folder()] and not file_options
        loader = loader_of(folders[0]) if ours_alone else CachingLoader(search_path(folders))
        self.hydra = Hydra(task_name="train", config_loader=loader)
        self.primary = primary or "config"
        find = OPTUNA_DIRECTIONS.get
        OmegaConf.register_new_resolver("optuna_direction", find, replace=True)
        OmegaConf.register_new_resolver("run_name", _run_name, replace=True)

    def compose(self, lines: Sequence[str], *, multirun: bool = False) -> DictConfig:
        """The configuration, with Hydra's own under `hydra`; of a sweep, what its jobs share.

        Raises ConfigError, and MachineError if the current folder can't be read.
        """
        mode = RunMode.MULTIRUN if multirun else RunMode.RUN
        try:
            with explain_errors(lambda: self.known_settings(lines), lines):
                typed = [typed_columns(line) for line in lines]
                config = self.hydra.compose_config(self.primary, typed, mode)
        except OSError as error:
            raise MachineError(
                f"can't begin here: {printable(error)}. Check the folder and the disk."
            ) from None
        config.hydra.mode = mode
        return config

    def known_settings(self, lines: Sequence[str]) -> list[str]:
        """Every setting and group that the chosen options have, by dotted key; none if the options
        alone can't be composed."""
        overrides = PARSER.parse_overrides(list(lines))
        chosen = [override.input_line or "" for override in overrides if _is_choice(override)]
        try:
            config = self.hydra.compose_config(self.primary, chosen, RunMode.RUN)
        except _RAISED:
            return []
        tree: Any = OmegaConf.to_container(config)
        return [*flatten(tree), *GROUPS]


def compose(lines: Sequence[str]) -> DictConfig:
    """The configuration that overrides make of the defaults. Raises ConfigError, MachineError."""
    return Composer().compose(lines)


def parse_config(
    composed: DictConfig,
    plugins: Sequence[Plugin] = (),
    *,
    on_checked: Callable[[Config], None] | None = None,
) -> Config:
    """The settings of a composed configuration, the run's own checked, with those of the plugins,
    which are imported, that it uses. Raises ConfigError.

    `on_checked` gets them before the plugins are imported, and torch with them.
    """
    from gan_runner.config.plugins import load_plugins, used_plugins
    from gan_runner.config.schema import UsedPlugin, parse

    plain = plain_settings(composed)
    config = parse({**plain, "plugins": []})
    if on_checked is not None:
        on_checked(config)
    load_plugins(plugins)
    used = tuple(UsedPlugin(**each) for each in used_plugins(plain, plugins))
    return config.model_copy(update={"plugins": used})


def plain_settings(composed: DictConfig) -> dict[str, Any]:
    """The settings as plain data: interpolations resolved, paths in full, and under `choices` the
    option that was chosen of each group. Raises ConfigError."""
    kept = [str(key) for key in composed if key not in _NOT_SETTINGS]
    with explain_errors():
        plain: Any = {key: _plain(composed[key]) for key in kept}
    dataset = plain.get("dataset")
    if isinstance(dataset, dict) and "name" not in dataset:
        # without the group what is left are the settings that config.yaml has for all data sets
        raise ConfigError("missing setting, dataset.name. Choose a data set, as in dataset=digits")
    if isinstance(dataset, dict) and "columns" in dataset:
        dataset["columns"] = complete_columns(dataset["columns"])
    choices = composed.hydra.runtime.choices
    chosen = {g: choices.get(g) for g in GROUPS if g != "logger"}  # which may change
    plain["choices"] = {g: str(option) for g, option in chosen.items() if isinstance(option, str)}
    for key in _PATHS:
        *groups, name = key.split(".")
        node: Any = plain
        for group in groups:
            node = node.get(group) if isinstance(node, dict) else None
        path = node.get(name) if isinstance(node, dict) else None
        # Hydra reads a folder called 2023 as a number
        path = str(path) if isinstance(path, int) and not isinstance(path, bool) else path
        if isinstance(path, str) and path:
            # a run must find its data from whatever folder it is resumed in
            node[name] = str(full_path(path, key=key))
    _complete_tracking_uri(plain)
    return plain  # type: ignore[no-any-return]


def _plain(node: Any) -> Any:
    if not OmegaConf.is_config(node):
        return node
    return OmegaConf.to_container(node, resolve=True, throw_on_missing=True)


def _complete_tracking_uri(plain: Mapping[str, Any]) -> None:
    """Where MLflow's runs are in a folder, a resumed run must find it from any other."""
    loggers = plain.get("logger")
    for node in loggers.values() if isinstance(loggers, dict) else ():
        uri = node.get("tracking_uri") if isinstance(node, dict) else None
        if isinstance(uri, str) and uri and ":" not in uri and uri != "databricks":
            node["tracking_uri"] = str(full_path(uri, key="logger.mlflow.tracking_uri"))


def full_path(path: str, *, key: str) -> Path:
    """The path that setting `key` names, as it is from any folder. Raises ConfigError."""
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError:
        shown = printable(path)
        raise ConfigError(f"no such home folder, {key}={shown}. Write the path in full.") from None


def run_folder(composed: DictConfig) -> Path:
    """The path of the run folder to be made. Raises ConfigError."""
    _check_name(composed.get("name"))
    with explain_errors():
        return Path(composed.hydra.run.dir)


def _check_name(name: object) -> None:
    """Raise ConfigError for a `name` that can't be part of a folder's name."""
    text = "" if name is None else str(name)
    if name is not None and (not text.strip(" .") or re.search(r"[/\\\x00-\x1f\x7f]", text)):
        raise ConfigError(
            f"not a name, name={printable(text)}. Use letters, digits, - and _; the whole path is "
            "hydra.run.dir=FOLDER"
        )
    if len(text.encode(errors="replace")) > _LONGEST_NAME_BYTES:
        raise ConfigError(
            f"too long for the name of a folder, name={printable(text, limit=60)}. Use at most "
            f"{_LONGEST_NAME_BYTES} letters."
        )


def _run_name(*, _root_: DictConfig) -> str:
    """The part of the run folder's name that says what the run is: `name`, or what names it."""
    if _root_.get("name") is not None:
        return str(_root_.name)
    dataset, task = _root_.get("dataset") or {}, _root_.hydra.overrides.task
    own = dataset.get("path") or (None if "download" in dataset else dataset.get("root"))
    return run_name(task, _root_.hydra.runtime.choices, own_data=None if own is None else str(own))


@contextmanager
def explain_errors(
    known_settings: Callable[[], list[str]] = list, lines: Sequence[str] = ()
) -> Iterator[None]:
    """Within this context what Hydra raises is a Fault of ours: what, where, and the remedy, in
    which the values of these lines stand."""
    try:
        yield
    except _RAISED as error:
        raise _explain(error, known_settings, lines) from None


def _explain(
    error: Exception, known_settings: Callable[[], list[str]], lines: Sequence[str]
) -> Fault:
    if isinstance(error, OverrideParseException):
        shown = printable(error.override)
        remedy = "Write setting=value; quote what is special to the shell or to Hydra: 'x=\"a b\"'."
        return ConfigError(f"can't read this setting, {shown}. {remedy}")
    text = str(error).strip()
    if match := re.match(r"Could not (?:override|delete from config\.) '([^']*)'", text):
        written = (line.partition("=") for line in reversed(lines) if line[:1] != "~")
        value = next((after for key, _, after in written if key.lstrip("+~") == match[1]), None)
        remedy = suggest_settings(match[1], known_settings(), value)
        if text.startswith("Could not delete") and "=" in remedy:
            return ConfigError(f"nothing to remove, ~{printable(match[1])}. Leave it out.")
        shown = match[1] if value is None else f"{match[1]}={value}"
        remedy = remedy or "gan-train --help shows what there is; --cfg job prints all settings."
        return ConfigError(f"unknown setting, {printable(shown)}. {remedy}")
    known = _explain_choice(text) or _explain_form(text)
    return ConfigError(known or f"can't compose the configuration: {text or type(error).__name__}")


def _explain_choice(text: str) -> str:
    """A known error of Hydra about the values of settings and the options of groups, else ""."""
    if match := re.match(r"Multiple values for ([^.]*)\.", text):
        return f"chosen already, +{match[1]}. Write it without the plus."
    if match := re.match(r"Ambiguous value for argument '(.*)'", text):
        return _explain_several_values(match[1])
    if "does not support sweep type" in text:
        remedy = "Use hydra/sweeper=search or name the values: lr=0.1,0.2"
        return f"intervals are for a search, hydra/sweeper=grid. {remedy}"
    if "hydra/sweeper/optuna" in text:
        remedy = 'Install it: pip install "gan-runner[optuna]"'
        return f"Optuna isn't installed, hydra/sweeper=search. {remedy}"
    return ""


def _explain_form(text: str) -> str:
    """A known error of Hydra about the way that a setting is written, else ""."""
    if match := re.match(r"Interpolation key '(.*)' not found\s+full_key: (\S+)", text):
        written = printable(f"{match[2]}=${{{match[1]}}}")
        return f"no such setting to refer to, {written}. Name one that gan-train --cfg job prints."
    if text.startswith("Config group override must be a string or a list"):
        return "a setting without a name, =VALUE. Write setting=value"
    return ""


def _explain_several_values(written: str) -> str:
    """What to write for a value with a comma in it, which may be a sweep, a list or a text."""
    key, _, value = written.partition("=")
    remedy = "Add -m to train a run with each."
    if re.fullmatch(r"[1-9]\d{0,2}(,\d{3})+", value):
        return f"commas in a number, {printable(written)}. Type {key}={value.replace(',', '')}"
    if re.fullmatch(r"\d+,\d+", value) and _is_one_number(key, ("number",)):
        remedy += f" Or write the number with a point: {key}={value.replace(',', '.')}"
    elif key in OF_SEVERAL:
        remedy += f" Or write {quote_setting(key, f'[{value}]')} for all in one run."
    elif key not in GROUPS and not _is_one_number(key):
        lists = [override(key, entries) for entries in _entries(value)]
        meant = [*(f"{each} for a list" for each in lists), f"{override(key, value)} for a text"]
        remedy += f" Or write {' or '.join(meant)}."
    return f"several values in a single run, {printable(written)}. {remedy}"


def _is_one_number(key: str, of: tuple[str, ...] = ("integer", "number", "true")) -> bool:
    """Whether a setting is a number, or true or false, and neither a list nor a text."""
    found = json.loads(TYPES.read_text(encoding="utf-8")).get(key, "")
    kinds = [found] if isinstance(found, str) else list(found)
    return all(kind.startswith(of) for kind in kinds)


def _entries(value: str) -> Iterator[list[str | int | float | None]]:
    """The values between commas, as Hydra reads each; nothing for a range or nested values."""
    sweep = PARSER.parse_override(f"key={value}").value()
    if isinstance(sweep, ChoiceSweep):
        read = [each.text if isinstance(each, QuotedString) else each for each in sweep.list]
        plain = [each for each in read if each is None or isinstance(each, str | int | float)]
        if len(plain) == len(read):
            yield plain


def _is_choice(override: Override) -> bool:
    """Whether it chooses one option of a group."""
    return (
        override.key_or_group in GROUPS
        and override.package is None
        and override.type is OverrideType.CHANGE
        and not override.is_sweep_override()
    )
