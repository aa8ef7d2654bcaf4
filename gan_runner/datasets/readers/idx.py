"""The file format of MNIST and its kin."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

UNSIGNED_BYTES = 8


def read_idx(path: Path, *, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The bytes of an IDX file of examples of this shape: uint8 [N, *shape].

    The file starts with 0, 0, a type, the number of dimensions, and each length as a big-endian
    32-bit number; then come the bytes. Raises ValueError with what is wrong.
    """
    content = np.fromfile(path, dtype=np.uint8)
    dimensions = 1 + len(shape)
    start = 4 + 4 * dimensions
    magic = bytes([0, 0, UNSIGNED_BYTES, dimensions])
    if content[:4].tobytes() != magic:
        raise ValueError(f"begins with {content[:4].tobytes().hex()} instead of {magic.hex()}")
    if len(content) < start:
        raise ValueError(f"ends in its header, after {len(content)} bytes")
    count, *lengths = content[4:start].view(">u4").tolist()
    if tuple(lengths) != shape:
        raise ValueError(f"holds examples of shape {lengths} instead of {list(shape)}")
    promised = start + count * math.prod(shape)
    if len(content) != promised:
        raise ValueError(f"has {len(content)} bytes where its header promises {promised}")
    if count == 0:
        raise ValueError("holds no examples")
    return content[start:].reshape(count, *shape)
