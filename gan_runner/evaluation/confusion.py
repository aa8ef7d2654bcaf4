"""The confusion matrices of classifiers that were fitted to real and to generated examples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gan_runner.errors import printable
from gan_runner.evaluation.metrics.tstr import TSTR
from gan_runner.sampling.pictures.confusion import confusion_picture

_TITLES = {"real": "trained on real", "synthetic": "trained on samples"}


class ConfusionMatrices(NamedTuple):
    """Both matrices of the same test examples, and the names of the K classes."""

    tstr: TSTR
    classes: tuple[str, ...]

    def plain(self) -> dict[str, Any]:
        """As plain data: rows are the true classes, columns the predicted ones."""
        matrices = {name: result.confusion.tolist() for name, result in self.tstr._asdict().items()}
        return {"classes": list(self.classes), **matrices}

    def tables(self) -> Iterator[tuple[Sequence[str], list[list[str]]]]:
        """Each as the heads and the rows of a table of text."""
        names = [printable(name, limit=20) for name in self.classes]
        for title, matrix in self._titled_matrices():
            rows = zip(names, matrix.tolist(), strict=True)
            yield [title, *names], [[name, *map(str, counts)] for name, counts in rows]

    def picture(self) -> NDArray[np.uint8]:
        """Both beside each other, [H, W, 3]."""
        return confusion_picture(list(self._titled_matrices()), self.classes)

    def _titled_matrices(self) -> Iterator[tuple[str, NDArray[np.int64]]]:
        for name, result in self.tstr._asdict().items():
            yield f"{_TITLES[name]}, accuracy {result.accuracy:.1%}", result.confusion
