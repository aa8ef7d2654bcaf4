"""The files within a tar or a zip file: their names and where their bytes lie."""

from __future__ import annotations

import struct
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NamedTuple

from gan_runner.decoding.other_files import FIRST_BYTES, find_other_file

ENDINGS = (".tar", ".zip")

_LOCAL_HEADER = struct.Struct("<4s22xHH")  # of a zip's entry: signature, lengths of name and extra
_BLOCK = 512  # bytes of a tar


class ArchiveError(Exception):
    """Why nothing of a file can be read in place: its first argument; the second is the remedy."""


class Entry(NamedTuple):
    """A file in an archive: `size` bytes from `offset` on, `packed` ones by deflate."""

    name: str
    offset: int
    size: int
    packed: bool


@dataclass
class Archive:
    """The files of an archive in the order in which they lie there or are listed.

    `cut_off`: the name of the one that the archive ends in, and why; `rest`: why what follows the
    last one can't be read; `lacks_end`: whether a tar ends with a file, as one cut off there does.
    """

    entries: list[Entry] = field(default_factory=list)
    cut_off: dict[str, str] = field(default_factory=dict)
    rest: str = ""
    lacks_end: bool = False

    def add(self, entry: Entry, *, length: int) -> None:
        """Take in an entry of an archive of so many bytes."""
        if entry.offset + entry.size > length:
            found = max(0, length - entry.offset)
            self.cut_off[entry.name] = f"the file ends after {found} of its {entry.size} bytes"
        else:
            self.entries.append(entry)


def list_archive(path: Path) -> Archive:
    """The regular files in a tar or zip file.

    Raises ArchiveError for one that can't be read in place, OSError where the machine can't.
    """
    with path.open("rb") as file:
        start = file.read(FIRST_BYTES)
        if not start:
            raise ArchiveError("an empty file", "Copy it again")
        if zipfile.is_zipfile(file) and start.startswith(b"PK"):
            return _list_zip(file)
        if start.startswith(b"PK"):
            raise ArchiveError("a zip file without its list of contents, which ends it", _COPY)
        return _list_tar(file, start)


_COPY = "It is probably cut off: copy it again"


def _list_tar(file: IO[bytes], start: bytes) -> Archive:
    file.seek(0)
    archive, length = Archive(), _length(file)
    file.seek(0)
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            with suppress(tarfile.ReadError):  # after the first, it says that the file is cut off
                while (info := tar.next()) is not None:
                    tar.members.clear()  # type: ignore[attr-defined]  # it would keep all
                    if info.isreg() and not info.sparse:
                        name = info.name.removeprefix("./")
                        entry = Entry(name, info.offset_data, info.size, packed=False)
                        archive.add(entry, length=length)
            end = tar.offset
    except tarfile.TarError:
        other = find_other_file(start)
        kind = "not a tar or zip file" if other is None else other.kind
        remedy = other.remedy if other is not None and other.remedy else "Put them into a tar file"
        raise ArchiveError(kind, remedy) from None
    if not archive.cut_off and _holds_more(file, end, length):
        archive.rest = f"what follows byte {end:,} isn't part of a tar file"
    archive.lacks_end = not archive.cut_off and end >= length
    return archive


def _holds_more(file: IO[bytes], end: int, length: int) -> bool:
    """Whether there is something else than zeros where a tar was read to."""
    file.seek(min(end, length))
    return any(file.read(_BLOCK))


def _list_zip(file: IO[bytes]) -> Archive:
    archive, length = Archive(), _length(file)
    try:
        with zipfile.ZipFile(file) as listed:
            infos = listed.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
        raise ArchiveError(f"a damaged zip file ({error})", "Copy it again") from None
    for entry in _zip_entries(file, infos):
        archive.add(entry, length=length)
    return archive


def _zip_entries(file: IO[bytes], infos: list[zipfile.ZipInfo]) -> Iterator[Entry]:
    for info in infos:
        if info.is_dir():
            continue
        if info.flag_bits & 1:
            raise ArchiveError("an encrypted zip file", "Unpack it and zip it without a password")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            what = f"a zip file that is packed by method {info.compress_type}"
            raise ArchiveError(what, "Unpack it and zip it with: zip -0 -r NEW.zip FOLDER")
        file.seek(info.header_offset)
        head = file.read(_LOCAL_HEADER.size)
        if len(head) < _LOCAL_HEADER.size or head[:4] != b"PK\x03\x04":
            raise ArchiveError("a damaged zip file: its list doesn't fit its contents", _COPY)
        _, name, extra = _LOCAL_HEADER.unpack(head)
        offset = info.header_offset + _LOCAL_HEADER.size + name + extra
        packed = info.compress_type == zipfile.ZIP_DEFLATED
        yield Entry(info.filename, offset, info.compress_size, packed)


def _length(file: IO[bytes]) -> int:
    return file.seek(0, 2)
