"""YAML files that may come from strangers, as plain data. Without pydantic, which takes longer to
import than the files of many runs to read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from gan_runner.errors import CheckpointError, printable
from gan_runner.system.files import open_regular

LARGEST_FILE_BYTES = 1 << 20
"""The limit of config.yaml: tens of thousands of names in a setting. No larger one is written."""
_DEEPEST = 50  # mappings and lists within each other; ours have a tenth of it
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C, ten times as fast, where it is
_MOST_REMEMBERED, _LONGEST_REMEMBERED = 4096, 64  # texts, most of which every run has; letters
_SPECIAL_TAGS = ("tag:yaml.org,2002:merge", "tag:yaml.org,2002:value")


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
    try:
        return _build_document(_checked_events(content))
    except _UnusualError:
        for _ in _checked_events(content):
            pass
    try:
        return yaml.load(content, Loader=_LOADER)
    except (LookupError, TypeError, AttributeError) as error:  # as of !!int without a number
        raise yaml.YAMLError(str(error)) from None


class _UnusualError(Exception):
    """YAML that no run writes: tags, anchors, merged mappings, several documents."""


def _checked_events(content: str) -> Iterator[Any]:
    depth = 0
    for event in yaml.parse(content, Loader=_LOADER):
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError("It has an alias.")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise yaml.YAMLError("It is nested too deeply.")
        yield event


def _build_document(events: Iterator[Any]) -> Any:
    """What yaml.load makes of them, in a sixth of its time: each value is built at once, and that
    of a text only the first time."""
    document = [value for event in events if (value := _build_if_node(event, events)) is not _OTHER]
    if len(document) > 1:
        raise _UnusualError
    return document[0] if document else None


_OTHER = object()  # an event at which nothing begins


def _build_if_node(event: Any, events: Iterator[Any]) -> Any:
    if not isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent)):
        return _OTHER
    if event.tag is not None or event.anchor is not None:
        raise _UnusualError
    if isinstance(event, yaml.ScalarEvent):
        return _value_of(event.value) if event.implicit[0] else event.value
    values = []
    for inner in events:
        value = _build_if_node(inner, events)
        if value is _OTHER:  # the end
            break
        values.append(value)
    if isinstance(event, yaml.SequenceStartEvent):
        return values
    keys = values[::2]
    if any(isinstance(key, (list, dict)) for key in keys):
        raise _UnusualError
    return dict(zip(keys, values[1::2], strict=True))


def _value_of(text: str) -> Any:
    """The value of a text without quotes."""
    return _remembered(text) if len(text) <= _LONGEST_REMEMBERED else _resolve(text)


def _resolve(text: str) -> Any:
    tag = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False))
    if tag in _SPECIAL_TAGS:
        raise _UnusualError
    return _RESOLVER.construct_document(yaml.ScalarNode(tag, text))


_RESOLVER: Any = yaml.SafeLoader("")
_remembered = lru_cache(_MOST_REMEMBERED)(_resolve)
