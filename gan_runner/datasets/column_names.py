"""Names of columns in settings: texts, and patterns for many of them."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from itertools import takewhile
from typing import Annotated, NamedTuple

from pydantic import BeforeValidator

from gan_runner.config.overrides import override
from gan_runner.errors import printable

_MOST_LISTED = 5
_LONGEST_LISTED = 60  # characters of a name


def _as_text(value: object) -> object:
    """A whole number, as Hydra reads a column called 2020, as the text that it was."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number else value


Text = Annotated[str, BeforeValidator(_as_text)]


def matching(pattern: str, names: Collection[str]) -> list[str]:
    """The names that are `pattern`, or else fit it: * stands for any characters, ? for one."""
    if pattern in names:
        return [pattern]
    if not is_pattern(pattern):
        return []
    escaped = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return list(filter(re.compile(escaped, re.DOTALL).fullmatch, names))


def is_pattern(name: str) -> bool:
    return "*" in name or "?" in name


def listed(names: Sequence[str]) -> str:
    """The first names for a message, and how many more there are."""
    shown = [printable(name, limit=_LONGEST_LISTED) for name in names[:_MOST_LISTED]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def column_setting(
    name: str, key: str, value: str | float | Sequence[float] | Sequence[str]
) -> str:
    """`dataset.columns.name.key=value` as it can be typed, or the lines of a file for a name that
    can't."""
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name):
        return override(f"dataset.columns.{name}.{key}", value)
    lines = json.dumps({name: {key: value}}, ensure_ascii=False)
    return f"dataset.columns=columns.yaml with {printable(lines)} in this file"


class Remedies(NamedTuple):
    """Settings to type that name more columns: `names` are those of the file, `given` the lists
    that are set by now, which a new list replaces."""

    names: Collection[str]
    given: Mapping[str, Sequence[str]]

    def add(
        self, setting: str, names: Sequence[str], *, unfit: Collection[str] | None = None
    ) -> str:
        """`dataset.setting=[names]`, with a pattern in the place of many.

        `unfit`: columns that a pattern must not fit; without them, all others.
        """
        key = f"dataset.{setting}"
        others = set(self.names).difference(names) if unfit is None else set(unfit)
        typed = [_typeable(name, others) for name in names]
        if len(names) > _MOST_LISTED:
            start, end = _common_start(names), _common_start([name[::-1] for name in names])[::-1]
            patterns = (f"{start}*", f"*{end}", "*")
            fitting = (pattern for pattern in patterns if not matching(pattern, others))
            pattern = next(fitting, None)
            if pattern is None:
                return f"{key} with their names"
            typed = [pattern]
        return override(key, [*self.given[setting], *typed])


def _common_start(names: Sequence[str]) -> str:
    pairs = zip(min(names), max(names), strict=False)
    return "".join(one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _typeable(name: str, others: Collection[str]) -> str:
    """A name, or a pattern for one that can't be typed: too long or with odd characters."""
    typed = re.sub(r"\$(?=\{)", "?", "".join(c if c.isprintable() else "?" for c in name))
    if len(typed) > _LONGEST_LISTED:
        short = typed[:_LONGEST_LISTED] + "*"
        return typed if matching(short, others) else short
    return typed
