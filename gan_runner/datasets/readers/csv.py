"""A table of text in a CSV file, read without trust."""

from __future__ import annotations

import codecs
import csv
import gc
import gzip
import re
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count, islice
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import numpy as np
from numpy.typing import NDArray

from gan_runner.config.overrides import override
from gan_runner.data import Decision, LeftOut, Reading
from gan_runner.datasets.readers.cells import is_number
from gan_runner.datasets.readers.coded import CodedCells
from gan_runner.datasets.readers.paths import file_faults
from gan_runner.datasets.readers.rows import Rows, code_rows
from gan_runner.datasets.readers.table_rows import (
    COMMENT_MARKS,
    refuse_title,
    refuse_units,
    skip_more,
    without_comments,
    without_repeated_names,
)
from gan_runner.decoding.other_files import FIRST_BYTES, find_other_file
from gan_runner.errors import ConfigError, DataError, plural, printable

csv.field_size_limit(1 << 30)  # to a wrong delimiter, thousands of names are a single cell

DELIMITERS = (",", ";", "\t", "|")
_GZIP = b"\x1f\x8b"
_MOST_SHOWN = 3
_FEW_LINES = 3  # of another length than all others
NAMELESS = "Unnamed: {}"  # as pandas calls a column without a name, by its place from 0
NUMBERED = override("dataset.names", ["c*"])
"""The setting that numbers the columns of a file without names."""

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
    in the file each row ends, [N], counted from 1. `reading`: which file it is and what it left
    out."""

    columns: dict[str, CodedCells]
    lines: NDArray[np.int64]
    reading: Reading = Reading()


class CSVForm(NamedTuple):
    """How a file is written.

    `delimiter` None: whichever of the usual ones splits the names most often; a space: any spaces.
    `encoding` None: the one of the byte order mark, else UTF-8. `skip_lines`: those to leave out,
    counted from 1. `names`: those of the columns of a file that has no row of them; a single one
    with * numbers them.
    """

    delimiter: str | None = None
    encoding: str | None = None
    skip_lines: tuple[int, ...] = ()
    names: tuple[str, ...] = ()


def read_csv(path: Path, form: CSVForm, *, setting: str) -> TextTable:
    """A file with a row of names, or names given, and rows of as many cells.

    Raises DataError for another file, ConfigError for lines that it hasn't and for another number
    of names, MachineError if it can't be read.
    """
    with file_faults(path, setting=setting):
        if path.exists() and not path.is_file():
            raise DataError(f"not a file, {setting}. Name a CSV file.")
        opener = _opener(path)
        try:
            with opener(path, "rb") as binary:
                start = binary.read(FIRST_BYTES)
            _refuse_other_files(start, setting)
            used = form.encoding or _encoding(start)
            with opener(path, "rt", encoding=used, newline="") as file:
                lines = _Lines(file, form.skip_lines)
                sign = form.delimiter or _delimiter(lines, is_tsv=".tsv" in path.suffixes)
                file.seek(0)
                lines = _Lines(file, form.skip_lines)
                rows = _rows(lines, sign)
        except (UnicodeError, csv.Error) as error:
            raise _unreadable(error, start, used, setting) from None
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            what = f"damaged gzip file ({printable(error)}), {setting}"
            raise DataError(f"{what}. Copy it again.") from None
    skipped = lines.left_out()
    table = _table(rows, sign, form, setting)
    name = {"\t": "tabs", " ": "spaces"}.get(sign, f"'{sign}'")
    source = f"{printable(path)}, {used.removesuffix('-sig').upper()}, {name} between cells"
    source += ", names by dataset.names" if form.names else ""
    stored = f"{len(table.lines)} rows, {len(table.columns)} columns"
    left_out = (*skipped, *table.reading.left_out)
    reading = Reading(source, stored, "", left_out, table.reading.decisions)
    return table._replace(reading=reading)


def _opener(path: Path) -> Callable[..., Any]:
    """What opens a file, also a packed one that is called so."""
    if path.suffix.lower() != ".gz":
        return open
    with path.open("rb") as file:
        return gzip.open if file.read(len(_GZIP)) == _GZIP else open


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


class _Lines:
    """The lines of a file, of which those to leave out are empty."""

    def __init__(self, file: TextIO, skipped: Collection[int]) -> None:
        self._file, self._skipped = file, frozenset(skipped)
        self._count = 0
        self._texts: list[str] = []

    def __iter__(self) -> Iterator[str]:
        for line in self._file:
            self._count += 1
            if self._count in self._skipped:
                self._texts.append(f"line {self._count}: {printable(line.strip(), limit=60)}")
            yield "\n" if self._count in self._skipped else line

    def left_out(self) -> list[LeftOut]:
        """What was left out, once all lines are read. Raises ConfigError for a line that there
        isn't."""
        last = max(self._skipped, default=0)
        if last > self._count:
            listed = override("dataset.skip_lines", sorted(self._skipped))
            raise ConfigError(f"no line {last}, {listed}. The file has {self._count} lines.")
        number, names = len(self._texts), tuple(self._texts[:_MOST_SHOWN])
        why = "dataset.skip_lines"
        return [LeftOut(number, self._count, "lines", why, names)] if number else []


def _delimiter(all_lines: Iterable[str], *, is_tsv: bool) -> str:
    """The delimiter that Excel's line names, or else the one that splits the names most often; of
    several, one that splits a line above, which begins like a comment, into as many. `is_tsv`: a
    tab, wherever there is one."""
    lines = [line for line in islice(all_lines, 1000) if line.strip()]
    named = _SEPARATOR_LINE.fullmatch(lines[0]) if lines else None
    if named:
        return named[1]
    first = next((k for k, line in enumerate(lines) if not line.startswith(COMMENT_MARKS)), 0)
    names, above = ([*lines, ""][first], lines[first - 1] if first else "")
    if is_tsv and "\t" in names:
        return "\t"
    counts = [_count_cells(names, delimiter) for delimiter in DELIMITERS]
    best = [d for d, count in zip(DELIMITERS, counts, strict=True) if count == max(counts)]
    return next((d for d in best if _count_cells(above, d) == max(counts)), best[0])


def _count_cells(line: str, delimiter: str) -> int:
    return len(next(csv.reader([line], delimiter=delimiter), []))


def _rows(all_lines: Iterable[str], delimiter: str) -> Rows:
    split = (" ".join(line.split()) + "\n" for line in all_lines)
    reader = csv.reader(split if delimiter == " " else all_lines, delimiter=delimiter, strict=True)
    with _without_collections():
        rows = code_rows(reader, (reader.line_num for _ in count()))
    if len(rows) and _SEPARATOR_LINE.fullmatch(delimiter.join(rows.row(0))):
        return rows.at(np.arange(1, len(rows)))
    return rows


@contextmanager
def _without_collections() -> Iterator[None]:
    """Of the many lists of cells none refers to itself: Python needn't look for such ones."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _table(rows: Rows, delimiter: str, form: CSVForm, setting: str) -> TextTable:
    """The columns of rows, of which the first has the names, unless they are given. Raises
    DataError and ConfigError."""
    rows, left_out = without_comments(rows, has_names=not form.names)
    names, line = _given_names(form.names, rows) if form.names and len(rows) else [], 0
    if not form.names and len(rows):
        names, line = rows.row(0), int(rows.lines[0])
        rows = rows.at(np.arange(1, len(rows)))
    rows, repeated = without_repeated_names(names, rows)
    left_out += [repeated] if repeated else []
    if not len(rows):
        raise DataError(f"no rows below the names, {setting}. Use a table with some.")
    if not form.names:
        refuse_title(names, line, rows, skipped=form.skip_lines, setting=setting)
        _refuse_values(names, rows, setting=setting)
    refuse_units(rows, skipped=form.skip_lines, setting=setting)
    names, nameless = _complete_names(names, rows)
    _check_names(names, rows, delimiter, setting)
    _check_lengths(names, rows, delimiter, form.skip_lines, setting)
    columns = dict(zip(names, rows.columns[len(names)], strict=True))
    empty = [name for name in nameless if not any(columns[name].different)]
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
    return TextTable(columns, rows.lines, reading)


def _given_names(names: Sequence[str], rows: Rows) -> list[str]:
    """The names of the columns of rows. Raises ConfigError for more or fewer of them."""
    width = int(rows.lengths.max())
    if (rows.lengths == width).all() and not any(rows.column(width - 1).different):
        width -= 1  # a delimiter at each line's end
    if len(names) == 1 and "*" in names[0]:
        return [names[0].replace("*", str(place)) for place in range(1, width + 1)]
    if len(names) != width:
        raise ConfigError(
            f"{plural(len(names), 'name')} for {plural(width, 'column')}, "
            f"dataset.names={printable(', '.join(names), limit=60)}. Name each column, or number "
            f"them: {NUMBERED}"
        )
    return list(names)


def _refuse_values(names: Sequence[str], rows: Rows, *, setting: str) -> None:
    """Raise DataError for a first row that has values."""
    if any(map(is_number, names)) and not _are_names(names, rows):
        listed = printable(", ".join(names), limit=60)
        raise DataError(
            f"the first row has no names ({listed}), {setting}. Put names above it, or number the "
            f"columns: {NUMBERED}"
        )


def _complete_names(names: list[str], rows: Rows) -> tuple[list[str], list[str]]:
    """Names for all columns, and which of them were missing: those that are empty, one for the
    names of rows as R writes them, and one for what follows a delimiter at each line's end."""
    if (rows.lengths == len(names) + 1).all():
        has_more = any(rows.column(len(names)).different)
        names = ["", *names] if has_more else [*names, ""]
    nameless = [NAMELESS.format(place) for place, name in enumerate(names) if not name]
    named = [name or NAMELESS.format(place) for place, name in enumerate(names)]
    return named, nameless


def _check_lengths(
    names: Sequence[str], rows: Rows, delimiter: str, skipped: Collection[int], setting: str
) -> None:
    """Raise DataError for a row that has more or fewer cells than there are names."""
    wrong = np.flatnonzero(rows.lengths != len(names))
    if not len(wrong):
        return
    length, line = int(rows.lengths[wrong[0]]), rows.lines[wrong[0]]
    what = f"line {line} has {plural(length, 'cell')} and the first {len(names)}"
    if len(wrong) <= _FEW_LINES < len(rows) / 2:  # a footer, or a slip
        skipping = skip_more(rows.lines[wrong].tolist(), skipped)
        these = "it" if len(wrong) == 1 else "such lines"
        raise DataError(f"{what}, {setting}. Repair {these}, or leave {these} out: {skipping}")
    other = override("dataset.delimiter", "," if delimiter == ";" else ";")
    raise DataError(
        f"{what}, {setting}. Repair it, or name another delimiter than {delimiter!r}: {other}"
    )


def _check_names(names: Sequence[str], rows: Rows, delimiter: str, setting: str) -> None:
    """Raise DataError for names that aren't unique, and for a single column that looks like
    several."""
    times = Counter(names)
    doubled = next((name for name in names if times[name] > 1), None)
    if doubled is not None:
        raise DataError(f"two columns are called {printable(doubled)}, {setting}. Rename one.")
    if len(names) == 1 and delimiter == DELIMITERS[0]:
        words = {len(row[0].split()) for row in [names, *rows.first(100)] if len(row) == 1}
        other = "space" if len(words) == 1 and words != {1} else ";"
        raise DataError(
            f"a single column, {printable(names[0], limit=60)}, {setting}. If the file has more, "
            f"name what stands between them: {override('dataset.delimiter', other)}"
        )


def _are_names(names: Sequence[str], rows: Rows) -> bool:
    """Whether a first row with numbers in it has names, as 2020, 0.5 or 1e5 beside others: a text
    of it stands above numbers, or above texts that come again and again, unlike itself."""
    if all(map(is_number, names)):
        return False
    for place, name in enumerate(names):
        if is_number(name):
            continue
        below = rows.column(place)
        different = len(below.different)
        numbers = sum(map(is_number, below.different))
        if name.lower() not in _NO_NUMBERS and numbers > different / 2:
            return True
        is_new = name not in below.different
        if is_new and different and len(below) >= _LEAST_REPEATS * different:
            return True
    # whole numbers are years, and sizes, more often than values
    return all(name.isdecimal() for name in names if is_number(name))
