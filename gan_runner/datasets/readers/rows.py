"""The rows of a file of text, held column by column while they are read."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from gan_runner.datasets.readers.coded import CellCoder, CodedCells, code_cells
from gan_runner.datasets.readers.texts import join_lines

_CELLS_AT_A_TIME, _LEAST_ROWS = 1 << 15, 64  # so few that they stay in a processor's cache

Places = NDArray[np.int64]


class Rows:
    """Rows that aren't empty: the number of cells of each, `lengths` [N], and the `lines` in which
    they end, [N]. `columns`: those of all rows of a length."""

    def __init__(
        self, lengths: Places, lines: Places, columns: dict[int, list[CodedCells]]
    ) -> None:
        self.lengths, self.lines, self.columns = lengths, lines, columns

    def __len__(self) -> int:
        return len(self.lengths)

    def row(self, place: int) -> list[str]:
        """The cells of a row."""
        length = int(self.lengths[place])
        within = int(np.count_nonzero(self.lengths[:place] == length))
        return [column[within] for column in self.columns[length]]

    def first(self, count: int) -> list[list[str]]:
        """The first rows."""
        some = self.at(np.arange(min(count, len(self))))
        cells = {length: zip(*columns, strict=True) for length, columns in some.columns.items()}
        return [list(next(cells[length])) for length in some.lengths.tolist()]

    def column(self, place: int) -> CodedCells:
        """The cells at a place of all rows that reach it, those of equally long rows together."""
        parts = [columns[place] for length, columns in self.columns.items() if length > place]
        return parts[0] if len(parts) == 1 else code_cells([c for part in parts for c in part])

    def at(self, places: Places) -> Rows:
        """The rows at these places, in their order."""
        if len(places) == len(self):
            return self
        lengths, columns = self.lengths[places], {}
        for length in np.unique(lengths).tolist():
            within = (np.cumsum(self.lengths == length) - 1)[places[lengths == length]]
            columns[length] = [column.take(within) for column in self.columns[length]]
        return Rows(lengths, self.lines[places], columns)

    def begin_with(self, mark: str) -> NDArray[np.bool_]:
        """Whether the first cell of each row does, [N]."""
        found = np.zeros(len(self), np.bool_)
        for length, columns in self.columns.items():
            cells = columns[0].different
            if f"\n{mark}" not in f"\n{join_lines(cells)}":
                continue
            are_marked = np.fromiter((cell.startswith(mark) for cell in cells), bool, len(cells))
            found[self.lengths == length] = are_marked[columns[0].codes]
        return found

    def same_as(self, row: Sequence[str]) -> Places:
        """The places of the rows that have these cells."""
        columns = self.columns.get(len(row), [])
        return np.flatnonzero(self.lengths == len(row))[_places_of(columns, row)]


def _places_of(columns: Sequence[CodedCells], row: Iterable[str]) -> Places:
    """The places of a row among those of columns of one length."""
    found: Places | None = None
    for column, cell in zip(columns, row, strict=False):
        if cell not in column.different:
            return np.zeros(0, np.int64)
        are_same = column.codes == column.different.index(cell)
        found = np.flatnonzero(are_same) if found is None else found[are_same[found]]
    return np.zeros(0, np.int64) if found is None else found


def code_rows(rows: Iterable[list[str]], lines: Iterator[int]) -> Rows:
    """Rows, and the line in which each ends, as they are read: those with a cell that isn't empty,
    without the spaces around cells."""
    lengths, numbers = array("q"), array("q")
    coders: dict[int, list[CellCoder]] = {}
    waiting: list[list[str]] = []
    count = 0
    for row, line in zip(rows, lines, strict=False):
        if not any(row):
            continue
        waiting.append(row)
        lengths.append(len(row))
        numbers.append(line)
        count += len(row)
        if count >= _CELLS_AT_A_TIME and len(waiting) >= _LEAST_ROWS:
            _code(waiting, coders)
            waiting, count = [], 0
    _code(waiting, coders)
    columns = {length: [each.finish() for each in made] for length, made in coders.items()}
    read = Rows(np.array(lengths, np.int64), np.array(numbers, np.int64), columns)
    empty = [read.same_as([""] * length) for length in columns]  # of spaces alone
    return read.at(np.delete(np.arange(len(read)), np.concatenate(empty))) if empty else read


def _code(rows: Sequence[list[str]], coders: dict[int, list[CellCoder]]) -> None:
    """Give the cells of rows to the coders of the columns of rows as long."""
    for length in {len(row) for row in rows}:
        of_length = coders.setdefault(length, [CellCoder() for _ in range(length)])
        columns = zip(*(row for row in rows if len(row) == length), strict=True)
        for coder, cells in zip(of_length, columns, strict=True):
            coder.add(cells)
