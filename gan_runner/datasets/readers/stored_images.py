"""Images that stay on disk: encoded ones, decoded for each batch, and decoded ones in one file."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan_runner.data import StoredExamples
from gan_runner.data.stored import Pending
from gan_runner.datasets.readers.members import Members
from gan_runner.decoding.images import Failure, Pixels, Wanted
from gan_runner.decoding.members import Member, MemberError
from gan_runner.decoding.pool import Decoding, DecodingPool
from gan_runner.decoding.processes import ProcessEndedError

MOST_DECODED = 1024
"""Encoded images that a look at all of them decodes."""

_CHUNK = 16  # images that a process decodes at a time
_CHUNK_BYTES = 2 << 20
_CHUNKS_AHEAD = 4  # for each process
_BYTES_AHEAD = 128 << 20
_DIGESTED = 1024  # images whose bytes are in a digest

Explain = Callable[[Member, Failure | ProcessEndedError], Exception]


def members_digest(members: Members, wanted: Wanted) -> str:
    """A sha256 that tells other images apart: over what is made of them, the lengths of all files,
    and the bytes of a spread of 1,024 of them. Where they lie makes no difference."""
    # the rest of what is wanted is for files of their own
    sha256 = hashlib.sha256(f"{tuple(wanted[:3])}|{len(members)}".encode())
    sha256.update(np.ascontiguousarray(members.rows["size"]).data)
    for place in range(0, len(members), max(1, -(-len(members) // _DIGESTED))):
        try:
            sha256.update(members[place].read())
        except (MemberError, OSError):
            sha256.update(b"damaged")
    return sha256.hexdigest()


@final
class EncodedImages(StoredExamples):
    """Images uint8 [N, C, size, size] of members, which a pool decodes whenever they are wanted.

    `explain` makes the error of a member that can't be decoded then.
    """

    dtype = torch.uint8
    most_examined = MOST_DECODED

    def __init__(
        self, members: Members, pool: DecodingPool, *, digest: str, explain: Explain
    ) -> None:
        wanted = pool.wanted
        self.shape = (len(members), wanted.channels, wanted.size, wanted.size)
        self.digest = digest
        self._members = members
        self._pool = pool
        self._explain = explain

    def begin(self, indices: Tensor) -> Pending:
        places, size = indices.cpu().numpy(), self._chunk_size(len(indices))
        chunks = [
            self._members.at(places[start : start + size]) for start in range(0, len(places), size)
        ]
        decoding = [self._pool.submit(chunk) for chunk in chunks]
        return lambda: self._join(chunks, decoding)

    def batches_ahead(self, size: int) -> int:
        wanted = _CHUNKS_AHEAD * self._pool.width * self._chunk_size(size) / size
        fitting = _BYTES_AHEAD / (size * self.example_bytes)
        return max(2, math.ceil(min(wanted, fitting)))

    def select(self, indices: Tensor) -> EncodedImages:
        return EncodedImages(
            self._members.select(indices.cpu().numpy()),
            self._pool,
            digest=_digest_of(self.digest, indices),
            explain=self._explain,
        )

    def _chunk_size(self, count: int) -> int:
        shared = math.ceil(count / self._pool.width)
        return max(1, min(_CHUNK, shared, _CHUNK_BYTES // self.example_bytes))

    def _join(self, chunks: list[list[Member]], decoding: list[Decoding]) -> Tensor:
        """The pixels of all chunks. Raises what `explain` makes of the first that has none."""
        images = torch.empty((sum(map(len, chunks)), *self.shape[1:]), dtype=self.dtype)
        array: NDArray[np.uint8] = images.numpy()
        place = 0
        for members, pending in zip(chunks, decoding, strict=True):
            for member, result in zip(members, self._wait(members, pending), strict=True):
                if not isinstance(result, np.ndarray):
                    raise self._explain(member, result)
                array[place] = result
                place += 1
        return images

    def _wait(self, members: list[Member], pending: Decoding) -> list[Pixels | Failure]:
        try:
            return pending.result()
        except ProcessEndedError as ended:
            raise self._explain(members[0], ended) from None


@final
class DecodedImages(StoredExamples):
    """Images uint8 [N, C, size, size] of a .npy file, read and not mapped: pages of a map would be
    counted as memory of this process."""

    dtype = torch.uint8
    most_examined = 1 << 16

    def __init__(
        self,
        path: Path,
        *,
        digest: str,
        explain: Callable[[OSError], Exception],
        chosen: NDArray[np.int64] | None = None,
    ) -> None:
        """`chosen`: the images of the file that are these; None: all. Raises ValueError for a
        damaged file and OSError for one that can't be read."""
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
        self._path, self._offset = path, int(mapped.offset)
        self._chosen = np.arange(len(mapped)) if chosen is None else chosen
        self.shape = (len(self._chosen), *mapped.shape[1:])
        self.digest = digest
        self._explain = explain
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="reading")

    def begin(self, indices: Tensor) -> Pending:
        return self._reader.submit(self._read, self._chosen[indices.cpu().numpy()]).result

    def batches_ahead(self, size: int) -> int:
        return 2

    def select(self, indices: Tensor) -> DecodedImages:
        return DecodedImages(
            self._path,
            digest=_digest_of(self.digest, indices),
            explain=self._explain,
            chosen=self._chosen[indices.cpu().numpy()],
        )

    def _read(self, places: NDArray[np.int64]) -> Tensor:
        images = torch.empty((len(places), *self.shape[1:]), dtype=self.dtype)
        array: NDArray[np.uint8] = images.numpy().reshape(len(places), -1)
        order = np.argsort(places, kind="stable")
        try:
            with self._path.open("rb", buffering=0) as file:
                for k in order.tolist():
                    file.seek(self._offset + int(places[k]) * self.example_bytes)
                    if file.readinto(array[k].data) != self.example_bytes:
                        raise OSError(0, "it has become shorter")
        except OSError as error:
            raise self._explain(error) from None
        return images


def _digest_of(digest: str, indices: Tensor) -> str:
    """That of some of the images with a digest."""
    sha256 = hashlib.sha256(digest.encode())
    sha256.update(indices.cpu().numpy().astype("<i8").data)
    return sha256.hexdigest()
