"""The kind of a column by its cells: numbers or names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_NUMBER = re.compile(r"[+-]?([0-9]+\.?([0-9]*)|\.([0-9]+))([eE][+-]?[0-9]{1,3})?")
_MOST_DECIMALS = 6  # float32 has no more to offer
_MOST_CODES = 10  # different whole numbers
_LEAST_REPEATS = 10  # of each of them on average


def is_number(cell: str) -> bool:
    """Whether a cell is a decimal number, and not the name of something."""
    return _NUMBER.fullmatch(cell) is not None


def decimals(cells: Iterable[str]) -> int | None:
    """The most digits after the point in cells that are numbers; None if some have an exponent."""
    most = 0
    for match in map(_NUMBER.fullmatch, cells):
        if match is None or match[4]:
            return None
        most = max(most, len(match[2] or match[3] or ""))
    return most if most <= _MOST_DECIMALS else None


def are_codes(cells: Sequence[str]) -> bool:
    """Whether numbers look like the codes of categories: few whole ones, again and again."""
    different = set(cells)
    few = len(different) <= _MOST_CODES and len(different) * _LEAST_REPEATS <= len(cells)
    return few and all(cell.lstrip("+-").isdecimal() for cell in different)


def categories(cells: Iterable[str]) -> tuple[str, ...]:
    """The different cells, in the order of their numbers or else of their letters."""
    different = set(cells)
    if all(map(is_number, different)):
        return tuple(sorted(different, key=lambda cell: (float(cell), cell)))
    return tuple(sorted(different))
