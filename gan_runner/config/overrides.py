"""Settings as they are typed in a shell: a remedy that is printed so can be pasted and works."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from gan_runner.errors import printable

_Value = str | int | float | bool | None | Sequence["_Value"]
_LONGEST = 1000  # characters, which no message exceeds
_BARE = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*")
_OTHER_TYPES = {"null", "true", "false", "nan", "inf"}  # to Hydra, in any case


def override(key: str, value: _Value) -> str:
    """`key=value` in Hydra's grammar, quoted for a shell: 'dataset.numeric=["sepal length"]'.

    A text stays a text, also if it looks like a number: 'dataset.label="1"'.
    """
    return printable(shlex.quote(f"{key}={_in_hydras_grammar(value)}"), limit=_LONGEST)


def quote_setting(key: str, written: str) -> str:
    """`key=value` with a value that is in Hydra's grammar already, quoted for a shell where it has
    to be."""
    return printable(shlex.quote(f"{key}={written}"), limit=_LONGEST)


def in_quotes(text: str) -> str:
    """Text in Hydra's double quotes, which a shell's single ones can go around: before a quote,
    backslashes are doubled and the quote gets one."""
    escaped = re.sub(r'(\\*)("|$)', lambda m: m[1] * 2 + ('\\"' if m[2] else ""), text)
    return f'"{escaped}"'


def _in_hydras_grammar(value: _Value) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str):
        return value if _is_bare(value) else in_quotes(value)
    return f"[{','.join(map(_in_hydras_grammar, value))}]"


def _is_bare(text: str) -> bool:
    """Whether Hydra takes the text for itself without quotes."""
    return bool(_BARE.fullmatch(text)) and text.lower() not in _OTHER_TYPES
