"""Arrays in a .npy or .npz file, read without trust."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gan_runner.config.overrides import override
from gan_runner.datasets.readers.npy import read_npy
from gan_runner.datasets.readers.paths import file_faults
from gan_runner.decoding.other_files import FIRST_BYTES, OtherFile, find_other_file
from gan_runner.errors import DataError, Fault, did_you_mean, printable

SAMPLES = ("samples", "images", "data", "x")
LABELS = ("labels", "y")
LIKELY_LABELS = (*LABELS, "label", "target", "targets", "class", "classes")
_CUT_OFF = ("greater than file size", "EOF: reading")
NPY_MAGIC, ZIP_MAGIC = b"\x93NUMPY", b"PK"


class StoredArray(NamedTuple):
    """An array of an .npz file by its header."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{printable(self.name, limit=40)} {self.dtype} {list(self.shape)}"


class ArrayFile(NamedTuple):
    """The samples and the labels in a file, of any type and shape; their names, empty in a .npy
    file; the arrays that weren't read."""

    samples: NDArray[Any]
    labels: NDArray[Any] | None
    samples_name: str = ""
    labels_name: str = ""
    others: tuple[StoredArray, ...] = ()


def read_array_file(path: Path, *, samples: str, labels: str | None, setting: str) -> ArrayFile:
    """The arrays in a file, whose format follows from its first bytes and not from its name.

    `samples` and `labels`: their names in an .npz file, or auto; None: no labels. Raises DataError
    for another file, a damaged or an ambiguous one, MachineError if it can't be read.
    """
    with file_faults(path, setting=setting):
        if path.exists() and not path.is_file():
            raise DataError(f"not a file, {setting}. Name a .npy or .npz file.")
        with path.open("rb") as file:
            magic = file.read(FIRST_BYTES)
        try:
            if magic.startswith(NPY_MAGIC):
                _refuse_names(samples, labels, setting)
                return ArrayFile(read_npy(path), None)
            if magic.startswith(ZIP_MAGIC):
                return _read_npz(path, samples, labels, setting)
        except (Fault, OSError, MemoryError):
            raise
        except Exception as error:  # numpy and zipfile raise whatever a stranger's bytes provoke
            raise _unreadable(error, setting) from None
    other = find_other_file(magic) or OtherFile("not a NumPy file")
    remedy = other.remedy or "Save one with numpy.save or numpy.savez."
    raise DataError(f"{other.kind}, {setting}. {remedy}")


def setting_of_array(key: str, name: str) -> str:
    """The setting that names an array, as it can be typed in a shell."""
    return override(f"dataset.{key}", printable(name, limit=1000))


def _unreadable(error: Exception, setting: str) -> DataError:
    if "allow_pickle" in str(error) or "Python objects" in str(error):
        what = "an array of Python objects"
        remedy = "Save plain numbers: rows of one length, labels as integers or text."
    elif any(sign in str(error) for sign in _CUT_OFF):
        what = f"a file that is cut off ({printable(error)})"
        remedy = "Copy or download it again."
    else:
        what = f"unreadable array file ({printable(error)})"
        remedy = "Save plain numbers with numpy.save or numpy.savez."
    return DataError(f"{what}, {setting}. {remedy}")


def _refuse_names(samples: str, labels: str | None, setting: str) -> None:
    for key, name in (("samples", samples), ("labels", labels)):
        if name not in ("auto", None):
            what = f"a .npy file holds a single array without a name, {setting} with "
            what += setting_of_array(key, str(name))
            raise DataError(f"{what}. Use dataset.{key}=auto or an .npz file.")


def _read_npz(path: Path, samples: str, labels: str | None, setting: str) -> ArrayFile:
    with np.load(path, allow_pickle=False) as archive:
        stored = {name: _describe(archive, name) for name in archive.files}
        arrays = list(stored.values())
        taken = _known(arrays, (samples,)) if samples != "auto" else []
        free = [array for array in arrays if array.name not in taken]
        named = _labels_name(free, labels, setting)
        chosen = _samples_name(arrays, samples, named, setting)
        others = tuple(array for array in arrays if array.name not in (chosen, named))
        return ArrayFile(
            np.asarray(archive[chosen]),
            np.asarray(archive[named]) if named else None,
            chosen,
            named,
            others,
        )


def _describe(archive: Any, name: str) -> StoredArray:
    """An array by its header: reading all of it could take long."""
    inside = archive.zip.namelist()
    with archive.zip.open(name if name in inside else f"{name}.npy") as stream:
        try:
            version = np.lib.format.read_magic(stream)
            read = np.lib.format.read_array_header_1_0
            read = np.lib.format.read_array_header_2_0 if version > (1, 0) else read
            shape, _, dtype = read(stream)
        except ValueError:
            return StoredArray(name, "of another format", ())
    return StoredArray(name, printable(type_name(dtype), limit=40), shape)


def type_name(dtype: np.dtype[Any]) -> str:
    """A type as NumPy calls it where it's made: float64, big-endian float64, text."""
    if dtype.kind in "US":
        return "text" if dtype.kind == "U" else "bytes"
    if dtype.names:
        return f"records of {', '.join(map(repr, dtype.names))}"
    if dtype.kind in "OV":
        return str(dtype)
    return f"big-endian {dtype.name}" if dtype.byteorder == ">" else dtype.name


def _labels_name(arrays: Sequence[StoredArray], wanted: str | None, setting: str) -> str:
    """The name of the array of labels, empty without one."""
    if wanted is None:
        return ""
    if wanted != "auto":
        return _find_named(arrays, wanted, "labels", setting)
    return next(iter(_known(arrays, LABELS)), "")


def _samples_name(arrays: Sequence[StoredArray], wanted: str, labels: str, setting: str) -> str:
    if wanted != "auto":
        return _find_named(arrays, wanted, "samples", setting)
    names = [array.name for array in arrays if array.name != labels]
    known = [name for name in _known(arrays, SAMPLES) if name in names]
    likely = [name for name in names if name.casefold() not in LIKELY_LABELS]
    if known or len(likely) == 1:
        return (known or likely)[0]
    listed = ", ".join(map(str, arrays)) or "none"
    remedy = _advise_names(arrays) or f"Call one of them {' or '.join(map(repr, SAMPLES))}."
    raise DataError(f"no array called as samples are ({listed}), {setting}. {remedy}")


def _find_named(arrays: Sequence[StoredArray], wanted: str, key: str, setting: str) -> str:
    names = [array.name for array in arrays]
    found = _known(arrays, (wanted,))
    if found:
        return found[0]
    listed = ", ".join(map(str, arrays)) or "none"
    what = f"no array {printable(wanted)} among {listed}"
    asked = f"{setting} with {setting_of_array(key, wanted)}"
    raise DataError(f"{what}, {asked}. {did_you_mean(wanted, names)}".rstrip())


def _known(arrays: Sequence[StoredArray], names: Sequence[str]) -> list[str]:
    """The arrays with one of these names, in the names' order; exact ones before other cases."""
    exact = [name for name in names if any(array.name == name for array in arrays)]
    folded = [
        array.name
        for name in names
        for array in arrays
        if array.name.casefold() == name.casefold() and array.name not in exact
    ]
    return exact + folded


def _advise_names(arrays: Sequence[StoredArray]) -> str:
    """The settings for the arrays that are likely meant, empty if there are none."""
    samples = [array for array in arrays if len(array.shape) > 1]
    if not samples:
        return ""
    best = max(samples, key=lambda array: ("train" in array.name.casefold(), array.shape[0]))
    fitting = [array for array in arrays if array.shape in (best.shape[:1], (best.shape[0], 1))]
    settings = [setting_of_array("samples", best.name)]
    settings += [setting_of_array("labels", array.name) for array in fitting[:1]]
    return f"Name them, such as {' '.join(settings)}"
