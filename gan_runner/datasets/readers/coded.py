"""Cells of a column, held once each: most columns have few different ones."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


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
    return [code_cells((row[place] for row in rows), len(rows)) for place in range(len(rows[0]))]
