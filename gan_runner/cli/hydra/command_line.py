"""The arguments of gan-train: Hydra's flags, and overrides in Hydra's grammar."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.types import Glob, Override
from hydra.errors import HydraException

from gan_runner.cli.arguments import Arguments
from gan_runner.cli.hydra.composer import Composer, explain_errors
from gan_runner.cli.hydra.grammar import PARSER
from gan_runner.cli.hydra.remedies import remedy_for_flag, remedy_for_option, remedy_for_word
from gan_runner.config.groups import GROUPS, OF_SEVERAL, conf_folder, options
from gan_runner.config.overrides import in_quotes, quote_setting
from gan_runner.config.plugins import Plugin, find_plugins
from gan_runner.errors import CheckpointError, ConfigError, printable

if TYPE_CHECKING:
    from gan_runner.cli.plugin_options import FileOption

_LAUNCHER = ("hydra/launcher", "hydra.launcher")  # of a run as a job of a cluster, and of a sweep
_NOT_OF_A_RESUMED_RUN = ("hydra", "name", "init_from", "sweep", "sweeping")
_OF_HYDRAS_JOBS = ("hydra.job.chdir", "hydra.job.env_", "hydra.callbacks", "hydra/callbacks")


@dataclass(frozen=True)
class CommandLine:
    """The arguments of gan-train, checked as far as they can be before anything is composed.

    `flag_words` are those that aren't overrides, as they were given. `file_options` are those of
    the plugins that are single files.
    """

    flags: Namespace
    overrides: tuple[Override, ...]
    flag_words: tuple[str, ...]
    plugins: tuple[Plugin, ...] = ()
    file_options: tuple[FileOption, ...] = ()

    @property
    def words(self) -> list[str]:
        """The arguments again, with quotes where Hydra's grammar needs them."""
        return [*self.lines, *self.flag_words]

    def words_without(self, key: str) -> list[str]:
        """The arguments without the overrides of a key."""
        lines = [o.input_line or "" for o in self.overrides if o.key_or_group != key]
        return [*lines, *self.flag_words]

    @property
    def lines(self) -> list[str]:
        """The overrides as text."""
        return [override.input_line or "" for override in self.overrides]

    @property
    def asks_hydra(self) -> bool:
        """Whether Hydra is to print something, and nothing is to be trained."""
        flags = self.flags
        config = flags.cfg and not self.dry_run
        return bool(flags.hydra_help or config or flags.info or flags.shell_completion)

    @property
    def multirun(self) -> bool:
        """Whether it is a sweep."""
        mode = self._last_override("hydra.mode")
        return bool(self.flags.multirun) or (mode is not None and str(mode.value()) == "MULTIRUN")

    @property
    def resume(self) -> str | None:
        """The run folder that `resume` names."""
        override = self._last_override("resume")
        if override is None or override.value() is None:
            return None
        # to Hydra, a path with a comma in it is a list of values
        listed = override.is_sweep_override()
        return (override.input_line or "").partition("=")[2] if listed else str(override.value())

    @property
    def dry_run(self) -> bool:
        """Whether the run is only to be tried out."""
        override = self._last_override("dry_run")
        return override is not None and override.value() is True

    @property
    def names_folder(self) -> bool:
        """Whether it says where the run folder is to be."""
        return self._last_override("hydra.run.dir") is not None

    @property
    def changes(self) -> list[str]:
        """The overrides as text, beside the one that names the run to resume."""
        return [o.input_line or "" for o in self.overrides if o.key_or_group != "resume"]

    @property
    def launcher_lines(self) -> list[str]:
        """The overrides that choose and set the launcher of jobs, as text."""
        chosen = (o for o in self.overrides if o.key_or_group.startswith(_LAUNCHER))
        return [override.input_line or "" for override in chosen]

    @property
    def changed_keys(self) -> set[str]:
        """The settings and groups, by dotted key, that it asks to change of the run to resume."""
        given = (o.key_or_group for o in self.overrides if not o.key_or_group.startswith(_LAUNCHER))
        keys = {key.replace("/", ".") for key in given} - {"resume", "dry_run"}
        # a recipe may set anything
        return keys | {*GROUPS, "train", "seed"} if "experiment" in keys else keys

    @property
    def folders(self) -> list[Path]:
        """The folders of the YAML files: our own, or one in its place; then those of plugins, and
        one that is added."""
        main, added = self.flags.config_path, self.flags.config_dir
        folders = [conf_folder() if main is None else Path(main).absolute()]
        folders += [plugin.conf for plugin in self.plugins if plugin.conf is not None]
        return folders if added is None else [*folders, Path(added).absolute()]

    def options_of(self, group: str) -> list[str]:
        """The options of a group, in every folder and of the plugins that are single files."""
        of_files = [option.name for option in self.file_options if option.group == group]
        return [*options(group, *self.folders), *of_files]

    def composer(self) -> Composer:
        """The composer of its configuration."""
        return Composer(
            self.folders,
            primary=self.flags.config_name,
            plugins=self.plugins,
            file_options=self.file_options,
        )

    def _last_override(self, key: str) -> Override | None:
        """The override of a key that counts: the last one."""
        return next((o for o in reversed(self.overrides) if o.key_or_group == key), None)


def read_command_line(arguments: Sequence[str]) -> CommandLine:
    """The arguments of gan-train. Raises ConfigError for invalid ones, and CheckpointError
    for a resumed run that is to start from other weights."""
    flags = _parse_flags(arguments)
    words = tuple(argument for argument in arguments if argument not in flags.overrides)
    if flags.shell_completion:
        return CommandLine(flags, (), words)  # what follows isn't in Hydra's grammar
    _refuse_bare_words(flags.overrides)
    overrides = _parse_overrides(flags)
    plugins = find_plugins(flags.plugin)
    command = CommandLine(flags, tuple(overrides), words, plugins, _file_options(plugins))
    _refuse_unknown_options(command)
    _refuse_what_hydra_does_not_do(command)
    _refuse_combinations(command)
    return command


def _file_options(plugins: Sequence[Plugin]) -> tuple[FileOption, ...]:
    """The options of the plugins that are single files. Raises ConfigError."""
    if all(plugin.file is None for plugin in plugins):
        return ()
    from gan_runner.cli.plugin_options import file_options  # pydantic: 0.1 s of a quick answer

    return file_options(plugins)


def _parse_flags(arguments: Sequence[str]) -> Namespace:
    parser = Arguments(
        "gan-train",
        parents=[get_args_parser()],
        add_help=False,
        allow_abbrev=False,
        conflict_handler="resolve",
    )
    # with one dash argparse would take a setting for a flag of a letter: -resume=RUN for -r
    settings = [word for word in arguments if re.match(r"-[a-z][\w.]+=", word)]
    unknown = [word for word in settings if word.partition("=")[0] not in parser.flags]
    if not unknown:
        flags, unknown = parser.parse_known_intermixed_args(arguments)
    if unknown:
        remedy = remedy_for_flag(unknown[0], parser.flags, arguments)
        raise ConfigError(f"unrecognized arguments: {printable(' '.join(unknown))}. {remedy}")
    if flags.experimental_rerun is not None:
        parser.error("--experimental-rerun reads a pickle, which gan-runner never does")
    if flags.resolve and flags.cfg is None:
        parser.error("--resolve needs --cfg")
    for flag, folder in ("--config-path", flags.config_path), ("--config-dir", flags.config_dir):
        if folder is not None and not Path(folder).is_dir():
            parser.error(f"not a folder, {flag}={printable(folder)}")
    return flags


def _refuse_bare_words(words: Sequence[str]) -> None:
    """Raise ConfigError for a word that isn't of the form setting=value."""
    for place, word in enumerate(words):
        if re.fullmatch(r"[^=~+\[{(\s]+:?", word):
            before = words[place - 1] if place else ""
            remedy = remedy_for_word(word, before=before, after=words[place + 1 :])
            raise ConfigError(
                f"can't read this setting, {printable(word)}. {printable(remedy, 1000)}"
            )


def _parse_overrides(flags: Namespace) -> list[Override]:
    """The overrides in Hydra's grammar; those that are not are quoted. Raises ConfigError."""
    try:
        return PARSER.parse_overrides(flags.overrides)
    except HydraException:
        flags.overrides = [_quote(override) for override in flags.overrides]
    with explain_errors():
        return PARSER.parse_overrides(flags.overrides)


def _quote(override: str) -> str:
    """An override for Hydra's grammar: a value that it can't read, such as ~/a=b, is quoted."""
    try:
        PARSER.parse_override(override)
    except HydraException:
        setting, equals, value = override.partition("=")
        return f"{setting}={in_quotes(value)}" if equals else override
    return override


def _refuse_unknown_options(command: CommandLine) -> None:
    """Raise ConfigError for an option that neither a folder nor a plugin's file has. Hydra itself
    would take any path for an option, as in loss=../dataset/mnist."""
    for override in command.overrides:
        if not override.is_delete() and isinstance(override.value(), Glob):
            shown = printable(override.input_line)
            raise ConfigError(f"not a list of values, {shown}. Name them: loss=hinge,lsgan")
        group = override.key_or_group.partition("@")[0]
        if group in GROUPS:
            offered = command.options_of(group)
            for name in _option_names(override):
                if name not in offered:
                    remedy = remedy_for_option(group, name, offered)
                    raise ConfigError(f"unknown {group}, {group}={printable(name)}. {remedy}")
            _refuse_several(override, group)


def _refuse_several(override: Override, group: str) -> None:
    """Raise ConfigError for a list of options of a group of which a run has one."""
    several = not override.is_delete() and isinstance(override.value(), list)
    if several and group not in OF_SEVERAL:
        listed = ",".join(_option_names(override))
        remedy = f"To train a run with each: gan-train -m {quote_setting(group, listed)}"
        raise ConfigError(f"a run has one {group}, {printable(override.input_line)}. {remedy}")


def _option_names(override: Override) -> list[str]:
    """The options that an override chooses: one, a list of them, or several to sweep over."""
    if override.is_delete():
        return []
    values = override.sweep_iterator() if override.is_sweep_override() else [override.value()]
    names: list[str] = []
    for value in values:
        chosen = value if isinstance(value, list) else [value]
        names += ["null" if name is None else str(name) for name in chosen]
    return names


def _refuse_what_hydra_does_not_do(command: CommandLine) -> None:
    """Raise ConfigError for settings of jobs that Hydra runs: here it composes, and runs none."""
    for override in command.overrides:
        if override.key_or_group.startswith(_OF_HYDRAS_JOBS):
            shown = printable(override.input_line)
            raise ConfigError(f"Hydra composes runs and does not start them, {shown}. Remove it.")


def _refuse_two_lengths(overrides: Sequence[Override]) -> None:
    """Raise ConfigError for both a number of steps and one of epochs."""
    given = {each.key_or_group: each for each in overrides if not each.is_delete()}
    epochs, steps = given.get("train.epochs"), given.get("train.steps")
    if epochs is not None and steps is not None and epochs.value() is not None:
        shown = printable(f"{epochs.input_line} can't be combined with {steps.input_line}")
        raise ConfigError(f"{shown}. Remove one of them.")


def _refuse_combinations(command: CommandLine) -> None:
    """Raise ConfigError, or CheckpointError for a resumed run, for two things that can't be done by
    one command."""
    for override in command.overrides:
        shown = printable(override.input_line)
        key = override.key_or_group
        if key == "dry_run" and (override.is_delete() or not isinstance(override.value(), bool)):
            raise ConfigError(f"not true or false, {shown}. Use dry_run=true or remove it.")
        is_refused = re.split("[./]", key)[0] in _NOT_OF_A_RESUMED_RUN
        if command.resume is not None and is_refused and not key.startswith(_LAUNCHER):
            resumed = f"resume={printable(command.resume)}"
            # of the run's own settings a change is refused as a checkpoint is, of others as usage
            refused = CheckpointError if key == "init_from" else ConfigError
            raise refused(f"{resumed} can't be combined with {shown}. Remove one of them.")
        if key == "name" and command.multirun:
            remedy = "Its jobs are named by what differs, the sweep by sweep=NAME."
            raise ConfigError(f"{shown} can't be combined with -m. {remedy}")
        if key == "name" and command.names_folder:
            raise ConfigError(f"{shown} can't be combined with hydra.run.dir. Remove one of them.")
        if key == "sweep" and not command.multirun:
            raise ConfigError(f"{shown} needs multirun. Add -m, or remove it.")
    _refuse_two_lengths(command.overrides)
    asked = {
        f"resume={command.resume}": command.resume is not None,
        "dry_run=true": command.dry_run,
        "-m": command.multirun,
        f"--cfg {command.flags.cfg}": command.flags.cfg is not None,
        f"--info {command.flags.info}": command.flags.info is not None,
    }
    together = {("dry_run=true", "-m"), ("dry_run=true", "--cfg job")}
    for pair in combinations([text for text, is_asked in asked.items() if is_asked], 2):
        if pair not in together:
            shown = " can't be combined with ".join(map(printable, pair))
            raise ConfigError(f"{shown}. Remove one of them.")
