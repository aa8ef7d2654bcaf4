"""Means with their intervals as a picture: a panel beside another, a color for each series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gan_runner.augmentation_study.intervals import Interval
from gan_runner.sampling.pictures.figure import COLORS, as_array, new_figure

_WIDTH, _HEIGHT = 560, 400  # of a panel
_SHIFT = 0.09  # between two series at one place, as a share of the way to the next place


class Panel(NamedTuple):
    """Series by name, each with an interval or None for every place on the horizontal axis."""

    title: str
    across: str
    places: Sequence[str]
    series: Mapping[str, Sequence[Interval | None]]
    zero: bool  # whether the horizontal line at 0 belongs into the picture


def chart(panels: Sequence[Panel]) -> NDArray[np.uint8]:
    """Panels side by side, uint8 [H, W, 3]. A series has the same color in all of them."""
    names = list(dict.fromkeys(name for panel in panels for name in panel.series))
    colors = {name: COLORS[k % len(COLORS)] for k, name in enumerate(names)}
    with new_figure(_WIDTH * len(panels), _HEIGHT, layout="constrained") as figure:
        grid = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, panel in zip(grid, panels, strict=True):
            _draw(axes, panel, colors)
        handles = {h.get_label(): h for axes in grid for h in axes.get_legend_handles_labels()[0]}
        figure.legend(handles=handles.values(), loc="outside upper left", ncols=5 * len(panels))
        return as_array(figure)


def _draw(axes: Any, panel: Panel, colors: Mapping[str, str]) -> None:
    axes.set_title(panel.title)
    axes.set(xlabel=panel.across, xlim=(-0.5, len(panel.places) - 0.5))
    axes.set_xticks(range(len(panel.places)), panel.places)
    axes.grid(axis="y")
    if panel.zero:
        axes.axhline(0, color="black", linewidth=0.8)
    for number, (name, series) in enumerate(panel.series.items()):
        shift = (number - (len(panel.series) - 1) / 2) * min(_SHIFT, 0.8 / len(panel.series))
        found = [(place, interval) for place, interval in enumerate(series) if interval]
        means = np.array([interval.mean for _, interval in found])
        ends = np.array([(interval.low, interval.high) for _, interval in found]).reshape(-1, 2)
        axes.errorbar(
            [place + shift for place, _ in found],
            means,
            yerr=np.abs(ends.T - means),
            **{"fmt": "o-", "color": colors[name], "markersize": 5, "capsize": 3},
            **{"linewidth": 0.8, "elinewidth": 1.8, "label": name},
        )
