"""A picture of a table: pairs of its columns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gan_runner.data.column import Column
from gan_runner.data.columns import Columns
from gan_runner.sampling.pictures.figure import (
    COLORS,
    label_text,
    new_figure,
    set_number_ticks,
)

_SIDE = 640
_MOST_COLUMNS = 4  # beside each other; of more, a picture shows nothing
_MOST_NAMED = 12  # categories on an axis
_REACH = 3.5  # standard deviations from the mean to the border of a panel
_BINS = 24
_SPREAD = 1 / 1.16730397826  # whose powers fill cubes evenly: Roberts 2018, the R sequence
_MARGIN, _LARGEST_EDGE = 0.01, 0.6  # around the labels, and what these take; of the picture
_MAX_LETTERS = 20  # letters of a name


class _Axis(NamedTuple):
    """A column, its value of each row [N], and the ends of its axis."""

    column: Column
    values: NDArray[np.float64]
    low: float
    high: float


@contextmanager
def pairs(
    examples: Tensor,
    labels: Tensor | None,
    columns: Columns,
    offset: Sequence[float],
    scale: Sequence[float],
) -> Iterator[Any]:
    """A figure of the first columns below each other, numeric ones first, as a corner plot: each
    against those before it, its histogram at the end of its row.

    Points have the color of the label that rows [N, D] hold, or of their condition, `labels` [N].
    All pictures of a table have the same axes: the mean `offset` of a number and 3.5 times its
    deviation `scale` to either side.
    """
    shown = _axes_of(examples, columns, offset, scale)
    classes = _classes(examples, labels, columns)
    count = len(shown)
    with new_figure(_SIDE, _SIDE) as figure:
        for row, up in enumerate(shown):
            for column, across in enumerate(shown[:row]):
                axes = figure.add_subplot(count, count, 1 + row * count + column)
                _draw_points(axes, across, up, classes)
                _label(axes, across, up, below=row == count - 1, beside=column == 0)
            axes = figure.add_subplot(count, count, 1 + row * count + row)
            _draw_histogram(axes, up)
            _label(axes, up, None, below=row == count - 1, beside=row == 0)
        _make_room(figure)
        _draw_legend(figure, columns, classes)
        yield figure


def _axes_of(
    examples: Tensor, columns: Columns, offset: Sequence[float], scale: Sequence[float]
) -> list[_Axis]:
    found: list[_Axis] = []
    begin = 0
    for column, part in columns.parts(examples.cpu().double()):
        if column.categories:
            # spread evenly, always alike, and independent of the spread of other columns
            jitter = np.arange(len(examples)) * _SPREAD ** (len(found) + 1) % 1
            places = part.argmax(1).numpy() - 0.4 + 0.8 * jitter
            found.append(_Axis(column, places, -0.5, column.width - 0.5))
        else:
            mean, reach = offset[begin], _REACH * scale[begin]
            values = part[:, 0]
            if column.may_miss:
                values = values.masked_fill(part[:, 1] > 0.5, math.nan)  # which isn't drawn
            found.append(_Axis(column, values.numpy(), mean - reach, mean + reach))
        begin += column.width
    found.sort(key=lambda axis: bool(axis.column.categories))
    return found[:_MOST_COLUMNS]


def _classes(examples: Tensor, labels: Tensor | None, columns: Columns) -> NDArray[np.int64] | None:
    """The class of each row, [N]."""
    held = [part.argmax(1) for column, part in columns.parts(examples) if column.label]
    classes = held[0] if held else labels
    return None if classes is None else classes.cpu().numpy()


def _draw_points(axes: Any, across: _Axis, up: _Axis, classes: NDArray[np.int64] | None) -> None:
    x, y = across.values, up.values
    inside = (across.low <= x) & (x <= across.high) & (up.low <= y) & (y <= up.high)
    groups = np.zeros(len(x), np.int64) if classes is None else classes % len(COLORS)
    style = {"markersize": float(np.clip(30 / np.sqrt(len(x)), 1.5, 5)), "markeredgewidth": 0}
    for group in np.unique(groups[inside]):
        chosen = inside & (groups == group)
        axes.plot(x[chosen], y[chosen], "o", color=COLORS[group], **style)
    axes.set(xlim=(across.low, across.high), ylim=(up.low, up.high))


def _draw_histogram(axes: Any, axis: _Axis) -> None:
    limits = axis.low, axis.high
    counts, edges = np.histogram(axis.values, len(axis.column.categories) or _BINS, limits)
    axes.stairs(counts, edges, fill=True, color="#b4b4b4")
    axes.set(xlim=limits, ylim=(0, 1.1 * max(1, counts.max())))


def _label(axes: Any, across: _Axis, up: _Axis | None, *, below: bool, beside: bool) -> None:
    """Names and ticks at the left and at the bottom of the picture alone."""
    axes.tick_params(length=2)
    if below:
        _set_ticks(axes, "x", across.column)
    else:
        axes.set_xticks([])
    if beside and up is not None:
        _set_ticks(axes, "y", up.column)
    else:
        axes.set_yticks([])  # of a histogram, too: each has a scale of its own


def _set_ticks(axes: Any, which: Literal["x", "y"], column: Column) -> None:
    label = label_text(column.name, limit=_MAX_LETTERS)
    if column.categories:
        names = _names(column)
        axes.set(**{f"{which}ticks": range(len(names)), f"{which}ticklabels": names})
    elif off := set_number_ticks(axes, which):
        label = f"{label}\n{off}"
    axes.set(**{f"{which}label": label})
    if which == "x" and column.categories:
        axes.tick_params(axis="x", labelrotation=90)


def _names(column: Column) -> list[str]:
    """The categories as they are shown; of too many to be read, none."""
    if len(column.categories) > _MOST_NAMED:
        return []
    return [label_text(name, limit=_MAX_LETTERS) for name in column.categories]


def _make_room(figure: Any) -> None:
    """Leave as much beside and below the panels as the labels there take."""
    edges = {"left": 0.1, "bottom": 0.1}
    figure.subplots_adjust(**edges, right=0.98, top=0.94, wspace=0.06, hspace=0.06)
    figure.align_ylabels()
    around = figure.get_tightbbox().bounds  # inches
    for (edge, share), begin, side in zip(
        edges.items(), around[:2], figure.get_size_inches(), strict=True
    ):
        edges[edge] = min(share - begin / side + _MARGIN, _LARGEST_EDGE)
    figure.subplots_adjust(**edges)


def _draw_legend(figure: Any, columns: Columns, classes: NDArray[np.int64] | None) -> None:
    """The color of each class, unless they are so many that colors repeat."""
    label = columns.label
    if classes is None or label is None or len(label.categories) > len(COLORS):
        return
    for color, name in zip(COLORS, label.categories, strict=False):
        figure.axes[0].plot([], [], "o", color=color, label=label_text(name, limit=_MAX_LETTERS))
    figure.legend(loc="upper right", handletextpad=0.1)
