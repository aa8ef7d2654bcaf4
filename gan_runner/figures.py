"""Pictures of numbers, in pixels: pairs of a table's columns, and confusion matrices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from gan_runner.columns import Column, Columns
from gan_runner.errors import printable

_SIDE = 512
_MOST_PANELS = 4  # columns beside each other; of more, a picture shows nothing
_REACH = 3.5  # standard deviations from the mean to the border of a panel
_BINS = 24
_GAP = 3
_WHITE, _GREY = (255, 255, 255), (70, 70, 70)
# eight colours that the colour-blind tell apart on black (Okabe & Ito 2008)
_COLOURS = (
    *((86, 180, 233), (230, 159, 0), (0, 158, 115), (240, 228, 66)),
    *((204, 121, 167), (213, 94, 0), (0, 114, 178), (190, 190, 190)),
)

Colour = tuple[int, int, int]
Canvas = NDArray[np.uint8]


def pairs(
    examples: Tensor, columns: Columns, offset: Sequence[float], scale: Sequence[float]
) -> Canvas:
    """The first columns against each other, numeric ones first, [H, W, 3]; histograms between.

    Points have the colour of the label, if rows [N, D] hold one. All pictures of a table have the
    same axes: the mean `offset` of a number and 3.5 times its deviation `scale` to either side.
    """
    shown, places = _places(examples, columns, offset, scale)
    colours = _colours(examples, columns)
    side = _SIDE // len(shown)
    canvas = np.zeros((side * len(shown), side * len(shown), 3), np.uint8)
    inner = side - 2 * _GAP
    for row, down in enumerate(places):
        for column, right in enumerate(places):
            top, left = row * side + _GAP, column * side + _GAP
            panel = canvas[top : top + inner, left : left + inner]
            panel[:] = 20
            if row == column:
                _histogram(panel, right)
            else:
                _points(panel, right, down, colours)
    image = Image.fromarray(canvas)
    draw = ImageDraw.Draw(image)
    for place, column_ in enumerate(shown):
        corner = (place * side + 2 * _GAP, place * side + _GAP)
        draw.text(corner, printable(column_.name, limit=side // 7), fill=_WHITE, font=_font(12))
    return np.asarray(image).copy()


def _places(
    examples: Tensor, columns: Columns, offset: Sequence[float], scale: Sequence[float]
) -> tuple[list[Column], list[NDArray[np.float64]]]:
    """The columns that are shown, and where in [0, 1] each row lies on their axes."""
    found: list[tuple[Column, NDArray[np.float64]]] = []
    begin = 0
    jitter = np.arange(len(examples)) * 0.6180339887 % 1  # evenly spread, and always the same
    for column, part in columns.parts(examples.cpu().double()):
        if column.categories:
            place = (part.argmax(1).numpy() + 0.1 + 0.8 * jitter) / column.width
        else:
            standard = (part[:, 0].numpy() - offset[begin]) / scale[begin]
            place = standard / (2 * _REACH) + 0.5
        found.append((column, place))
        begin += column.width
    found.sort(key=lambda each: bool(each[0].categories))
    kept = found[:_MOST_PANELS]
    return [column for column, _ in kept], [place for _, place in kept]


def _colours(examples: Tensor, columns: Columns) -> Canvas:
    """A colour for each row, [N, 3]."""
    for column, part in columns.parts(examples.cpu()):
        if column.label:
            colours: Canvas = np.array(_COLOURS, np.uint8)[part.argmax(1).numpy() % len(_COLOURS)]
            return colours
    return np.full((len(examples), 3), 255, np.uint8)


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


def _histogram(panel: Canvas, places: NDArray[np.float64]) -> None:
    counts, edges = np.histogram(places, _BINS, (0, 1))
    height, side = len(panel), panel.shape[1]
    tall = np.rint(counts / max(counts.max(), 1) * (height - 20)).astype(int)
    for bar, left, right in zip(tall, edges[:-1] * side, edges[1:] * side, strict=True):
        panel[height - bar :, int(left) : max(int(left) + 1, int(right) - 1)] = 110


def confusions(
    matrices: dict[str, NDArray[np.int64]], classes: Sequence[str], *, most: int = 30
) -> Canvas:
    """Confusion matrices [K, K] beside each other under their titles, [H, W, 3].

    Rows are the true classes, columns what they were told as; a cell is as bright as its share of
    the row. Of more than `most` classes the counts are left out.
    """
    drawn = [_matrix(title, matrix, classes, most) for title, matrix in matrices.items()]
    return np.concatenate(drawn, axis=1)


def _matrix(
    title: str, matrix: NDArray[np.int64], classes: Sequence[str], most: int
) -> NDArray[np.uint8]:
    count = len(matrix)
    cell = max(4, min(72, 640 // count))
    named = count <= most
    names = [printable(name, limit=14) for name in classes] if named else []
    small, large = _font(max(9, min(14, cell // 3))), _font(16)
    margin = round(max((small.getlength(name) for name in names), default=0)) + 24
    top = 60
    size = (max(margin + cell * count + 16, round(large.getlength(title)) + 24), top + cell * count)
    image = Image.new("RGB", (size[0], size[1] + margin))
    draw = ImageDraw.Draw(image)
    draw.text((12, 8), title, fill=_WHITE, font=large)
    draw.text((12, 34), "rows: true, columns: told as", fill=(160, 160, 160), font=_font(12))
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    for row in range(count):
        for column in range(count):
            left, upper = margin + column * cell, top + row * cell
            box = (left, upper, left + cell - 2, upper + cell - 2)
            draw.rectangle(box, fill=_shade(shares[row, column], right=row == column))
            if named:
                centre = (left + cell / 2 - 1, upper + cell / 2 - 1)
                text = str(matrix[row, column])
                draw.text(centre, text, fill=_WHITE, font=small, anchor="mm")
    for place, name in enumerate(names):
        middle = top + (place + 0.5) * cell
        draw.text((margin - 8, middle), name, fill=_WHITE, font=small, anchor="rm")
    return _with_names_below(image, names, small, margin=margin, cell=cell, below=size[1])


def _with_names_below(
    image: Image.Image,
    names: Sequence[str],
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont,
    *,
    margin: int,
    cell: int,
    below: int,
) -> NDArray[np.uint8]:
    """The picture with the names of its columns, written downwards."""
    for place, name in enumerate(names):
        strip = Image.new("RGB", (margin, cell))
        ImageDraw.Draw(strip).text((8, cell / 2), name, fill=_WHITE, font=font, anchor="lm")
        image.paste(strip.rotate(-90, expand=True), (margin + place * cell, below))
    return np.asarray(image).copy()


def _shade(share: float, *, right: bool) -> Colour:
    """Blue for what is right, orange for what is wrong."""
    full = (0, 114, 178) if right else (213, 94, 0)
    red, green, blue = (
        round(dark + (f - dark) * share) for f, dark in zip(full, _DARK, strict=True)
    )
    return red, green, blue


_DARK = (28, 28, 28)


def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)
