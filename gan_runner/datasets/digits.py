"""Handwritten digits that come with scikit-learn: real images, nothing to download."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from gan_runner.data import Data, Reading, Space
from gan_runner.datasets.base import Dataset, Track
from gan_runner.datasets.readers.paths import file_faults
from gan_runner.datasets.readers.scikit_learn import REMEDY, data_folder
from gan_runner.errors import DataError, MachineError, printable

COUNT, SIDE, INK = 1797, 8, 16
SETTING = "dataset.name=Digits"


class Digits(Dataset):
    """1,797 gray 8 x 8 digits; their ink of 0..16 becomes 0..255."""

    flip: bool

    def space(self) -> Space:
        return Space("images", (1, SIDE, SIDE))

    def check_present(self) -> None:
        data_folder(setting=SETTING)

    def load(self, cache: Path, track: Track) -> Data:
        rows = _read_rows(data_folder(setting=SETTING) / "digits.csv.gz")
        ink = rows[:, :-1].reshape(COUNT, 1, SIDE, SIDE)
        images = np.rint(ink * (255 / INK)).astype(np.uint8)
        labels = torch.from_numpy(rows[:, -1].copy())
        names = tuple(map(str, range(10)))
        reading = Reading(
            source="scikit-learn's handwritten digits (digits.csv.gz)",
            stored=f"{COUNT} rows of {SIDE} x {SIDE} numbers from 0 to {INK}, scaled to 0 to 255",
            labels="last column",
            held_out=0,
        )
        return Data(torch.from_numpy(images), self.space(), labels, names, reading)

    def held_out(self, cache: Path, track: Track) -> Data | None:
        return None

    @property
    def flips(self) -> bool:
        return self.flip


def _read_rows(path: Path) -> NDArray[np.int64]:
    """64 values of ink and the label in each row, [1797, 65]."""
    if not path.is_file():
        raise MachineError(f"missing {printable(path)}, {SETTING}. {REMEDY}")
    try:
        with file_faults(path, setting=SETTING):
            rows = _parse_rows(path.read_bytes())
    except ValueError as reason:
        raise DataError(f"damaged {printable(path)} ({reason}), {SETTING}. {REMEDY}") from None
    return rows


def _parse_rows(packed: bytes) -> NDArray[np.int64]:
    """The rows of a gzipped table of whole numbers. Raises ValueError."""
    try:
        lines = gzip.decompress(packed).splitlines()
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(error) from None
    if len(lines) != COUNT:
        raise ValueError(f"{len(lines)} rows")
    rows = np.loadtxt(lines, dtype=np.int64, delimiter=",", comments=None)
    if rows.shape[1] != SIDE * SIDE + 1:
        raise ValueError(f"{rows.shape[1]} columns")
    return rows
