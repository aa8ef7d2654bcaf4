"""A table of text in a CSV file, read without trust."""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TextIO

from gan_runner.config.overrides import override
from gan_runner.data import Decision, LeftOut, Reading
from gan_runner.datasets.readers.cells import is_number
from gan_runner.datasets.readers.paths import file_faults
from gan_runner.decoding.other_files import FIRST_BYTES, find_other_file
from gan_runner.errors import DataError, plural, printable

csv.field_size_limit(1 << 30)  # to a wrong delimiter, thousands of names are a single cell

DELIMITERS = (",", ";", "\t", "|")
_MOST_SHOWN = 3
NAMELESS = "Unnamed: {}"  # as pandas calls a column without a name, by its place from 0

_BYTE_ORDER_MARKS = {  # that of UTF-32 begins like one of UTF-16
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_NO_NUMBERS = {"na", "nan", "n/a", "null", "none", "inf", "-inf", "?", "-", "."}  # among values
_LEAST_REPEATS = 3  # of the texts below a name, on average
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*')  # Excel's, above the names


class TextTable(NamedTuple):
    """`columns`: the cells of each column by its name, without spaces around them. `lines`: where
    in the file each row ends, counted from 1. `reading`: which file it is and what it left out."""

    columns: dict[str, list[str]]
    lines: list[int]
    reading: Reading = Reading()


def read_csv(path: Path, *, delimiter: str | None, encoding: str | None, setting: str) -> TextTable:
    """A file with a row of names and rows of as many cells.

    `delimiter` None: whichever of the usual ones splits the names most often; a space: any spaces.
    `encoding` None: the one of the byte order mark, else UTF-8. Raises DataError for another file,
    MachineError if it can't be read.
    """
    with file_faults(path, setting=setting):
        if path.exists() and not path.is_file():
            raise DataError(f"not a file, {setting}. Name a CSV file.")
        with path.open("rb") as binary:
            start = binary.read(FIRST_BYTES)
        _refuse_other_files(start, setting)
        used = encoding or _encoding(start)
        try:
            with path.open(encoding=used, newline="") as file:
                sign = delimiter or _delimiter(file)
                file.seek(0)
                rows = _rows(file, sign)
        except (UnicodeError, csv.Error) as error:
            raise _unreadable(error, start, used, setting) from None
    table = _table(rows, sign, setting)
    name = {"\t": "tabs", " ": "spaces"}.get(sign, f"'{sign}'")
    source = f"{printable(path)}, {used.removesuffix('-sig').upper()}, {name} between cells"
    stored = f"{len(table.lines)} rows, {len(table.columns)} columns"
    reading = Reading(source, stored, "", table.reading.left_out, table.reading.decisions)
    return table._replace(reading=reading)


def _encoding(start: bytes) -> str:
    found = (encoding for mark, encoding in _BYTE_ORDER_MARKS.items() if start.startswith(mark))
    return next(found, "utf-8")


def _refuse_other_files(start: bytes, setting: str) -> None:
    """Raise DataError for a file that begins like one of another format."""
    other = find_other_file(start)
    if other is not None:
        raise DataError(f"{other.kind}, {setting}. {other.remedy or 'Save it as CSV in UTF-8.'}")


def _unreadable(error: Exception, start: bytes, encoding: str, setting: str) -> DataError:
    """The fault of a file that isn't text in this encoding, or isn't CSV."""
    what = f"unreadable as CSV ({printable(error)}), {setting}"
    if not isinstance(error, UnicodeError):
        return DataError(f"{what}. Save it as CSV in UTF-8.")
    wide = "utf-16-be" if start.startswith(b"\0") else "utf-16-le"
    guess = wide if b"\0" in start else "cp1252" if encoding.startswith("utf") else "auto"
    which = ", that of Windows in Western Europe and America" if guess == "cp1252" else ""
    named = override("dataset.encoding", guess)
    return DataError(f"{what}. Save it as CSV in UTF-8, or try another encoding{which}: {named}")


def _delimiter(file: TextIO) -> str:
    """The delimiter that Excel's line names, or else the one that splits the names most often."""
    lines = [line for line in islice(file, 1000) if line.strip()]
    named = _SEPARATOR_LINE.fullmatch(lines[0]) if lines else None
    if named:
        return named[1]
    first = next((line for line in lines if not line.startswith("#")), "".join(lines[:1]))
    counts = [len(next(csv.reader([first], delimiter=d), [])) for d in DELIMITERS]
    return DELIMITERS[counts.index(max(counts))]


class _Rows(NamedTuple):
    """The rows of a file that aren't empty, and the lines in which they end."""

    cells: list[list[str]]
    lines: list[int]


def _rows(file: Iterator[str], delimiter: str) -> _Rows:
    lines = (" ".join(line.split()) + "\n" for line in file) if delimiter == " " else file
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    rows = _Rows([], [])
    for row in reader:
        cells = [cell.strip() for cell in row]
        if any(cells):
            rows.cells.append(cells)
            rows.lines.append(reader.line_num)
    if rows.cells and _SEPARATOR_LINE.fullmatch(delimiter.join(rows.cells[0])):
        return _Rows(rows.cells[1:], rows.lines[1:])
    return rows


def _table(rows: _Rows, delimiter: str, setting: str) -> TextTable:
    """The columns of rows, of which the first has the names. Raises DataError."""
    rows, comments = _without_comments(rows)
    rows, repeated = _without_repeated_names(rows)
    if len(rows.cells) < 2:
        raise DataError(f"no rows below the names, {setting}. Use a table with some.")
    _refuse_title(rows, setting)
    names, *cells = rows.cells
    names, nameless = _complete_names(names, cells)
    _check_names(names, cells, delimiter, setting)
    _check_lengths(names, cells, rows.lines, delimiter, setting)
    columns = dict(zip(names, map(list, zip(*cells, strict=True)), strict=True))
    left_out = [each for each in (comments, repeated) if each]
    empty = [name for name in nameless if not any(columns[name])]
    if empty:
        columns = {name: column for name, column in columns.items() if name not in empty}
        left_out.append(LeftOut(len(empty), len(names), "columns", "without a name or a cell"))
    named = [name for name in nameless if name not in empty]
    decisions = [
        Decision(
            f"a column without a name is called {printable(name)}",
            "",
            doubtful=False,
        )
        for name in named
    ]
    reading = Reading(left_out=tuple(left_out), decisions=tuple(decisions))
    return TextTable(columns, rows.lines[1:], reading)


def _refuse_title(rows: _Rows, setting: str) -> None:
    """Raise DataError for a first row with a single text, above one that has several names."""
    title, below = ([cell for cell in row if cell] for row in rows.cells[:2])
    if len(title) > 1 or len(below) < 2 or any(map(is_number, (*title, *below))):
        return
    raise DataError(
        f"line {rows.lines[0]} looks like a title, {printable(title[0], limit=60)}, {setting}. "
        f"Remove it: the names seem to be in line {rows.lines[1]}."
    )


def _without_comments(rows: _Rows) -> tuple[_Rows, LeftOut | None]:
    """The rows without comments: what begins with # and hasn't as many cells as the others, or
    stands above the names."""
    plain = [place for place, row in enumerate(rows.cells) if not row[0].startswith("#")]
    if not plain or len(plain) == len(rows.cells):
        return rows, None
    count, first = len(rows.cells[plain[0]]), plain[0]
    # "#id,x,y" right above numbers has the names
    above_numbers = first > 0 and any(map(is_number, rows.cells[first]))
    names = first - 1 if above_numbers and len(rows.cells[first - 1]) == count else first
    kept = [
        place
        for place, row in enumerate(rows.cells)
        if place >= names and (len(row) == count or not row[0].startswith("#"))
    ]
    number = len(rows.cells) - len(kept)
    left_out = LeftOut(number, len(rows.cells), "lines", "comments, which begin with #")
    cells, lines = ([part[place] for place in kept] for part in rows)
    return _Rows(cells, lines), left_out if number else None  # type: ignore[arg-type]


def _without_repeated_names(rows: _Rows) -> tuple[_Rows, LeftOut | None]:
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
    cells, lines = (
        [part[place] for place in range(len(part)) if place not in skipped] for part in rows
    )
    shown = tuple(f"line {rows.lines[place]}" for place in again[:_MOST_SHOWN])
    left_out = LeftOut(len(again), len(rows.cells) - 1, "rows", "the names again", shown)
    return _Rows(cells, lines), left_out  # type: ignore[arg-type]


def _complete_names(names: list[str], cells: list[list[str]]) -> tuple[list[str], list[str]]:
    """Names for all columns, and which of them were missing: those that are empty, one for the
    names of rows as R writes them, and one for what follows a delimiter at each line's end."""
    if all(len(row) == len(names) + 1 for row in cells):
        names = ["", *names] if any(row[-1] for row in cells) else [*names, ""]
    nameless = [NAMELESS.format(place) for place, name in enumerate(names) if not name]
    named = [name or NAMELESS.format(place) for place, name in enumerate(names)]
    return named, nameless


def _check_lengths(
    names: Sequence[str],
    cells: Sequence[Sequence[str]],
    lines: Sequence[int],
    delimiter: str,
    setting: str,
) -> None:
    """Raise DataError for a row that has more or fewer cells than there are names."""
    for line, row in zip(lines[1:], cells, strict=True):
        if len(row) != len(names):
            other = override("dataset.delimiter", "," if delimiter == ";" else ";")
            raise DataError(
                f"line {line} has {plural(len(row), 'cell')} and the first {len(names)}, "
                f"{setting}. Repair it, or name another delimiter than {delimiter!r}: {other}"
            )


def _check_names(
    names: Sequence[str], cells: Sequence[Sequence[str]], delimiter: str, setting: str
) -> None:
    """Raise DataError for names that are numbers or not unique, and for a single column that looks
    like several."""
    if any(map(is_number, names)) and not _are_names(names, cells):
        listed = printable(", ".join(names), limit=60)
        raise DataError(f"the first row has no names ({listed}), {setting}. Put names above it.")
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise DataError(f"two columns are called {printable(doubled)}, {setting}. Rename one.")
    if len(names) == 1 and delimiter == DELIMITERS[0]:
        words = {len(row[0].split()) for row in [names, *cells[:100]] if len(row) == 1}
        other = "space" if len(words) == 1 and words != {1} else ";"
        raise DataError(
            f"a single column, {printable(names[0], limit=60)}, {setting}. If the file has more, "
            f"name what stands between them: {override('dataset.delimiter', other)}"
        )


def _are_names(names: Sequence[str], cells: Sequence[Sequence[str]]) -> bool:
    """Whether a first row with numbers in it has names, as 2020, 0.5 or 1e5 beside others: a text
    of it stands above numbers, or above texts that come again and again, unlike itself."""
    if all(map(is_number, names)):
        return False
    for place, name in enumerate(names):
        if is_number(name):
            continue
        below = Counter(row[place] for row in cells if len(row) > place)
        if name.lower() not in _NO_NUMBERS and sum(map(is_number, below)) > len(below) / 2:
            return True
        if name not in below and below and below.total() >= _LEAST_REPEATS * len(below):
            return True
    # whole numbers are years, and sizes, more often than values
    return all(name.isdecimal() for name in names if is_number(name))
