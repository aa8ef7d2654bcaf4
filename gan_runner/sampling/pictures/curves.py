"""Sequences drawn as curves: a panel for each sequence, a color for each dimension."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gan_runner.sampling.pictures.figure import COLORS, new_figure

DIMENSIONS = 7
"""At most so many are drawn, in the first of COLORS."""

LINE = 20
"""Pixels of a line of text: the legend above the panels, the label below them."""

GAP = 4
"""Pixels between panels, and around them."""

_WIDTH = 1024  # of the picture, about
_NARROWEST, _WIDEST = 48, 512  # a panel
_MARGIN = 0.06  # of a panel's height, above and below
_FARTHEST = 1e30  # what diverged stays a number
_ENTRY = 256  # pixels that the legend needs for a dimension


class Panels(NamedTuple):
    """The places of the panels: their number beside and above each other, their size in pixels."""

    columns: int
    rows: int
    width: int
    height: int


@contextmanager
def curves(
    sequences: NDArray[np.float32] | NDArray[np.float64],
    *,
    grid_columns: int | None,
    repeats_columns: bool = True,
) -> Iterator[Any]:
    """A figure of sequences [N, T, D], row by row in their order.

    All panels have the same axes: time from left to right, and of each dimension its own range
    over all the sequences, its farthest values left out. `grid_columns` is repeated as long as that
    brings the picture nearer to a square, if it `repeats_columns`.
    """
    count, steps, _ = sequences.shape
    panels = panels_of(count, grid_columns, repeats_columns=repeats_columns)
    shown = sequences[..., :DIMENSIONS].astype(np.float64)
    values = np.nan_to_num(shown, nan=0, posinf=_FARTHEST, neginf=-_FARTHEST)
    low, high = np.quantile(values, [0.001, 0.999], axis=(0, 1))
    names = [f"dimension {d + 1}: {_range_text(low[d], high[d])}" for d in range(len(low))]
    width = panels.columns * (panels.width + GAP) + GAP
    entries = max(1, width // _ENTRY)  # of the legend in a line
    top = math.ceil(len(names) / entries) * LINE
    height = top + panels.rows * (panels.height + GAP) + GAP + LINE
    with new_figure(width, height) as figure:
        axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
        axes.axis("off")
        _draw(axes, _shares(values, low, high), panels, top, names)
        figure.legend(loc="upper left", ncols=entries, borderaxespad=0.2)
        label = f"time from left to right, {steps} steps in each panel"
        axes.text(width / 2, height - LINE / 2, label, ha="center", va="center")
        yield figure


def _range_text(low: float, high: float) -> str:
    """Both ends with three digits, or as many more as they have in common."""
    largest, span = max(abs(low), abs(high)), high - low
    alike = math.ceil(math.log10(largest / span)) if 0 < 10 * span < largest else 0
    digits = 3 + min(alike, 12)
    return f"{low:.{digits}g} to {high:.{digits}g}"


def panels_of(count: int, grid_columns: int | None, *, repeats_columns: bool = True) -> Panels:
    """The panels of a picture of so many sequences."""
    square = math.sqrt(count)
    if grid_columns is None:
        columns = max(1, math.ceil(square))
    else:
        times = max(1, round(square / grid_columns)) if repeats_columns else 1
        columns = grid_columns * times
    width = min(max(_WIDTH // columns - GAP, _NARROWEST), _WIDEST)
    return Panels(columns, math.ceil(count / columns), width, max(_NARROWEST, width // 2))


def _shares(
    values: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The height of each value in its panel: 0 at the bottom, 1 at the top, [N, T, D]."""
    span = np.maximum(high - low, 1e-12 * np.maximum(np.abs(low), 1e3))
    inner = (values - (low + high) / 2) / span + 0.5
    return np.asarray(np.clip(inner, 0, 1) * (1 - 2 * _MARGIN) + _MARGIN)


def _draw(
    axes: Any, shares: NDArray[np.float64], panels: Panels, top: int, names: list[str]
) -> None:
    """All panels on the same axes, whose unit is a pixel: axes for each take half a second."""
    count, steps, _ = shares.shape
    index = np.arange(count)
    left = GAP + index % panels.columns * (panels.width + GAP)
    bottom = top + (index // panels.columns + 1) * (panels.height + GAP)
    axes.bar(left, -panels.height, panels.width, bottom, align="edge", color="#f1f1f1")
    across = left[:, None] + np.linspace(0, panels.width - 1, steps)
    for number, name in enumerate(names):
        up = bottom[:, None] - panels.height * shares[..., number]
        # one line that NaN interrupts at the end of each panel
        x, y = (np.pad(part, ((0, 0), (0, 1)), constant_values=np.nan) for part in (across, up))
        axes.plot(x.ravel(), y.ravel(), color=COLORS[number], linewidth=1, label=name)
