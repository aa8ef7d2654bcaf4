"""What the processes that decode images are asked, and what they answer: JSON, then raw pixels."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Sequence
from typing import IO, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gan_runner.decoding.images import (
    Damaged,
    Decoded,
    Failure,
    InColors,
    OutOfRange,
    Pixels,
    Result,
    TooLarge,
    Wanted,
)
from gan_runner.decoding.stored_picture import Header, StoredPicture

READY = b"+"
"""The first byte of a process, once it can be asked."""

_LENGTH = struct.Struct("<Q")
_KINDS = {kind.__name__: kind for kind in (Damaged, TooLarge, OutOfRange, InColors, OSError)}


def write_plain(stream: IO[bytes], plain: Any) -> None:
    """A line of JSON."""
    stream.write(json.dumps(plain).encode() + b"\n")
    stream.flush()


def read_plain(stream: IO[bytes]) -> Any:
    """The next line of JSON. Raises EOFError."""
    line = stream.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    return json.loads(line)


def write_results(stream: IO[bytes], results: Sequence[Result]) -> None:
    """Some results."""
    head = json.dumps([_to_plain(result) for result in results]).encode()
    decoded = [result for result in results if isinstance(result, Decoded)]
    # in one piece: each write wakes the process that reads
    pixels = [result.pixels.data for result in decoded]
    histograms = [result.stored.histogram.astype("<i8").data for result in decoded]
    stream.write(b"".join([_LENGTH.pack(len(head)), head, *pixels, *histograms]))
    stream.flush()


def read_results(stream: IO[bytes], wanted: Wanted) -> list[Result]:
    """What `write_results` has written of such images. Raises EOFError."""
    (length,) = _LENGTH.unpack(_read_exactly(stream, _LENGTH.size))
    head = json.loads(_read_exactly(stream, length))
    count = sum(kind == Decoded.__name__ for kind, *_ in head)
    pixels = _read_array(stream, (count, wanted.channels, wanted.size, wanted.size), np.uint8)
    histograms = _read_array(stream, (count, 256), "<i8")
    arrays = zip(pixels, histograms, strict=True)
    return [
        _decoded(*next(arrays), StoredPicture(*plain))
        if kind == Decoded.__name__
        else _KINDS[kind](*plain)
        for kind, *plain in head
    ]


def write_pixels(stream: IO[bytes], results: Sequence[Pixels | Failure]) -> None:
    """Some results that are nothing but pixels."""
    failures = {
        k: _to_plain(result)
        for k, result in enumerate(results)
        if not isinstance(result, np.ndarray)
    }
    head = json.dumps([len(results), list(failures.items())]).encode()
    pixels = [result.data for result in results if isinstance(result, np.ndarray)]
    stream.write(b"".join([_LENGTH.pack(len(head)), head, *pixels]))
    stream.flush()


def read_pixels(stream: IO[bytes], wanted: Wanted) -> list[Pixels | Failure]:
    """What `write_pixels` has written of such images. Raises EOFError."""
    (length,) = _LENGTH.unpack(_read_exactly(stream, _LENGTH.size))
    count, plain = json.loads(_read_exactly(stream, length))
    shape = (wanted.channels, wanted.size, wanted.size)
    failures = {k: _KINDS[kind](*rest) for k, (kind, *rest) in plain}
    pixels = iter(_read_array(stream, (count - len(failures), *shape), np.uint8))
    return [failures[k] if k in failures else next(pixels) for k in range(count)]


def _to_plain(result: Result) -> list[Any]:
    if isinstance(result, Decoded):
        return [Decoded.__name__, *result.stored._replace(histogram=None)]  # type: ignore[arg-type]
    if isinstance(result, OSError):
        return [OSError.__name__, result.errno, result.strerror, result.filename]
    return [type(result).__name__, *result]


def _decoded(pixels: Pixels, histogram: NDArray[np.int64], stored: StoredPicture) -> Decoded:
    header, colors = Header(*stored.header), tuple(stored.colors)
    return Decoded(pixels, stored._replace(header=header, histogram=histogram, colors=colors))


def _read_array(stream: IO[bytes], shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    size = math.prod(shape) * np.dtype(dtype).itemsize
    return np.frombuffer(_read_exactly(stream, size), dtype).reshape(shape)


def _read_exactly(stream: IO[bytes], count: int) -> bytes:
    read = stream.read(count)
    if len(read) < count:
        raise EOFError
    return read
