"""Cells of a column, held once each: most columns have few different ones."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from functools import cached_property
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MISSING = ("<NA>", "NaT", "nan")  # of pandas and numpy, as they print it


class CodedCells:
    """The cells of a column: the `different` ones, and the place of each cell's among them, [N]."""

    def __init__(self, different: list[str], codes: NDArray[np.int32]) -> None:
        self.different, self.codes = different, codes

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, place: int) -> str:
        return self.different[int(self.codes[place])]

    def __iter__(self) -> Iterator[str]:
        return map(self.different.__getitem__, self.codes.tolist())

    @cached_property
    def counts(self) -> Counter[str]:
        """How often each of the different cells comes, in their order."""
        numbers = np.bincount(self.codes, minlength=len(self.different)).tolist()
        return Counter(dict(zip(self.different, numbers, strict=True)))

    def index(self, cell: str) -> int:
        """The first place of a cell that is there."""
        return int(np.argmax(self.codes == self.different.index(cell)))

    def rows_of(self, cells: Collection[str]) -> NDArray[np.int64]:
        """The places of these cells, in order."""
        are_meant = np.array([cell in cells for cell in self.different], dtype=np.bool_)
        return np.flatnonzero(are_meant[self.codes])

    def take(self, rows: NDArray[np.int64]) -> CodedCells:
        """The cells at these places."""
        kept, codes = np.unique(self.codes[rows], return_inverse=True)
        different = [self.different[place] for place in kept.tolist()]
        return CodedCells(different, codes.ravel().astype(np.int32))


def code_cells(cells: Iterable[str], count: int) -> CodedCells:
    """The `count` cells of a column."""
    places: defaultdict[str, int] = defaultdict()
    places.default_factory = places.__len__
    codes = np.fromiter(map(places.__getitem__, cells), np.int32, count)
    return CodedCells(list(places), codes)


def code_rows(rows: Sequence[Sequence[str]]) -> list[CodedCells]:
    """The columns of rows of one length."""
    return [code_cells(map(itemgetter(place), rows), len(rows)) for place in range(len(rows[0]))]


def code_values(different: Iterable[object], codes: NDArray[Any]) -> CodedCells:
    """Values of other types as the cells that a file of text has, by the place of each among the
    `different` ones; -1 for a missing one."""
    texts = [_cell(value) for value in different]
    for ending in (".000000", "T00:00:00"):  # as dates have that are held as times
        if any(texts) and all(text.endswith(ending) for text in texts if text):
            texts = [text.removesuffix(ending) for text in texts]
    coded = code_cells([*texts, ""], len(texts) + 1)
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
