"""A cache of decoded images: one array on disk, read from there the next time."""

from __future__ import annotations

import io
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gan_runner.datasets.readers.decoding import Pixels
from gan_runner.datasets.readers.npy import read_npy
from gan_runner.errors import MachineError, printable

NamedPixels = tuple[str, Pixels | None]

IMAGES, LEFT_OUT = "images.npy", "left_out.json"


class CachedImages(NamedTuple):
    """Images uint8 [N, C, H, W], and the names of those that were damaged and left out."""

    images: Pixels
    left_out: list[str]


def load_or_decode(
    folder: Path,
    *,
    shape: tuple[int, ...],
    decode: Callable[[], Iterable[NamedPixels]],
) -> CachedImages:
    """The images in `folder`; the first time those of `decode`: names, pixels [*shape] or None.

    The folder appears whole or not at all, however many processes build it and whenever they are
    killed. Raises MachineError if it can't be written or read, and what `decode` raises.
    """
    try:
        if not folder.exists():
            _build(folder, shape, decode())
        return _read(folder)
    except OSError as error:
        reason = f"can't cache decoded images ({error.strerror or error})"
        remedy = "Make room there, or name another folder with cache=FOLDER."
        raise MachineError(f"{reason}, cache={printable(folder.parent)}. {remedy}") from None


def _build(folder: Path, shape: tuple[int, ...], images: Iterable[NamedPixels]) -> None:
    unfinished = folder.with_name(f".{folder.name}-{secrets.token_hex(4)}")
    try:
        unfinished.mkdir(parents=True)
        left_out = _write_images(unfinished / IMAGES, shape, images)
        (unfinished / LEFT_OUT).write_text(json.dumps(left_out))
        unfinished.rename(folder)
        _remove_leftovers(folder)
    except OSError:
        if not folder.exists():
            raise  # else another process was faster, and what it made is the same
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _write_images(path: Path, shape: tuple[int, ...], images: Iterable[NamedPixels]) -> list[str]:
    """Write a .npy file image by image; the names of those that are None."""
    count, left_out = 0, []
    # written, not mapped: with a full disk a write raises OSError, a mapped page kills the process
    with path.open("wb") as file:
        file.write(_header(count, shape))
        for name, pixels in images:
            if pixels is None:
                left_out.append(name)
                continue
            file.write(pixels.tobytes())
            count += 1
        file.seek(0)
        file.write(_header(count, shape))
        file.flush()
        os.fsync(file.fileno())
    return left_out


def _header(count: int, shape: tuple[int, ...]) -> bytes:
    """The header of a .npy file of `count` images; numpy makes it equally long for any count."""
    buffer = io.BytesIO()
    described = {"descr": "|u1", "fortran_order": False, "shape": (count, *shape)}
    np.lib.format.write_array_header_1_0(buffer, described)
    return buffer.getvalue()


def _remove_leftovers(folder: Path) -> None:
    """Remove what killed builds of this folder left; a living one finds the folder made."""
    for leftover in folder.parent.glob(f".{folder.name}-*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _read(folder: Path) -> CachedImages:
    try:
        return CachedImages(read_npy(folder / IMAGES), json.loads((folder / LEFT_OUT).read_text()))
    except ValueError:
        shown = printable(folder)
        raise MachineError(
            f"damaged cache {shown}, cache={printable(folder.parent)}. Delete it."
        ) from None
