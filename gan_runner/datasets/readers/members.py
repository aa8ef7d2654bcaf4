"""A table of many images within other files, which takes a few bytes of memory for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import overload

import numpy as np
from numpy.typing import NDArray

from gan_runner.decoding.members import Member

DTYPE = np.dtype(
    [("shard", "<i4"), ("suffix", "<i2"), ("packed", "?"), ("offset", "<i8"), ("size", "<i8")]
)
"""Of a row: the index of its shard and of the end of its name, where it lies, and its length."""


@dataclass(frozen=True)
class Members(Sequence[Member]):
    """Members by their rows [N] of DTYPE. `shards`: the paths of the files that they lie in."""

    rows: NDArray[np.void]
    shards: Sequence[str]
    suffixes: Sequence[str]

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> Member: ...

    @overload
    def __getitem__(self, index: slice) -> list[Member]: ...

    def __getitem__(self, index: int | slice) -> Member | list[Member]:
        if isinstance(index, slice):
            return list(self._members(self.rows[index]))
        return next(self._members(self.rows[[index]]))

    def at(self, indices: NDArray[np.int64]) -> list[Member]:
        """Those at these indices."""
        return list(self._members(self.rows[indices]))

    def select(self, indices: NDArray[np.int64]) -> Members:
        """These alone."""
        return replace(self, rows=self.rows[indices])

    @property
    def total_bytes(self) -> int:
        """The bytes of all of them."""
        return int(self.rows["size"].sum())

    def _members(self, rows: NDArray[np.void]) -> Iterator[Member]:
        for shard, suffix, packed, offset, size in rows.tolist():
            yield Member(self.shards[shard], offset, size, packed, self.suffixes[suffix])
