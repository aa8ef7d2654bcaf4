"""Tiles of pictures that are too large for one pass of a network: where they lie, and how their
outputs are blended where they overlap."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

_OVERLAP = 8  # a tile overlaps the next one by this part of its side, at least


class Tiles(NamedTuple):
    """The tiles along one side of a picture: `starts` of tiles of `size` px, each of which overlaps
    the next one by `overlap` px or more.

    All start where the network's own grid does, so that a tile sees what the whole picture would.
    """

    starts: tuple[int, ...]
    size: int
    overlap: int

    def weights(self, factor: int) -> Tensor:
        """The weight of each output pixel of each tile, [K, factor * size], which sum to one at
        every pixel of the picture. The outer quarter of an overlap, which the border of its tile
        has disturbed, counts nothing; in the half behind it the weight rises."""
        size, overlap = factor * self.size, factor * self.overlap
        places = torch.arange(size) + 0.5
        rising = ((places - overlap / 4) / max(overlap / 2, 1)).clamp(0, 1)
        rows = []
        for start in self.starts:
            is_first, is_last = start == self.starts[0], start == self.starts[-1]
            left = torch.ones(size) if is_first else rising
            rows.append(left * (torch.ones(size) if is_last else rising.flip(0)))
        total = torch.zeros(factor * self.starts[-1] + size)
        for start, row in zip(self.starts, rows, strict=True):
            total[factor * start :][:size] += row
        starts = [factor * start for start in self.starts]
        parts = [row / total[at : at + size] for at, row in zip(starts, rows, strict=True)]
        return torch.stack(parts)


def lay_tiles(length: int, size: int, *, multiple: int) -> Tiles:
    """Tiles of about `size` px along a side of `length` px, which is divisible by `multiple`."""
    size = max(-(-size // multiple), 2) * multiple
    if length <= size:
        return Tiles((0,), length, 0)
    step = (size - max(size // _OVERLAP, 1)) // multiple * multiple
    return Tiles((*range(0, length - size, step), length - size), size, size - step)
