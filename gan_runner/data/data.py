"""Data as one indexed array, and what one example of it is."""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass, field
from typing import Literal

import torch
from torch import Tensor

from gan_runner.data.columns import Columns
from gan_runner.data.reading import Reading

Kind = Literal["images", "vectors", "table", "sequences"]


@dataclass(frozen=True)
class Space:
    """The kind and shape of one example, and how networks see it.

    `images`: uint8 [C, H, W], which networks see as float32 in [-1, 1].
    `vectors`: float32 [D] in the data's own units, which networks see as (x - offset) / scale.
    `table`: vectors that are rows of a table, whose `columns` say what each number belongs to.
    `sequences`: float32 [T, D], each step seen as a vector is.
    """

    kind: Kind
    shape: tuple[int, ...]
    offset: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    columns: Columns | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Raises ValueError for columns that don't fit the examples."""
        if (self.kind == "table") != (self.columns is not None):
            raise ValueError("a table, and nothing else, has columns")
        if self.columns is not None:
            width = self.columns.width
            if self.shape != (width,) or {len(self.offset), len(self.scale)} != {width}:
                raise ValueError("the columns don't make up the examples")

    def encode(self, examples: Tensor) -> Tensor:
        """Examples as the networks see them, float32 [N, *shape]."""
        if self.kind == "images":
            return examples.to(torch.float32).div_(127.5).sub_(1.0)
        return (examples - examples.new_tensor(self.offset)) / examples.new_tensor(self.scale)

    def decode(self, outputs: Tensor) -> Tensor:
        """A generator's outputs as examples: uint8 images, all else in the data's own units."""
        outputs = outputs.float()
        if self.kind == "images":
            return outputs.add(1.0).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)
        vectors = outputs * outputs.new_tensor(self.scale) + outputs.new_tensor(self.offset)
        return vectors if self.columns is None else self.columns.discretize(vectors)


@dataclass(frozen=True)
class Data:
    """All examples of a data set, [N, *shape] of its space; labels int64 [N]; how it was read."""

    examples: Tensor
    space: Space
    labels: Tensor | None = None
    class_names: tuple[str, ...] = ()
    reading: Reading = field(default_factory=Reading, repr=False)

    def __len__(self) -> int:
        return len(self.examples)

    @property
    def classes(self) -> int:
        """The number of classes by name or by label; 0 without labels."""
        if self.labels is None:
            return 0
        return max(len(self.class_names), int(self.labels.max()) + 1)


def digest(data: Data) -> str:
    """A sha256 that tells other data apart: over all examples, or a spread of 2**16 of them."""
    count = len(data)
    sha256 = hashlib.sha256(f"{data.space}|{count}".encode())
    if data.space.columns is not None:
        columns = [astuple(column) for column in data.space.columns.columns]
        sha256.update(f"|{columns}".encode())
    every = max(1, count >> 16)
    for chunk in data.examples[::every].split(4096):
        sha256.update(chunk.cpu().contiguous().numpy().data)
    if data.labels is not None:
        sha256.update(data.labels[::every].contiguous().numpy().data)
    return sha256.hexdigest()
