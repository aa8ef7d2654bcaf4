"""YAML files that may come from strangers, as plain data. Without pydantic, which takes longer to
import than the files of many runs to read."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from gan_runner.errors import CheckpointError, printable
from gan_runner.system.files import open_regular

LARGEST_FILE_BYTES = 1 << 20
"""The limit of config.yaml: tens of thousands of names in a setting. No larger one is written."""
_DEEPEST = 50  # mappings and lists within each other; ours have a tenth of it
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C, ten times as fast, where it is


def read_plain(path: Path) -> dict[str, Any]:
    """The config.yaml of a run as plain data with any keys, as an older or newer version may have
    left it.

    Raises CheckpointError for anything but plain data.
    """
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise CheckpointError(f"not a configuration, {printable(path)}. It is too large.")
        plain = load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(
            f"not a run folder, {printable(path.parent)}. It has no {path.name}."
        ) from None
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        text = printable(error)
        raise CheckpointError(f"unreadable configuration, {printable(path)}. {text}") from None
    return plain if isinstance(plain, dict) else {}


def read_overrides(path: Path) -> tuple[str, ...]:
    """The settings of a command line, as Hydra leaves them in a run folder for people; empty for
    what isn't a list of texts, which a stranger may have left there."""
    with suppress(OSError, ValueError, RecursionError, yaml.YAMLError), open_regular(path) as file:
        plain = load(file.read(LARGEST_FILE_BYTES).decode())
        if isinstance(plain, list) and all(isinstance(text, str) for text in plain):
            return tuple(plain)
    return ()


def load(content: str) -> Any:
    """Plain data. Raises YAMLError, for aliases too: a few lines of them unfold to more than any
    memory holds; and for deep nesting, which would end the process in C."""
    depth = 0
    for event in yaml.parse(content, Loader=_LOADER):
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError("It has an alias.")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise yaml.YAMLError("It is nested too deeply.")
    try:
        return yaml.load(content, Loader=_LOADER)
    except (LookupError, TypeError, AttributeError) as error:  # as of !!int without a number
        raise yaml.YAMLError(str(error)) from None
