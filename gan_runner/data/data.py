"""Data as one indexed array, and what one example of it is."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from gan_runner.data.columns import Columns
from gan_runner.data.degradation import Degradation, HidingDegradation
from gan_runner.data.reading import Reading
from gan_runner.data.stored import Examples, StoredExamples, read_rows, select_rows
from gan_runner.seeds import derive

Kind = Literal["images", "vectors", "table", "sequences"]


@dataclass(frozen=True)
class Space:
    """The kind and shape of one example, and how networks see it.

    `images`: uint8 [C, H, W], which networks see as float32 in [-1, 1].
    `vectors`: float32 [D] in the data's own units, which networks see as (x - offset) / scale.
    `table`: vectors that are rows of a table, whose `columns` say what each number belongs to, and
    how networks see it.
    `sequences`: float32 [T, D], each step seen as a vector is.

    Numbers that are large beside their spread are held less their `origin`, which a float32 would
    round them for: one for each dimension, 0 where nothing is taken off, or () for none at all.
    Everything inside is in these shifted units, `offset` too, which changes no distance.

    `inputs`: the space of what a translator makes an example of, None for data that generators make
    of latent points. Inputs may have other channels and another size.

    `label_names`: of a label map, whose channels are its classes: 255 in that of a pixel's class, 0
    in the others.
    """

    kind: Kind
    shape: tuple[int, ...]
    offset: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    columns: Columns | None = field(default=None, repr=False)
    origin: tuple[float, ...] = field(default=(), repr=False)
    inputs: Space | None = field(default=None, repr=False)
    label_names: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        """Raises ValueError for columns, origins and names that don't fit the examples."""
        if self.label_names and (self.kind != "images" or len(self.label_names) != self.shape[0]):
            raise ValueError("space.label_names: not one for each channel of images")
        if self.origin and len(self.origin) != len(self.offset):
            raise ValueError("space.origin: not one for each dimension")
        if (self.kind == "table") != (self.columns is not None):
            raise ValueError("a table, and nothing else, has columns")
        if self.columns is not None:
            width = self.columns.width
            if self.shape != (width,) or {len(self.offset), len(self.scale)} != {width}:
                raise ValueError("the columns don't make up the examples")

    @property
    def network_shape(self) -> tuple[int, ...]:
        """The shape of an example as networks see it."""
        return self.shape if self.columns is None else (self.columns.encoded_width,)

    @property
    def conditional_vector_size(self) -> int:
        """The number of categories of which networks are given one; 0 for none."""
        return 0 if self.columns is None else len(self.columns.conditional_vector)

    def encode(self, examples: Tensor) -> Tensor:
        """Examples as the networks see them, float32 [N, *network_shape]."""
        standardized = self.standardize(examples)
        if self.columns is None:
            return standardized
        return self.columns.encode(examples, standardized)

    def standardize(self, examples: Tensor) -> Tensor:
        """Examples on one scale, float32 [N, *shape]: images in [-1, 1], vectors and sequences with
        mean 0 and deviation 1, the categories of tables as they are."""
        if self.kind == "images":
            return examples.to(torch.float32).div_(127.5).sub_(1.0)
        return (examples - examples.new_tensor(self.offset)) / examples.new_tensor(self.scale)

    def decode(self, outputs: Tensor) -> Tensor:
        """A generator's outputs as examples: uint8 images, all else in the units of examples."""
        outputs = outputs.float()
        if self.label_names:
            return one_hot_pixels(outputs.argmax(1), len(self.label_names))
        if self.kind == "images":
            return outputs.add(1.0).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)
        if self.columns is None:
            return self._in_units(outputs)
        decoded = self.columns.decode(outputs)
        if any(chosen := self.columns.is_standardized):
            standardized = torch.tensor(chosen, device=decoded.device)
            decoded = torch.where(standardized, self._in_units(decoded), decoded)
        return self.columns.discretize(decoded)

    def _in_units(self, standardized: Tensor) -> Tensor:
        scale, offset = map(standardized.new_tensor, (self.scale, self.offset))
        return standardized * scale + offset

    @property
    def offset_in_data_units(self) -> tuple[float, ...]:
        """The offset of the numbers with their origin."""
        return tuple(
            a + b
            for a, b in zip(self.offset, self.origin or (0.0,) * len(self.offset), strict=True)
        )

    def to_data_units(self, examples: Tensor) -> Tensor:
        """Examples on the CPU as the data have them: float64 with their origin, where there is one,
        otherwise as they are."""
        if not any(self.origin):
            return examples.cpu()
        moved = examples.cpu().double() + torch.tensor(self.origin, dtype=torch.float64)
        return moved if self.columns is None else self.columns.discretize(moved)


def one_hot_pixels(classes: Tensor, count: int) -> Tensor:
    """Label maps uint8 [N, count, H, W], 0 or 255, of the class of each pixel [N, H, W]."""
    numbers = torch.arange(count, dtype=classes.dtype, device=classes.device)
    return (classes[:, None] == numbers[None, :, None, None]).to(torch.uint8).mul_(255)


@dataclass(frozen=True)
class Data:
    """All examples of a data set, [N, *shape] of its space: in memory, or on disk; labels int64
    [N]; how it was read.

    `inputs`: those of a translator, whose targets the examples are: [M, *shape] of the space's
    inputs, or a degradation that makes them of the examples. Where they are `paired`, the i-th one
    belongs to the i-th example; where they aren't, `input_labels` int64 [M] are their classes, of
    labeled data those of the examples.

    Examples with inputs may be larger than their space says, and inputs in the same measure: then
    batches are random crops of them.
    """

    examples: Examples
    space: Space
    labels: Tensor | None = None
    class_names: tuple[str, ...] = ()
    reading: Reading = field(default_factory=Reading, repr=False)
    inputs: Examples | Degradation | None = None
    paired: bool = True
    input_labels: Tensor | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for inputs that don't fit the space and the examples."""
        if self.inputs is not None and self.space.inputs is None:
            raise ValueError("inputs have a space")
        if self.paired and self.input_count not in (0, len(self)):
            raise ValueError("paired data has one input for each example")
        if self.input_labels is not None and (self.paired or self.labels is None):
            raise ValueError("only inputs that aren't paired, of labeled data, have labels")

    def __len__(self) -> int:
        return len(self.examples)

    @property
    def input_count(self) -> int:
        """The number of inputs; 0 without any."""
        if self.inputs is None:
            return 0
        return len(self) if isinstance(self.inputs, Degradation) else len(self.inputs)

    def input_rows(self, indices: Tensor, *, seed: int) -> Tensor:
        """The inputs uint8 [N, ...] at these indices int64 [N], of all their size: each a pure
        function of its index and the seed."""
        assert self.inputs is not None, "asked of data with inputs alone"
        if not isinstance(self.inputs, Degradation):
            return read_rows(self.inputs, indices)
        return self.inputs.of_each(self.rows(indices), degradation_seeds(indices, seed))

    def hidden_pixels(self, indices: Tensor, *, seed: int) -> Tensor | None:
        """Which pixels of the inputs at these indices a degradation has hidden, bool [N, 1, H, W];
        None where it is none that hides any."""
        if not isinstance(self.inputs, HidingDegradation):
            return None
        shape = self.examples.shape[1:]
        return self.inputs.hidden_of_each(shape, degradation_seeds(indices, seed))

    def rows(self, indices: Tensor) -> Tensor:
        """The examples at these indices int64 [N]: where a tensor lies, or on the CPU."""
        return read_rows(self.examples, indices)

    def select(self, indices: Tensor) -> Data:
        """The data at these indices alone, with the space and the reading of all."""
        labels = None if self.labels is None else self.labels[indices.to(self.labels.device)]
        inputs = self.inputs
        if self.paired and inputs is not None and not isinstance(inputs, Degradation):
            inputs = select_rows(inputs, indices)
        examples = select_rows(self.examples, indices)
        return replace(self, examples=examples, labels=labels, inputs=inputs)

    @property
    def in_memory(self) -> Tensor:
        """The examples of data that never lies on disk, as what is no image."""
        assert isinstance(self.examples, Tensor), "only images stay on disk"
        return self.examples

    @property
    def classes(self) -> int:
        """The number of classes by name or by label; 0 without labels."""
        if self.labels is None:
            return 0
        return max(len(self.class_names), int(self.labels.max()) + 1)

    @property
    def tells_classes_apart(self) -> bool:
        """Whether two classes or more have two examples or more: from fewer nothing can be learned
        about classes."""
        return self.labels is not None and int((self.labels.bincount() > 1).sum()) > 1

    @cached_property
    def digest(self) -> str:
        """A sha256 that tells other data apart: over all examples, or a spread of 2**16 of them;
        of those on disk over what tells them apart."""
        count = len(self)
        sha256 = hashlib.sha256(f"{self.space}|{count}".encode())
        if self.space.columns is not None:
            sha256.update(self.space.columns.facts.encode())
        if any(self.space.origin):
            sha256.update(f"|{self.space.origin}".encode())
        if self.space.label_names:
            sha256.update(f"|{self.space.label_names}".encode())
        if self.space.inputs is not None:
            named = self.space.inputs.label_names
            sha256.update(f"|inputs {self.space.inputs} {named}".encode())
        _add_rows(sha256, self.examples)
        if self.labels is not None:
            every = _every(count)
            sha256.update(self.labels[::every].contiguous().numpy().data)
        if isinstance(self.inputs, Degradation):
            sha256.update(f"|{self.inputs!r}".encode())
        elif self.inputs is not None:
            sha256.update(f"|{self.paired}|{self.input_count}".encode())
            _add_rows(sha256, self.inputs)
        if self.input_labels is not None:
            every = _every(len(self.input_labels))
            sha256.update(self.input_labels[::every].contiguous().numpy().data)
        return sha256.hexdigest()


def degradation_seeds(indices: Tensor, seed: int) -> list[int]:
    """The seed of the input of each of these examples, int64 [N], that is drawn once."""
    return [derive(seed, "degrade", index) for index in indices.tolist()]


def _every(count: int) -> int:
    """One of so many rows is looked at."""
    return max(1, count >> 16)


def _add_rows(sha256: hashlib._Hash, rows: Examples) -> None:
    if isinstance(rows, StoredExamples):
        sha256.update(rows.digest.encode())
        return
    for chunk in rows[:: _every(len(rows))].split(4096):
        sha256.update(chunk.cpu().contiguous().numpy().data)
