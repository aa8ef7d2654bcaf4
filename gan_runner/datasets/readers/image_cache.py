"""A cache of decoded images: one array on disk, read from there the next time."""

from __future__ import annotations

import io
import json
import os
import secrets
import shutil
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gan_runner.datasets.readers.npy import read_npy
from gan_runner.datasets.readers.picture_counts import PictureCounter, PictureCounts
from gan_runner.decoding.images import Damaged, Decoded, Pixels, TooLarge
from gan_runner.errors import MachineError, printable

NamedResults = Generator[tuple[str, Decoded | Damaged | TooLarge]]

IMAGES, COUNTS = "images.npy", "pictures.json"


class CachedImages(NamedTuple):
    """Images uint8 [N, C, H, W], and what was noted of them and of those that were left out."""

    images: Pixels
    counts: PictureCounts


def load_or_decode(
    folder: Path,
    *,
    shape: tuple[int, ...],
    decode: Callable[[], NamedResults],
) -> CachedImages:
    """The images in `folder`; the first time those of `decode`: names, and pixels [*shape] or why
    there are none.

    The folder appears whole or not at all, however many processes build it and whenever they are
    killed. Raises MachineError if it can't be written or read, and what `decode` raises.
    """
    try:
        if not folder.exists():
            with closing(decode()) as images:  # at once, also where an error keeps hold of them
                _build(folder, shape, images)
        return _read(folder)
    except OSError as error:
        reason = f"can't cache decoded images ({error.strerror or error})"
        remedy = "Make room there, or name another folder with cache=FOLDER"
        raise MachineError(f"{reason}, cache={printable(folder.parent)}. {remedy}") from None


def _build(folder: Path, shape: tuple[int, ...], images: NamedResults) -> None:
    unfinished = folder.with_name(f".{folder.name}-{secrets.token_hex(4)}")
    try:
        unfinished.mkdir(parents=True)
        counts = _write_images(unfinished / IMAGES, shape, images)
        (unfinished / COUNTS).write_text(json.dumps(counts.to_plain()))
        unfinished.rename(folder)
        _remove_leftovers(folder)
    except OSError:
        if not folder.exists():
            raise  # else another process was faster, and what it made is the same
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _write_images(path: Path, shape: tuple[int, ...], images: NamedResults) -> PictureCounts:
    """Write a .npy file image by image, without those that have no pixels; notes of all."""
    count, counter = 0, PictureCounter(shape[-1])
    # written, not mapped: with a full disk a write raises OSError, a mapped page kills the process
    with path.open("wb") as file:
        file.write(_header(count, shape))
        for name, result in images:
            counter.add(name, result)
            if isinstance(result, Decoded):
                file.write(result.pixels.data)
                count += 1
        file.seek(0)
        file.write(_header(count, shape))
        file.flush()
        os.fsync(file.fileno())
    return counter.counts()


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
        counts = PictureCounts.from_plain(json.loads((folder / COUNTS).read_text()))
        return CachedImages(read_npy(folder / IMAGES), counts)
    except (ValueError, TypeError, KeyError, AttributeError):
        shown = printable(folder)
        raise MachineError(
            f"damaged cache {shown}, cache={printable(folder.parent)}. Delete it."
        ) from None
