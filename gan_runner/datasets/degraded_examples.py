"""Images that a degradation makes of others, each the same whenever it is wanted: targets of pairs,
or one of two domains."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import NamedTuple, final

import torch
from torch import Tensor

from gan_runner.data import Data, Decision, Degradation, Examples, Space, StoredExamples
from gan_runner.data.data import degradation_seeds
from gan_runner.data.stored import Pending, read_rows, select_rows
from gan_runner.errors import DataError
from gan_runner.seeds import derive

_DIGESTED = 1 << 16  # images whose bytes are in a digest, at most
_MOST_EXAMINED = 1024
_CHUNK = 4096


@final
class DegradedExamples(StoredExamples):
    """What a degradation makes of images uint8 [N, C, H, W]: of the i-th one a pure function of
    `seed` and of its number among `numbers` int64 [N], which are 0, 1, 2, ... where none are given.
    """

    dtype = torch.uint8
    most_examined = _MOST_EXAMINED

    def __init__(
        self,
        images: Examples,
        degradation: Degradation,
        *,
        seed: int,
        numbers: Tensor | None = None,
    ) -> None:
        """Raises ConfigError for images of which it can't make any."""
        self._images, self._degradation, self._seed = images, degradation, seed
        self._numbers = torch.arange(len(images)) if numbers is None else numbers
        self.shape = (len(images), *degradation.input_shape(images.shape[1:]))

    @property
    def digest(self) -> str:  # type: ignore[override]
        sha256 = hashlib.sha256(f"{self._degradation!r}|{self._seed}|{self.shape}".encode())
        every = max(1, len(self) // _DIGESTED)
        sha256.update(self._numbers[::every].contiguous().numpy().data)
        if isinstance(self._images, StoredExamples):
            sha256.update(self._images.digest.encode())
        else:
            for chunk in self._images[::every].split(_CHUNK):
                sha256.update(chunk.contiguous().numpy().data)
        return sha256.hexdigest()

    def begin(self, indices: Tensor) -> Pending:
        indices = indices.cpu()
        seeds = degradation_seeds(self._numbers[indices], self._seed)
        images = self._images
        if isinstance(images, StoredExamples):
            pending = images.begin(indices)
            return lambda: self._degradation.of_each(pending(), seeds)
        return lambda: self._degradation.of_each(read_rows(images, indices), seeds)

    def batches_ahead(self, size: int) -> int:
        return self._images.batches_ahead(size) if isinstance(self._images, StoredExamples) else 0

    def select(self, indices: Tensor) -> DegradedExamples:
        return DegradedExamples(
            select_rows(self._images, indices),
            self._degradation,
            seed=self._seed,
            numbers=self._numbers[indices.cpu()],
        )


def turn(data: Data, degradation: Degradation, *, seed: int) -> Data:
    """Pairs whose targets a degradation makes of their inputs, of those of the other direction."""
    made = DegradedExamples(data.examples, degradation, seed=seed)
    return replace(data, examples=made, inputs=data.examples, space=turn_space(data.space))


def take_apart(data: Data, degradation: Degradation, *, seed: int, reverse: bool) -> Data:
    """Two domains of pairs: the targets of one half, drawn by `seed`, and what a degradation makes
    of the other half as inputs; with `reverse` the other way round. Raises DataError for a single
    image."""
    if len(data) < 2:
        raise DataError("a single image has no halves, dataset.paired=false. Use more images.")
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(derive(seed, "half")))
    kept, changed = (half.sort().values for half in order.tensor_split(2))
    images = select_rows(data.examples, kept)
    others = select_rows(data.examples, changed)
    made = DegradedExamples(others, degradation, seed=seed, numbers=changed)
    targets, inputs = _Side(images, kept), _Side(made, changed)
    if reverse:
        targets, inputs = inputs, targets
    labels = data.labels
    text = (
        f"domains are halves of the images, drawn by dataset.seed={seed}: "
        f"{len(targets.images):,} targets, and inputs of {len(inputs.images):,} others"
    )
    halved = Decision(text, "For pairs: dataset.paired=true", doubtful=False)
    return replace(
        data,
        examples=targets.images,
        labels=None if labels is None else labels[targets.numbers],
        space=turn_space(data.space) if reverse else data.space,
        inputs=inputs.images,
        input_labels=None if labels is None else labels[inputs.numbers],
        paired=False,
        reading=data.reading.with_decisions(halved),
    )


def turn_space(space: Space) -> Space:
    """The space of the other direction: inputs are targets, and targets inputs."""
    assert space.inputs is not None, "asked of data with inputs alone"
    return replace(space.inputs, inputs=replace(space, inputs=None))


class _Side(NamedTuple):
    """Images of a domain, and their numbers among all."""

    images: Examples
    numbers: Tensor
