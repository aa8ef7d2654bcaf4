"""Examples that stay on disk: a batch of them is read when it is wanted, and some ahead of that."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, final

import torch
from torch import Tensor

Pending = Callable[[], Tensor]
"""Rows that are being read: the call waits for them."""

_CHUNK_BYTES = 64 << 20
_READ_AT_A_TIME = 256  # examples


class ReadBatch(NamedTuple):
    """Indices int64 [N], and the examples [N, ...] there, on the CPU."""

    indices: Tensor
    examples: Tensor


class StoredExamples(ABC):
    """`shape` [N, ...] and `dtype` are those of the tensor that all examples would be; `digest`
    tells other ones apart. A look at all of them takes in `most_examined` at most."""

    shape: tuple[int, ...]
    dtype: torch.dtype
    digest: str
    most_examined: int

    @final
    def __len__(self) -> int:
        return self.shape[0]

    @final
    @property
    def example_bytes(self) -> int:
        """The bytes of one example in memory."""
        return torch.Size(self.shape[1:]).numel() * self.dtype.itemsize

    @final
    def rows(self, indices: Tensor) -> Tensor:
        """The examples at these indices. Raises DataError or MachineError for what can't be
        read."""
        return self.begin(indices)()

    @final
    def stream(self, wanted: Iterable[Tensor]) -> Iterator[ReadBatch]:
        """The examples at each of these indices, in their order. The next ones are begun before:
        so many that nothing idles, in bounded memory. Raises what `rows` does."""
        begun: deque[tuple[Tensor, Pending]] = deque()
        for indices in wanted:
            begun.append((indices, self.begin(indices)))
            if len(begun) > self.batches_ahead(max(1, len(indices))):
                first, pending = begun.popleft()
                yield ReadBatch(first, pending())
        while begun:
            first, pending = begun.popleft()
            yield ReadBatch(first, pending())

    @abstractmethod
    def begin(self, indices: Tensor) -> Pending:
        """Begin to read the examples at these indices."""

    @abstractmethod
    def batches_ahead(self, size: int) -> int:
        """The number of batches of this size that are begun before they are wanted."""

    @abstractmethod
    def select(self, indices: Tensor) -> StoredExamples:
        """The examples at these indices alone."""


Examples = Tensor | StoredExamples
"""All examples of a data set, in memory (or mapped), or on disk."""


def read_rows(examples: Examples, indices: Tensor) -> Tensor:
    """The examples at indices [N]: where a tensor lies, or on the CPU."""
    if isinstance(examples, StoredExamples):
        return examples.rows(indices)
    # index_select is twice as fast as [indices] on a CPU
    return examples.index_select(0, indices.to(examples.device))


def read_batches(examples: Examples, wanted: Iterable[Tensor]) -> Iterator[ReadBatch]:
    """The examples at each of these indices [N]; those on disk are read ahead."""
    if isinstance(examples, StoredExamples):
        return examples.stream(wanted)
    return (ReadBatch(indices, read_rows(examples, indices)) for indices in wanted)


def read_whole(examples: Examples, *, most_bytes: int) -> Examples:
    """All examples in memory, where they are there already or take at most so many bytes; else as
    they are."""
    if isinstance(examples, Tensor) or len(examples) * examples.example_bytes > most_bytes:
        return examples
    whole = torch.empty(examples.shape, dtype=examples.dtype)
    place = 0
    for chunk in read_chunks(examples, _READ_AT_A_TIME):
        whole[place : place + len(chunk)] = chunk
        place += len(chunk)
    return whole


def read_chunks(examples: Examples, size: int | None = None, *, every: int = 1) -> Iterator[Tensor]:
    """All examples, or one of `every`, in parts of `size`; None: those that fit in 64 MiB."""
    if isinstance(examples, Tensor):
        chosen = examples[::every]
        return iter(chosen.split(size or fitting_size(examples)))
    indices = torch.arange(0, len(examples), every).split(size or fitting_size(examples))
    return (batch.examples for batch in examples.stream(indices))


def fitting_size(examples: Examples) -> int:
    """The number of examples that fit in 64 MiB."""
    size = torch.Size(examples.shape[1:]).numel() * examples.dtype.itemsize
    return max(1, _CHUNK_BYTES // max(1, size))


def select_rows(examples: Examples, indices: Tensor) -> Examples:
    """The examples at indices [N] alone; those on disk stay there."""
    if isinstance(examples, StoredExamples):
        return examples.select(indices)
    return examples[indices.to(examples.device)]
