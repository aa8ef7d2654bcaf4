"""A cache of decoded images: one array on disk, read from there the next time."""

from __future__ import annotations

import io
import json
import math
import os
import secrets
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gan_runner.datasets.readers.npy import map_npy, read_npy
from gan_runner.datasets.readers.picture_counts import PictureCounter, PictureCounts
from gan_runner.decoding.images import Damaged, Decoded, Pixels, TooLarge
from gan_runner.errors import MachineError, printable

NamedResults = Generator[tuple[str, Decoded | Damaged | TooLarge]]

IMAGES, COUNTS = "images.npy", "pictures.json"
_WRITE_BYTES = 1 << 20


class NoRoomError(Exception):
    """The bytes that are needed and those that are free."""


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
    with _cache_faults(folder):
        # what was just written is in memory, in the cache of the disk: to read it took a sixth of
        # the CPU time of decoding
        read = map_npy if _build_missing(folder, shape, decode) else read_npy
        with _damage_faults(folder):
            return CachedImages(read(folder / IMAGES), _read_counts(folder))


def decode_to_disk(
    folder: Path, *, shape: tuple[int, ...], count: int, decode: Callable[[], NamedResults]
) -> PictureCounts:
    """The same for `count` images that stay on disk, in IMAGES there: what was noted of them.

    Raises NoRoomError if they don't fit on the disk, before any is decoded.
    """
    with _cache_faults(folder):
        if not folder.exists():
            needed = count * math.prod(shape)
            folder.parent.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(folder.parent).free
            if needed > free:
                raise NoRoomError(needed, free)
        _build_missing(folder, shape, decode)
        with _damage_faults(folder):
            return _read_counts(folder)


def load_or_count(folder: Path, *, size: int, decode: Callable[[], NamedResults]) -> PictureCounts:
    """What was noted of images of this size; the first time, or if the notes are damaged, of those
    of `decode`, whose pixels aren't kept. Raises MachineError if it can't be written, and what
    `decode` raises."""
    with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        return _read_counts(folder)
    counter = PictureCounter(size)
    with _cache_faults(folder):
        with closing(decode()) as images:
            for name, result in images:
                counter.add(name, result)
        shutil.rmtree(folder, ignore_errors=True)  # damaged notes
        _place(folder, lambda unfinished: _write_counts(unfinished, counter.counts()))
    return counter.counts()


@contextmanager
def _cache_faults(folder: Path) -> Iterator[None]:
    """Errors of a cache that can't be written or read, as MachineError."""
    try:
        yield
    except OSError as error:
        reason = f"can't cache decoded images ({error.strerror or error})"
        remedy = "Make room there, or name another folder with cache=FOLDER"
        raise MachineError(f"{reason}, cache={printable(folder.parent)}. {remedy}") from None


@contextmanager
def _damage_faults(folder: Path) -> Iterator[None]:
    """Errors of a cache that can't be understood, as MachineError."""
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError):
        what = f"damaged cache {printable(folder)}, cache={printable(folder.parent)}"
        raise MachineError(f"{what}. Delete it.") from None


def _build_missing(
    folder: Path, shape: tuple[int, ...], decode: Callable[[], NamedResults]
) -> bool:
    """Whether it was missing."""
    if folder.exists():
        return False
    with closing(decode()) as images:  # at once, also where an error keeps hold of them
        _build(folder, shape, images)
    return True


def _build(folder: Path, shape: tuple[int, ...], images: NamedResults) -> None:
    _place(
        folder,
        lambda unfinished: _write_counts(
            unfinished, _write_images(unfinished / IMAGES, shape, images)
        ),
    )


def _write_counts(folder: Path, counts: PictureCounts) -> None:
    (folder / COUNTS).write_text(json.dumps(counts.to_plain()))


def _place(folder: Path, write: Callable[[Path], None]) -> None:
    """Make a folder that is written whole before it has its name."""
    unfinished = folder.with_name(f".{folder.name}-{secrets.token_hex(4)}")
    try:
        unfinished.mkdir(parents=True)
        write(unfinished)
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
    with path.open("wb", buffering=_WRITE_BYTES) as file:
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


def _read_counts(folder: Path) -> PictureCounts:
    return PictureCounts.from_plain(json.loads((folder / COUNTS).read_text()))
