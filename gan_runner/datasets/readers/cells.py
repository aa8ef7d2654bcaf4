"""The kind of a column by its cells: numbers or names."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan_runner.datasets.readers.texts import as_floats, join_lines

_NUMBER = re.compile(r"[+-]?([0-9]+\.?([0-9]*)|\.([0-9]+))([eE][+-]?[0-9]{1,3})?")
_EACH_NUMBER = re.compile(
    r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?$", re.MULTILINE
)
_FRACTION = re.compile(r"\.([0-9]*)")
_AROUND_DIGITS = re.compile(r"^[+-]?[0.]*|[.]|[eE].*$")
_LEADING_ZERO = re.compile(r"^0[0-9]+$", re.MULTILINE)
_TIME = r"[0-9]{1,3}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?( ?([ap]m|Z|[+-][0-9]{2}:?[0-9]{2}))?"
_DATE = (
    r"([0-9]{4}([-/.])[0-9]{1,2}\2[0-9]{1,2}|[0-9]{1,2}([-/.])[0-9]{1,2}\3([0-9]{4}|[0-9]{2})|"
    r"[0-9]{1,2}\.?[- ]?[a-z]{3,9}\.?[- ]?[0-9]{2,4}|[a-z]{3,9}\.? [0-9]{1,2},? [0-9]{4}|"
    r"[0-9]{4}-[0-9]{2}|[0-9]{4}-?(Q|W)[0-9]{1,2})"
)
_FORMS = {
    "dates": re.compile(_DATE, re.IGNORECASE),
    "times": re.compile(_TIME, re.IGNORECASE),
    "dates with times": re.compile(f"{_DATE}([T ]+{_TIME})?", re.IGNORECASE),
}
_MOST_DECIMALS = 10  # a float32 holds no greater power of ten, by which numbers are rounded
_MOST_EXACT = 2**53  # a float64 holds all whole numbers up to it
_MOST_CODES = 10  # different whole numbers
_LEAST_REPEATS = 10  # of each of them on average


def is_number(cell: str) -> bool:
    """Whether a cell is a decimal number, and not the name of something."""
    return _NUMBER.fullmatch(cell) is not None


def are_numbers(cells: Collection[str]) -> bool:
    """Whether all cells are decimal numbers, as `is_number` says of one."""
    first = next(iter(cells), "")  # of texts, most often
    if cells and not is_number(first):
        return False
    lines = _one_in_a_line(cells)
    return lines is not None and _EACH_NUMBER.subn("", lines)[1] == len(cells)


def _one_in_a_line(cells: Collection[str]) -> str | None:
    """A text that is searched at once, since a call for each of millions of cells takes long; None
    for cells of several lines."""
    lines = join_lines(cells)
    return lines if lines.count("\n") == max(0, len(cells) - 1) else None


def decimals(cells: Collection[str]) -> int | None:
    """The most digits after the point in cells that are numbers; None if some have an exponent."""
    if not are_numbers(cells):
        return None
    lines = join_lines(cells)
    if "e" in lines or "E" in lines:
        return None
    most = max(map(len, _FRACTION.findall(lines)), default=0)
    return most if most <= _MOST_DECIMALS else None


def parse_numbers(cells: Sequence[str]) -> NDArray[Any]:
    """The numbers of cells, float64 [N]; 64-bit integers where those keep more of their digits."""
    numbers = as_floats(cells)
    if np.abs(numbers).max(initial=0) > _MOST_EXACT and decimals(cells) == 0:
        whole = [int(cell.rstrip(".")) for cell in cells]
        for kind in (np.int64, np.uint64):
            if np.iinfo(kind).min <= min(whole) and max(whole) <= np.iinfo(kind).max:
                return np.array(whole, dtype=kind)
    return numbers


def digits(cells: Iterable[str]) -> int:
    """The decimal digits that the longest of cells that are numbers has, without leading zeros."""
    most = 0
    for cell in sorted(cells, key=len, reverse=True):
        if len(cell) <= most:
            break
        most = max(most, len(_AROUND_DIGITS.sub("", cell)))
    return most


def whole_numbers(cells: Sequence[str], *, signed: bool) -> NDArray[Any] | None:
    """The numbers of cells, [N], with all digits; None where some aren't written as whole ones, or
    with a sign that they mustn't have."""
    lines = join_lines(cells)
    if any(sign in lines for sign in (".eE" if signed else ".eE+-")) or not are_numbers(cells):
        return None
    numbers = parse_numbers(cells)
    if numbers.dtype.kind == "f" and np.abs(numbers).max(initial=0) > _MOST_EXACT:
        return np.array([int(cell) for cell in cells], dtype=object)
    return numbers


def are_codes(different: Collection[str], rows: int) -> bool:
    """Whether the different numbers in so many rows look like the codes of categories: few whole
    ones, again and again."""
    few = len(different) <= _MOST_CODES and len(different) * _LEAST_REPEATS <= rows
    return few and all(map(is_whole, different))


def is_whole(cell: str) -> bool:
    """Whether a number is written without a decimal sign."""
    return cell.lstrip("+-").isdecimal()


def find_leading_zero(cells: Collection[str]) -> str | None:
    """The first of cells that are numbers that is whole and begins with a zero that it would lose,
    as 00501; None for none."""
    match = _LEADING_ZERO.search(join_lines(cells))
    return None if match is None else match[0]


def dates_or_times(different: Collection[str]) -> str:
    """ "dates", "times" or "dates with times" where all cells look like them, else ""."""
    return next((name for name, form in _FORMS.items() if all(map(form.fullmatch, different))), "")


def date_forms(different: Collection[str]) -> list[str]:
    """An example of each form in which dates are written: of letters, digits and other signs."""
    seen: dict[str, str] = {}
    for cell in different:
        form = re.sub("[0-9]+", "0", re.sub("[A-Za-z]+", "a", cell))
        form = form if re.match("[0-9]{4}", cell) is None else f"year {form}"
        seen.setdefault(form, cell)
    return list(seen.values())


def categories(cells: Iterable[str]) -> tuple[str, ...]:
    """The different cells, in the order of their numbers or else of their letters."""
    different = set(cells)
    if are_numbers(different):
        return tuple(sorted(different, key=lambda cell: (float(cell), cell)))
    return tuple(sorted(different))
