"""Vectors as a picture: their first two dimensions against each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan_runner.sampling.pictures.figure import COLORS, new_figure, set_number_ticks

_SIDE = 512
_BINS = 40


@contextmanager
def scatter(vectors: NDArray[np.float32] | NDArray[np.float64]) -> Iterator[Any]:
    """A figure of vectors [N, D]: a point for each, or a histogram where D is 1.

    The axes fit the middle 98 % of the points and have the same scale.
    """
    points = vectors[:, :2].astype(np.float64)
    low, high = np.quantile(points, [0.01, 0.99], axis=0)
    middle = (low + high) / 2
    least = 8 * float(np.finfo(vectors.dtype).eps) * float(np.abs(middle).max())
    reach = 0.6 * max(float((high - low).max()), least, 1e-9)
    seen = points[(np.abs(points - middle) <= reach).all(axis=1)]
    with new_figure(_SIDE, _SIDE, layout="constrained") as figure:
        axes = figure.add_subplot(box_aspect=1)
        axes.grid()
        if seen.shape[1] == 1:
            axes.hist(seen[:, 0], _BINS, color=COLORS[0])
            axes.set_ylabel("count")
        else:
            size = float(np.clip(80 / np.sqrt(len(seen)), 1.5, 6))  # pixels, about
            axes.plot(*seen.T, "o", color=COLORS[0], markersize=size, markeredgewidth=0)
            axes.set_ylim(middle[1] - reach, middle[1] + reach)
            axes.set_ylabel(f"dimension 2 {set_number_ticks(axes, 'y')}")
        axes.set_xlim(middle[0] - reach, middle[0] + reach)
        axes.set_xlabel(f"dimension 1 {set_number_ticks(axes, 'x')}")
        yield figure
