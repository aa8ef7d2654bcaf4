"""The files below a folder: images, and what isn't read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

SUFFIXES = (
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif"),
    *(".webp", ".bmp", ".gif", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k", ".tga"),
)
_NAMED = 3


class ImageFile(NamedTuple):
    """An image file: its path below the root, with `/`; its size, and when it was changed."""

    name: str
    size: int
    modified: int


@dataclass
class Named:
    """A count of files, and the names of the first three."""

    count: int = 0
    names: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        self.count += 1
        if len(self.names) < _NAMED:
            self.names.append(name)


@dataclass
class Listing:
    """The files below a folder, sorted by name.

    `others`: files that aren't images by the ends of their names, in small letters and with the
    dot. `hidden`: files and folders that begin with a dot. `folders`: the first-level ones.
    `ignored`: images that a setting leaves out.
    """

    images: list[ImageFile] = field(default_factory=list)
    others: dict[str, Named] = field(default_factory=dict)
    hidden: Named = field(default_factory=Named)
    folders: list[str] = field(default_factory=list)
    ignored: set[str] = field(default_factory=set)


def list_below(root: Path) -> Listing:
    """Every file below a folder; what begins with a dot is only counted.

    Raises OSError for a folder that can't be read.
    """
    listing = Listing()
    for folder, inner, names in _folders(root):
        if folder == root:
            listing.folders = [name for name in inner if not name.startswith(".")]
        for name in sorted([*names, *(name for name in inner if name.startswith("."))]):
            path = folder / name
            below = path.relative_to(root).as_posix()
            if name.startswith("."):
                listing.hidden.add(below)
            elif (image := _image_file(path, below)) is not None:
                listing.images.append(image)
            else:
                listing.others.setdefault(path.suffix.lower(), Named()).add(below)
    listing.images.sort()
    return listing


def class_of(name: str) -> str | None:
    """The first-level sub-folder, None for a file that lies in the root itself."""
    top, slash, _ = name.partition("/")
    return top if slash else None


def _folders(root: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Each folder, its sub-folders and its files. Links are followed, but none in a circle."""
    seen: set[tuple[int, int]] = set()
    for folder, inner, names in os.walk(root, followlinks=True, onerror=_raise):
        status = Path(folder).stat()
        identity = (status.st_dev, status.st_ino)
        if identity in seen:
            inner.clear()
            continue
        seen.add(identity)
        every = sorted(inner)
        inner[:] = [name for name in every if not name.startswith(".")]
        yield Path(folder), every, names


def _raise(error: OSError) -> None:
    raise error


def _image_file(path: Path, below: str) -> ImageFile | None:
    if not path.name.lower().endswith(SUFFIXES):
        return None
    try:
        status = path.stat()
    except FileNotFoundError:
        return ImageFile(below, 0, 0)  # a broken link, which decoding will call damaged
    if not stat.S_ISREG(status.st_mode):
        return None
    return ImageFile(below, status.st_size, status.st_mtime_ns)
