"""Samples against real examples: few of both, so that it can be done all through training."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from gan_runner.data import Data
from gan_runner.seeds import derive

_TWIN = 0.1  # of the median distance to the nearest neighbor among reals
_NEAR = 0.2  # of the median distance between reals: generators miss narrow modes by so much
_COARSE = 8  # pixels: a network's features would cost more than the step
_FARTHEST = 1e6  # standard deviations; what diverged stays a finite number


class Reals:
    """Real examples that samples are compared with, prepared once.

    Vectors are compared with unit variance in each number, images as means over a grid of 8 x 8:
    enough to find what is alike, at a hundredth of the cost of a network's features.
    """

    def __init__(self, examples: Tensor, *, neighbors: int) -> None:
        """`examples` as stored: uint8 [N, C, H, W] or float32 [N, D], at least two of them."""
        described = _describe(examples)
        self._mean = described.mean(0)
        # pixels share one scale: a corner that is always black must not outweigh the rest
        deviation = described.std() if examples.ndim == 4 else described.std(0)
        self._deviation = torch.where(deviation > 0, deviation, 1.0)
        self._features = self._standardize(examples)
        between = _distances(self._features, self._features)
        self._spread = _off_diagonal(between)
        # k + 1, since each is its own nearest
        k = min(neighbors + 1, len(examples))
        radii = between.kthvalue(k, dim=1).values
        # where most are the same their median distance is 0, and only copies would be near
        usual = float(self._spread.median()) or float(self._spread.mean())
        self._radii = radii.clamp_min(_NEAR * usual)
        nearest = _nearest_other(between)
        self._twin = _TWIN * float(nearest.median())
        self._own_twins = _share_of_true(nearest <= self._twin)

    @classmethod
    def of(cls, data: Data, *, count: int, neighbors: int) -> Reals:
        """At most `count` examples of a data set, the same ones in each run and resume."""
        rng = torch.Generator().manual_seed(derive(0, "health"))
        chosen = torch.randperm(len(data), generator=rng)[:count]
        if len(chosen) == 1:
            chosen = chosen.repeat(2)  # one has no distance to another
        return cls(data.rows(chosen), neighbors=neighbors)

    def __len__(self) -> int:
        return len(self._features)

    def compare(self, fakes: Tensor) -> dict[str, float]:
        """A batch of as many samples, as stored, compared with these reals.

        `health/diversity`: the mean distance between two samples over that between two reals.
        `health/coverage`: the share of reals that have a sample near them, that is within the
        distance of their k-th real neighbor (Naeem et al. 2020, arXiv:2002.09797), or within a
        fifth of the median distance between reals, so that a mode counts as found before it is hit.
        `health/precision`: the share of samples near some real.
        `health/duplicates`: the share of samples with a twin in the batch, less that of reals.
        """
        features = self._standardize(fakes)
        between = _distances(features, features)
        near = _distances(self._features, features) <= self._radii[:, None]
        twins = _share_of_true(_nearest_other(between) <= self._twin)
        spread = float(self._spread.mean())
        return {
            "health/diversity": float(_off_diagonal(between).mean()) / spread if spread else 1.0,
            "health/coverage": _share_of_true(near.any(1)),
            "health/precision": _share_of_true(near.any(0)),
            "health/duplicates": max(0.0, twins - self._own_twins),
        }

    def _standardize(self, examples: Tensor) -> Tensor:
        scaled = (_describe(examples) - self._mean) / self._deviation
        return scaled.nan_to_num(nan=_FARTHEST).clamp(-_FARTHEST, _FARTHEST)


def _describe(examples: Tensor) -> Tensor:
    """Numbers to compare examples by, of images the small ones: float32 [N, D] on the CPU."""
    numbers = examples.cpu().float()
    if numbers.ndim == 4:
        height, width = (min(_COARSE, side) for side in numbers.shape[2:])
        numbers = adaptive_avg_pool2d(numbers, (height, width))
    return numbers.flatten(1)


def _distances(a: Tensor, b: Tensor) -> Tensor:
    """Euclidean distances [N, M]; by a matrix product they'd be too rough to find twins."""
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")


def _off_diagonal(square: Tensor) -> Tensor:
    return square[~torch.eye(len(square), dtype=torch.bool)]


def _nearest_other(square: Tensor) -> Tensor:
    return square.clone().fill_diagonal_(torch.inf).min(1).values


def _share_of_true(true: Tensor) -> float:
    return float(true.float().mean())
