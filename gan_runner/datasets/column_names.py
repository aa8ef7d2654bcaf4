"""Names of columns in settings: texts, and patterns for many of them."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from itertools import takewhile
from typing import Annotated, TypeVar

from pydantic import BeforeValidator

from gan_runner.config.overrides import override
from gan_runner.errors import printable

_MOST_LISTED = 5
_LONGEST_LISTED = 60  # characters of a name


def _as_text(value: object) -> object:
    """A whole number, as Hydra reads a column called 2020, as the text that it was."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number else value


T = TypeVar("T")
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


def names_setting(key: str, names: Sequence[str], *, others: Collection[str] = ()) -> str:
    """`key=[names]` to paste into a shell, with a pattern where they are many.

    `others` are the columns that the pattern must not fit. "" where no short one fits.
    """
    if len(names) <= _MOST_LISTED:
        return override(key, [_typeable(name, others) for name in names])
    prefix, suffix = _common_start(names), _common_start([name[::-1] for name in names])[::-1]
    patterns = (f"{prefix}*", f"*{suffix}", "*")
    short = (p for p in patterns if not matching(p, others) and len(p) <= _LONGEST_LISTED)
    found = next(short, None)
    return "" if found is None else override(key, [found])


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
