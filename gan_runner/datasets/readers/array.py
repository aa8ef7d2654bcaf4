"""Arrays in a .npy or .npz file, read without trust."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gan_runner.datasets.readers.npy import read_npy
from gan_runner.datasets.readers.paths import file_faults
from gan_runner.errors import DataError, Fault, printable

SAMPLES = ("samples", "images", "data", "x")
LABELS = ("labels", "y")
NPY_MAGIC, ZIP_MAGIC = b"\x93NUMPY", b"PK"


class ArrayFile(NamedTuple):
    """The samples and the labels in a file, of any type and shape."""

    samples: NDArray[Any]
    labels: NDArray[Any] | None


def read_array_file(path: Path, *, setting: str) -> ArrayFile:
    """The arrays in a file, whose format follows from its first bytes and not from its name.

    Raises DataError for another file, a damaged or an ambiguous one, MachineError if it can't be
    read.
    """
    with file_faults(path, setting=setting):
        if path.exists() and not path.is_file():
            raise DataError(f"not a file, {setting}. Name a .npy or .npz file.")
        with path.open("rb") as file:
            magic = file.read(len(NPY_MAGIC))
        try:
            return _read(path, magic, setting)
        except (Fault, OSError, MemoryError):
            raise
        except Exception as error:  # numpy and zipfile raise whatever a stranger's bytes provoke
            what = f"unreadable array file ({printable(error)})"
            remedy = "Save plain numbers with numpy.save or numpy.savez."
            raise DataError(f"{what}, {setting}. {remedy}") from None


def _read(path: Path, magic: bytes, setting: str) -> ArrayFile:
    if magic == NPY_MAGIC:
        return ArrayFile(read_npy(path), None)
    if magic.startswith(ZIP_MAGIC):
        return _read_npz(path, setting)
    raise DataError(f"not a NumPy file, {setting}. Save one with numpy.save or numpy.savez.")


def _read_npz(path: Path, setting: str) -> ArrayFile:
    with np.load(path, allow_pickle=False) as archive:
        names = [name for name in archive.files if name not in LABELS]
        known = [name for name in SAMPLES if name in names]
        if not known and len(names) != 1:
            listed = printable(", ".join(archive.files)) or "none"
            remedy = f"Call one of them {' or '.join(map(repr, SAMPLES))}."
            raise DataError(f"no samples among the arrays ({listed}), {setting}. {remedy}")
        labels = [name for name in LABELS if name in archive.files]
        return ArrayFile(
            np.asarray(archive[(known or names)[0]]),
            np.asarray(archive[labels[0]]) if labels else None,
        )
