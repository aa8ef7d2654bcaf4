"""Confusion matrices as a picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from gan_runner.errors import printable

_MOST_NAMED = 30  # classes; of more, neither names nor counts can be read
_TOP, _MARGIN = 60, 24
_RIGHT, _WRONG, _DARK = (0, 114, 178), (213, 94, 0), (28, 28, 28)  # for the color-blind, too


def confusion_picture(
    matrices: Sequence[tuple[str, NDArray[np.int64]]], classes: Sequence[str]
) -> NDArray[np.uint8]:
    """Matrices [K, K] with their titles beside each other, [H, W, 3]. Rows are the true classes; a
    cell is as bright as its share of the true class."""
    names = [printable(name, limit=14) for name in classes]
    return np.concatenate([_draw(title, matrix, names) for title, matrix in matrices], axis=1)


def _draw(title: str, matrix: NDArray[np.int64], names: Sequence[str]) -> NDArray[np.uint8]:
    """One matrix [K, K] with its title above, and the names to its left and below it."""
    count, named = len(matrix), len(names) <= _MOST_NAMED
    cell = max(4, min(72, 640 // count))
    large, small = ImageFont.load_default(16), ImageFont.load_default(max(9, min(14, cell // 3)))
    longest = max(small.getlength(name) for name in names) if named else 0
    left = round(longest) + _MARGIN
    width = max(left + cell * count, round(large.getlength(title))) + _MARGIN
    image = Image.new("RGB", (width, _TOP + cell * count + left))
    draw = ImageDraw.Draw(image)
    draw.text((12, 8), title, fill="white", font=large)
    below = "rows: true, columns: predicted"
    draw.text((12, 34), below, fill="silver", font=ImageFont.load_default(12))
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    for (row, column), share in np.ndenumerate(shares):
        x, y = left + column * cell, _TOP + row * cell
        box = (x, y, x + cell - 2, y + cell - 2)
        draw.rectangle(box, fill=_shade(share, right=row == column))
        if named:
            center, text = (x + cell / 2 - 1, y + cell / 2 - 1), str(matrix[row, column])
            draw.text(center, text, fill="white", font=small, anchor="mm")
    for place, name in enumerate(names if named else ()):
        middle = (left - 8, _TOP + (place + 0.5) * cell)
        draw.text(middle, name, fill="white", font=small, anchor="rm")
        downwards = Image.new("RGB", (left, cell))
        ImageDraw.Draw(downwards).text((8, cell / 2), name, fill="white", font=small, anchor="lm")
        corner = (left + place * cell, _TOP + cell * count)
        image.paste(downwards.rotate(-90, expand=True), corner)
    return np.asarray(image).copy()


def _shade(share: float, *, right: bool) -> tuple[int, int, int]:
    full = _RIGHT if right else _WRONG
    red, green, blue = (round(d + (f - d) * share) for f, d in zip(full, _DARK, strict=True))
    return red, green, blue
