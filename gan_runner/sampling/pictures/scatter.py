"""Vectors as a picture: their first two dimensions against each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan_runner.sampling.pictures.figure import (
    COLORS,
    label_text,
    new_figure,
    set_number_ticks,
)

_SIDE = 512
_BINS = 40
_MAX_LETTERS = 20  # of a name


@contextmanager
def scatter(
    vectors: NDArray[np.float32] | NDArray[np.float64],
    classes: NDArray[np.int64] | None = None,
    names: Sequence[str] = (),
) -> Iterator[Any]:
    """A figure of vectors [N, D]: a point for each, in the color of its class [N], or a histogram
    where D is 1.

    The axes fit the middle 98 % of the points and have the same scale. `names` are those of the
    classes.
    """
    points = vectors[:, :2].astype(np.float64)
    low, high = np.quantile(points, [0.01, 0.99], axis=0)
    middle = (low + high) / 2
    least = 8 * float(np.finfo(vectors.dtype).eps) * float(np.abs(middle).max())
    reach = 0.6 * max(float((high - low).max()), least, 1e-9)
    inside = (np.abs(points - middle) <= reach).all(axis=1)
    seen = points[inside]
    groups = np.zeros(len(seen), np.int64) if classes is None else classes[inside]
    with new_figure(_SIDE, _SIDE, layout="constrained") as figure:
        axes = figure.add_subplot(box_aspect=1)
        axes.grid()
        if seen.shape[1] == 1:
            axes.hist(seen[:, 0], _BINS, color=COLORS[0])
            axes.set_ylabel("count")
        else:
            size = float(np.clip(80 / np.sqrt(len(seen)), 1.5, 6))  # pixels, about
            for group in np.unique(groups).tolist():
                _draw_class(axes, seen[groups == group], group, names, size)
            if classes is not None and 1 < len(names) <= len(COLORS):
                legend = axes.legend(loc="upper right", handletextpad=0.1)
                legend.set_in_layout(False)  # it lies within the axes: half of the time
            axes.set_ylim(middle[1] - reach, middle[1] + reach)
            axes.set_ylabel(f"dimension 2 {set_number_ticks(axes, 'y')}")
        axes.set_xlim(middle[0] - reach, middle[0] + reach)
        axes.set_xlabel(f"dimension 1 {set_number_ticks(axes, 'x')}")
        yield figure


def _draw_class(
    axes: Any, points: NDArray[np.float64], group: int, names: Sequence[str], size: float
) -> None:
    """The points [N, 2] of a class, in its color; of more classes than colors, these repeat."""
    label = label_text(names[group], limit=_MAX_LETTERS) if group < len(names) else None
    color = COLORS[group % len(COLORS)]
    axes.plot(*points.T, "o", color=color, markersize=size, markeredgewidth=0, label=label)
