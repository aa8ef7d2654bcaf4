"""Images, vectors or sequences of one's own, in a NumPy file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from gan_runner.data import Data, Decision, Reading, Space
from gan_runner.datasets.array_labels import ArrayLabels, read_labels
from gan_runner.datasets.array_reading import (
    array_decisions,
    cutting,
    filling_text,
    image_decisions,
    left_out,
    number_decisions,
    stored_text,
)
from gan_runner.datasets.base import Dataset, Track
from gan_runner.datasets.number_doubts import find_filling
from gan_runner.datasets.readers.array import ArrayFile, read_array_file, type_name
from gan_runner.datasets.readers.intensities import (
    RangeSetting,
    fitting_limits,
    number,
    range_setting,
)
from gan_runner.datasets.readers.paths import Location, expand_path, refuse_missing
from gan_runner.datasets.sequences import plain_sequence_space, standardized_sequence_space
from gan_runner.datasets.shifting import OTHER_UNIT, Lost, shift_columns
from gan_runner.datasets.vectors import plain_space, standardized_space
from gan_runner.decoding.values import Limits, scale_to_bytes
from gan_runner.errors import ConfigError, DataError, printable

Samples = NDArray[Any]

SHAPES = "Expected images [N, H, W] or [N, H, W, C], vectors [N, D], or sequences [N, T, D]."
AXES = {"images": (3, 4), "vectors": (2,), "sequences": (3,)}
LIMITS: dict[str, Limits] = {"f": (0, 1), "b": (0, 1), "i": (0, 255), "u": (0, 255)}
CHUNK_NUMBERS = 1 << 17  # which stay in the cache as float64
_MOST_NAMED = 5  # dimensions of thousands
UNFIT = {
    "c": "Save real and imaginary parts side by side: numpy.stack([x.real, x.imag], axis=-1)",
    "M": "Save numbers: array.astype('datetime64[s]').astype('int64'), for seconds.",
    "m": "Save numbers: array / numpy.timedelta64(1, 's'), for seconds.",
    "V": "Save its fields as columns: "
    "numpy.lib.recfunctions.structured_to_unstructured(x, dtype=float).",
    "U": "Save plain real numbers; text in columns is for dataset=table",
}
"""Remedies for arrays of other kinds of numbers."""
ArrayName = Annotated[str, Field(min_length=1)]


class Array(Dataset):
    """Images [N, H, W] or [N, H, W, C], vectors [N, D], or sequences [N, T, D] where `kind` says
    so; labels if an .npz file has them.

    `samples` and `labels`: the names of their arrays, or auto. `range`: the values that become
    black and white. `flip` is for images, `standardize` for everything else.
    """

    path: Location | None
    samples: ArrayName
    labels: ArrayName | None
    kind: Literal["auto", "images", "vectors", "sequences"]
    range: RangeSetting
    standardize: bool
    flip: bool

    def space(self) -> Space | None:
        return None

    def check_present(self) -> None:
        refuse_missing(self._file, setting=self._setting)

    def load(self, cache: Path, track: Track) -> Data:
        file = read_array_file(
            self._file, samples=self.samples, labels=self.labels, setting=self._setting
        )
        samples = file.samples
        kind = self._kind_of(samples)
        labels = self._classes(file)
        reading = self._reading(file, labels)
        if kind != "images":
            numbers = self._numbers(samples, kind, labels, reading)
            doubts = number_decisions(samples, kind)
            return replace(numbers, reading=numbers.reading.with_decisions(*doubts))
        pixels = self._pixels(samples, track)
        doubts = image_decisions(
            samples,
            pixels,
            self._limits(samples),
            is_given=self.range != "auto",
            is_guess=self.kind == "auto",
        )
        images = torch.from_numpy(pixels).permute(0, 3, 1, 2)
        space = Space("images", tuple(images.shape[1:]))
        return Data(images, space, labels.indices, labels.classes, reading.with_decisions(*doubts))

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
        if samples.dtype.kind not in "biuf":
            remedy = UNFIT.get(samples.dtype.kind, "Save plain real numbers.")
            raise self._fault(f"an array of {type_name(samples.dtype)}", remedy)
        if samples.ndim not in AXES[kind]:
            single = " Single numbers are vectors: save x.reshape(-1, 1)."
            remedy = SHAPES + (single if samples.ndim == 1 else "")
            raise self._fault(f"an array of shape {list(samples.shape)}", remedy)
        if samples.size == 0:
            raise self._fault(f"an empty array of shape {list(samples.shape)}", SHAPES)
        return kind

    def _classes(self, file: ArrayFile) -> ArrayLabels:
        if file.labels is None:
            return ArrayLabels(None, (), ())
        return read_labels(file.labels, count=len(file.samples), setting=self._setting)

    def _reading(self, file: ArrayFile, labels: ArrayLabels) -> Reading:
        name = f", array {printable(file.samples_name)}" if file.samples_name else ""
        doubts = array_decisions(file, labels_wanted=self.labels is not None)
        return Reading(
            source=f"file {printable(self.path)}{name}",
            stored=stored_text(file.samples),
            labels="" if labels.indices is None else f"array {printable(file.labels_name)}",
            left_out=left_out(file),
            decisions=(*labels.decisions, *doubts),
            held_out=0,
        )

    def _numbers(self, samples: Samples, kind: str, labels: ArrayLabels, reading: Reading) -> Data:
        """Vectors or sequences, as float32 of the same shape that keeps their digits."""
        if self.flip:
            remedy = "Set dataset.flip=false"
            raise ConfigError(f"{kind} can't be mirrored, dataset.flip=true. {remedy}")
        if kind == "sequences" and samples.shape[1] == 1:
            what = f"sequences of a single step in {list(samples.shape)}"
            raise self._fault(what, "Save them as vectors [N, D], with dataset.kind=vectors")
        rows = samples.reshape(-1, samples.shape[-1])
        try:
            shifted = shift_columns(rows, may_shift=self.standardize)
        except (ValueError, OverflowError):
            raise self._not_finite(samples) from None
        examples = torch.from_numpy(shifted.numbers.reshape(samples.shape))
        space = replace(self._space_of(examples), origin=shifted.origin)
        reading = reading.with_decisions(*self._lost_digits(shifted.lost))
        return Data(examples, space, labels.indices, labels.classes, reading)

    def _lost_digits(self, lost: dict[int, Lost]) -> Iterator[Decision]:
        """The dimensions whose digits can't all be kept, those that may matter apart."""
        groups: dict[tuple[bool, str], list[str]] = defaultdict(list)
        for dimension, each in lost.items():
            groups[not each.doubtful, each.remedy].append(f"dimension {dimension + 1} {each.text}")
        for (is_minor, saving), texts in sorted(groups.items()):
            more = len(texts) - _MOST_NAMED
            also = f"; {more} more like these" if more > 0 else ""
            is_shifted = self.standardize or saving != OTHER_UNIT
            remedy = f"{saving}, as float64." if is_shifted else "Use dataset.standardize=true"
            yield Decision("; ".join(texts[:_MOST_NAMED]) + also, remedy, not is_minor)

    def _space_of(self, numbers: Tensor) -> Space:
        are_vectors, shape = numbers.ndim == 2, numbers.shape[1:]
        if self.standardize:
            return (
                standardized_space(numbers) if are_vectors else standardized_sequence_space(numbers)
            )
        return plain_space(*shape) if are_vectors else plain_sequence_space(*shape)

    def _limits(self, samples: Samples) -> Limits:
        """The values of images that become black and white."""
        return LIMITS[samples.dtype.kind] if self.range == "auto" else self.range

    def _pixels(self, samples: Samples, track: Track) -> NDArray[np.uint8]:
        """uint8 [N, H, W, C]; where the file is right already, a view of it."""
        shape = samples.shape
        samples = samples[..., None] if samples.ndim == 3 else samples
        if samples.shape[-1] > 4:
            remedy = "Save 1 to 4 channels, as the last axis: [N, H, W, C]."
            if shape[1] <= 4:
                remedy = "Save the channels as the last axis: x.transpose(0, 2, 3, 1)."
            elif shape[2] <= 4 and shape[0] == shape[1]:
                remedy = "Save the samples as the first axis: x.transpose(3, 0, 1, 2)."
            what = f"images of {samples.shape[-1]} channels in {list(shape)}"
            raise self._fault(what, remedy)
        if samples.dtype == np.uint8 and self._limits(samples) == LIMITS["u"]:
            return samples
        return self._as_bytes(samples, track)

    def _as_bytes(self, samples: Samples, track: Track) -> NDArray[np.uint8]:
        """Values scaled from their limits to 0..255."""
        limits = self._limits(samples)
        pixels = np.empty(samples.shape, np.uint8)
        size = max(1, CHUNK_NUMBERS // samples[0].size)
        starts = range(0, len(samples), size)
        for start in track(starts, description="converting images", total=len(starts)):
            part = samples[start : start + size].astype(np.float64)
            if not np.isfinite(part).all():
                raise self._not_finite(samples)
            if part.min() < limits[0] or part.max() > limits[1]:
                raise self._range_error(samples, limits)
            pixels[start : start + size] = scale_to_bytes(part, limits)
        return pixels

    def _not_finite(self, samples: Samples) -> DataError:
        """The fault of samples of which some number isn't finite, or too large, as given."""
        odd = ~np.isfinite(samples)
        where = np.flatnonzero(odd.reshape(len(samples), -1).any(axis=1))
        what = "values that are NaN, infinite or too large"
        if odd.any():
            what = f"{odd.sum()} {what} in {len(where)} of {len(samples)} samples "
            what += f"(the first: {where[0]})"
        steps = samples[..., 0] if samples.ndim == 4 else samples
        filled = None if steps.ndim != 3 else find_filling(np.asarray(np.isnan(steps).all(axis=2)))
        if filled is not None:
            return self._fault(what, f"{filling_text(filled)} {cutting(filled)}")
        return self._fault(what, "Remove or repair those samples.")

    def _range_error(self, samples: Samples, limits: Limits) -> DataError:
        low, high = float(samples.min()), float(samples.max())
        whole = samples.dtype.kind != "f"
        what = f"values from {number(low)} to {number(high)}, not from {number(limits[0])} to "
        proposed = range_setting(fitting_limits(low, high, whole=whole))
        remedy = f"Set the values that become black and white: {proposed}"
        if self.kind == "auto" and samples.shape[-1] == 1:
            remedy = (
                f"Of sequences [N, T, D]: dataset.kind=sequences model=rnn. Of images: {proposed}"
            )
        return self._fault(what + number(limits[1]), remedy)
