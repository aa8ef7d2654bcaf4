"""The rows of a file of text: which have names, and which are neither names nor values."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

from gan_runner.config.overrides import override
from gan_runner.data import LeftOut
from gan_runner.datasets.readers.cells import is_number
from gan_runner.datasets.readers.units import is_unit
from gan_runner.errors import DataError, printable

COMMENT_MARKS = ("#", "%")
_MOST_SHOWN = 3
_LONG = {"deg", "degc", "degf", "rad", "unitless", "count", "counts"}
_MOST_SEARCHED = 100  # rows
_FEWEST_VALUES = 2  # rows, which tell numbers from a row of units
_BRACKETS = {"(": ")", "[": "]", "{": "}", "<": ">"}


class Rows(NamedTuple):
    """The rows of a file that aren't empty, and the lines in which they end."""

    cells: list[list[str]]
    lines: list[int]

    def at(self, places: Sequence[int]) -> Rows:
        """Those at these places."""
        return Rows([self.cells[k] for k in places], [self.lines[k] for k in places])


def without_comments(rows: Rows, *, has_names: bool) -> tuple[Rows, list[LeftOut]]:
    """The rows without comments: what begins with # and hasn't as many cells as the others, or
    stands above the names, and what begins with % above the names. `has_names`: the file has a row
    of them, which may begin so, too."""
    left_out = []
    for mark in COMMENT_MARKS:
        kept = _plain_rows(rows.cells, mark, has_names=has_names)
        if number := len(rows.cells) - len(kept):
            why = f"comments, which begin with {mark}"
            left_out.append(LeftOut(number, len(rows.cells), "lines", why))
            rows = rows.at(kept)
    return rows, left_out


def _plain_rows(cells: Sequence[Sequence[str]], mark: str, *, has_names: bool) -> list[int]:
    """The places of rows that aren't comments."""
    first = next((k for k, row in enumerate(cells) if not row[0].startswith(mark)), None)
    if first is None:
        return list(range(len(cells)))
    count = len(cells[first])
    # "#id,x,y" right above numbers has the names
    above_numbers = has_names and first > 0 and any(map(is_number, cells[first]))
    start = first - 1 if above_numbers and len(cells[first - 1]) == count else first
    return [
        place
        for place, row in enumerate(cells)
        if place >= start and (mark != "#" or len(row) == count or not row[0].startswith(mark))
    ]


def refuse_title(rows: Rows, *, skipped: Collection[int], setting: str) -> None:
    """Raise DataError for a first row with a single text, above one that has several names."""
    title, below = ([cell for cell in row if cell] for row in rows.cells[:2])
    if len(title) > 1 or len(below) < 2 or any(map(is_number, (*title, *below))):
        return
    raise DataError(
        f"line {rows.lines[0]} looks like a title, {printable(title[0], limit=60)}, {setting}. "
        f"The names seem to be in line {rows.lines[1]}. Leave the title out: "
        f"{skip_more(rows.lines[:1], skipped)}"
    )


def refuse_units(rows: Rows, *, skipped: Collection[int], setting: str) -> None:
    """Raise DataError for a row of units between the names and the values: none of its cells is a
    number, and one that stands above numbers is a unit or stands in brackets."""
    units, *values = rows.cells[1 : _MOST_SEARCHED + 2]
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
        f"line {rows.lines[1]} looks like a row of units, {listed}, {setting}. Leave it out: "
        f"{skip_more(rows.lines[1:2], skipped)}"
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


def without_repeated_names(rows: Rows) -> tuple[Rows, LeftOut | None]:
    """The rows without those that have the names again, as files put together do."""
    names = rows.cells[0] if rows.cells else []
    again = [place for place, row in enumerate(rows.cells) if place and row == names]
    if not again or any(map(is_number, names)):
        return rows, None
    skipped = set(again)
    others = [row for place, row in enumerate(rows.cells) if place and place not in skipped]
    if not any(
        sum(map(is_number, column)) > len(others) / 2 for column in zip(*others, strict=False)
    ):
        return rows, None  # values that come again
    shown = tuple(f"line {rows.lines[place]}" for place in again[:_MOST_SHOWN])
    left_out = LeftOut(len(again), len(rows.cells) - 1, "rows", "the names again", shown)
    return rows.at([k for k in range(len(rows.cells)) if k not in skipped]), left_out
