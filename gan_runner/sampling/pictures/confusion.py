"""What classifiers learnt from real and from generated examples made of the same test examples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gan_runner.errors import printable
from gan_runner.evaluation.metrics.tstr import Told, Tstr
from gan_runner.sampling.pictures.figure import as_array, label_text, new_figure

_TITLES = {"real": "trained on real", "synthetic": "trained on samples"}
_MOST_NAMED = 30  # classes; of more, no name can be read
_MOST_COUNTED = 20  # classes; of more, no number in a cell
_CELL, _SMALLEST, _LARGEST = 40, 300, 640  # pixels: a class, the side of a matrix
_PALE = 244
_RIGHT, _WRONG = (0, 114, 178), (213, 94, 0)  # for color-blind readers, too: Okabe & Ito 2008


class Confusion(NamedTuple):
    """Both confusion matrices, and the names of the K classes."""

    tstr: Tstr
    classes: tuple[str, ...]

    def plain(self) -> dict[str, Any]:
        """As plain data: rows are the true classes, columns what they were told as."""
        matrices = {name: told.confusion.tolist() for name, told in self.tstr._asdict().items()}
        return {"classes": list(self.classes), **matrices}

    def tables(self) -> Iterator[tuple[Sequence[str], list[list[str]]]]:
        """Each as the heads and the rows of a table of text."""
        names = [printable(name, limit=20) for name in self.classes]
        for title, told in self._told():
            rows = zip(names, told.confusion.tolist(), strict=True)
            yield [title, *names], [[name, *map(str, counts)] for name, counts in rows]

    def picture(self) -> NDArray[np.uint8]:
        """Both beside each other, [H, W, 3]. A cell is as strong as its share of the true class."""
        names = [label_text(name, limit=14) for name in self.classes]
        if len(names) > _MOST_NAMED:
            names = []
        side = max(_SMALLEST, min(_LARGEST, _CELL * len(self.classes)))
        room = 44 + 6 * max((len(name) for name in names), default=0)  # for names and axis labels
        width, height = room + side + 20, 30 + side + room
        with new_figure(2 * width, height) as figure:
            for place, (title, told) in enumerate(self._told()):
                left = (place * width + room) / (2 * width)
                box = (left, room / height, side / (2 * width), side / height)
                axes = figure.add_axes(box, title=title)
                axes.set(xlabel="predicted class", ylabel="true class")
                _draw(axes, told.confusion, names)
            return as_array(figure)

    def _told(self) -> Iterator[tuple[str, Told]]:
        for name, told in self.tstr._asdict().items():
            yield f"{_TITLES[name]}, accuracy {told.accuracy:.1%}", told


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
