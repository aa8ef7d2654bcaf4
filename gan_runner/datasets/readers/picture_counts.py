"""Counts of many pictures, made while they are decoded: kept beside their pixels in the cache."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan_runner.datasets.readers.intensities import Values
from gan_runner.decoding.images import Damaged, Decoded, TooLarge
from gan_runner.decoding.stored_picture import DEPTHS, MOST_COLORS, StoredPicture

DEEP_CUT = 1 / 3


@dataclass(frozen=True)
class DepthValues:
    """The values of all pictures of one depth, as `Values` has them."""

    count: int
    low: float
    high: float
    histogram: list[int]

    @property
    def values(self) -> Values:
        return Values(self.low, self.high, np.array(self.histogram))


@dataclass(frozen=True)
class PictureCounts:
    """Notes of all pictures of a folder: most are numbers of pictures.

    `damaged` and `too_large`: the names of those that were left out, in order, with the reason.
    `smallest` and `largest`: width and height by area. `cut`: the median share of a picture that
    its middle square leaves out. `short_side`: the smallest. `clipped_pixels`: the mean share.
    `dim`: for each depth, those that use no more than a sixteenth of its range. `few_colors`: the
    number of colors in all of them together, 0 where they are many, or changed by compression.
    """

    count: int
    damaged: dict[str, str]
    too_large: dict[str, str]
    formats: dict[str, int]
    modes: dict[str, int]
    depths: dict[str, DepthValues]
    smallest: tuple[int, int]
    largest: tuple[int, int]
    cut: float
    cut_deep: int
    small: int
    short_side: int
    turned: int
    transparent: int
    gray: int
    with_frames: int
    first_with_frames: str
    repeated: int
    clipped: int
    clipped_pixels: float
    dim: dict[str, int]
    few_colors: int = 0

    @property
    def left_out(self) -> Mapping[str, str]:
        """The names of pictures without pixels, with the reason."""
        return {**self.damaged, **self.too_large}

    def to_plain(self) -> dict[str, Any]:
        """All of it as JSON can have it."""
        return asdict(self)

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> PictureCounts:
        """Raises TypeError or KeyError for anything else than `to_plain` made."""
        depths = {depth: DepthValues(**values) for depth, values in plain["depths"].items()}
        pairs = {key: tuple(plain[key]) for key in ("smallest", "largest")}
        return cls(**{**plain, **pairs, "depths": depths})


class PictureCounter:
    """Takes in pictures, one by one."""

    def __init__(self, image_size: int) -> None:
        self._size = image_size
        self._left_out: dict[type, dict[str, str]] = {Damaged: {}, TooLarge: {}}
        self._counts: Counter[str] = Counter()
        self._formats: Counter[str] = Counter()
        self._modes: Counter[str] = Counter()
        self._sides: list[tuple[int, int]] = []
        self._depths: dict[str, _Depth] = {}
        self._hashes: set[int] = set()
        self._clipped = 0.0
        self._first_with_frames = ""
        self._dim: Counter[str] = Counter()
        self._colors: set[int] | None = set()  # None: many

    def add(self, name: str, result: Decoded | Damaged | TooLarge) -> None:
        if isinstance(result, Decoded):
            self._add_picture(name, result.stored)
        else:
            self._left_out[type(result)][name] = result.reason

    def counts(self) -> PictureCounts:
        """The notes of all so far."""
        cuts = [1 - min(sides) / max(sides) for sides in self._sides] or [0.0]
        shorts = [min(sides) for sides in self._sides] or [0]
        by_area = sorted(set(self._sides), key=lambda sides: sides[0] * sides[1]) or [(0, 0)]
        total = len(self._sides)
        return PictureCounts(
            count=total,
            damaged=self._left_out[Damaged],
            too_large=self._left_out[TooLarge],
            formats=dict(self._formats.most_common()),
            modes=dict(self._modes.most_common()),
            depths={
                depth: DepthValues(
                    count=each.count,
                    low=each.low,
                    high=each.high,
                    histogram=each.histogram.tolist(),
                )
                for depth, each in sorted(self._depths.items())
            },
            smallest=by_area[0],
            largest=by_area[-1],
            cut=median(cuts),
            cut_deep=sum(cut > DEEP_CUT for cut in cuts),
            small=sum(0 < short < self._size for short in shorts),
            short_side=min(shorts),
            turned=self._counts["turned"],
            transparent=self._counts["transparent"],
            gray=self._counts["gray"],
            with_frames=self._counts["with frames"],
            first_with_frames=self._first_with_frames,
            repeated=total - len(self._hashes),
            clipped=self._counts["clipped"],
            clipped_pixels=self._clipped / max(1, total),
            dim=dict(self._dim),
            few_colors=len(self._colors or ()),
        )

    def _add_picture(self, name: str, stored: StoredPicture) -> None:
        header = stored.header
        self._formats[header.format] += 1
        self._modes[header.mode] += 1
        self._sides.append((header.width, header.height))
        self._hashes.add(stored.hash)
        self._counts["turned"] += stored.is_turned
        self._counts["transparent"] += stored.is_transparent
        self._counts["gray"] += stored.is_gray
        self._counts["with frames"] += stored.has_frames
        self._counts["clipped"] += stored.clipped > 0
        self._clipped += stored.clipped
        if self._colors is not None:
            self._colors.update(stored.colors)
            if not stored.colors or len(self._colors) > MOST_COLORS:
                self._colors = None
        if stored.has_frames and not self._first_with_frames:
            self._first_with_frames = name
        self._dim[header.depth] += 0 <= stored.low <= stored.high <= DEPTHS[header.depth][1] / 16
        depth = self._depths.get(header.depth)
        if depth is None:
            depth = self._depths[header.depth] = _Depth(stored.low, stored.high)
        depth.count += 1
        depth.low, depth.high = min(depth.low, stored.low), max(depth.high, stored.high)
        depth.histogram += stored.histogram


@dataclass
class _Depth:
    """The values of the pictures of one depth so far."""

    low: float
    high: float
    count: int = 0
    histogram: NDArray[np.int64] = field(default_factory=lambda: np.zeros(256, np.int64))
