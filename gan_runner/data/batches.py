"""Endless batches of data on the training device, as a pure function of (seed, index)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from gan_runner.data.data import Data
from gan_runner.data.stored import read_batches
from gan_runner.seeds import derive
from gan_runner.system import ranks


class Batch(NamedTuple):
    """Encoded examples float32 [N, *shape]; their labels int64 [N] where the model is conditional;
    of fakes the codes [N, K] that they were made of, where there are any; the encoded inputs
    [N, *inputs] of a translator, which belong to the examples where data is paired."""

    examples: Tensor
    labels: Tensor | None = None
    codes: Tensor | None = None
    inputs: Tensor | None = None

    def part(self, index: int, count: int) -> Batch:
        """One of so many parts of consecutive examples."""
        return Batch._make(None if of is None else of.chunk(count)[index] for of in self)


def join(parts: Sequence[Batch]) -> Batch:
    """The batch of these parts."""
    if len(parts) == 1:
        return parts[0]
    columns = zip(*parts, strict=True)
    return Batch._make(None if of[0] is None else torch.cat(of) for of in columns)


def to_device(data: Data, device: torch.device) -> Data:
    """The data on a CUDA device, if it fills at most a quarter of the free memory there."""
    examples = data.examples
    if device.type != "cuda" or not isinstance(examples, Tensor):
        return data
    if examples.nbytes > torch.cuda.mem_get_info(device)[0] // 4:
        return data
    return replace(data, examples=examples.to(device))


def batches(
    data: Data,
    *,
    size: int,
    seed: int,
    start: int,
    flip: bool,
    with_labels: bool,
    device: torch.device,
) -> Iterator[Batch]:
    """Batches of `size` examples on the device, from index `start` on, for ever; on several devices
    the rows of this rank.

    The order of an epoch is a permutation drawn from (seed, epoch), the flips of a batch from
    (seed, index): nothing needs to be remembered to go on in mid-epoch. An incomplete last batch
    is dropped; its examples have their turn in the next epochs.
    """
    wanted = _indices(data, size=size, seed=seed, start=start)
    for index, (indices, chosen) in enumerate(read_batches(data.examples, wanted), start):
        examples = data.space.encode(chosen.to(device, non_blocking=True))
        if flip:
            examples = _flip_at_random(examples, _rng(seed, "flip", index))
        labels = None
        if with_labels:
            assert data.labels is not None, "checked when the data was read"
            labels = data.labels[indices.to(data.labels.device)].to(device)
        yield Batch(examples, labels)


def _indices(data: Data, *, size: int, seed: int, start: int) -> Iterator[Tensor]:
    """The indices [size] of the examples of each batch, from that of index `start` on, for ever;
    where a tensor of examples lies."""
    per_epoch = len(data) // size
    index = start
    while True:
        epoch = index // per_epoch
        order = torch.randperm(len(data), generator=_rng(seed, "order", epoch))
        if isinstance(data.examples, Tensor):
            order = order.to(data.examples.device)
        for position in range(index % per_epoch, per_epoch):
            yield ranks.own_rows(order[position * size : (position + 1) * size])
            index += 1


def _rng(seed: int, *purpose: str | int) -> torch.Generator:
    return torch.Generator().manual_seed(derive(seed, *purpose))


def _flip_at_random(images: Tensor, rng: torch.Generator) -> Tensor:
    """Each image mirrored left to right with probability 1/2."""
    mirrored = ranks.draw(torch.rand, (len(images),), generator=rng) < 0.5
    return torch.where(mirrored.to(images.device)[:, None, None, None], images.flip(-1), images)
