"""A picture of a table: pairs of its columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from gan_runner.data.columns import Column, Columns
from gan_runner.errors import printable

_SIDE = 512
_MOST_PANELS = 4  # columns beside each other; of more, a picture shows nothing
_REACH = 3.5  # standard deviations from the mean to the border of a panel
_BINS = 24
_SPREAD = 1 / 1.16730397826  # whose powers fill cubes evenly: Roberts 2018, the R sequence
_GAP = 3
# eight colours that the colour-blind tell apart on black (Okabe & Ito 2008)
_COLOURS = (
    *((86, 180, 233), (230, 159, 0), (0, 158, 115), (240, 228, 66)),
    *((204, 121, 167), (213, 94, 0), (0, 114, 178), (190, 190, 190)),
)

Canvas = NDArray[np.uint8]


def pairs(
    examples: Tensor,
    labels: Tensor | None,
    columns: Columns,
    offset: Sequence[float],
    scale: Sequence[float],
) -> Canvas:
    """The first columns against each other, numeric ones first, [H, W, 3]; histograms between.

    Points have the colour of the label that rows [N, D] hold, or that was told, `labels` [N]. All
    pictures of a table have the same axes: the mean `offset` of a number and 3.5 times its
    deviation `scale` to either side.
    """
    shown, places = _places(examples, columns, offset, scale)
    colours = _colours(examples, labels, columns)
    side = _SIDE // len(shown)
    canvas = np.zeros((side * len(shown), side * len(shown), 3), np.uint8)
    inner = side - 2 * _GAP
    for row, down in enumerate(places):
        for column, right in enumerate(places):
            top, left = row * side + _GAP, column * side + _GAP
            panel = canvas[top : top + inner, left : left + inner]
            panel[:] = 20
            if row == column:
                _histogram(panel, right, bins=len(shown[row].categories) or _BINS)
            else:
                _points(panel, right, down, colours)
    image = Image.fromarray(canvas)
    draw = ImageDraw.Draw(image)
    for place, each in enumerate(shown):
        corner = (place * side + 2 * _GAP, place * side + _GAP)
        name = printable(each.name, limit=side // 7)
        draw.text(corner, name, fill="white", font=ImageFont.load_default(12))
    return np.asarray(image).copy()


def _places(
    examples: Tensor, columns: Columns, offset: Sequence[float], scale: Sequence[float]
) -> tuple[list[Column], list[NDArray[np.float64]]]:
    """The columns that are shown, and where in [0, 1] each row lies on their axes."""
    found: list[tuple[Column, NDArray[np.float64]]] = []
    begin = 0
    for column, part in columns.parts(examples.cpu().double()):
        if column.categories:
            # spread evenly, always alike, and independent of the spread of other columns
            jitter = np.arange(len(examples)) * _SPREAD ** (len(found) + 1) % 1
            place = (part.argmax(1).numpy() + 0.1 + 0.8 * jitter) / column.width
        else:
            standard = (part[:, 0].numpy() - offset[begin]) / scale[begin]
            place = standard / (2 * _REACH) + 0.5
        found.append((column, place))
        begin += column.width
    found.sort(key=lambda each: bool(each[0].categories))
    kept = found[:_MOST_PANELS]
    return [column for column, _ in kept], [place for _, place in kept]


def _colours(examples: Tensor, labels: Tensor | None, columns: Columns) -> Canvas:
    """A colour for each row, [N, 3]."""
    made = [part.argmax(1) for column, part in columns.parts(examples) if column.label]
    classes = made[0] if made else labels
    if classes is None:
        return np.full((len(examples), 3), 255, np.uint8)
    colours: Canvas = np.array(_COLOURS, np.uint8)[classes.cpu().numpy() % len(_COLOURS)]
    return colours


def _points(
    panel: Canvas, right: NDArray[np.float64], up: NDArray[np.float64], colours: Canvas
) -> None:
    last = len(panel) - 2
    rows, columns = ((1 - up) * last).round(), (right * last).round()
    seen = (rows >= 0) & (rows <= last) & (columns >= 0) & (columns <= last)
    rows, columns = rows[seen].astype(int), columns[seen].astype(int)
    for down in (0, 1):
        for beside in (0, 1):
            panel[rows + down, columns + beside] = colours[seen]


def _histogram(panel: Canvas, places: NDArray[np.float64], *, bins: int) -> None:
    counts, edges = np.histogram(places, bins, (0, 1))
    height, side = len(panel), panel.shape[1]
    tall = np.rint(counts / max(counts.max(), 1) * (height - 20)).astype(int)
    for bar, left, right in zip(tall, edges[:-1] * side, edges[1:] * side, strict=True):
        panel[height - bar :, int(left) : max(int(left) + 1, int(right) - 1)] = 110
