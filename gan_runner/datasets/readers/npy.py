"""NumPy's own file format, read without trust."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_IN_MEMORY_BYTES = 1 << 30


def read_npy(path: Path) -> NDArray[Any]:
    """The array in a .npy file: in memory up to 1 GiB, beyond that as `map_npy` has it.

    Nothing is unpickled, and a header that promises more than the file holds costs no memory.
    Raises ValueError for a damaged file.
    """
    mapped = map_npy(path)
    if mapped.nbytes > MOST_IN_MEMORY_BYTES:
        return mapped
    del mapped  # which has shown that the file holds it all, and read nothing of it
    stored: NDArray[Any] = np.load(path, allow_pickle=False)
    return stored


def map_npy(path: Path) -> NDArray[Any]:
    """The same as a copy-on-write memory map, of which nothing is read yet."""
    mapped: NDArray[Any] = np.load(path, mmap_mode="c", allow_pickle=False)
    return mapped
