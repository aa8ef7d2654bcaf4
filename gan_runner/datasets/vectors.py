"""The spaces of vectors, and vectors as examples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gan_runner.data import Space

_COLUMNS_AT_ONCE = 16


def plain_space(size: int) -> Space:
    """The space of vectors [size] that the networks see as they are."""
    return Space("vectors", (size,), offset=(0.0,) * size, scale=(1.0,) * size)


def standardized_space(vectors: Tensor) -> Space:
    """The space of float32 vectors [N, D] seen with mean 0 and deviation 1 in each dimension.

    A dimension that never changes keeps the scale 1.
    """
    array = vectors.numpy()
    blocks = [_moments(array, begin) for begin in range(0, array.shape[1], _COLUMNS_AT_ONCE)]
    mean, deviation, constant = (np.concatenate(each) for each in zip(*blocks, strict=True))
    unusable = deviation < np.finfo(np.float32).tiny
    scale = np.where(constant | unusable, 1.0, deviation)
    return Space("vectors", array.shape[1:], tuple(mean.tolist()), tuple(scale.tolist()))


def _moments(array: NDArray[np.float32], begin: int) -> tuple[NDArray[Any], ...]:
    """Mean and deviation of a few columns from this one on, and whether they are constant: of all
    at once, float64 copies would take three times the memory of the vectors.

    A column is never alone, unless it is the only one: numpy would add it up in another order.
    """
    first = max(0, min(begin, array.shape[1] - 2))
    block = array[:, first : begin + _COLUMNS_AT_ONCE]
    mean = block.mean(axis=0, dtype=np.float64)
    deviation = block.std(axis=0, dtype=np.float64)
    # compared exactly: rounding of the mean gives a constant a tiny deviation, not 0
    constant = block.min(axis=0) == block.max(axis=0)
    return tuple(each[begin - first :] for each in (mean, deviation, constant))
