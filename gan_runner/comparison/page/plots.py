"""Curves, and sample grids at equal steps, as data for `curves.html` and `samples.html`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any

from gan_runner.comparison.compared import Comparison
from gan_runner.comparison.grouping import Group
from gan_runner.comparison.leaderboard import LOGGED, measures_of, series_of
from gan_runner.comparison.page import curves as points_of
from gan_runner.comparison.page.drawing import curves_svg
from gan_runner.comparison.page.gallery import Strip, gallery
from gan_runner.comparison.page.groups import NamedGroup, named_groups, ordered_groups
from gan_runner.comparison.record import Measure
from gan_runner.evaluation.metrics.registry import good_values

_OPEN = ("loss/", "logits/", "value/", "accuracy/", "health/")  # beginnings of what is shown first
_DISTANCES = ("loss/", "penalty/", "grad_norm/", "eval/")
_MOST_CURVES = 60
_MOST_DRAWN = 8  # also where no script runs
_MOST_NUMBERS = 80_000  # in the curves of a page
_FEWEST_POINTS, _MOST_POINTS, _DRAWN_POINTS = 60, 2000, 60  # of a curve
_GOOD = {  # of what is logged, by the beginning of its name
    "loss/": "Losses of different kinds don't compare: look for steadiness, not for 0.",
    "logits/": "Real above fake is usual; far apart, D wins, and equal, it has given up.",
    "accuracy/": "Between 0.5, where D can't tell real from fake, and 1, where it always can.",
    "grad_norm/": "Steady is good: a steep rise comes before a divergence, 0 teaches nothing.",
    "speed/": "More is faster.",
    "reconstruction/": "Less is nearer to the target; black and white are 2 apart.",
    "cycle/": "Less is better, unless the translator does nothing; black and white are 2 apart.",
    "contrast/": "Less is better, unless the translator does nothing: the cross-entropy of finding "
    "the input's patch at the same place (PatchNCE).",
    "health/input_effect": "Near 1 is usual; at 0 the output ignores its input.",
    "health/change": "Near 1 is usual; at 0 the translator leaves its input as it is.",
    "health/checkerboards": "About 1 or less is usual; from 10 on all outputs have a pattern.",
}


def curves(comparison: Comparison) -> dict[str, Any]:
    """Every number over the steps: what was compared first, then what was logged."""
    every = ordered_groups(comparison)
    groups = every[: len(points_of.COLORS)]
    first, rest = _numbers(comparison, groups)
    count = len(first) + len(rest)
    first = first[:_MOST_CURVES]
    rest = rest[: _MOST_CURVES - len(first)]
    names = named_groups(comparison)
    rows = 3 * len(groups) if len(comparison.records) > len(groups) else len(groups)
    points = _MOST_NUMBERS // max(1, rows * (len(first) + len(rest)))
    points = max(_FEWEST_POINTS, min(_MOST_POINTS, points))
    return {
        "numbers": count,
        "groups": [names[id(group)] for group in groups],
        "total": len(every),
        "first": _figures(first, groups, points=points, drawn=_MOST_DRAWN),
        "more": _figures(rest, groups, points=points, drawn=0),
        "notes": [
            *[f"{_MOST_CURVES} of {count} numbers are drawn."] * (count > _MOST_CURVES),
            *[f"of more than {points} steps, each point is the mean of a stretch of them."]
            * _has_more_steps(comparison, points),
        ],
    }


def samples(comparison: Comparison) -> dict[str, Any]:
    """The sample grids at equal steps: a run of each group beside real examples, then, in a row for
    each group, all others."""
    found = gallery(ordered_groups(comparison))
    names = named_groups(comparison)
    by_group: dict[int, dict[str, list[Strip]]] = {}
    for strip in found.strips:
        by_run = by_group.setdefault(id(strip.group), {})
        by_run.setdefault(strip.record.name, []).append(strip)
    firsts = [strip for by_run in by_group.values() for strip in next(iter(by_run.values()))]
    others: dict[int, list[Strip]] = {
        group: list(chain.from_iterable(list(by_run.values())[1:]))
        for group, by_run in by_group.items()
        if len(by_run) > 1
    }
    return {
        "steps": found.steps,
        "reals": _reals(firsts, names),
        "first": [_strip(strip, names) for strip in firsts],
        "seeds": bool(others),
        "others": [
            {"heading": names[group], "strips": [_strip(strip, names) for strip in strips]}
            for group, strips in others.items()
        ],
        "more": sum(len(by_run) - 1 for by_run in by_group.values()),
        "notes": found.notes,
    }


def _has_more_steps(comparison: Comparison, points: int) -> bool:
    series = (each for record in comparison.records for each in record.logged.values())
    return any(len(each) > points for each in series)


def _reals(strips: Iterable[Strip], names: Mapping[int, NamedGroup]) -> list[dict[str, Any]]:
    """The pictures of real examples, each with the groups whose they are, if there are several."""
    groups: dict[str, dict[int, NamedGroup]] = {}
    for strip in strips:  # those of both directions are of one group
        if strip.real is not None:
            groups.setdefault(strip.real, {})[id(strip.group)] = names[id(strip.group)]
    several = len(groups) > 1
    return [{"url": url, "groups": [*of.values()] if several else []} for url, of in groups.items()]


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
    measures: Sequence[Measure], groups: Sequence[Group], *, points: int, drawn: int
) -> list[dict[str, Any]]:
    """A figure for each number that a group has; the first `drawn` as SVG, too."""
    figures: list[dict[str, Any]] = []
    for measure in measures:
        series = partial(series_of, measure=measure)
        found = points_of.curves(groups, series, points=points)
        if not any(curve is not None for curve in found):
            continue
        distances = measure.protocol != LOGGED or measure.name.startswith(_DISTANCES)
        logarithmic = distances and points_of.is_logarithmic(found)
        figure = {
            "name": measure.name,
            "protocol": None if measure.protocol == LOGGED else measure.protocol,
            "good": _good(measure),
            "points": points_of.curves_json(found),
            "logarithmic": logarithmic,
            "svg": None,
        }
        if len(figures) < drawn:
            coarse = points_of.curves(groups, series, points=_DRAWN_POINTS)
            figure["svg"] = curves_svg(coarse, logarithmic=logarithmic)
        figures.append(figure)
    return figures


def _good(measure: Measure) -> str | None:
    """Which values are good, in a sentence; None where it isn't known."""
    if measure.metric is not None:
        return good_values(measure.metric)
    return next((text for start, text in _GOOD.items() if measure.name.startswith(start)), None)


def _strip(strip: Strip, names: Mapping[int, NamedGroup]) -> dict[str, Any]:
    record = strip.record
    return {
        "pictures": strip.pictures,
        "direction": strip.direction,
        "run": record.name,
        "seed": record.seed,
        "group": names[id(strip.group)],
    }
