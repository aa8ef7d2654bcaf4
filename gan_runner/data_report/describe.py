"""From data to its reading report: counts, ranges, classes, and the notes of its reader.

Of large data, ranges and shares are those of a spread, so that it takes a second at most.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan_runner.data import (
    Column,
    ColumnNotes,
    Columns,
    Data,
    Degradation,
    Reading,
    Space,
    StoredExamples,
)
from gan_runner.data_report.report import (
    MOST_CATEGORIES,
    MOST_CLASSES,
    MOST_ENTRIES,
    MOST_NAMES,
    MOST_PARTS,
    NAME_LETTERS,
    REMEDY_LETTERS,
    TEXT_LETTERS,
    Bytes,
    LeftOutThings,
    Numbers,
    Part,
    ReadingDecision,
    ReadingReport,
    Role,
    Tally,
)

MOST_EXAMPLES = 1 << 16
"""Examples that are examined; of more, every so many."""

_MOST_VALUES = 1 << 26  # numbers that are examined
_LARGEST_WHOLE = 2**64  # that integers are read up to
_BLOCK = 64  # dimensions at a time: in 64 bits, all would take twice the memory of the data
_CHANNELS = {
    1: ("gray",),
    2: ("gray", "alpha"),
    3: ("red", "green", "blue"),
    4: ("red", "green", "blue", "alpha"),
}


def describe(
    data: Data, *, name: str, held_out: int | None = 0, mirrored: bool = False
) -> ReadingReport:
    """The reading report of training data. `name`: of the set, and the source of data whose reader
    notes none."""
    reading, chosen = data.reading, spread(data)
    of_inputs = data.space.inputs
    measured = _measure(chosen, data)
    counts = _class_counts(data)
    names = list(islice(_class_names(data), MOST_CLASSES))
    return ReadingReport(
        name=_cut(name, NAME_LETTERS),
        source=_cut(reading.source or name, TEXT_LETTERS),
        stored=_cut(reading.stored, TEXT_LETTERS),
        kind=data.space.kind,
        shape=tuple(data.examples.shape[1:]),
        dtype=str(data.examples.dtype).removeprefix("torch."),
        examples=len(data),
        held_out=held_out,
        mirrored=mirrored and data.space.kind == "images",
        seen=len(chosen),
        numbers=measured.numbers,
        bytes=measured.bytes,
        labels=_cut(reading.labels or _label_source(data), TEXT_LETTERS),
        classes=tuple(
            Tally(_cut(each, NAME_LETTERS), int(count))
            for each, count in zip(names, counts, strict=False)
        ),
        total_classes=len(counts),
        smallest_class=int(min(counts, default=0)),
        largest_class=int(max(counts, default=0)),
        left_out=_left_out(reading),
        decisions=_decisions(reading),
        parts=tuple(measured.parts[:MOST_PARTS]),
        total_parts=len(measured.parts),
        constants=tuple(measured.constants[:MOST_NAMES]),
        total_constants=len(measured.constants),
        label_map=bool(data.space.label_names),
        input_label_map=of_inputs is not None and bool(of_inputs.label_names),
        input_shape=_input_shape(data),
        inputs=0 if data.paired else data.input_count,
    )


def _input_shape(data: Data) -> tuple[int, ...]:
    """The shape of whole inputs; () without any."""
    if data.inputs is None:
        return ()
    if isinstance(data.inputs, Degradation):
        return data.inputs.input_shape(data.examples.shape[1:])
    return tuple(data.inputs.shape[1:])


def spread(data: Data, most: int = MOST_EXAMPLES) -> Tensor:
    """At most so many examples at equal distances, on the CPU; fewer of large ones."""
    size = max(1, math.prod(data.examples.shape[1:]))
    most = max(1, min(most, _MOST_VALUES // size))
    if isinstance(data.examples, StoredExamples):
        most = min(most, data.examples.most_examined)
    every = max(1, -(-len(data) // most))
    if isinstance(data.examples, StoredExamples):
        return data.rows(torch.arange(0, len(data), every))
    return data.examples[::every].cpu()


def values_in_units(
    examples: Tensor, space: Space, dimensions: slice = slice(None)
) -> NDArray[np.float64]:
    """Vectors, rows or sequences in the data's own units, [N, ..., d] for `dimensions` d."""
    values = examples[..., dimensions].double().numpy()
    return values + np.array(space.origin)[dimensions] if space.origin else values


def exact_numbers(values: NDArray[np.float32], origin: Sequence[float]) -> list[float]:
    """The numbers of one example, [D], in the data's own units, with all digits that are kept of
    them and none besides: 0.1 and not 0.10000000149, whole numbers as integers of any size."""
    origins = origin or (0.0,) * len(values)
    return [_exact_number(value, off) for value, off in zip(values, origins, strict=True)]


def _exact_number(value: np.float32, origin: float) -> float:
    # numpy writes the shortest decimal that is this float32
    off = Decimal(int(origin)) if origin == int(origin) else Decimal(repr(origin))
    exact = off + Decimal(str(value))
    if abs(exact) < _LARGEST_WHOLE and exact == exact.to_integral_value():
        return int(exact)
    return float(exact)


class Measured(NamedTuple):
    """The measurements of examples: of all their numbers together, and of each part."""

    numbers: Numbers | None
    bytes: Bytes | None
    parts: list[Part]
    constants: list[str]


def _measure(chosen: Tensor, data: Data) -> Measured:
    if data.space.label_names:  # whose channels are classes
        return Measured(None, None, [], [])
    return _of_images(chosen) if data.space.kind == "images" else _of_numbers(chosen, data)


def byte_counts(images: Tensor) -> NDArray[np.int64]:
    """The counts of each byte in each channel of images uint8 [N, C, H, W], [C, 256]."""
    counts = np.zeros((images.shape[1], 256), np.int64)
    for chunk in images.split(max(1, (1 << 20) // max(1, images[0].numel()))):
        for channel, pixels in enumerate(chunk.numpy().swapaxes(0, 1)):
            counts[channel] += np.bincount(pixels.ravel(), minlength=256)
    return counts


def channel_names(count: int) -> Sequence[str]:
    """The names of so many channels of an image."""
    return _CHANNELS.get(count) or [f"channel {k + 1}" for k in range(count)]


def _of_images(images: Tensor) -> Measured:
    counts = byte_counts(images)
    named = channel_names(len(counts))
    together = counts.sum(0)
    total = max(1, int(together.sum()))
    several = len(counts) > 1
    parts = [Part(name, "channel", _byte_numbers(c)) for name, c in zip(named, counts, strict=True)]
    return Measured(
        numbers=_byte_numbers(together),
        bytes=Bytes(
            float(together[0] / total), float(together[255] / total), int((together > 0).sum())
        ),
        parts=parts if several else [],
        constants=[n for n, c in zip(named, counts, strict=True) if several and (c > 0).sum() == 1],
    )


def _byte_numbers(counts: NDArray[np.int64]) -> Numbers:
    levels, total = np.arange(256), max(1, int(counts.sum()))
    used = levels[counts > 0]
    mean = float((counts * levels).sum() / total)
    deviation = math.sqrt(float((counts * (levels - mean) ** 2).sum()) / total)
    return Numbers(float(used.min(initial=255)), float(used.max(initial=0)), mean, deviation)


class Moments(NamedTuple):
    """The least, the greatest, the mean and the deviation of each of D dimensions."""

    low: list[float]
    high: list[float]
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]

    def of(self, dimension: int) -> Numbers:
        mean, deviation = float(self.mean[dimension]), float(self.deviation[dimension])
        return Numbers(self.low[dimension], self.high[dimension], mean, deviation)


def _of_numbers(examples: Tensor, data: Data) -> Measured:
    moments = _moments(examples, data.space)
    if data.space.columns is not None:
        parts = list(_columns(data.space.columns, moments, len(examples), data))
    else:
        parts = [
            Part(f"dimension {k + 1}", "dimension", moments.of(k)) for k in range(len(moments.low))
        ]
    plain = data.space.columns is None
    return Measured(
        numbers=_together(moments) if plain else None,
        bytes=None,
        parts=parts,
        constants=[part.name for part in parts if _is_constant(part)],
    )


def _moments(examples: Tensor, space: Space) -> Moments:
    axes = tuple(range(examples.ndim - 1))
    low, high = (
        exact_numbers(ends.numpy(), space.origin)
        for ends in (examples.amin(axes), examples.amax(axes))
    )
    found = []
    for start in range(0, examples.shape[-1], _BLOCK):
        values = values_in_units(examples, space, slice(start, start + _BLOCK))
        rows = values.reshape(-1, values.shape[-1])
        first = rows[0]
        away = rows - first  # so that a mean of large numbers keeps its digits
        found.append((first + away.mean(0), away.std(0)))
    mean, deviation = (np.concatenate(each) for each in zip(*found, strict=True))
    return Moments(low, high, mean, deviation)


def _together(moments: Moments) -> Numbers:
    mean = float(moments.mean.mean())
    variance = (moments.deviation**2 + (moments.mean - mean) ** 2).mean()
    return Numbers(min(moments.low), max(moments.high), mean, math.sqrt(float(variance)))


def _columns(columns: Columns, moments: Moments, count: int, data: Data) -> Iterator[Part]:
    """The columns of the file in their order, as far as the reader noted them, else of the rows."""
    known, begin = {}, 0
    for column in columns.columns:
        known[column.name] = column, begin
        begin += column.width
    notes = data.reading.columns or [
        ColumnNotes(c.name, "categorical" if c.categories else "numeric") for c in columns.columns
    ]
    for note in notes:
        if note.name in known:
            column, place = known[note.name]
            yield _column(column, note, moments, place, count, data)
        else:
            yield _part(note, note.role)


def _column(
    column: Column, note: ColumnNotes, moments: Moments, place: int, count: int, data: Data
) -> Part:
    role: Role = note.role
    if column.label:
        role = "condition" if column.condition else "label"
    if column.given:
        return _part(note._replace(note="given by other columns"), role)
    if column.unlearned is not None or column.dates is not None:
        return _part(note, role)
    if not column.categories:
        return _part(_with_spikes(note, column), role, numbers=moments.of(place))
    if column.condition:
        counts = _class_counts(data)
    else:
        shares = moments.mean[place : place + column.width]  # of ones among zeros
        counts = np.rint(shares * count).astype(np.int64)
    order = np.argsort(-counts, kind="stable")[:MOST_CATEGORIES]
    frequent = tuple(
        Tally(_cut(column.categories[k] or "missing", NAME_LETTERS), int(counts[k]))
        for k in order.tolist()
    )
    return _part(note, role, categories=frequent, total=len(column.categories))


def _with_spikes(note: ColumnNotes, column: Column) -> ColumnNotes:
    """The note, with the numbers that are choices of their own."""
    encoding = column.encoding
    if encoding is None or not encoding.spikes:
        return note
    if encoding.modes:
        text = "spikes " + ", ".join(f"{spike:g}" for spike in encoding.spikes)
    else:
        text = f"each of {len(encoding.spikes)} numbers is a choice"
    return note._replace(note="; ".join(filter(None, (note.note, text))))


def _part(
    note: ColumnNotes,
    role: Role,
    *,
    numbers: Numbers | None = None,
    categories: tuple[Tally, ...] = (),
    total: int = 0,
) -> Part:
    return Part(
        name=_cut(note.name, NAME_LETTERS),
        role=role,
        numbers=numbers,
        categories=categories,
        total_categories=total,
        missing=note.missing,
        digits=note.digits,
        note=_cut(note.note, 200),
    )


def _is_constant(part: Part) -> bool:
    numbers = part.numbers
    return part.total_categories == 1 or (numbers is not None and numbers.low == numbers.high)


def _class_counts(data: Data) -> NDArray[np.int64]:
    if data.labels is None:
        return np.zeros(0, np.int64)
    return np.bincount(data.labels.cpu().numpy(), minlength=data.classes)


def _class_names(data: Data) -> Sequence[str]:
    names = data.class_names
    return [names[k] if k < len(names) else str(k) for k in range(data.classes)]


def _label_source(data: Data) -> str:
    columns = data.space.columns
    if columns is not None and columns.label is not None:
        return f"column {columns.label.name}"
    return "" if data.labels is None else "of the data set"


def _left_out(reading: Reading) -> tuple[LeftOutThings, ...]:
    return tuple(
        LeftOutThings(
            count=each.count,
            total=each.total,
            what=_cut(each.what, NAME_LETTERS),
            why=_cut(each.why, TEXT_LETTERS),
            names=tuple(_cut(name, NAME_LETTERS) for name in each.names[:MOST_NAMES]),
        )
        for each in reading.left_out[:MOST_ENTRIES]
    )


def _decisions(reading: Reading) -> tuple[ReadingDecision, ...]:
    """Doubtful ones first."""
    ordered = sorted(reading.decisions, key=lambda decision: not decision.doubtful)
    return tuple(
        ReadingDecision(
            _cut(each.text, REMEDY_LETTERS), _cut(each.remedy, REMEDY_LETTERS), each.doubtful
        )
        for each in ordered[:MOST_ENTRIES]
    )


def _cut(text: str, letters: int) -> str:
    # what no file can hold, such as half a pair of surrogates, is written as its code
    whole = text.encode("utf-8", "backslashreplace").decode()
    return whole if len(whole) <= letters else whole[: letters - 3] + "..."
