"""What was meant by a word on the command line of gan-train that isn't a setting of ours."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import takewhile
from pathlib import Path

from gan_runner.cli.hydra.composer import Composer
from gan_runner.config.dotted import flatten
from gan_runner.config.groups import GROUPS, OF_SEVERAL, options
from gan_runner.config.other_words import data_line, is_path, our_option
from gan_runner.config.overrides import override, quote_setting
from gan_runner.config.reference import TYPES
from gan_runner.config.suggestions import SWITCHES, nearest, suggest_settings
from gan_runner.errors import CheckpointError, did_you_mean, printable

_COMMANDS = {
    "help": "Type gan-train --help",
    "version": "Type gan-train --version",
    "train": "gan-train trains without it",
}
_PLACEHOLDERS = {**dict.fromkeys(SWITCHES, "true"), "resume": "RUN", "init_from": "RUN"}
_NONE = ("none", "null", "false", "off", "no")
_YAML = (".yaml", ".yml")
_NUMBER = re.compile(r"-?[\d.]+(?:e-?\d+)?,?")
_LONGEST_LINE = 800  # characters of settings in a message


def remedy_for_flag(word: str, flags: Sequence[str], arguments: Sequence[str]) -> str:
    """The setting that was meant, which is written without dashes, or the flag."""
    written, equals, value = word.partition("=")
    key = written.lstrip("-").replace("-", "_")
    place = arguments.index(word) if word in arguments else len(arguments)
    after = next(iter(arguments[place + 1 :]), "")
    if not equals and not re.match("-|.*=", after):
        value = after
    if key.startswith("config") and Path(value).suffix in _YAML:
        return _remedy_for_yaml(value)
    settings = Composer().known_settings([])
    if key in settings:
        value = value or _PLACEHOLDERS.get(key, "VALUE")
        return f"Settings have no dashes: {quote_setting(key, value)}"
    if meant := nearest(word, flags, 0.8) if len(key) > 2 else None:
        return f"Did you mean '{meant}'?"
    if meant := suggest_settings(key, settings, value):
        return f"Settings have no dashes. {meant}"
    return "gan-train --help shows what there is."


def remedy_for_word(word: str, *, before: str, after: Sequence[str]) -> str:
    """What was meant by the name of a setting, of an option, or of a file, alone. `before` is the
    word that it follows."""
    if whole := _list_with_spaces(word, before, after):
        return f"Without spaces: {whole}"
    if before.endswith("=") and len(before) > 1:
        return f"Write {quote_setting(before.removesuffix('='), word)}"
    if chosen := [f"'{group}={word}'" for group in GROUPS if word in options(group)]:
        return f"Did you mean {' or '.join(chosen)}?"
    if word in _COMMANDS:
        return _COMMANDS[word]
    if whole := _text_with_spaces(word, before, after):
        return f"Quote a text with spaces: {whole}"
    return _remedy_for_path(word) or _as_setting(word, after)


def _text_with_spaces(word: str, before: str, after: Sequence[str]) -> str:
    """The text that a word goes on with, quoted; "" after what takes no text."""
    key, equals, value = before.partition("=")
    kind = json.loads(TYPES.read_text(encoding="utf-8")).get(key, "")
    if not equals or "text" not in kind or ":" in word or word in Composer().known_settings([]):
        return ""
    words = [value, word, *takewhile(lambda other: "=" not in other, after)]
    return override(key, " ".join(words))


def _as_setting(word: str, after: Sequence[str]) -> str:
    """A setting without its equals sign as it is typed: loss=hinge for loss:hinge."""
    if pair := re.fullmatch(r"([A-Za-z][\w./]*):(.+)", word):
        return f"Write {quote_setting(pair[1], pair[2])}"
    value = "".join(after[:2]) if after and after[0] == "=" else next(iter(after), "")
    value = value.removeprefix("=") if "=" not in value.removeprefix("=") else ""
    key, settings = word.rstrip(":"), [*Composer().known_settings([]), *GROUPS, *_PLACEHOLDERS]
    if key in settings:
        return f"Write {quote_setting(key, value or _PLACEHOLDERS.get(key, 'VALUE'))}"
    return suggest_settings(key, settings, value) or "Write setting=value, or remove it."


def _list_with_spaces(word: str, before: str, after: Sequence[str]) -> str:
    """The list that a word goes on with, as it is typed: seed=0,1,2 for seed=0 1 2; "" for a word
    that belongs to none."""
    key, equals, value = before.partition("=")
    is_open = value.count("[") > value.count("]")
    are_numbers = bool(_NUMBER.fullmatch(value) and _NUMBER.fullmatch(word))
    if not equals or not (value.endswith(",") or is_open or are_numbers):
        return ""
    values = [value, word, *takewhile(lambda other: "=" not in other, after)]
    return quote_setting(key, ",".join(part for each in values if (part := each.strip(","))))


def _remedy_for_path(word: str) -> str:
    """What was meant by the name of a run, of data or of settings; "" for other words."""
    if (Path(word) / "checkpoints").is_dir():
        return f"To go on with this run: {override('resume', word)}"
    if Path(word).suffix in _YAML:
        return _remedy_for_yaml(word)
    if Path(word).suffix == ".py":
        return f"A plugin has a flag: --plugin {shlex.quote(word)}"
    return f"To train on it: {data_line(word)}" if is_path(word) else ""


def _remedy_for_yaml(path: str) -> str:
    """The settings of a YAML file as they are typed, or the run that it belongs to."""
    if (Path(path).parent / "checkpoints").is_dir():
        return f"To go on with a run: {override('resume', str(Path(path).parent))}"
    from gan_runner.config.plain_yaml import read_plain

    line = ""
    with suppress(CheckpointError):
        line = _as_overrides(read_plain(Path(path)))
    if not 0 < len(line) <= _LONGEST_LINE:
        return "Settings are words, as in gan-train loss=hinge train.steps=1000"
    return f"Settings are words: gan-train {line}"


def _as_overrides(settings: Mapping[str, object]) -> str:
    plain = {str(key): value for key, value in settings.items() if key != "defaults"}
    return " ".join(override(key, value) for key, value in flatten(plain).items())


def remedy_for_option(group: str, name: str, offered: Sequence[str]) -> str:
    """The option that was meant, by another name or way to write it, or the data that was."""
    if group == "dataset" and is_path(name):
        return f"Type {printable(data_line(name), 1000)}"
    if group in OF_SEVERAL and name.lower() in _NONE:
        return f"For none: {quote_setting(group, '[]')}"
    if ours := our_option(group, name):
        return f"Did you mean '{ours}'?"
    return did_you_mean(name, offered) or f"gan-train --help {group} lists them."
