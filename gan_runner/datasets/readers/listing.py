"""The image files below a folder, and their classes."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")


class ImageFile(NamedTuple):
    """An image file: its path below the root, with `/`; its size, and when it was changed."""

    name: str
    size: int
    modified: int


def images_below(root: Path) -> list[ImageFile]:
    """Every image file below a folder, sorted by name; what begins with a dot is left out.

    Raises OSError for a folder that can't be read.
    """
    files = (_image_file(folder, name, root) for folder, names in _folders(root) for name in names)
    return sorted(file for file in files if file is not None)


def class_of(name: str) -> str | None:
    """The first-level sub-folder, None for a file that lies in the root itself."""
    top, slash, _ = name.partition("/")
    return top if slash else None


def class_indices(names: Sequence[str]) -> tuple[list[int], tuple[str, ...]]:
    """For each name the index of its class, and the classes, sorted; both empty without classes.

    There are classes if every file lies in a sub-folder.
    """
    tops = [class_of(name) for name in names]
    classes = sorted({top for top in tops if top is not None})
    if None in tops:
        return [], ()
    index = {name: i for i, name in enumerate(classes)}
    return [index[top] for top in tops if top is not None], tuple(classes)


def _folders(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Each folder and its files' names. Links are followed, but none in a circle."""
    seen: set[tuple[int, int]] = set()
    for folder, inner, names in os.walk(root, followlinks=True, onerror=_raise):
        status = Path(folder).stat()
        identity = (status.st_dev, status.st_ino)
        if identity in seen:
            inner.clear()
            continue
        seen.add(identity)
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        yield Path(folder), names


def _raise(error: OSError) -> None:
    raise error


def _image_file(folder: Path, name: str, root: Path) -> ImageFile | None:
    if name.startswith(".") or not name.lower().endswith(SUFFIXES):
        return None
    path = folder / name
    below = path.relative_to(root).as_posix()
    try:
        status = path.stat()
    except FileNotFoundError:
        return ImageFile(below, 0, 0)  # a broken link, which decoding will call damaged
    if not stat.S_ISREG(status.st_mode):
        return None
    return ImageFile(below, status.st_size, status.st_mtime_ns)
