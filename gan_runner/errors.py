"""The faults of a user, a plugin or a machine: their exit codes, and how they are reported.

A fault names the setting, its value and the remedy: `<what>, <key>=<value>. <remedy>`.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import ClassVar, NamedTuple

MESSAGE_LINES = 12
_LISTED = 24


class OptionText(NamedTuple):
    """An option of the commands with its value, and the argument of the Python functions for it."""

    command: str
    python: str


class Fault(Exception):
    """A fault of the input or of the machine, never a defect of gan-runner.

    `{option}` in the text stands for `option`, which a command and Python write differently.
    """

    exit_code: ClassVar[int]

    def __init__(self, text: str = "", *, option: OptionText | None = None) -> None:
        super().__init__(text)
        self.option = option

    def __str__(self) -> str:
        return self._text(None if self.option is None else self.option.python)

    @property
    def command_text(self) -> str:
        """The text for the user of a command; that of `str` is for a user of Python."""
        return self._text(None if self.option is None else self.option.command)

    def _text(self, option: str | None) -> str:
        text = super().__str__()
        return text if option is None else text.replace("{option}", option)


class ConfigError(Fault):
    """An invalid setting, combination or command line."""

    exit_code = 2


class PluginError(Fault):
    """A fault in the code of a plugin, which is the user's own."""

    exit_code = 2


class DataError(Fault):
    """Data that is missing, damaged, empty or of another shape."""

    exit_code = 3


class MachineError(Fault):
    """Disk, permission, memory, device or network."""

    exit_code = 4


class NumbersError(Fault):
    """NaN or Inf in a loss, a gradient or a weight."""

    exit_code = 5


class CheckpointError(Fault):
    """A checkpoint or a run folder that is refused."""

    exit_code = 6


class InUseError(Fault):
    """A run folder that another living process holds."""

    exit_code = 7


def printable(text: object, limit: int = 200) -> str:
    """Text from outside, made harmless for a terminal: one line, no control characters."""
    escaped = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))
    shown = "".join(escaped)
    return shown if len(shown) <= limit else shown[: limit - 3] + "..."


def cut_middle(text: object, limit: int) -> str:
    """Text from outside, made harmless as `printable` does, and not longer than a limit: its
    beginning and its end, where names differ."""
    shown = printable(text, 100_000)
    if len(shown) <= limit:
        return shown
    kept = max(0, limit - 3)
    return f"{shown[: kept - kept // 2]}...{shown[len(shown) - kept // 2 :]}"[:limit]


def plural(count: int, noun: str) -> str:
    """A count with its noun: 1 run, 2 runs, 1 loss, 2 losses."""
    if count == 1:
        return f"1 {noun}"
    return f"{count} {noun}{'es' if noun.endswith('s') else 's'}"


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """The remedy for a misspelled name: the nearest of the choices, or all if they are few."""
    choices = sorted(choices)
    written = name.lower().replace("-", "_").replace(" ", "_")  # WGAN-GP is wgan_gp
    longer = [choice for choice in choices if choice.startswith(f"{written}_")]
    if len(longer) > 2 and name not in choices:
        return f"Choose one of: {', '.join(longer)}."
    near = [written] if written in choices else []
    near = near or difflib.get_close_matches(name, choices, n=3, cutoff=0.6)
    near = near or difflib.get_close_matches(written, choices, n=3, cutoff=0.6)
    if near:
        # two letters in the wrong order are the likeliest slip
        swapped = [choice for choice in near if sorted(choice) == sorted(name)]
        return f"Did you mean '{(swapped or near)[0]}'?"
    return f"Choose one of: {', '.join(choices)}." if 0 < len(choices) <= _LISTED else ""


def locale_fault(text: str, encoding: str) -> ConfigError:
    """The fault of a locale that lacks letters of a name, with which nothing is wrong."""
    remedy = "Use a UTF-8 locale, as by: export PYTHONUTF8=1"
    return ConfigError(f"the locale ({encoding}) lacks letters of {printable(text)}. {remedy}")


def is_undecoded(text: str) -> bool:
    """Whether a text holds bytes that Python couldn't read as letters of the locale."""
    return any("\ud800" <= letter <= "\udfff" for letter in text)


def undecoded_fault(text: str) -> ConfigError:
    """The fault of a name whose bytes aren't letters of the locale: of the locale, or of the name
    where it isn't UTF-8 either."""
    encoding = sys.getfilesystemencoding()
    with suppress(UnicodeError):
        name = text.encode(encoding, "surrogateescape").decode("utf-8")
        return locale_fault(name, encoding)
    return ConfigError(f"not UTF-8, {printable(text)}. Give it another name.")


def report(fault: Fault) -> int:
    """Print a fault as the contract has it, at most twelve lines; its exit code."""
    lines = [printable(line, limit=1000) for line in fault.command_text.splitlines()] or [
        "(no text)"
    ]
    print("\n".join(["error: " + lines[0], *lines[1:MESSAGE_LINES]]), file=sys.stderr)
    return fault.exit_code
