"""Numbers over steps: the mean of a group's runs in a band of all of them, as points for the
browser to draw, and as SVG where no script runs.

No text from outside gets into either.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gan_runner.comparison.grouping import Group
from gan_runner.comparison.record import Record, Series
from gan_runner.sampling.pictures.figure import as_svg, new_figure

COLORS = (
    *("#2f7ed8", "#e07b28", "#2ca05a", "#d1495b", "#8e6bbf"),
    *("#0fa3b1", "#b5892e", "#d96fb0", "#7d8a97", "#6a9a1f"),
)
"""One for each group drawn; they stand out from white and from black."""

POINTS = 200
"""Of a curve, if not said otherwise; of more steps each stretch becomes one point."""

_LOG_FROM = 100  # times the least value, from which on a scale of positive values is logarithmic
_INK, _FAINT = "#010203", "#040506"  # stand-ins for colors of the page, which may be dark

Points = NDArray[np.float64]


class Curve(NamedTuple):
    """A group's values at each step [S]: the mean of its runs, the least and the greatest."""

    steps: Points
    mean: Points
    least: Points
    greatest: Points


def curves(
    groups: Sequence[Group], series_of: Callable[[Record], Series], *, points: int = POINTS
) -> list[Curve | None]:
    """A curve for each group, None for one without a value. All have their points at the same
    steps, or in so many stretches of steps where there are more of them."""
    found = [[s for record in group.records if (s := series_of(record))] for group in groups]
    steps = np.unique([float(step) for runs in found for series in runs for step in series])
    if not len(steps):
        return [None] * len(groups)
    edges = steps if len(steps) <= points else np.linspace(steps[0], steps[-1], points)
    return [_curve(runs, edges) if runs else None for runs in found]


def _curve(runs: Sequence[Series], edges: Points) -> Curve:
    table = np.stack([_bin_means(series, edges) for series in runs])
    there = ~np.isnan(table).all(axis=0)
    table = table[:, there]
    return Curve(
        edges[there],
        np.nanmean(table, axis=0),
        np.nanmin(table, axis=0),
        np.nanmax(table, axis=0),
    )


def _bin_means(series: Series, edges: Points) -> Points:
    """The mean of a run's values up to each edge from the one before; NaN where it has none."""
    steps = np.fromiter(series.keys(), np.float64, len(series))
    values = np.fromiter(series.values(), np.float64, len(series))
    place = np.searchsorted(edges, steps)
    sums = np.bincount(place, values, len(edges))
    counts = np.bincount(place, minlength=len(edges))
    binned = np.full(len(edges), np.nan)
    np.divide(sums, counts, out=binned, where=counts > 0)
    return binned


def curves_json(curves: Sequence[Curve | None]) -> str:
    """The points of curves as JSON of numbers alone: the steps, then of each curve the means, the
    least and the greatest (the means alone where they are the same), or null.

    Numbers have five digits; null is a step that a curve lacks.
    """
    steps = np.unique(np.concatenate([c.steps for c in curves if c is not None]))
    lists = [_json_list(f"{step:.10g}" for step in steps)]
    for curve in curves:
        if curve is None:
            lists.append("null")
            continue
        single = bool((curve.least == curve.greatest).all())
        rows = [curve.mean] if single else [curve.mean, curve.least, curve.greatest]
        lists.append(_json_list(_json_list(_at_steps(steps, curve.steps, row)) for row in rows))
    return _json_list(lists)


def _json_list(texts: Iterable[str]) -> str:
    return f"[{','.join(texts)}]"


def _at_steps(steps: Points, own: Points, values: Points) -> list[str]:
    """The values of a curve at all steps of its drawing, as texts."""
    there = dict(zip(own.tolist(), values.tolist(), strict=True))
    return [f"{there[step]:.5g}" if step in there else "null" for step in steps.tolist()]


def is_logarithmic(curves: Sequence[Curve | None]) -> bool:
    """Whether distances are best seen on a logarithmic scale: where they span one."""
    there = [curve for curve in curves if curve is not None]
    least = min(curve.least.min() for curve in there)
    greatest = max(curve.greatest.max() for curve in there)
    return bool(least > 0 and greatest / least > _LOG_FROM)


def curves_svg(curves: Sequence[Curve | None], *, logarithmic: bool, salt: str) -> str:
    """A drawing of curves in the COLORS of their places, as an SVG element.

    `salt` keeps the drawing's inner names apart from those of other drawings on a page.
    """
    with new_figure(540, 270, layout="constrained") as figure:
        axes = figure.add_subplot()
        for color, curve in zip(COLORS, curves, strict=False):
            if curve is not None:
                _draw(axes, curve, color)
        _frame(axes, logarithmic=logarithmic)
        return _for_page(as_svg(figure, salt=salt))


def _draw(axes: Any, curve: Curve, color: str) -> None:
    if len(curve.steps) == 1:
        spread = np.stack([curve.mean - curve.least, curve.greatest - curve.mean])
        axes.errorbar(curve.steps, curve.mean, yerr=spread, fmt="o", ms=4, color=color)
        return
    axes.fill_between(
        curve.steps, curve.least, curve.greatest, color=color, alpha=0.18, linewidth=0
    )
    axes.plot(curve.steps, curve.mean, color=color, linewidth=1.7)


def _frame(axes: Any, *, logarithmic: bool) -> None:
    if logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_minor_formatter("")  # figures between the powers of ten only crowd
    axes.grid(color=_FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", colors=_INK, labelsize=10.5, length=0)
    axes.set_xlabel("step", color=_INK, fontsize=10.5)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(_FAINT)


def _for_page(text: str) -> str:
    """The SVG element alone, in the page's colors and font, as wide as its place."""
    element = text[text.index("<svg") :]
    element = re.sub(r"<(metadata|style).*?</\1>", "", element, flags=re.DOTALL)
    element = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", element, count=1)
    element = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", element, count=1)
    element = re.sub(r"font: ([\d.]+)px[^;\"]*", r"font-size: \1px", element)
    element = re.sub(r"\d+\.\d{2,}", lambda number: f"{float(number[0]):.1f}", element)
    element = re.sub(r' id="(?![mp][0-9a-f]{10})[^"]*"', "", element)  # twice on a page
    return element.replace(_INK, "var(--soft)").replace(_FAINT, "var(--line)").strip()
