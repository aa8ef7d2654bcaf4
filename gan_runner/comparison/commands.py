"""The commands that make the runs of a comparison again, from the settings that they were given.

The settings may come from a stranger, and the commands are to be pasted into a shell: they are
quoted, and no command is shown where a word could be more than a setting.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from gan_runner.comparison.record import Record

_SETTING = re.compile(r"\+{0,2}([A-Za-z_][\w./@]*)=(.*)")
_OF_THIS_RUN = ("sweep", "resume", "dry_run")  # and all of hydra: places and modes
_AS_TYPED = {"True": "true", "False": "false", "None": "null"}  # a job has Python's words
_LONGEST = 4000  # letters of a command


def run_command(record: Record) -> str | None:
    """The command that trains a run again; None where its settings aren't known."""
    settings = _settings(record)
    return None if settings is None else _command(["gan-train"], settings)


def sweep_command(records: Sequence[Record]) -> str | None:
    """One command that trains all of the runs again; None where they aren't a full product."""
    tables = [_settings(record) for record in records]
    known = [dict(table) for table in tables if table]
    if len(known) < len(records) or len({tuple(table) for table in known}) != 1:
        return None
    values = {key: list(dict.fromkeys(table[key] for table in known)) for key in known[0]}
    jobs = 1
    for each in values.values():
        jobs *= len(each)
    if jobs != len(records) or len({tuple(table.values()) for table in known}) != jobs:
        return None
    return _command(["gan-train", "-m"], [(key, ",".join(each)) for key, each in values.items()])


def _settings(record: Record) -> list[tuple[str, str]] | None:
    """The key, with its plus signs, and the value of each setting, in their order."""
    found = []
    for text in record.overrides:
        match = _SETTING.fullmatch(text)
        if match is None or not text.isprintable():
            return None
        key = match[1]
        if key not in _OF_THIS_RUN and not key.startswith("hydra."):
            value = _AS_TYPED.get(match[2], match[2])
            found.append((text.partition("=")[0], value))
    return found if record.overrides else None


def _command(words: Sequence[str], settings: Sequence[tuple[str, str]]) -> str | None:
    command = shlex.join([*words, *(f"{key}={value}" for key, value in settings)])
    return command if len(command) <= _LONGEST else None
