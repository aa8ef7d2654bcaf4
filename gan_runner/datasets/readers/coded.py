"""Cells of a column, held once each: most columns have few different ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan_runner.datasets.readers.cells import are_numbers
from gan_runner.datasets.readers.texts import Counts, Texts, code_packed, pack, take_texts

_MANY = 1 << 16  # different cells
_MISSING = ("<NA>", "NaT", "nan")  # of pandas and numpy, as they print it


class CodedCells:
    """The cells of a column: the `different` ones, and the place of each cell's among them, [N]."""

    def __init__(self, different: Texts, codes: NDArray[np.int32]) -> None:
        self.different, self.codes = different, codes

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, place: int) -> str:
        return self.different[int(self.codes[place])]

    def __iter__(self) -> Iterator[str]:
        return map(list(self.different).__getitem__, self.codes.tolist())

    @cached_property
    def counts(self) -> Counts:
        """How often each of the different cells comes, in their order."""
        return Counts(self.different, np.bincount(self.codes, minlength=len(self.different)))

    @cached_property
    def are_numbers(self) -> bool:
        """Whether all cells are decimal numbers."""
        return are_numbers(self.different)

    def index(self, cell: str) -> int:
        """The first place of a cell that is there."""
        return int(np.argmax(self.codes == self.different.index(cell)))

    def rows_of(self, cells: Collection[str]) -> NDArray[np.int64]:
        """The places of these cells, in order."""
        found = [self.different.index(cell) for cell in cells if cell in self.different]
        if not found:
            return np.zeros(0, np.int64)
        if len(found) == 1:
            return np.flatnonzero(self.codes == found[0])
        are_meant = np.zeros(len(self.different), np.bool_)
        are_meant[found] = True
        return np.flatnonzero(are_meant[self.codes])

    def take(self, rows: NDArray[np.int64]) -> CodedCells:
        """The cells at these places."""
        codes = self.codes[rows]
        kept = np.flatnonzero(np.bincount(codes, minlength=len(self.different)))
        if len(kept) == len(self.different):
            return CodedCells(self.different, codes)
        places = np.zeros(len(self.different), np.int32)
        places[kept] = np.arange(len(kept), dtype=np.int32)
        return CodedCells(take_texts(self.different, kept), places[codes])


class CellCoder:
    """Codes the cells of a column as they come. Once many are different, more are kept as they are
    until `finish`, so that a single column at a time needs a table of all of its texts."""

    def __init__(self) -> None:
        self._places: defaultdict[str, int] = defaultdict()
        self._places.default_factory = self._places.__len__
        self._codes: list[NDArray[np.int32]] = []
        self._waiting: list[Texts] = []

    def add(self, cells: Sequence[str]) -> None:
        """More cells."""
        if len(self._places) < _MANY:
            self._code(cells, len(cells))
        else:
            self._waiting.append(pack(list(cells), least=0))

    def _code(self, cells: Iterable[str], count: int) -> None:
        self._codes.append(np.fromiter(map(self._places.__getitem__, cells), np.int32, count))

    def finish(self) -> CodedCells:
        """All cells, without the spaces around them. The coder is empty then."""
        coded = self._code_waiting()
        if coded is None:
            for cells in self._waiting:
                self._code(cells, len(cells))
            coded = self._coded()
        self._places.clear()
        self._codes.clear()
        self._waiting.clear()
        return coded

    def _code_waiting(self) -> CodedCells | None:
        """All cells, where many are different and can be coded at once."""
        if not self._waiting:
            return None
        first = take_texts(pack(list(self._places)), np.concatenate(self._codes))
        found = code_packed([first, *self._waiting])
        return None if found is None else CodedCells(*found)

    def _coded(self) -> CodedCells:
        """The cells that have codes."""
        codes = np.concatenate(self._codes) if self._codes else np.zeros(0, np.int32)
        different, stripped = list(self._places), list(map(str.strip, self._places))
        if stripped == different:
            return CodedCells(pack(different), codes)
        coded = code_cells(stripped)
        return CodedCells(coded.different, coded.codes[codes])


def code_cells(cells: Sequence[str]) -> CodedCells:
    """The cells of a column, without the spaces around them."""
    coder = CellCoder()
    coder.add(cells)
    return coder.finish()


def code_values(different: Iterable[object], codes: NDArray[Any]) -> CodedCells:
    """Values of other types as the cells that a file of text has, by the place of each among the
    `different` ones; -1 for a missing one."""
    texts = [_cell(value) for value in different]
    for ending in (".000000", "T00:00:00"):  # as dates have that are held as times
        if any(texts) and all(text.endswith(ending) for text in texts if text):
            texts = [text.removesuffix(ending) for text in texts]
    coded = code_cells([*texts, ""])
    cells = CodedCells(coded.different, coded.codes[codes])
    return cells.take(np.arange(len(cells)))  # without those that no row has


def _cell(value: object) -> str:
    """A value as text; what is missing is empty. Raises TypeError for lists and the like."""
    if value is None or str(value) in _MISSING:
        return ""
    if isinstance(value, float | np.floating):
        return _number_cell(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, np.datetime64):
        return str(value.astype("M8[us]"))
    if isinstance(value, str | int | np.bool_ | np.integer | Decimal):
        return str(value).strip()
    raise TypeError(type(value).__name__)


def _number_cell(value: float | np.floating[Any]) -> str:
    """A number in its fewest digits; whole ones, as those beside missing ones, without a point."""
    whole = abs(float(value)) < 2**53 and float(value).is_integer()
    return str(int(value)) if whole else str(value)
