"""The rows of a file of text: which have names, and which are neither names nor values."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from gan_runner.config.overrides import override
from gan_runner.data import LeftOut
from gan_runner.datasets.readers.cells import is_number
from gan_runner.datasets.readers.coded import CodedCells
from gan_runner.datasets.readers.rows import Rows
from gan_runner.datasets.readers.units import is_unit
from gan_runner.errors import DataError, printable

COMMENT_MARKS = ("#", "%")
_MOST_SHOWN = 3
_LONG = {"deg", "degc", "degf", "rad", "unitless", "count", "counts"}
_MOST_SEARCHED = 100  # rows
_FEWEST_VALUES = 2  # rows, which tell numbers from a row of units
_BRACKETS = {"(": ")", "[": "]", "{": "}", "<": ">"}


def without_comments(rows: Rows, *, has_names: bool) -> tuple[Rows, list[LeftOut]]:
    """The rows without comments: what begins with # and hasn't as many cells as the others, or
    stands above the names, and what begins with % above the names. `has_names`: the file has a row
    of them, which may begin so, too."""
    left_out = []
    for mark in COMMENT_MARKS:
        kept = _plain_rows(rows, mark, has_names=has_names)
        if number := len(rows) - len(kept):
            why = f"comments, which begin with {mark}"
            left_out.append(LeftOut(number, len(rows), "lines", why))
            rows = rows.at(kept)
    return rows, left_out


def _plain_rows(rows: Rows, mark: str, *, has_names: bool) -> NDArray[np.int64]:
    """The places of rows that aren't comments."""
    are_marked, places = rows.begin_with(mark), np.arange(len(rows))
    if are_marked.all():
        return places
    first = int(are_marked.argmin())
    length = rows.lengths[first]
    # "#id,x,y" right above numbers has the names
    above_numbers = has_names and first > 0 and any(map(is_number, rows.row(first)))
    start = first - 1 if above_numbers and rows.lengths[first - 1] == length else first
    are_plain = (rows.lengths == length) | ~are_marked if mark == "#" else places >= start
    return np.flatnonzero(are_plain & (places >= start))


def refuse_title(
    names: Sequence[str], line: int, rows: Rows, *, skipped: Collection[int], setting: str
) -> None:
    """Raise DataError for names, in a line, that are a single text, above a row that has several
    names."""
    title, below = ([cell for cell in row if cell] for row in (names, rows.row(0)))
    if len(title) > 1 or len(below) < 2 or any(map(is_number, (*title, *below))):
        return
    raise DataError(
        f"line {line} looks like a title, {printable(title[0], limit=60)}, {setting}. "
        f"The names seem to be in line {rows.lines[0]}. Leave the title out: "
        f"{skip_more([line], skipped)}"
    )


def refuse_units(rows: Rows, *, skipped: Collection[int], setting: str) -> None:
    """Raise DataError for a row of units above the values: none of its cells is a
    number, and one that stands above numbers is a unit or stands in brackets."""
    units, *values = rows.first(_MOST_SEARCHED + 1)
    if len(values) < _FEWEST_VALUES or any(map(_is_value, units)):
        return
    above_numbers = [
        cell
        for cell, *below in zip(units, *values, strict=False)
        if sum(map(_is_value, below)) > len(below) / 2
    ]
    if not any(map(_is_unit, above_numbers)):
        return
    listed = printable(", ".join(filter(None, units)), limit=60)
    raise DataError(
        f"line {rows.lines[0]} looks like a row of units, {listed}, {setting}. Leave it out: "
        f"{skip_more(rows.lines[:1].tolist(), skipped)}"
    )


def skip_more(lines: Collection[int], skipped: Collection[int]) -> str:
    """The setting that leaves out these lines, too."""
    return override("dataset.skip_lines", sorted({*skipped, *lines}))


def _is_value(cell: str) -> bool:
    """Whether a cell is a number, also with a comma for a point."""
    return is_number(cell.replace(",", "."))


def _is_unit(cell: str) -> bool:
    """Whether a cell is a unit, also in brackets, or of several as kg/m^3 and m s-1."""
    if cell[1:-1].strip() and _BRACKETS.get(cell[0]) == cell[-1]:
        return True
    parts = [part.strip("^+-123456789²³⁻¹·* ") for part in re.split(r"[/·* ]", cell)]
    named = list(filter(None, parts))
    return bool(named) and all(part.casefold() in _LONG or is_unit(part) for part in named)


def without_repeated_names(names: Sequence[str], rows: Rows) -> tuple[Rows, LeftOut | None]:
    """The rows without those that have the names again, as files put together do."""
    again = rows.same_as(names)
    if not len(again) or any(map(is_number, names)):
        return rows, None
    others = rows.at(np.delete(np.arange(len(rows)), again))
    columns = map(others.column, range(min(others.columns, default=0)))
    if not any(_count_numbers(column) > len(others) / 2 for column in columns):
        return rows, None  # values that come again
    shown = tuple(f"line {line}" for line in rows.lines[again[:_MOST_SHOWN]].tolist())
    return others, LeftOut(len(again), len(rows), "rows", "the names again", shown)


def _count_numbers(column: CodedCells) -> int:
    return sum(count for cell, count in column.counts.items() if is_number(cell))
