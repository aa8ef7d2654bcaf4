"""Images, vectors or sequences of one's own, in a NumPy file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import field_validator
from torch import Tensor

from gan_runner.data import Data, Decision, Reading, Space
from gan_runner.datasets.base import Dataset, Track
from gan_runner.datasets.readers.array import read_array_file
from gan_runner.datasets.readers.paths import Location, expand_path, refuse_missing
from gan_runner.datasets.sequences import plain_sequence_space, standardized_sequence_space
from gan_runner.datasets.shifting import Lost, shift_columns
from gan_runner.datasets.vectors import plain_space, standardized_space
from gan_runner.errors import ConfigError, DataError, printable

Samples = NDArray[Any]

SHAPES = "Expected images [N, H, W] or [N, H, W, C], vectors [N, D], or sequences [N, T, D]."
AXES = {"images": (3, 4), "vectors": (2,), "sequences": (3,)}
CHUNK_EXAMPLES = 1024
_MOST_NAMED = 5  # dimensions of thousands


class Array(Dataset):
    """Images [N, H, W] or [N, H, W, C], vectors [N, D], or sequences [N, T, D] where `kind` says
    so; labels if an .npz file has them.

    `range`: the lowest and the highest value of float images. `flip` is for images, `standardize`
    for everything else.
    """

    path: Location | None
    kind: Literal["auto", "images", "vectors", "sequences"]
    range: tuple[float, float]
    standardize: bool
    flip: bool

    @field_validator("range")
    @classmethod
    def _check_range_setting(cls, limits: tuple[float, float]) -> tuple[float, float]:
        if limits not in ((0.0, 1.0), (-1.0, 1.0)):
            raise ValueError("The range is [0, 1] or [-1, 1]")
        return limits

    def space(self) -> Space | None:
        return None

    def check_present(self) -> None:
        refuse_missing(self._file, setting=self._setting)

    def load(self, cache: Path, track: Track) -> Data:
        samples, stored_labels = read_array_file(self._file, setting=self._setting)
        kind = self._kind_of(samples)
        labels, class_names = self._classes(stored_labels, count=len(samples))
        if kind != "images":
            return self._numbers(samples, kind, labels, class_names)
        images = self._images(samples, track)
        return Data(images, Space("images", tuple(images.shape[1:])), labels, class_names)

    def held_out(self, cache: Path, track: Track) -> Data | None:
        return None

    @property
    def flips(self) -> bool:
        return self.flip and self.kind in ("auto", "images")

    @property
    def _file(self) -> Path:
        return expand_path(self.path, key="dataset.path", wanted="a .npy or .npz file")

    @property
    def _setting(self) -> str:
        return f"dataset.path={printable(self.path)}"

    def _fault(self, what: str, remedy: str) -> DataError:
        return DataError(f"{what}, {self._setting}. {remedy}")

    def _kind_of(self, samples: Samples) -> Literal["images", "vectors", "sequences"]:
        """The kind of the samples. Raises DataError unless they are real numbers of a fitting
        shape."""
        kind = self.kind
        if kind == "auto":
            kind = "vectors" if samples.ndim == 2 else "images"
        if samples.dtype.kind in "mM":
            remedy = "Save numbers: array.astype('datetime64[s]').astype('int64'), for seconds."
            if samples.dtype.kind == "m":
                remedy = "Save numbers: array / numpy.timedelta64(1, 's'), for seconds."
            raise self._fault(f"times, an array of {samples.dtype}", remedy)
        if samples.dtype.kind not in "biuf":
            raise self._fault(f"an array of {samples.dtype}", "Save plain real numbers.")
        if samples.ndim not in AXES[kind]:
            raise self._fault(f"an array of shape {list(samples.shape)}", SHAPES)
        if samples.size == 0:
            raise self._fault(f"an empty array of shape {list(samples.shape)}", SHAPES)
        return kind

    def _classes(
        self, labels: Samples | None, *, count: int
    ) -> tuple[Tensor | None, tuple[str, ...]]:
        """Labels as 0..K-1, int64 [N], and the K values that they had in the file."""
        if labels is None:
            return None, ()
        if labels.dtype.kind not in "iu":
            raise self._fault(f"labels of {labels.dtype}", "Save them as integers.")
        if labels.shape != (count,):
            what = f"labels of shape {list(labels.shape)} for {count} samples"
            raise self._fault(what, f"Save them as [{count}].")
        if count and labels.min() < 0:
            where = int(np.flatnonzero(labels < 0)[0])
            what = f"label {labels[where]} of sample {where} is out of range"
            raise self._fault(what, "Number the classes from 0 on; leave out what has no label.")
        values, indices = np.unique(labels, return_inverse=True)
        return torch.from_numpy(indices.astype(np.int64)), tuple(map(str, values))

    def _numbers(
        self, samples: Samples, kind: str, labels: Tensor | None, names: tuple[str, ...]
    ) -> Data:
        """Vectors or sequences, as float32 of the same shape that keeps their digits."""
        if self.flip:
            remedy = "Set dataset.flip=false."
            raise ConfigError(f"{kind} can't be mirrored, dataset.flip=true. {remedy}")
        if kind == "sequences" and samples.shape[1] == 1:
            what = f"sequences of a single step in {list(samples.shape)}"
            raise self._fault(what, "Save them as vectors [N, D], with dataset.kind=vectors.")
        rows = samples.reshape(-1, samples.shape[-1])
        try:
            shifted = shift_columns(rows, may_shift=self.standardize)
        except (ValueError, OverflowError):
            raise self._not_finite() from None
        examples = torch.from_numpy(shifted.numbers.reshape(samples.shape))
        space = replace(self._space_of(examples), origin=shifted.origin)
        reading = Reading(decisions=tuple(self._lost_digits(shifted.lost)))
        return Data(examples, space, labels, names, reading)

    def _lost_digits(self, lost: dict[int, Lost]) -> Iterator[Decision]:
        """The dimensions whose digits can't all be kept, those that may matter apart."""
        remedy = "Save them in another unit, or less their start, as float64."
        if not self.standardize:
            remedy = "Use dataset.standardize=true."
        for doubtful in (True, False):
            texts = [
                f"dimension {d + 1} {x.text}" for d, x in lost.items() if x.doubtful == doubtful
            ]
            more = (
                f"; {len(texts) - _MOST_NAMED} more like these" if len(texts) > _MOST_NAMED else ""
            )
            if texts:
                yield Decision("; ".join(texts[:_MOST_NAMED]) + more, remedy, doubtful)

    def _space_of(self, numbers: Tensor) -> Space:
        are_vectors, shape = numbers.ndim == 2, numbers.shape[1:]
        if self.standardize:
            return (
                standardized_space(numbers) if are_vectors else standardized_sequence_space(numbers)
            )
        return plain_space(*shape) if are_vectors else plain_sequence_space(*shape)

    def _images(self, samples: Samples, track: Track) -> Tensor:
        """uint8 [N, C, H, W]; where the file is right already, a view of it."""
        shape = list(samples.shape)
        samples = samples[..., None] if samples.ndim == 3 else samples
        if samples.shape[-1] > 4:
            remedy = "Save 1 to 4 channels, as the last axis: [N, H, W, C]."
            raise self._fault(f"images of {samples.shape[-1]} channels in {shape}", remedy)
        pixels = samples if samples.dtype == np.uint8 else self._as_bytes(samples, track)
        return torch.from_numpy(pixels).permute(0, 3, 1, 2)

    def _as_bytes(self, samples: Samples, track: Track) -> NDArray[np.uint8]:
        """Floats scaled from `range` to 0..255, integers as they are."""
        if samples.dtype.kind == "b":
            raise self._fault("images of bool", "Save them as uint8, 0 and 255.")
        low, high = self.range if samples.dtype.kind == "f" else (0, 255)
        pixels = np.empty(samples.shape, np.uint8)
        starts = range(0, len(samples), CHUNK_EXAMPLES)
        for start in track(starts, description="converting images", total=len(starts)):
            part = samples[start : start + CHUNK_EXAMPLES].astype(np.float64)
            self._check_finite(part)
            self._check_range(part, low, high)
            pixels[start : start + CHUNK_EXAMPLES] = np.rint((part - low) * (255 / (high - low)))
        return pixels

    def _check_finite(self, part: Samples) -> None:
        if not np.isfinite(part).all():
            raise self._not_finite()

    def _not_finite(self) -> DataError:
        remedy = "Remove or repair those samples."
        return self._fault("values that are NaN, infinite or too large", remedy)

    def _check_range(self, part: Samples, low: float, high: float) -> None:
        if part.min() < low or part.max() > high:
            what = f"values from {part.min():g} to {part.max():g}, not from {low:g} to {high:g}"
            remedy = "Save uint8, or floats that fit dataset.range=[0,1] or dataset.range=[-1,1]."
            raise self._fault(what, remedy)
