"""Image files that lie within other files: where each begins, and its bytes."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import IO, NamedTuple

_MOST_BYTES = 1 << 30  # of an image, unpacked


class MemberError(Exception):
    """Why a member can't be had: its file ends before it does, or its bytes aren't what it says."""


class Member(NamedTuple):
    """`size` bytes of the file `shard` from `offset` on, which are an image file; `packed` ones by
    deflate. Its name ends in `suffix`, in small letters."""

    shard: str
    offset: int
    size: int
    packed: bool
    suffix: str

    def read(self) -> bytes:
        """The image file. Raises MemberError, and OSError where the machine can't read it."""
        with Path(self.shard).open("rb", buffering=0) as file:
            return self.read_from(file)

    def read_from(self, file: IO[bytes]) -> bytes:
        """The same of the opened shard."""
        file.seek(self.offset)
        content = file.read(self.size) or b""
        if len(content) < self.size:
            raise MemberError(f"its file ends after {len(content)} of its {self.size} bytes")
        return _unpack(content) if self.packed else content


def _unpack(content: bytes) -> bytes:
    unpacking = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        unpacked = unpacking.decompress(content, _MOST_BYTES)
    except zlib.error as error:
        raise MemberError(f"it can't be unpacked: {error}") from None
    if not unpacking.eof:
        raise MemberError("it can't be unpacked: its bytes don't end")
    return unpacked
