"""Files that are whole or absent, whatever kills the process that writes them."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import IO

READ_ONLY = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
)
"""Flags to open what may be anything: no link is followed and no pipe waited for, where the system
has these flags."""


def write_text(path: Path, text: str) -> None:
    """Replace a small file: a reader sees the old text or the new one, never a part.

    Raises OSError; then the old file is untouched and nothing of the new one is left.
    """
    _write(path, text.encode())


def write_user_file(path: Path, content: bytes) -> None:
    """The same for a file that a person has named: what a link points to is replaced, and the link
    stays; what is there and isn't a file, such as a pipe, is written to.

    Raises OSError.
    """
    if path.exists() and not path.is_file():
        path.write_bytes(content)
    else:
        _write(Path(os.path.realpath(path)), content)


def write_picture(path: Path, content: bytes) -> None:
    """The same for a file that can be made again, which isn't waited for until it is on the disk.

    Raises OSError.
    """
    _write(path, content, lasting=False)


def _write(path: Path, content: bytes, *, lasting: bool = True) -> None:
    temporary = path.with_name(f".{path.name}.partial")
    try:
        temporary.write_bytes(content)
        if lasting:
            publish(temporary, path)
        else:
            temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def open_regular(path: Path) -> IO[bytes]:
    """Open a file to read it. Raises OSError, for links and pipes too: in a stranger's folder the
    one may lead anywhere and the other never ends."""
    handle = os.open(path, READ_ONLY)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(f"not a file: {path}")
    return os.fdopen(handle, "rb")


def publish(temporary: Path, path: Path) -> None:
    """Give a written file its final name: its bytes on the disk first, then the name."""
    flush(temporary)
    temporary.replace(path)
    if os.name == "posix":  # elsewhere a folder can't be opened
        handle = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def flush(path: Path) -> None:
    """Return once the bytes of a file are on the disk. Raises OSError."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def create_empty(path: Path) -> int:
    """Create a file as every other one is; the mode that the umask gives it. Raises OSError."""
    with suppress(FileNotFoundError):
        path.unlink()
    with path.open("xb") as file:
        return stat.S_IMODE(os.fstat(file.fileno()).st_mode)


def path_from_here(path: Path) -> Path:
    """A path from the current folder, where it lies below that; else as it is."""
    with suppress(ValueError, OSError):
        return path.absolute().relative_to(Path.cwd())
    return path
