"""The kind of a column by its cells: numbers or names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_NUMBER = re.compile(r"[+-]?([0-9]+\.?([0-9]*)|\.([0-9]+))([eE][+-]?[0-9]{1,3})?")
_MOST_DECIMALS = 10  # a float32 holds no greater power of ten, by which numbers are rounded
_MOST_EXACT = 2**53  # a float64 holds all whole numbers up to it
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


def parse_numbers(cells: Sequence[str]) -> NDArray[Any]:
    """The numbers of cells, float64 [N]; 64-bit integers where those keep more of their digits."""
    numbers = np.array(cells, dtype=np.float64)
    if np.abs(numbers).max(initial=0) > _MOST_EXACT and decimals(cells) == 0:
        whole = [int(cell.rstrip(".")) for cell in cells]
        for kind in (np.int64, np.uint64):
            if np.iinfo(kind).min <= min(whole) and max(whole) <= np.iinfo(kind).max:
                return np.array(whole, dtype=kind)
    return numbers


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
