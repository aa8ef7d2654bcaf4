"""A table of text in a CSV file, read without trust."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from gan_runner.datasets.readers.cells import is_number
from gan_runner.datasets.readers.paths import file_faults
from gan_runner.errors import DataError, printable

DELIMITERS = (",", ";", "\t", "|")


class TextTable(NamedTuple):
    """`columns`: the cells of each column by its name, without spaces around them. `lines`: where
    in the file each row ends, counted from 1."""

    columns: dict[str, list[str]]
    lines: list[int]


def read_csv(path: Path, *, delimiter: str | None, setting: str) -> TextTable:
    """A file with a row of names and rows of as many cells, in UTF-8.

    `delimiter` None: whichever of the usual ones splits the names most often. Raises DataError for
    another file, MachineError if it can't be read.
    """
    with file_faults(path, setting=setting):
        if path.exists() and not path.is_file():
            raise DataError(f"not a file, {setting}. Name a CSV file.")
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                first = next((line for line in file if line.strip()), "")
                file.seek(0)
                used = delimiter or _delimiter(first)
                return _table(csv.reader(file, delimiter=used, strict=True), used, setting)
        except (UnicodeError, csv.Error) as error:
            raise DataError(
                f"unreadable as CSV ({printable(error)}), {setting}. Save it as CSV in UTF-8."
            ) from None


def _delimiter(first: str) -> str:
    """The delimiter that splits the first line most often."""
    counts = [len(next(csv.reader([first], delimiter=d), [])) for d in DELIMITERS]
    return DELIMITERS[counts.index(max(counts))]


def _table(reader: Iterator[list[str]], delimiter: str, setting: str) -> TextTable:
    rows, lines = [], []
    for row in reader:
        if any(cell.strip() for cell in row):
            rows.append([cell.strip() for cell in row])
            lines.append(int(reader.line_num))  # type: ignore[attr-defined]
    if len(rows) < 2:
        raise DataError(f"no rows below the names, {setting}. Use a table with some.")
    names, *cells = rows
    _check_names(names, delimiter, setting)
    for line, row in zip(lines[1:], cells, strict=True):
        if len(row) != len(names):
            raise DataError(
                f"line {line} has {len(row)} cells and the first {len(names)}, {setting}. "
                f"Repair it, or name another delimiter than {delimiter!r}: dataset.delimiter=';'."
            )
    columns = dict(zip(names, map(list, zip(*cells, strict=True)), strict=True))
    return TextTable(columns, lines[1:])


def _check_names(names: Sequence[str], delimiter: str, setting: str) -> None:
    """Raise DataError for names that are missing or not unique."""
    # a column may be called 2020, but hardly 0.35
    if all(map(is_number, names)) or any(is_number(n) and not n.isdecimal() for n in names):
        listed = printable(", ".join(names), limit=60)
        raise DataError(f"the first row has no names ({listed}), {setting}. Put names above it.")
    if not all(names):
        place = list(names).index("") + 1
        raise DataError(f"column {place} has no name, {setting}. Give it one.")
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise DataError(f"two columns are called {printable(doubled)}, {setting}. Rename one.")
    if len(names) == 1 and delimiter == DELIMITERS[0]:
        raise DataError(
            f"a single column, {printable(names[0], limit=60)}, {setting}. If the file has more, "
            "name what stands between them: dataset.delimiter=';'."
        )
