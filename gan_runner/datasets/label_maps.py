"""Label maps: the class of each pixel in memory, one-hot channels when they are wanted."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple, final

import torch
from torch import Tensor

from gan_runner.data import StoredExamples
from gan_runner.data.data import one_hot_pixels
from gan_runner.data.label_colors import color_codes, color_names
from gan_runner.data.stored import Pending
from gan_runner.decoding.stored_picture import MOST_COLORS
from gan_runner.errors import DataError

MOST_CLASSES = MOST_COLORS
"""More values than that are a picture's, not those of a label map."""

_UNKNOWN = 255
_RARE = 0.002  # of all pixels
_BLEND_DISTANCE = 3.0  # from the line between two colors, in steps of 255
_DIGESTED = 1 << 16  # maps whose bytes are in a digest, at most
_MOST_EXAMINED = 1024
_CHUNK = 256


@final
class LabelMaps(StoredExamples):
    """Label maps uint8 [N, K, H, W], 0 or 255, of pixels uint8 [N, 1, H, W] in memory; `values` are
    the K values that they have, one for each class. `names`: the classes, as the files number them
    where they have no other names."""

    dtype = torch.uint8
    most_examined = _MOST_EXAMINED

    def __init__(
        self, pixels: Tensor, values: Sequence[int], names: Sequence[str] | None = None
    ) -> None:
        self.pixels, self.values = pixels, tuple(values)
        self.names = tuple(map(str, values)) if names is None else tuple(names)
        self.shape = (len(pixels), len(self.values), *pixels.shape[2:])
        self._classes = torch.zeros(256, dtype=torch.uint8)
        self._classes[list(self.values)] = torch.arange(len(self.values), dtype=torch.uint8)

    @property
    def digest(self) -> str:  # type: ignore[override]
        named = "" if self.names == tuple(map(str, self.values)) else f"|{self.names}"
        sha256 = hashlib.sha256(f"{self.values}|{tuple(self.shape)}{named}".encode())
        for chunk in self.pixels[:: max(1, len(self) // _DIGESTED)].split(_CHUNK):
            sha256.update(chunk.contiguous().numpy().data)
        return sha256.hexdigest()

    def begin(self, indices: Tensor) -> Pending:
        def read() -> Tensor:
            chosen = self.pixels.index_select(0, indices.cpu())[:, 0]
            return one_hot_pixels(self._classes[chosen.int()], len(self.values))

        return read

    def batches_ahead(self, size: int) -> int:
        return 0

    def select(self, indices: Tensor) -> LabelMaps:
        return LabelMaps(self.pixels[indices], self.values, self.names)

    def with_pixels(self, pixels: Tensor) -> LabelMaps:
        """Other label maps of the same classes."""
        return LabelMaps(pixels, self.values, self.names)


class FoundMaps(NamedTuple):
    """Label maps, and how many of their colors look like those of smooth edges: rare, and between
    two others."""

    maps: LabelMaps
    blends: int = 0


def find_numbers(pixels: Tensor, *, setting: str, remedy: str) -> FoundMaps:
    """Label maps of pixels uint8 [N, 1, H, W], whose values are classes in their order. Raises
    DataError for more than a label map has."""
    counts = torch.zeros(256, dtype=torch.int64)
    for chunk in pixels.split(_CHUNK):
        counts += chunk.flatten().bincount(minlength=256)
    found = counts.nonzero().flatten().tolist()
    if len(found) > MOST_CLASSES:
        what = (
            f"{len(found)} values, more than the {MOST_CLASSES} classes that a label map may have"
        )
        raise DataError(f"{what}, {setting}. {remedy}")
    return FoundMaps(LabelMaps(pixels, found))


def find_colors(images: Tensor, *, setting: str, remedy: str) -> FoundMaps:
    """Label maps of images uint8 [N, 3, H, W], whose colors are classes in their order. Raises
    DataError for more than a label map has."""
    pixels = torch.empty_like(images[:, :1])
    numbers = torch.full((1 << 24,), _UNKNOWN, dtype=torch.uint8)
    found = torch.empty(0, dtype=torch.int32)
    counts = torch.zeros(MOST_CLASSES, dtype=torch.int64)
    for image, row in zip(images, pixels, strict=True):
        codes = color_codes(image[None])
        found = torch.cat((found, codes[numbers[codes] == _UNKNOWN].unique()))
        if len(found) > MOST_CLASSES:
            what = f"more than {MOST_CLASSES} colors, the most classes that a label map may have"
            originals = "If the maps were compressed or scaled, use their originals."
            raise DataError(f"{what}, {setting}. {originals} {remedy}")
        numbers[found] = torch.arange(len(found), dtype=torch.uint8)
        row.copy_(numbers[codes])
        counts += row.flatten().bincount(minlength=MOST_CLASSES)
    order = found.argsort()
    for chunk in pixels.split(_CHUNK):
        chunk.copy_(order.argsort().to(torch.uint8)[chunk.int()])
    ordered = found[order]
    colors = torch.stack((ordered >> 16, (ordered >> 8) & 255, ordered & 255), dim=1)
    maps = LabelMaps(pixels, range(len(found)), color_names(colors))
    return FoundMaps(maps, _count_blends(colors, counts[order]))


def _count_blends(colors: Tensor, counts: Tensor) -> int:
    """The colors [K, 3] with few of all pixels, `counts` [K], that lie between two others with
    more."""
    rare = counts < _RARE * counts.sum()
    often, seldom = colors[~rare].float(), colors[rare].float()
    if len(often) < 2 or not len(seldom):
        return 0
    along = often[None] - often[:, None]
    offset = seldom[:, None, None] - often[:, None]
    length = along.square().sum(-1).clamp_min(1)
    share = (offset * along).sum(-1) / length
    apart = (offset - share[..., None] * along).norm(dim=-1)
    between = (share > 0) & (share < 1) & (apart < _BLEND_DISTANCE)
    return int(between.flatten(1).any(1).sum())
