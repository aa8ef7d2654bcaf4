"""Files that are whole or absent, whatever kills the process that writes them."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import IO


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


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.partial")
    try:
        temporary.write_bytes(content)
        publish(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def open_regular(path: Path) -> IO[bytes]:
    """Open a file to read it. Raises OSError, for links and pipes too: in a stranger's folder the
    one may lead anywhere and the other never ends."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(f"not a file: {path}")
    return os.fdopen(handle, "rb")


def publish(temporary: Path, path: Path) -> None:
    """Give a written file its final name: its bytes on the disk first, then the name."""
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(path)
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
