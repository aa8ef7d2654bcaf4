"""The spaces of vectors, and vectors as examples."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from gan_runner.data import Space


def plain_space(size: int) -> Space:
    """The space of vectors [size] that the networks see as they are."""
    return Space("vectors", (size,), offset=(0.0,) * size, scale=(1.0,) * size)


def standardized_space(vectors: Tensor) -> Space:
    """The space of float32 vectors [N, D] seen with mean 0 and deviation 1 in each dimension.

    A dimension that never changes keeps the scale 1.
    """
    array = vectors.numpy()
    mean = array.mean(axis=0, dtype=np.float64)
    deviation = array.std(axis=0, dtype=np.float64)
    # compared exactly: rounding of the mean gives a constant a tiny deviation, not 0
    constant = array.min(axis=0) == array.max(axis=0)
    unusable = deviation < np.finfo(np.float32).tiny
    scale = np.where(constant | unusable, 1.0, deviation)
    return Space("vectors", array.shape[1:], tuple(mean.tolist()), tuple(scale.tolist()))
