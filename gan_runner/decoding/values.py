"""Stored values of pictures as bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Limits = tuple[float, float]
"""The stored values that become black and white."""

_PART = 1 << 16  # pixels


def scale_to_bytes(values: NDArray[Any], limits: Limits) -> NDArray[np.uint8]:
    """Values as 0..255, the lower limit as 0, the upper one as 255; what lies beyond is clipped."""
    low, high = limits
    shares = (values.astype(np.float64) - low) * (255 / (high - low))
    return np.clip(np.rint(shares), 0, 255).astype(np.uint8)


def histogram(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The number of pixels with each of 0..255, [256]."""
    flat = pixels.ravel()
    # in parts that stay in the cache: bincount makes int64 of its input
    counts = np.bincount(flat[:_PART], minlength=256)
    for start in range(_PART, len(flat), _PART):
        counts += np.bincount(flat[start : start + _PART], minlength=256)
    return counts
