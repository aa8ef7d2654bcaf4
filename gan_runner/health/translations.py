"""Translations of a few examples against their inputs and targets, all through training."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from gan_runner.data import Data
from gan_runner.data.conversion import convert_images
from gan_runner.sampling.translation import Translation
from gan_runner.seeds import derive

_MOST_PIXELS = 1 << 17  # of all outputs: more would cost more than a few steps
_FEWEST = 8
_SHORTEST_SIDE = 16  # pixels, below which a period of 2 or 4 can't be told from a picture
_VISIBLE = 0.5  # gray levels: weaker patterns than this are noise of rounding
_NEAR, _FAR = 2, 3  # bins: a spectrum beside a peak, which a window makes three bins wide


class ProbedImages(NamedTuple):
    """Inputs and targets as stored, uint8 [N, ...], each other's where they are `paired`."""

    inputs: Tensor
    targets: Tensor
    paired: bool

    @classmethod
    def of(cls, data: Data, *, count: int) -> ProbedImages:
        """At most `count` examples of a data set, as large as training sees them: the same ones in
        each run and resume."""
        assert data.space.inputs is not None, "asked of data with inputs alone"
        shape, of_inputs = data.space.shape, data.space.inputs.shape
        fitting = max(_FEWEST, _MOST_PIXELS // math.prod(shape[1:]))
        chosen = _choose(len(data), min(count, fitting), "targets")
        own = _choose(data.input_count, min(count, fitting), "inputs")
        inputs = data.input_rows(chosen if data.paired else own, seed=0).cpu()
        targets = data.rows(chosen).cpu()
        return cls(
            inputs[..., : of_inputs[1], : of_inputs[2]],
            targets[..., : shape[1], : shape[2]],
            data.paired,
        )


class TranslationProbe:
    """What a translator makes of a few inputs, in numbers that show what is wrong with it."""

    def __init__(self, images: ProbedImages) -> None:
        self._images = images
        self._trivial = convert_images(images.inputs, images.targets.shape[1:])
        self._between_targets = _mean_distance(images.targets)
        self._usual_change = self._expected_change()
        self._pattern = pattern_strength(images.targets)

    def compare(self, translation: Translation) -> dict[str, float]:
        """Translations of the inputs, each compared with others, its input and its target.

        `health/input_effect`: how much further apart the outputs of two inputs are than two outputs
        of one, over the distance between two targets: near 0 if the input doesn't matter.
        `health/change`: the distance of outputs from inputs over that of targets from inputs: 0 of
        an identity; where inputs are resized, from their bicubic interpolation.
        `health/checkerboards`: the strength of patterns of a period of 2 or 4 pixels over that in
        targets.
        """
        outputs = translation.translate(self._images.inputs)
        # turned over, so that each meets another draw of what noise there is
        again = translation.translate(self._images.inputs.flip(0)).flip(0)
        found = {}
        if self._between_targets > 0 and len(outputs) > 1:
            own = float(_distances(outputs, again).mean())
            effect = (_mean_distance(outputs) - own) / self._between_targets
            found["health/input_effect"] = max(0.0, effect)
        if self._trivial is not None and self._usual_change > 0:
            change = float(_distances(outputs, self._trivial).mean())
            found["health/change"] = change / self._usual_change
        if (strength := pattern_strength(outputs)) is not None and self._pattern is not None:
            found["health/checkerboards"] = strength / max(1.0, self._pattern)
        return found

    def _expected_change(self) -> float:
        """The mean distance of targets from the trivial answers, 0 where there are none."""
        if self._trivial is None:
            return 0.0
        targets = self._images.targets
        if self._images.paired:
            return float(_distances(targets, self._trivial).mean())
        return float(torch.cdist(_flat(targets), _flat(self._trivial)).mean())


def pattern_strength(images: Tensor) -> float | None:
    """How far patterns of a period of 2 or 4 pixels, in the same place of all images [N, C, H, W],
    stand out of the spectrum around them: about 1 in photographs. None for small images.

    Odena et al. 2016, "Deconvolution and Checkerboard Artifacts": the strides of transposed
    convolutions leave them.
    """
    height, width = (side - side % 4 for side in images.shape[2:])
    if min(height, width) < _SHORTEST_SIDE:
        return None
    window = torch.hann_window(height)[:, None] * torch.hann_window(width)
    planes = images[..., :height, :width].float() * (window / window.sum())
    power = torch.fft.fft2(planes).abs().square().flatten(0, 1).mean(0)
    floor = _VISIBLE**2
    places = [(y * height // 4, x * width // 4) for y in range(4) for x in range(4)][1:]
    return max(float(power[y, x]) / max(_around(power, y, x), floor) for y, x in places)


def _around(power: Tensor, y: int, x: int) -> float:
    """The mean of a spectrum at some distance of a place."""
    reach = range(-_FAR, _FAR + 1)
    near = [(a, b) for a in reach for b in reach if max(abs(a), abs(b)) >= _NEAR]
    rows, columns = (torch.tensor(each) for each in zip(*near, strict=True))
    height, width = power.shape
    return float(power[(y + rows) % height, (x + columns) % width].mean())


def _choose(count: int, most: int, purpose: str) -> Tensor:
    rng = torch.Generator().manual_seed(derive(0, "health", purpose))
    return torch.randperm(count, generator=rng)[:most]


def _flat(images: Tensor) -> Tensor:
    return images.flatten(1).float()


def _distances(a: Tensor, b: Tensor) -> Tensor:
    """Euclidean distances [N] of images from others."""
    distances: Tensor = torch.linalg.vector_norm(_flat(a) - _flat(b), dim=1)
    return distances


def _mean_distance(images: Tensor) -> float:
    """Between two of them, 0 of a single one."""
    return float(torch.pdist(_flat(images)).mean()) if len(images) > 1 else 0.0
