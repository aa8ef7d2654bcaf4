"""An overview of a data set: examples of each class, histograms, a few rows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from gan_runner.data import Data, Space
from gan_runner.data_report.describe import (
    byte_counts,
    channel_names,
    exact_numbers,
    spread,
    values_in_units,
)
from gan_runner.data_report.text import number_text
from gan_runner.sampling.pictures.examples import draw_examples
from gan_runner.sampling.pictures.figure import (
    COLORS,
    as_array,
    label_text,
    new_figure,
    set_number_ticks,
)
from gan_runner.sampling.pictures.png import Picture
from gan_runner.sampling.pictures.translations import (
    ShownImages,
    draw_translations,
    fitting_count,
)

_MOST_CLASSES = 20  # rows of a picture
_PER_CLASS = 10
_GRID = 64  # images without classes
_LARGEST_SIDE = 96  # pixels of an image in a grid
_POINTS = 2000
_SEQUENCES = 9
_ROWS, _ROW_COLUMNS = 8, 60
_MOST_PANELS, _PANELS_ACROSS = 24, 4
_PANEL_WIDTH, _PANEL_HEIGHT = 250, 170  # pixels
_BINS = 30
_BYTE_BINS = 64
_CHANNEL_COLORS = {"red": "#d55e00", "green": "#009e73", "blue": "#0072b2"}
_MOST_BARS = 10
_ROOM_FOR_COUNTS = 0.25  # of the longest bar, beside it
_MAX_LETTERS = 16  # letters of a name in a picture
_GAP = 12  # pixels between two pictures


class Overview(NamedTuple):
    """Pictures of examples and of histograms, and a few rows below their heads; `notes` say what of
    all that is shown."""

    examples: Picture
    histograms: Picture
    rows: list[list[str]]
    notes: list[str]

    @property
    def picture(self) -> NDArray[np.uint8]:
        """Examples above histograms, uint8 [H, W, 3]."""
        pictures = [_as_color(self.examples), _as_color(self.histograms)]
        width = max(picture.shape[1] for picture in pictures)
        padded = [
            np.pad(p, ((0, _GAP), (0, width - p.shape[1]), (0, 0)), constant_values=255)
            for p in pictures
        ]
        return np.concatenate(padded)


def overview(data: Data) -> Overview:
    """The overview of a data set, in the data's own units."""
    panels = list(_panels(data))
    notes = []
    if len(panels) > _MOST_PANELS:
        notes.append(f"The first {_MOST_PANELS} of {len(panels)} histograms are drawn.")
    is_grid = data.space.kind == "images" and data.space.inputs is None
    if is_grid and data.classes > _MOST_CLASSES:
        notes.append(f"{_GRID} images of all {data.classes:,} classes are drawn.")
    if data.space.inputs is not None:
        notes.append("Inputs are drawn beside their targets, whose values the histograms count.")
    return Overview(
        _draw_some(data), _draw_panels(panels[:_MOST_PANELS]), list(_rows_of(data)), notes
    )


def _draw_some(data: Data) -> Picture:
    if data.space.inputs is not None:
        return _draw_translations(data, data.space.inputs)
    if data.space.kind == "images":
        if 1 < data.classes <= _MOST_CLASSES:
            return _draw_classes(data)
        return draw_examples(_shrink(_choose(data, _GRID).in_memory), data.space)
    chosen = _choose(data, _SEQUENCES if data.space.kind == "sequences" else _POINTS)
    return draw_examples(
        chosen.in_memory, data.space, labels=chosen.labels, class_names=data.class_names
    )


def _draw_translations(data: Data, of_inputs: Space) -> Picture:
    """Inputs beside their targets, or, where they don't belong together, beside others."""
    count = min(len(data), data.input_count)
    shown = fitting_count(data.space, parts=2, most=min(_GRID, count))
    inputs, targets = (
        torch.linspace(0, of - 1, shown).round().long() for of in (data.input_count, len(data))
    )
    return draw_translations(
        {
            "input": ShownImages(data.input_rows(inputs, seed=0), of_inputs),
            "target": ShownImages(data.rows(targets), data.space),
        }
    )


def _choose(data: Data, count: int) -> Data:
    """So many examples at equal distances, or all, on the CPU."""
    places = torch.linspace(0, len(data) - 1, min(count, len(data))).round().long()
    labels = None if data.labels is None else data.labels.cpu()[places]
    return Data(data.rows(places).cpu(), data.space, labels, data.class_names)


def _draw_classes(data: Data) -> Picture:
    """A row of images for each class, behind its name."""
    assert data.labels is not None
    labels = data.labels.cpu()
    rows, names = [], []
    for label in range(data.classes):
        members = (labels == label).nonzero().flatten()
        if len(members):
            places = torch.linspace(0, len(members) - 1, min(_PER_CLASS, len(members)))
            images = data.rows(members[places.round().long()])
            rows.append(_strip(_shrink(images.cpu())))
            names.append(data.class_names[label] if label < len(data.class_names) else str(label))
    return _label_rows(np.concatenate(rows), names)


def _strip(images: Tensor) -> NDArray[np.uint8]:
    """A row of images side by side on white, as wide as a full one, uint8 [H, W, 3 or 4]."""
    empty = images.new_full((_PER_CLASS - len(images), *images.shape[1:]), 255)
    tiled = torch.cat([images, empty]).permute(0, 2, 3, 1).numpy()
    if tiled.shape[-1] in (1, 2):
        tiled = np.concatenate([tiled[..., :1].repeat(3, axis=-1), tiled[..., 1:]], axis=-1)
    factor = max(1, 48 // tiled.shape[2])
    enlarged = tiled.repeat(factor, axis=1).repeat(factor, axis=2)
    framed = np.pad(enlarged, ((0, 0), (0, 4), (0, 4), (0, 0)), constant_values=255)
    row: NDArray[np.uint8] = np.concatenate(list(framed), axis=1)
    return row


def _label_rows(rows: NDArray[np.uint8], names: Sequence[str]) -> Picture:
    height, width, _ = rows.shape
    shown = [label_text(name, limit=_MAX_LETTERS) for name in names]
    margin = 16 + 7 * max(map(len, shown))  # pixels, of letters of 9 points
    with new_figure(width + margin, height) as figure:
        axes = figure.add_axes((margin / (width + margin), 0, width / (width + margin), 1))
        axes.imshow(rows, interpolation="nearest", aspect="auto")
        each = height / len(names)
        axes.set_yticks([each * (k + 0.5) - 0.5 for k in range(len(names))], shown)
        axes.set_xticks([])
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        return as_array(figure)


def _shrink(images: Tensor) -> Tensor:
    """Images whose sides are small enough for a grid."""
    side = max(images.shape[2:])
    if side <= _LARGEST_SIDE:
        return images
    size = [max(1, round(length * _LARGEST_SIDE / side)) for length in images.shape[2:]]
    return interpolate(images.float(), size=size, mode="area").round().to(torch.uint8)


class _Panel(NamedTuple):
    """Bars with a title: counts between edges, or counts of names."""

    title: str
    counts: NDArray[Any]
    edges: NDArray[np.float64] | None = None
    names: Sequence[str] = ()
    is_bytes: bool = False
    color: str = COLORS[0]


def _panels(data: Data) -> Iterator[_Panel]:
    examples = spread(data)
    if data.space.columns is not None:
        yield from _column_panels(data, examples)
        return
    if data.labels is not None:
        counts = np.bincount(data.labels.cpu().numpy(), minlength=data.classes)
        names = data.class_names[: len(counts)] or [str(k) for k in range(len(counts))]
        yield _bars("classes", counts, names, in_order=len(counts) <= _MOST_BARS)
    if data.space.kind == "images":
        counts = byte_counts(examples)
        if data.space.label_names:
            yield _bars("pixels of each class", counts[:, 255], data.space.label_names)
        else:
            yield from _channel_panels(counts)
        return
    for k in range(data.space.shape[-1]):
        values = values_in_units(examples, data.space, slice(k, k + 1))
        yield _histogram(f"dimension {k + 1}", values.ravel())


def _channel_panels(counts: NDArray[np.int64]) -> Iterator[_Panel]:
    """The values of each channel, from their counts [C, 256], in bars that can be seen."""
    names, edges = channel_names(len(counts)), np.linspace(-0.5, 255.5, _BYTE_BINS + 1)
    for name, each in zip(names, counts, strict=True):
        title = "pixels" if len(counts) == 1 else f"pixels, {name}"
        bars = each.reshape(_BYTE_BINS, -1).sum(1)
        color = _CHANNEL_COLORS.get(name, COLORS[0])
        yield _Panel(f"{title} (log scale)", bars, edges, is_bytes=True, color=color)


def _column_panels(data: Data, examples: Tensor) -> Iterator[_Panel]:
    assert data.space.columns is not None
    begin = 0
    for column in data.space.columns.columns:
        if column.condition and data.labels is not None:
            counts = np.bincount(data.labels.cpu().numpy(), minlength=len(column.categories))
            yield _bars(column.name, counts, column.categories)
        elif not column.width:
            continue  # others give it
        elif column.categories:
            ones = examples[:, begin : begin + column.width].double().sum(0)
            yield _bars(column.name, ones.numpy(), column.categories)
        elif column.width:
            place = slice(begin, begin + 1)
            values = values_in_units(examples, data.space, place)[:, 0]
            if column.may_miss:
                values = values[examples[:, begin + 1].numpy() < 0.5]
            yield _histogram(column.name, values)
        begin += column.width


def _histogram(title: str, values: NDArray[np.float64]) -> _Panel:
    """Counts in equal stretches, of whole numbers in as many whole ones each, or else some of the
    stretches would hold one more."""
    low, high = float(values.min()), float(values.max())
    if low < high < low + 1e9 and (values == np.rint(values)).all():
        width = math.ceil((high - low + 1) / _BINS)
        counts, edges = np.histogram(values, np.arange(low - 0.5, high + 0.5 + width, width))
        return _Panel(title, counts, edges)
    reach = max((high - low) / 2, 1e-9 * abs(high), 1e-9)
    middle = (low + high) / 2
    counts, edges = np.histogram(values, _BINS, (middle - reach, middle + reach))
    return _Panel(title, counts, edges)


def _bars(
    title: str, counts: NDArray[Any], names: Sequence[str], *, in_order: bool = False
) -> _Panel:
    """The most frequent names, or all in their order."""
    order = np.arange(len(counts)) if in_order else np.argsort(-counts, kind="stable")[:_MOST_BARS]
    chosen = [names[k] for k in order.tolist()]
    shown, rest = counts[order], len(counts) - len(order)
    if rest:
        chosen.append(f"{rest} others")
        shown = np.append(shown, counts.sum() - shown.sum())
    return _Panel(title, shown, names=chosen)


def _draw_panels(panels: Sequence[_Panel]) -> Picture:
    across = min(_PANELS_ACROSS, len(panels))
    down = math.ceil(len(panels) / across)
    with new_figure(across * _PANEL_WIDTH, down * _PANEL_HEIGHT, layout="constrained") as figure:
        for place, panel in enumerate(panels):
            _draw_panel(figure.add_subplot(down, across, place + 1), panel)
        return as_array(figure)


def _draw_panel(axes: Any, panel: _Panel) -> None:
    axes.set_title(label_text(panel.title, limit=2 * _MAX_LETTERS))
    if panel.edges is not None:
        axes.stairs(panel.counts, panel.edges, fill=True, color=panel.color)
        axes.set_xlim(panel.edges[0], panel.edges[-1])
        if panel.is_bytes:
            axes.set_yscale("symlog")
            axes.set_xticks([0, 64, 128, 192, 255])
        elif off := set_number_ticks(axes, "x"):
            axes.set_xlabel(off, loc="right", fontsize=8)
        axes.set_yticks([])
        axes.set_yticks([], minor=True)
        return
    places = range(len(panel.counts))
    bars = axes.barh(places, panel.counts, color=panel.color)
    axes.bar_label(bars, [f"{count:,.0f}" for count in panel.counts], padding=3, fontsize=7)
    axes.margins(x=_ROOM_FOR_COUNTS)
    names = [label_text(name, limit=_MAX_LETTERS) for name in panel.names]
    axes.set_yticks(list(places), names, fontsize=7)
    axes.invert_yaxis()
    axes.set_xticks([])


def _rows_of(data: Data) -> Iterator[list[str]]:
    """Heads and a few rows, of tables and vectors."""
    chosen = _choose(data, _ROWS)
    if data.space.columns is not None:
        for row in data.space.columns.rows(chosen.in_memory, chosen.labels, data.space.origin):
            yield row[:_ROW_COLUMNS]
    elif data.space.kind == "vectors":
        examples = chosen.in_memory[:, :_ROW_COLUMNS].numpy()
        yield [f"dimension {k + 1}" for k in range(examples.shape[1])]
        for row in examples:
            numbers = exact_numbers(row, data.space.origin[:_ROW_COLUMNS])
            yield [number_text(value, 0) for value in numbers]


def _as_color(picture: Picture) -> NDArray[np.uint8]:
    """A picture with three channels, on white."""
    if picture.shape[-1] == 4:
        share = picture[..., 3:] / 255
        return np.rint(picture[..., :3] * share + 255 * (1 - share)).astype(np.uint8)
    return picture.repeat(3, axis=-1) if picture.shape[-1] == 1 else picture
