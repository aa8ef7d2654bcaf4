"""Curves, and sample grids at equal steps."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from gan_runner.comparison.compared import Comparison
from gan_runner.comparison.grouping import Group
from gan_runner.comparison.leaderboard import LOGGED, measures_of, series_of
from gan_runner.comparison.page import curves as drawing
from gan_runner.comparison.page.gallery import Gallery, Strip, gallery
from gan_runner.comparison.page.markup import Content, Html, element, join
from gan_runner.comparison.page.parts import (
    coloured,
    colours_of,
    folded,
    legend,
    listed,
    named,
    ordered,
)
from gan_runner.comparison.record import Measure

_OPEN = ("loss/", "logits/", "value/", "accuracy/", "health/")  # beginnings of what is shown first
_DISTANCES = ("loss/", "penalty/", "grad_norm/", "eval/")
_MOST_CURVES = 60


def curves(comparison: Comparison) -> Html:
    """A drawing of every number over the steps: what was compared first, then what was logged."""
    groups, total = coloured(comparison)
    records = [record for group in groups for record in group.records]
    compared = [board.measure for board in comparison.boards]
    measured = [m for m in measures_of(records) if m not in compared]
    names = dict.fromkeys(name for record in records for name in record.logged)
    evaluated = {f"eval/{measure.name}" for measure in measures_of(records)}
    logged = [Measure(name, LOGGED) for name in names if name not in evaluated]
    opened = [m for start in _OPEN for m in logged if m.name.startswith(start)]
    first = [*compared, *(m for m in opened if m not in compared)]
    rest = [m for m in [*measured, *logged] if m not in first]
    if not first and not rest:
        return element("p", "No rows yet: metrics.jsonl is empty.", class_="soft")
    alone = len(comparison.records) == 1
    told = "A line is the mean over the runs of a group, the band reaches from its lowest to its "
    told += "highest run. Runs that failed or haven't ended are in it as far as they came."
    if total > len(groups):
        told += f" The first {len(groups)} of {total} groups are drawn."
    parts = [] if alone else [element("p", told, class_="soft"), legend(comparison, groups)]
    parts.append(_drawings(first[:_MOST_CURVES], groups, "first"))
    if rest:
        shown = rest[: max(0, _MOST_CURVES - len(first))]
        parts.append(folded(f"{len(shown)} more curves", [_drawings(shown, groups, "more")]))
    if len(first) + len(rest) > _MOST_CURVES:
        parts.append(
            join(listed([f"{_MOST_CURVES} of {len(first) + len(rest)} numbers are drawn."]))
        )
    return join(parts)


def samples(comparison: Comparison) -> Html:
    """The sample grids at equal steps side by side, under a slider."""
    found = gallery(ordered(comparison))
    if not found.strips:
        return element("p", "No sample grids in these runs.", class_="soft")
    last = len(found.steps) - 1
    slider = element(
        "div",
        element("label", "step", for_="step"),
        element(
            "input",
            **{"type": "range", "id": "step", "min": "0", "max": str(last), "value": str(last)},
            data_steps=" ".join(map(str, found.steps)),
        ),
        element("output", f"step {found.steps[-1]}", for_="step"),
        class_="slider",
        hidden=True,
    )
    return join([slider, _rows(found, colours_of(comparison)), listed(found.notes)])


def _drawings(measures: Sequence[Measure], groups: Sequence[Group], part: str) -> Html:
    figures = []
    for place, measure in enumerate(measures):
        found = drawing.curves(groups, partial(series_of, measure=measure))
        if any(curve is not None for curve in found):
            distances = measure.protocol != LOGGED or measure.name.startswith(_DISTANCES)
            protocol = "" if measure.protocol == LOGGED else f" protocol {measure.protocol}"
            svg = Html(drawing.drawn(found, distances=distances, salt=f"{part}{place}"))
            title = element("h3", measure.name, element("span", protocol))
            figures.append(element("div", title, svg, class_="card"))
    return element("div", figures, class_="grid")


def _rows(found: Gallery, colours: dict[int, str]) -> list[Html]:
    """A row for each group; all in one flow where each has a single run."""
    groups: dict[int, list[Strip]] = {}
    for strip in found.strips:
        groups.setdefault(id(strip.group), []).append(strip)
    if all(len(strips) == 1 for strips in groups.values()):
        shown = [_strip(s, found.steps, [named(s.group, colours), " "]) for s in found.strips]
        return [element("div", shown, class_="strips")]
    return [
        part
        for strips in groups.values()
        for part in (
            element("h4", named(strips[0].group, colours)),
            element("div", [_strip(s, found.steps) for s in strips], class_="strips"),
        )
    ]


def _strip(strip: Strip, steps: Sequence[int], label: Content = None) -> Html:
    last = len(steps) - 1
    parts = []
    for place, (step, url) in enumerate(zip(steps, strip.pictures, strict=True)):
        kept: dict[str, str | bool] = {"data_place": str(place), "hidden": place != last}
        if url is None:
            parts.append(element("div", f"no picture at step {step}", class_="none", **kept))
        else:
            told = f"samples of {strip.record.name} at step {step}"
            parts.append(element("img", src=Html(url), alt=told, loading="lazy", **kept))
    seed = "" if strip.record.seed is None else f"seed {strip.record.seed}"
    return element("figure", parts, element("figcaption", label, seed, title=strip.record.name))
