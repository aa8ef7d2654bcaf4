"""Handwritten digits that come with scikit-learn: real images, nothing to download."""

from __future__ import annotations

import gzip
import importlib.util
import zlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from gan_runner.data import Data, Space
from gan_runner.datasets.base import Dataset, Track
from gan_runner.datasets.paths import file_faults
from gan_runner.errors import DataError, MachineError, printable

COUNT, SIDE, INK = 1797, 8, 16
REMEDY = "Install it anew: pip install --force-reinstall scikit-learn."


class Digits(Dataset):
    """1,797 grey 8 x 8 digits; their ink of 0..16 becomes 0..255."""

    flip: bool

    def space(self) -> Space:
        return Space("images", (1, SIDE, SIDE))

    def load(self, cache: Path, track: Track) -> Data:
        rows = _rows(_file())
        ink = rows[:, :-1].reshape(COUNT, 1, SIDE, SIDE)
        images = np.rint(ink * (255 / INK)).astype(np.uint8)
        labels = rows[:, -1].astype(np.int64)
        names = tuple(map(str, range(10)))
        return Data(torch.from_numpy(images), self.space(), torch.from_numpy(labels), names)

    @property
    def flips(self) -> bool:
        return self.flip


def _file() -> Path:
    # the file alone: to import scikit-learn takes more than a second
    package = importlib.util.find_spec("sklearn")
    if package is None or package.origin is None:
        raise MachineError("scikit-learn is missing, dataset.name=Digits. pip install scikit-learn.")
    return Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"


def _rows(path: Path) -> NDArray[np.float64]:
    """64 values of ink and the label in each row, [1797, 65]."""
    damaged = f"damaged {printable(path)}, dataset.name=Digits. {REMEDY}"
    if not path.is_file():
        raise MachineError(f"missing {printable(path)}, dataset.name=Digits. {REMEDY}")
    try:
        with file_faults(path, setting="dataset.name=Digits"), gzip.open(path, "rt") as text:
            rows = np.loadtxt(text, delimiter=",", dtype=np.float64)
    except (EOFError, ValueError, zlib.error):
        raise DataError(damaged) from None
    if rows.shape != (COUNT, SIDE * SIDE + 1):
        raise DataError(damaged)
    return rows
