"""Numbers in notations that aren't read: negative ones in brackets, limits, fractions, angles."""

from __future__ import annotations

import re
from collections.abc import Collection

from gan_runner.errors import printable

_DIGITS = r"[0-9]+(?:[.,' ][0-9]+)*"
_NUMBER = rf"[+-]?[$€£]?\s?{_DIGITS}"
_NOTATIONS = {
    "negative numbers in brackets": re.compile(rf"[$€£]?\s?\(\s?[$€£]?\s?{_DIGITS}\s?%?\)"),
    "negative numbers with the sign behind them": re.compile(rf"{_DIGITS}\s?[-\u2212]"),
    "numbers with another exponent sign than e": re.compile(
        rf"{_NUMBER}(?:[dDqQ][+-]?[0-9]{{1,3}}|\s?[x\u00d7*]\s?10(?:\^|\*\*)\s?[+-]?[0-9]+)"
    ),
    "hexadecimal numbers": re.compile(r"[+-]?0x[0-9a-fA-F]+"),
    "limits of numbers": re.compile(rf"[<>≤≥]=?\s?{_NUMBER}"),
    "numbers with an uncertainty": re.compile(
        rf"{_NUMBER}\s?(?:±|\+/-|\+-)\s?{_DIGITS}|{_NUMBER}\([0-9]+\)"
    ),
    "numbers grouped as in India": re.compile(r"[+-]?[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3}(\.[0-9]*)?"),
    "fractions": re.compile(r"[+-]?(?:[0-9]+[ -])?[0-9]+\s?/\s?[0-9]+"),
    "angles in degrees, minutes and seconds": re.compile(
        r"[NSEWO+-]?\s?[0-9]{1,3}\s?°\s?[0-9.,]+\s?['\u2032\u2019](?:\s?[0-9.,]+\s?(?:\"|\u2033|''))?\s?[NSEWO]?"
    ),
    "durations": re.compile(
        r"(?:[0-9.]+ ?(?:d|days?|h|hrs?|hours?|m|mins?|minutes?|s|secs?|seconds?)[ ,]*){2,}", re.I
    ),
    "numbers written as text for Excel": re.compile(rf"'{_NUMBER}|=\"{_NUMBER}\""),
}
_PLAIN = re.compile(
    r"[+-]?[$€£]?\s?(?:[0-9]+|[0-9]{1,3}(?:[.,' ][0-9]{3})+)?(?:[.,][0-9]*)?(?:[eE][+-]?[0-9]+)?"
)
_OTHER_DIGITS = re.compile(r"[+-]?[^\W_A-Za-z]+(?:[.,\u066b\u066c][^\W_A-Za-z]+)*")
_LEAST = 2  # different cells in a notation
_MOST_OTHERS = 0.05  # of the different cells, neither numbers nor in it


def find_notation(cells: Collection[str]) -> str:
    """Such as "negative numbers in brackets, as (5)" where different cells are numbers of which
    some are in a notation that isn't read; "" otherwise."""
    texts = [cell for cell in cells if any(map(str.isdigit, cell))]
    if len(texts) < (1 - _MOST_OTHERS) * len(cells):
        return ""
    others = [cell for cell in texts if not _PLAIN.fullmatch(cell)]
    for name, notation in _NOTATIONS.items():
        found = [cell for cell in others if notation.fullmatch(cell)]
        strange = len(others) - len(found)
        if len(found) >= _LEAST and strange <= _MOST_OTHERS * len(cells):
            return f"{name}, as {printable(found[0], limit=40)}"
    foreign = [cell for cell in others if _OTHER_DIGITS.fullmatch(cell) and not cell.isascii()]
    if len(foreign) >= _LEAST and len(foreign) == len(others) and all(map(_has_value, foreign)):
        return f"numbers in the digits of another script, as {printable(foreign[0], limit=40)}"
    return ""


def _has_value(cell: str) -> bool:
    """Whether all of a cell's letters are decimal digits."""
    return all(sign.isdecimal() for sign in cell.lstrip("+-") if sign not in ".,\u066b\u066c")
