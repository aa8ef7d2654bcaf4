"""Examples that repeat others: copies, or equal by chance as those of few discrete values are."""

from __future__ import annotations

from collections import Counter
from math import gcd
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gan_runner.data import Decision

Rows = NDArray[Any]

_NOTABLE, _DOUBTFUL = 0.01, 0.05  # of all examples
_MANY = 20  # different ones, which don't all repeat by chance
_MANY_VALUES, _MANY_COLUMNS = 50, 32  # of which chance makes equal rows seldom
_MOST_BY_CHANCE = 0.1  # of different rows: they agree with others in all columns but one
_CONTINUOUS = 10  # times the number of rows: so many steps a column has from end to end
_ALL_DIFFERENT = 0.9  # of the rows
_MOST_COLUMNS = 64  # whose different values are counted
_MOST_SEARCHED_BYTES, _MOST_SEARCHED = 1 << 30, 1 << 20
_MOST_COMPARED_BYTES = 1 << 28


class Repeated(NamedTuple):
    """A `number` of all rows that repeat others. `are_copies`: chance doesn't explain them."""

    number: int
    total: int
    are_copies: bool

    def decisions(self, what: str, remedy: str, *, least: float = _NOTABLE) -> list[Decision]:
        """What is said of a share from `least` on, which is doubtful for many copies."""
        if self.number == 0 or self.number < least * self.total:
            return []
        is_doubtful = self.are_copies and self.number >= _DOUBTFUL * self.total
        text = f"{self.number} of {self.total} {what} repeat others"
        return [Decision(text, remedy if is_doubtful else "", is_doubtful)]


def find_repeated(rows: Rows) -> Repeated:
    """The rows of numbers [N, D] that repeat others; of a spread of them where there are many."""
    every = max(1, rows.nbytes // _MOST_SEARCHED_BYTES, len(rows) // _MOST_SEARCHED)
    rows = rows[::every]
    hashes = _hash_rows(rows)
    counts = Counter(hashes)
    if len(counts) == len(rows):
        return Repeated(0, len(rows), are_copies=False)
    first = list({each: place for place, each in reversed(list(enumerate(hashes)))}.values())
    are_copies = _all_repeat(counts) or _are_copies(rows[first], len(rows))
    return Repeated(len(rows) - len(counts), len(rows), are_copies)


def _hash_rows(rows: Rows) -> list[int]:
    return [hash(row.tobytes()) for row in rows]


def _all_repeat(counts: Counter[int]) -> bool:
    """Whether every row comes as often as in a file that was put together with itself."""
    return len(counts) > _MANY and gcd(*counts.values()) > 1


def _are_copies(different: Rows, total: int) -> bool:
    """Whether chance doesn't explain that of so many rows only these are `different`.

    It does where rows also agree in all columns but one, as rows of rounded numbers and of
    categories do. It doesn't if a single column has another number, in fine steps, in each.
    """
    different = different[:: max(1, different.nbytes // _MOST_COMPARED_BYTES)]
    count, width = different.shape
    columns = range(0, width, -(-width // _MOST_COLUMNS))
    values = {place: np.unique(different[:, place]) for place in columns}
    finest = max(values, key=lambda place: len(values[place]))
    if _is_continuous(values[finest], count, total):
        return True
    if width == 1 or (len(values[finest]) < _MANY_VALUES and width < _MANY_COLUMNS):
        return False
    others = np.delete(different, finest, axis=1)
    alike = count - len(set(_hash_rows(others)))
    return bool(alike < _MOST_BY_CHANCE * count)


def _is_continuous(values: Rows, count: int, total: int) -> bool:
    """Whether a column's different values, in order, are as many as rows and in fine steps."""
    if len(values) < max(_MANY, _ALL_DIFFERENT * count):
        return False
    numbers = values.astype(np.float64)
    step = float(np.diff(numbers).min())
    return bool(numbers[-1] - numbers[0] > _CONTINUOUS * total * step)
