"""Label maps: the class of each pixel in memory, one-hot channels when they are wanted."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from gan_runner.data import StoredExamples
from gan_runner.data.data import one_hot_pixels
from gan_runner.data.stored import Pending
from gan_runner.errors import DataError

MOST_CLASSES = 64
"""More values than that are a picture's, not those of a label map."""

_DIGESTED = 1 << 16  # maps whose bytes are in a digest, at most
_MOST_EXAMINED = 1024
_CHUNK = 256


@final
class LabelMaps(StoredExamples):
    """Label maps uint8 [N, K, H, W], 0 or 255, of pixels uint8 [N, 1, H, W] in memory; `values` are
    the K values that they have, one for each class."""

    dtype = torch.uint8
    most_examined = _MOST_EXAMINED

    def __init__(self, pixels: Tensor, values: Sequence[int]) -> None:
        self.pixels, self.values = pixels, tuple(values)
        self.shape = (len(pixels), len(self.values), *pixels.shape[2:])
        self._classes = torch.zeros(256, dtype=torch.uint8)
        self._classes[list(self.values)] = torch.arange(len(self.values), dtype=torch.uint8)

    @property
    def digest(self) -> str:  # type: ignore[override]
        sha256 = hashlib.sha256(f"{self.values}|{tuple(self.shape)}".encode())
        for chunk in self.pixels[:: max(1, len(self) // _DIGESTED)].split(_CHUNK):
            sha256.update(chunk.contiguous().numpy().data)
        return sha256.hexdigest()

    @property
    def names(self) -> tuple[str, ...]:
        """The classes, as the files number them."""
        return tuple(map(str, self.values))

    def begin(self, indices: Tensor) -> Pending:
        def read() -> Tensor:
            chosen = self.pixels.index_select(0, indices.cpu())[:, 0]
            return one_hot_pixels(self._classes[chosen.int()], len(self.values))

        return read

    def batches_ahead(self, size: int) -> int:
        return 0

    def select(self, indices: Tensor) -> LabelMaps:
        return LabelMaps(self.pixels[indices], self.values)

    def with_pixels(self, pixels: Tensor) -> LabelMaps:
        """Other label maps of the same classes."""
        return LabelMaps(pixels, self.values)


def find_values(pixels: Tensor, *, setting: str, remedy: str) -> tuple[int, ...]:
    """The values that occur in label maps uint8 [N, 1, H, W], in their order. Raises DataError for
    more than a label map has."""
    counts = torch.zeros(256, dtype=torch.int64)
    for chunk in pixels.split(_CHUNK):
        counts += chunk.flatten().bincount(minlength=256)
    found = counts.nonzero().flatten().tolist()
    if len(found) > MOST_CLASSES:
        what = (
            f"{len(found)} values, more than the {MOST_CLASSES} classes that a label map may have"
        )
        raise DataError(f"{what}, {setting}. {remedy}")
    return tuple(found)
