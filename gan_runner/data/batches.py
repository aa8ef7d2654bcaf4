"""Endless batches of data on the training device, as a pure function of (seed, index)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import gcd
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gan_runner.data.columns import Columns
from gan_runner.data.conditional_vector import TrainingBySampling
from gan_runner.data.data import Data, Space
from gan_runner.data.degradation import Degradation
from gan_runner.data.stored import Examples, ReadBatch, read_batches
from gan_runner.seeds import derive
from gan_runner.system import ranks

_LARGEST_ENCODED, _ENCODED_ROWS = 1 << 29, 1 << 16  # bytes, and rows at a time


class Batch(NamedTuple):
    """Encoded examples float32 [N, *shape]; their labels int64 [N] where the model is conditional,
    or their places in the conditional vector of a table that has one; of fakes the codes [N, K]
    that they were made of, where there are any; the encoded inputs [N, *inputs] of a translator,
    which belong to the examples where data is paired."""

    examples: Tensor
    labels: Tensor | None = None
    codes: Tensor | None = None
    inputs: Tensor | None = None

    def part(self, index: int, count: int) -> Batch:
        """One of so many parts of consecutive examples."""
        return Batch._make(None if of is None else of.chunk(count)[index] for of in self)

    def rows(self, indices: Tensor | slice) -> Batch:
        """The examples at these indices, in their order."""
        return Batch._make(None if of is None else of[indices] for of in self)


def join(parts: Sequence[Batch]) -> Batch:
    """The batch of these parts."""
    if len(parts) == 1:
        return parts[0]
    columns = zip(*parts, strict=True)
    return Batch._make(None if of[0] is None else torch.cat(of) for of in columns)


def to_device(data: Data, device: torch.device) -> Data:
    """The data on a CUDA device, if it fills at most a quarter of the free memory there."""
    if device.type != "cuda" or not isinstance(data.examples, Tensor):
        return data
    inputs = data.inputs
    size = data.examples.nbytes + (inputs.nbytes if isinstance(inputs, Tensor) else 0)
    if size > torch.cuda.mem_get_info(device)[0] // 4:
        return data
    if isinstance(inputs, Tensor):
        inputs = inputs.to(device)
    return replace(data, examples=data.examples.to(device), inputs=inputs)


def batches(
    data: Data,
    *,
    size: int,
    seed: int,
    start: int,
    flip: bool,
    with_labels: bool,
    device: torch.device,
    poisson: bool = False,
) -> Iterator[Batch]:
    """Batches of `size` examples on the device, from index `start` on, for ever; on several devices
    the rows of this rank.

    The order of an epoch is a permutation drawn from (seed, epoch), the flips of a batch from
    (seed, index), and so are its crops: nothing needs to be remembered to go on in mid-epoch. An
    incomplete last batch is dropped; its examples have their turn in the next epochs.

    With `poisson` each example is in a batch with a probability of `size` over their number, by
    itself: batches have `size` examples on average, and one may have none.

    Inputs are flipped and cropped as their targets are; those that are made of their targets depend
    on (seed, epoch, index of the example). Where data isn't paired, inputs have an order, flips and
    crops of their own.
    """
    plan = _Plan(size, seed, start, flip, device, poisson)
    if data.space.columns is not None and data.space.conditional_vector_size:
        yield from _batches_by_category(data, data.space.columns, plan)
        return
    stored = None if isinstance(data.inputs, Degradation) else data.inputs
    grid = _grid(data.examples, stored if data.paired else None)
    inputs = iter(()) if stored is None else _input_stream(data, stored, plan, grid)
    encoded = _encoded_table(data)
    targets = _stream(data.examples if encoded is None else encoded, data.space, plan, grid)
    for index, (indices, examples) in enumerate(targets, start):
        labels, made = None, None
        if with_labels:
            assert data.labels is not None, "checked when the data was read"
            labels = data.labels[indices.to(data.labels.device)].to(device)
        if stored is not None:
            made = next(inputs).examples
        elif isinstance(data.inputs, Degradation):
            seeds = _degradation_seeds(indices, seed, epoch=index // (len(data) // size))
            made = data.inputs.of_each(examples, seeds)
        if made is not None and data.space.inputs is not None:
            made = data.space.inputs.encode(made)
        shown = data.space.encode(examples) if encoded is None else examples
        yield Batch(shown, labels, inputs=made)


def _batches_by_category(data: Data, columns: Columns, plan: _Plan) -> Iterator[Batch]:
    """Rows that are drawn for a category each, and the places of these in the conditional
    vector."""
    encoded, sampling = _encoded_table(data), TrainingBySampling(data.in_memory, columns)
    for index in itertools.count(plan.start):
        drawn = sampling.draw(plan.size, rng=_rng(plan.seed, "categories", index))
        rows, places = map(ranks.own_rows, drawn)
        rows = rows.to(data.in_memory.device)
        shown = data.space.encode(data.rows(rows)) if encoded is None else encoded[rows]
        yield Batch(shown.to(plan.device), places.to(plan.device))


def _encoded_table(data: Data) -> Tensor | None:
    """All rows of a table, encoded: at each step it would take longer than the step. None for
    other data, and for a table that is too large to be held twice."""
    columns = data.space.columns
    if columns is None or len(data) * columns.encoded_width * 4 > _LARGEST_ENCODED:
        return None
    rows = data.in_memory.split(_ENCODED_ROWS)
    return torch.cat([data.space.encode(some) for some in rows])


class _Plan(NamedTuple):
    """The arguments of `batches` that say how examples become batches."""

    size: int
    seed: int
    start: int
    flip: bool
    device: torch.device
    poisson: bool


def _input_stream(data: Data, stored: Examples, plan: _Plan, grid: int) -> Iterator[ReadBatch]:
    """The inputs of each batch: drawn as their targets are, or by themselves where data isn't
    paired."""
    assert data.space.inputs is not None, "checked when the data was made"
    own = () if data.paired else ("inputs",)
    grid = grid if data.paired else _grid(stored, None)
    return _stream(stored, data.space.inputs, plan, grid, *own)


def _stream(
    examples: Examples, space: Space, plan: _Plan, grid: int, *own: str
) -> Iterator[ReadBatch]:
    """Indices and examples on the device, flipped and cropped; `own` gives them draws of their
    own."""
    draw = _poisson_samples if plan.poisson else _indices
    wanted = draw(examples, plan, *own)
    for index, (indices, chosen) in enumerate(read_batches(examples, wanted), plan.start):
        shown = chosen.to(plan.device, non_blocking=True)
        if space.kind == "images" and tuple(shown.shape[1:]) != space.shape:
            shown = _crop_at_random(shown, space, grid, _rng(plan.seed, "crop", *own, index))
        if plan.flip:
            shown = _flip_at_random(shown, _rng(plan.seed, "flip", *own, index))
        yield ReadBatch(indices, shown)


def _indices(examples: Examples, plan: _Plan, *own: str) -> Iterator[Tensor]:
    """The indices [size] of the examples of each batch, from that of index `start` on, for ever;
    where a tensor of examples lies."""
    per_epoch = len(examples) // plan.size
    index = plan.start
    while True:
        epoch = index // per_epoch
        rng = _rng(plan.seed, "order", *own, epoch)
        order = torch.randperm(len(examples), generator=rng)
        if isinstance(examples, Tensor):
            order = order.to(examples.device)
        for position in range(index % per_epoch, per_epoch):
            yield ranks.own_rows(order[position * plan.size : (position + 1) * plan.size])
            index += 1


def _poisson_samples(examples: Examples, plan: _Plan, *own: str) -> Iterator[Tensor]:
    """The indices [about size] of the examples of each batch; each is there by itself with the same
    probability, as the accounts of differential privacy need."""
    rate = plan.size / len(examples)
    for index in itertools.count(plan.start):
        # numpy's: a torch.Generator on a CPU takes 32 bits of a seed, with which draws would recur
        rng = np.random.default_rng(derive(plan.seed, "poisson", *own, index))
        yield torch.from_numpy(np.flatnonzero(rng.random(len(examples)) < rate))


def _rng(seed: int, *purpose: str | int) -> torch.Generator:
    return torch.Generator().manual_seed(derive(seed, *purpose))


def _grid(examples: Examples, inputs: Examples | None) -> int:
    """The number of rows that an image is divided into, between which its input and itself can both
    be cut: all of its own, without inputs."""
    height = examples.shape[-2] if len(examples.shape) == 4 else 1
    return height if inputs is None else gcd(height, inputs.shape[-2])


def _crop_at_random(images: Tensor, space: Space, grid: int, rng: torch.Generator) -> Tensor:
    """A part of each image [N, C, H, W], as large as the space says: the same part of an image and
    of its input."""
    step = images.shape[-2] // grid
    height, width = space.shape[1:]
    drawn = ranks.draw(torch.rand, (len(images), 2), generator=rng)
    rest = [(images.shape[-2] - height) // step, (images.shape[-1] - width) // step]
    corners = (drawn * (torch.tensor(rest) + 1)).long() * step
    # views and one copy: a gather by indices takes 5 to 90 times as long
    parts = [
        image[:, top : top + height, left : left + width]
        for image, (top, left) in zip(images, corners.tolist(), strict=True)
    ]
    return torch.stack(parts)


def _flip_at_random(images: Tensor, rng: torch.Generator) -> Tensor:
    """Each image mirrored left to right with probability 1/2."""
    mirrored = ranks.draw(torch.rand, (len(images),), generator=rng) < 0.5
    return torch.where(mirrored.to(images.device)[:, None, None, None], images.flip(-1), images)


def _degradation_seeds(indices: Tensor, seed: int, *, epoch: int) -> list[int]:
    return [derive(seed, "degrade", epoch, index) for index in indices.tolist()]
