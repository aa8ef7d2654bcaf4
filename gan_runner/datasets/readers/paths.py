"""Paths in settings, and the faults of reading them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from pydantic import Field

from gan_runner.errors import ConfigError, DataError, MachineError, printable

PLACES = ("path", "root", "inputs", "targets")
"""The settings of data sets that are paths."""

Location = Annotated[str, Field(min_length=1, pattern=r"^[^\x00]*$")]


def expand_path(location: str | None, *, key: str, wanted: str) -> Path:
    """The path in the setting `key`, with `~` expanded; `wanted` says what should be there.

    Raises ConfigError if the setting is null, DataError if there is no such home folder.
    """
    if location is None:
        raise ConfigError(f"missing {key}, {key}=null. Name {wanted} with {key}=PATH")
    try:
        return Path(location).expanduser()
    except RuntimeError:
        shown = printable(location)
        raise DataError(f"no such home folder, {key}={shown}. Write the path in full.") from None


def refuse_missing(path: Path, *, setting: str) -> None:
    """Raise DataError if there is nothing at `path`, MachineError if it can't be read."""
    with file_faults(path, setting=setting):
        path.stat()


@contextmanager
def file_faults(path: Path, *, setting: str) -> Iterator[None]:
    """While `path` is read: errors of the file system, as faults that name path and setting."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        key = setting.partition("=")[0]
        remedy = "Put it there."
        if key.removeprefix("dataset.") in PLACES:
            remedy = f"Put it there, or say where it lies now: {key}=PATH"
        raise DataError(f"missing {printable(path)}, {setting}. {remedy}") from None
    except OSError as error:
        what = f"can't read {printable(error.filename or path)} ({error.strerror or error})"
        raise MachineError(f"{what}, {setting}. Check its permissions and the disk.") from None
