"""Curves, and sample grids at equal steps, as data for `curves.html` and `samples.html`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from gan_runner.comparison.compared import Comparison
from gan_runner.comparison.grouping import Group
from gan_runner.comparison.leaderboard import LOGGED, measures_of, series_of
from gan_runner.comparison.page import curves as drawing
from gan_runner.comparison.page.gallery import Strip, gallery
from gan_runner.comparison.page.groups import named_groups, ordered_groups
from gan_runner.comparison.record import Measure

_OPEN = ("loss/", "logits/", "value/", "accuracy/", "health/")  # beginnings of what is shown first
_DISTANCES = ("loss/", "penalty/", "grad_norm/", "eval/")
_MOST_CURVES = 60


def curves(comparison: Comparison) -> dict[str, Any]:
    """Every number over the steps as SVG: what was compared first, then what was logged."""
    every = ordered_groups(comparison)
    groups = every[: len(drawing.COLORS)]
    first, rest = _numbers(comparison, groups)
    shown = rest[: max(0, _MOST_CURVES - len(first))]
    count = len(first) + len(rest)
    names = named_groups(comparison)
    return {
        "numbers": count,
        "groups": [names[id(group)] for group in groups],
        "total": len(every),
        "first": _figures(first[:_MOST_CURVES], groups, "first"),
        "more": _figures(shown, groups, "more") if rest else None,
        "more_numbers": len(shown),
        "notes": [f"{_MOST_CURVES} of {count} numbers are drawn."] * (count > _MOST_CURVES),
    }


def samples(comparison: Comparison) -> dict[str, Any]:
    """The sample grids at equal steps: a row for each group, or one where each has a single run."""
    found = gallery(ordered_groups(comparison))
    names = named_groups(comparison)
    by_group: dict[int, list[Strip]] = {}
    for strip in found.strips:
        by_group.setdefault(id(strip.group), []).append(strip)
    rows: list[dict[str, Any]] = [
        {"heading": names[group], "strips": [_strip(strip) for strip in strips]}
        for group, strips in by_group.items()
    ]
    if rows and all(len(strips) == 1 for strips in by_group.values()):
        alone = [_strip(strip) | {"group": names[id(strip.group)]} for strip in found.strips]
        rows = [{"heading": None, "strips": alone}]
    return {"steps": found.steps, "rows": rows, "notes": found.notes}


def _numbers(
    comparison: Comparison, groups: Sequence[Group]
) -> tuple[list[Measure], list[Measure]]:
    """The numbers that are shown at once, and those that are folded away."""
    records = [record for group in groups for record in group.records]
    compared = [board.measure for board in comparison.boards]
    measured = [m for m in measures_of(records) if m not in compared]
    names = dict.fromkeys(name for record in records for name in record.logged)
    evaluated = {f"eval/{measure.name}" for measure in measures_of(records)}
    logged = [Measure(name, LOGGED) for name in names if name not in evaluated]
    opened = [m for start in _OPEN for m in logged if m.name.startswith(start)]
    first = [*compared, *(m for m in opened if m not in compared)]
    return first, [m for m in [*measured, *logged] if m not in first]


def _figures(
    measures: Sequence[Measure], groups: Sequence[Group], part: str
) -> list[dict[str, str | None]]:
    figures: list[dict[str, str | None]] = []
    for place, measure in enumerate(measures):
        found = drawing.curves(groups, partial(series_of, measure=measure))
        if any(curve is not None for curve in found):
            distances = measure.protocol != LOGGED or measure.name.startswith(_DISTANCES)
            svg = drawing.curves_svg(found, distances=distances, salt=f"{part}{place}")
            protocol = None if measure.protocol == LOGGED else measure.protocol
            figures.append({"name": measure.name, "protocol": protocol, "svg": svg})
    return figures


def _strip(strip: Strip) -> dict[str, Any]:
    record = strip.record
    return {"pictures": strip.pictures, "run": record.name, "seed": record.seed, "group": None}
