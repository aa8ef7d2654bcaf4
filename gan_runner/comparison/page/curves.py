"""Numbers over steps: the mean of a group's runs in a band of all of them, as points to be drawn.

No text from outside gets into them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gan_runner.comparison.grouping import Group
from gan_runner.comparison.record import Record, Series

COLORS = (
    *("#2f7ed8", "#e07b28", "#2ca05a", "#d1495b", "#8e6bbf"),
    *("#0fa3b1", "#b5892e", "#d96fb0", "#7d8a97", "#6a9a1f"),
)
"""One for each group drawn; they stand out from white and from black."""

POINTS = 200
"""Of a curve, if not said otherwise; of more steps each stretch becomes one point."""

_LOG_FROM = 100  # times the least value, from which on a scale of positive values is logarithmic

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
