"""Data as one indexed array, and endless batches of it as a pure function of (seed, index)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from gan_runner.data.columns import Columns
from gan_runner.seeds import derive


@dataclass(frozen=True)
class Space:
    """What one example is, and how it looks to the networks.

    `images`: uint8 [C, H, W], which networks see as float32 in [-1, 1].
    `vectors`: float32 [D] in the data's own units, which networks see as (x - offset) / scale.
    `table`: vectors that are rows of a table, whose `columns` say what each number belongs to.
    `sequences`: float32 [T, D], each step seen as a vector is.
    """

    kind: Literal["images", "vectors", "table", "sequences"]
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
        """What a generator made, as examples: uint8 images, all else in the data's own units."""
        outputs = outputs.float()
        if self.kind == "images":
            return outputs.add(1.0).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)
        vectors = outputs * outputs.new_tensor(self.scale) + outputs.new_tensor(self.offset)
        return vectors if self.columns is None else self.columns.settled(vectors)


@dataclass(frozen=True)
class Data:
    """All examples of a data set, [N, *shape] of its space; labels int64 [N]."""

    examples: Tensor
    space: Space
    labels: Tensor | None = None
    class_names: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.examples)

    @property
    def classes(self) -> int:
        """How many classes there are by name or by label; 0 without labels."""
        if self.labels is None:
            return 0
        return max(len(self.class_names), int(self.labels.max()) + 1)


class Batch(NamedTuple):
    """Encoded examples float32 [N, *shape], their labels int64 [N] where they are wanted, and of
    fakes the codes [N, K] that they were made of, where there are any."""

    examples: Tensor
    labels: Tensor | None = None
    codes: Tensor | None = None


def batches(
    data: Data,
    *,
    size: int,
    seed: int,
    start: int,
    flip: bool,
    labelled: bool,
    device: torch.device,
) -> Iterator[Batch]:
    """Batches of `size` examples on the device, from index `start` on, for ever.

    The order of an epoch is a permutation drawn from (seed, epoch), the flips of a batch from
    (seed, index): nothing needs to be remembered to go on in mid-epoch. An incomplete last batch
    is dropped; its examples have their turn in the next epochs.
    """
    per_epoch = len(data) // size
    index = start
    while True:
        epoch = index // per_epoch
        order = torch.randperm(len(data), generator=_generator(seed, "order", epoch))
        order = order.to(data.examples.device)
        for position in range(index % per_epoch, per_epoch):
            indices = order[position * size : (position + 1) * size]
            chosen = data.examples.index_select(0, indices)  # twice as fast as [indices] on a CPU
            examples = data.space.encode(chosen.to(device, non_blocking=True))
            if flip:
                examples = _flipped(examples, seed, index)
            labels = None
            if labelled:
                assert data.labels is not None, "checked when the data was read"
                labels = data.labels[indices.to(data.labels.device)].to(device)
            yield Batch(examples, labels)
            index += 1


def _flipped(images: Tensor, seed: int, index: int) -> Tensor:
    """Each image mirrored left to right with probability 1/2."""
    mirrored = torch.rand(len(images), generator=_generator(seed, "flip", index)) < 0.5
    return torch.where(mirrored.to(images.device)[:, None, None, None], images.flip(-1), images)


def _generator(seed: int, *purpose: str | int) -> torch.Generator:
    return torch.Generator().manual_seed(derive(seed, *purpose))


def placed(data: Data, device: torch.device) -> Data:
    """The data on the training device, if it fills at most a quarter of the free memory there."""
    if device.type != "cuda" or data.examples.nbytes > torch.cuda.mem_get_info(device)[0] // 4:
        return data
    return replace(data, examples=data.examples.to(device))


def digest(data: Data) -> str:
    """A sha256 that tells other data apart: over all examples, or a spread of 2**16 of them."""
    count = len(data)
    found = hashlib.sha256(f"{data.space}|{count}".encode())
    if data.space.columns is not None:
        found.update(f"|{data.space.columns.columns}".encode())
    spread = max(1, count >> 16)
    for chunk in data.examples[::spread].split(4096):
        found.update(chunk.cpu().contiguous().numpy().data)
    if data.labels is not None:
        found.update(data.labels[::spread].contiguous().numpy().data)
    return found.hexdigest()
