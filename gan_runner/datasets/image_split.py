"""Images for training and for testing: other files, or other regions of few large ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from gan_runner.data import Data, Decision, Degradation, Examples, Space
from gan_runner.datasets.label_maps import LabelMaps
from gan_runner.datasets.splitting import TrainTestIndices, split_indices

FEW = 10
"""Fewer files than that are split by region, where batches are crops of them."""

_ALL_TRAIN = "To train on all: dataset.test_ratio=0"


class TrainTestData(NamedTuple):
    """Training data, and the held-out examples; None where there are none."""

    train: Data
    test: Data | None


@dataclass(frozen=True)
class Split:
    """A split by file: the indices of both parts; or by region: the right columns of each image are
    held out, as many as so many crops are wide; or none at all."""

    files: TrainTestIndices | None = None
    crops: int = 0

    def divide(self, images: Examples, space: Space) -> tuple[Examples, Examples | None]:
        """Images for training, and for testing: by region, these are all crops that fit there."""
        if self.files is not None:
            return _select(images, self.files.train), _select(images, self.files.test)
        if not self.crops:
            return images, None
        if isinstance(images, LabelMaps):
            train, test = _regions(images.pixels, space, self.crops)
            return images.with_pixels(train), images.with_pixels(test)
        assert isinstance(images, Tensor), "images on disk are split by file"
        return _regions(images, space, self.crops)


def split_data(data: Data, *, test_ratio: float, seed: int) -> TrainTestData:
    """A draw of `test_ratio` of the examples and of their inputs, at least one; or, of fewer than
    ten that are larger than their space, the right part of each. Inputs that aren't paired have a
    draw of their own.
    """
    plan = _plan(data.examples, data.space, data.labels, test_ratio, seed)
    train, test = plan.divide(data.examples, data.space)
    noun = "pairs" if data.paired else "targets"
    noun = "images" if isinstance(data.inputs, Degradation | None) else noun
    decisions = [_decision(plan, data.examples, data.space, noun, test)]
    inputs = data.inputs
    if inputs is None or isinstance(inputs, Degradation):
        sides: tuple[Examples | Degradation | None, ...] = (inputs, inputs)
    else:
        assert data.space.inputs is not None, "checked when the data was made"
        own = plan
        if not data.paired:
            own = _plan(inputs, data.space.inputs, None, test_ratio, seed + 1)
        sides = own.divide(inputs, data.space.inputs)
        if not data.paired:
            decisions.append(_decision(own, inputs, data.space.inputs, "inputs", sides[1]))
    reading = data.reading.with_decisions(*decisions)
    if test is None or (inputs is not None and sides[1] is None):
        return TrainTestData(replace(data, reading=replace(reading, held_out=0)), None)
    reading = replace(reading, held_out=len(test))
    parts = [
        replace(data, examples=images, inputs=of_inputs, labels=labels, reading=reading)
        for images, of_inputs, labels in zip(
            (train, test), sides, _divide_labels(plan, data, test), strict=True
        )
    ]
    return TrainTestData(*parts)


def _plan(
    images: Examples, space: Space, labels: Tensor | None, test_ratio: float, seed: int
) -> Split:
    count, width, crop = len(images), images.shape[-1], space.shape[-1]
    crops = max(1, round(test_ratio * width / crop))
    on_disk = not isinstance(images, Tensor | LabelMaps)
    if test_ratio and count < FEW and width >= (crops + 1) * crop and not on_disk:
        return Split(crops=crops)
    if not test_ratio or count < 2:
        return Split()
    if labels is None or int(labels.bincount()[labels.unique()].min()) < 2:
        labels = torch.zeros(count, dtype=torch.int64)
    names = [str(label) for label in range(int(labels.max()) + 1)]
    of = "dataset.test_ratio"
    return Split(split_indices(labels, classes=names, test_ratio=test_ratio, seed=seed, setting=of))


def _decision(
    plan: Split, images: Examples, space: Space, noun: str, test: Examples | None
) -> Decision:
    """The split, and what decides otherwise."""
    count = len(images)
    if plan.crops:
        held = plan.crops * space.shape[-1]
        size = " x ".join(map(str, space.shape[:0:-1]))
        text = f"{count} {noun} are fewer than {FEW}, so a region of each is held out: the right "
        parts = 0 if test is None else len(test)
        text += f"{held} of {images.shape[-1]} px, in {parts} parts of {size} px"
        return Decision(text, _ALL_TRAIN, doubtful=False)
    if plan.files is None:
        return Decision(f"none of {count} {noun} is held out for testing", "", doubtful=False)
    text = f"{len(plan.files.test)} of {count} {noun} are held out for testing"
    few = count < FEW and isinstance(images, Tensor | LabelMaps)
    if few:
        text += ", which is few to test on"
        remedy = f"To hold out a region of each: dataset.crop={_half(space.shape)}. {_ALL_TRAIN}"
        return Decision(text, remedy)
    return Decision(text, _ALL_TRAIN, doubtful=False)


def _half(shape: Sequence[int]) -> int:
    """A side of crops of which two lie beside each other."""
    return max(1, shape[-1] // 2)


def _select(images: Examples, indices: Tensor) -> Examples:
    return images[indices] if isinstance(images, Tensor) else images.select(indices)


def _regions(images: Tensor, space: Space, crops: int) -> tuple[Tensor, Tensor]:
    """The left part of images [N, C, H, W], and all crops of the right one, [M, C, h, w]."""
    count, channels, all_rows, all_columns = images.shape
    height, width = space.shape[1:]
    edge, down = all_columns - crops * width, all_rows // height
    right = images[:, :, : down * height, edge:]
    tiles = right.reshape(count, channels, down, height, crops, width).permute(0, 2, 4, 1, 3, 5)
    return images[..., :edge], tiles.reshape(-1, channels, height, width)


def _divide_labels(plan: Split, data: Data, test: Examples) -> tuple[Tensor | None, Tensor | None]:
    labels = data.labels
    if labels is None:
        return None, None
    if plan.files is not None:
        return labels[plan.files.train], labels[plan.files.test]
    return labels, labels.repeat_interleave(len(test) // len(labels))
