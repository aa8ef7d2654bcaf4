"""The files below a folder: images, and what isn't read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePath
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
    for below, inner, entries in _folders(root):
        if not below:
            listing.folders = [name for name in inner if not name.startswith(".")]
        for entry in entries:
            if entry.name.startswith("."):
                listing.hidden.add(below + entry.name)
            elif entry.name in inner:
                continue
            elif (image := _image_file(entry, below + entry.name)) is not None:
                listing.images.append(image)
            else:
                suffix = PurePath(entry.name).suffix.lower()
                listing.others.setdefault(suffix, Named()).add(below + entry.name)
    listing.images.sort()
    return listing


def class_of(name: str) -> str | None:
    """The first-level sub-folder, None for a file that lies in the root itself."""
    top, slash, _ = name.partition("/")
    return top if slash else None


class _Folder(NamedTuple):
    """A folder: its path below the root with a `/` at its end, its sub-folders, all that is in it.
    Sorted."""

    below: str
    inner: dict[str, None]
    entries: list[os.DirEntry[str]]


def _folders(root: Path) -> Iterator[_Folder]:
    """Links are followed, but none in a circle; folders that begin with a dot aren't searched."""
    seen: set[tuple[int, int]] = set()
    pending = [""]
    while pending:
        below = pending.pop()
        folder = root / below
        status = folder.stat()
        identity = (status.st_dev, status.st_ino)
        if identity in seen:
            continue
        seen.add(identity)
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        inner = {entry.name: None for entry in entries if _is_folder(entry)}
        yield _Folder(below, inner, entries)
        pending += [f"{below}{name}/" for name in inner if not name.startswith(".")][::-1]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    with suppress(OSError):  # a link to itself
        return entry.is_dir()
    return False


def _image_file(entry: os.DirEntry[str], below: str) -> ImageFile | None:
    if not entry.name.lower().endswith(SUFFIXES):
        return None
    try:
        status = entry.stat()
    except FileNotFoundError:
        return ImageFile(below, 0, 0)  # a broken link, which decoding will call damaged
    if not stat.S_ISREG(status.st_mode):
        return None
    return ImageFile(below, status.st_size, status.st_mtime_ns)
