"""Confusion matrices as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan_runner.sampling.pictures.figure import as_array, label_text, new_figure

_MOST_NAMED = 30  # classes; of more, no name can be read
_MOST_COUNTED = 20  # classes; of more, no number in a cell
_CELL, _SMALLEST, _LARGEST = 40, 300, 640  # pixels: a class, the side of a matrix
_PALE = 244
_RIGHT, _WRONG = (0, 114, 178), (213, 94, 0)  # for color-blind readers, too: Okabe & Ito 2008


def confusion_picture(
    matrices: Sequence[tuple[str, NDArray[np.int64]]], classes: Sequence[str]
) -> NDArray[np.uint8]:
    """Matrices [K, K] with their titles beside each other, [H, W, 3]. Rows are the true classes; a
    cell is as strong as its share of the true class."""
    few = classes if len(classes) <= _MOST_NAMED else ()
    names = [label_text(name, limit=14) for name in few]
    side = max(_SMALLEST, min(_LARGEST, _CELL * len(classes)))
    room = 44 + 6 * max((len(name) for name in names), default=0)  # for names and axis labels
    width, height = room + side + 20, 30 + side + room
    total = width * len(matrices)
    with new_figure(total, height) as figure:
        for place, (title, matrix) in enumerate(matrices):
            box = ((place * width + room) / total, room / height, side / total, side / height)
            axes = figure.add_axes(box, title=title)
            axes.set(xlabel="predicted class", ylabel="true class")
            _draw(axes, matrix, names)
        return as_array(figure)


def _draw(axes: Any, matrix: NDArray[np.int64], names: Sequence[str]) -> None:
    """One matrix [K, K] in shades: of blue on the diagonal, of vermilion elsewhere."""
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    full = np.where(np.eye(len(matrix), dtype=bool)[..., None], _RIGHT, _WRONG)
    axes.imshow(_PALE + np.rint((full - _PALE) * shares[..., None]).astype(int))
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_yticks(range(len(names)), names)
    axes.set_xticks(range(len(names)), names, rotation=90)
    if len(matrix) <= _MOST_COUNTED:
        for row, column in zip(*matrix.nonzero(), strict=True):
            color = "white" if shares[row, column] > 0.6 else "black"
            count = str(matrix[row, column])
            axes.text(column, row, count, color=color, ha="center", va="center")
