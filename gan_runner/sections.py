"""The parts of a page, in the order in which a reader needs them."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from gan_runner import curves as drawing
from gan_runner import findings
from gan_runner.comparison import Comparison
from gan_runner.gallery import Strip, gallery
from gan_runner.grouping import Group
from gan_runner.leaderboard import LOGGED, Board, Line, boards, measures_of, series_of, values_of
from gan_runner.markup import Content, Html, element, join
from gan_runner.record import ENDED, Measure, Record

_OPEN = ("loss/", "logits/", "value/", "accuracy/", "health/")  # beginnings of what is shown first
_MOST_CURVES = 60
_MOST_OTHERS = 24
_STATES = {
    **{"completed": "good", "stopped": "good", "interrupted": "warn", "running": ""},
    **{"diverged": "bad", "failed": "bad", "died": "bad", "unreadable": "bad"},
}


def verdict(comparison: Comparison) -> str:
    """What the page says first."""
    if not comparison.boards:
        return "No leaderboard: " + findings.NO_EVALUATIONS
    first = comparison.boards[0]
    return f"{first.measure.name}: {findings.headline(first)}"


def leaderboard(comparison: Comparison) -> Html:
    """A table for each metric and protocol, or all numbers of a single run."""
    notes = _notes(comparison.grouping.notes)
    if len(comparison.records) == 1:
        return join([_numbers(comparison.records[0]), notes])
    asked = {board.measure for board in comparison.boards}
    others = [
        board
        for measure in measures_of(comparison.records)[:_MOST_OTHERS]
        if measure not in asked
        for board in boards(comparison.grouping.groups, measure.name)
        if board.measure == measure
    ]
    colours = _colours(comparison)
    parts = [_board(board, colours) for board in comparison.boards]
    if others:
        more = [_board(board, colours) for board in others]
        parts.append(_folded(f"{len(others)} other metrics", more))
    return join([*parts, notes])


def curves(comparison: Comparison) -> Html:
    """A drawing of every number over the steps: what was compared first, then what was logged."""
    groups, total = _drawn(comparison)
    records = [record for group in groups for record in group.records]
    compared = [board.measure for board in comparison.boards]
    measured = [m for m in measures_of(records) if m not in compared]
    names = dict.fromkeys(name for record in records for name in record.logged)
    logged = [
        Measure(name, LOGGED)
        for name in names
        if not any(m.name == name.removeprefix("eval/") for m in measures_of(records))
    ]
    opened = [m for start in _OPEN for m in logged if m.name.startswith(start)]
    first = [*compared, *(m for m in opened if m not in compared)]
    rest = [m for m in [*measured, *logged] if m not in first]
    if not first and not rest:
        return element("p", "No rows yet: metrics.jsonl is empty.", class_="soft")
    told = "A line is the mean over the runs of a group, the band reaches from its lowest to its "
    told += "highest run. Runs that failed or haven't ended are in it as far as they came."
    if total > len(groups):
        told += f" The first {len(groups)} of {total} groups are drawn."
    parts = [element("p", told, class_="soft"), _legend(comparison, groups)]
    parts.append(_drawings(first[:_MOST_CURVES], groups, "first"))
    if rest:
        shown = rest[: max(0, _MOST_CURVES - len(first))]
        parts.append(_folded(f"{len(shown)} more curves", [_drawings(shown, groups, "more")]))
    return join(parts)


def samples(comparison: Comparison) -> Html:
    """The sample grids at equal steps side by side, under a slider."""
    found = gallery(comparison.grouping.groups)
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
    colours, rows = _colours(comparison), []
    for group in dict.fromkeys(id(strip.group) for strip in found.strips):
        strips = [strip for strip in found.strips if id(strip.group) == group]
        if len(comparison.grouping.groups) > 1:
            rows.append(element("h4", _named(strips[0].group, colours)))
        shown = [_strip(strip, found.steps) for strip in strips]
        rows.append(element("div", shown, class_="strips"))
    return join([slider, rows, _notes(found.notes)])


def differences(comparison: Comparison) -> Html:
    """Every setting that differs, by group; then those that all share."""
    grouping = comparison.grouping
    parts: list[Html] = []
    if grouping.differing:
        heads = ["setting", *(_named(group, _colours(comparison)) for group in grouping.groups)]
        rows = [
            element("tr", element("th", key), [element("td", value) for value in values])
            for key, values in grouping.differing.items()
        ]
        parts.append(element("div", _table(heads, rows), class_="card"))
    elif len(comparison.records) > 1:
        parts.append(element("p", "The runs differ in nothing but the seed.", class_="soft"))
    if grouping.shared:
        rows = [
            element("tr", element("th", key), element("td", value, class_="wrap"))
            for key, value in grouping.shared.items()
        ]
        table = element("div", _table(["setting", "value"], rows), class_="card")
        alone = len(comparison.records) == 1
        parts.append(table if alone else _folded(f"{len(rows)} settings that all share", [table]))
    return join(parts)


def resources(comparison: Comparison) -> Html:
    """What the runs of each group took, on average."""
    heads = ["", "time", "images a second", "steps", "parameters of G", "of D", "peak memory"]
    rows = []
    for group in comparison.grouping.groups:
        # what was cut short took less
        runs = [r for r in group.records if r.summary.state in ENDED] or list(group.records)
        speeds = [median(s.values()) for r in runs if (s := r.logged.get(_SPEED))]
        cells = [
            findings.span(findings.mean(r.seconds for r in runs if r.seconds is not None)),
            _counted(findings.mean(speeds)),
            _counted(findings.mean(r.summary.step for r in runs if r.summary.step is not None)),
            _counted(_parameters(runs, "generator")),
            _counted(_parameters(runs, "discriminator")),
            _memory(runs),
        ]
        devices = ", ".join(dict.fromkeys(str(r.status.get("device", "-")) for r in runs))
        rows.append(
            element(
                "tr",
                element("th", _named(group, _colours(comparison))),
                [element("td", cell, class_="number") for cell in cells],
                element("td", devices),
            )
        )
    told = "Means over the runs of a group that came to their end, else over all of them: the time "
    told += "that training took, evaluations included; the median speed of a run's rows; the peak "
    told += "memory of the process that trained it, or of the GPU."
    table = _table([*heads, "device"], rows, numbers=range(1, 7))
    return join([element("p", told, class_="soft"), element("div", table, class_="card")])


def runs(comparison: Comparison) -> Html:
    """Every run, how it ended, and what its health was."""
    groups = {id(r): group for group in comparison.grouping.groups for r in group.records}
    colours = _colours(comparison)
    heads = ["run", "group", "seed", "state", "step", "verdicts and warnings"]
    rows = [
        element(
            "tr",
            element("th", record.name, title=str(record.summary.path)),
            element("td", _named(groups[id(record)], colours) if id(record) in groups else "-"),
            element("td", "-" if record.seed is None else str(record.seed)),
            element("td", _state(record)),
            element("td", _progress(record), class_="number"),
            element("td", _told(record), class_="wrap"),
        )
        for record in comparison.records
    ]
    return element("div", _table(heads, rows, numbers=[4]), class_="card")


_SPEED = "speed/images_per_second"


def _board(board: Board, colours: dict[int, str]) -> Html:
    heads = ["group", "n", "final mean", "best run", "worst run", "best step", "", "not in it"]
    protocol = findings.protocol_text(board.protocol)
    title = findings.title(board).removeprefix(board.measure.name)
    return element(
        "div",
        element("h3", board.measure.name, element("span", title)),
        _table([*heads, "health"], [_line(board, line, colours) for line in board.lines], _FIGURES),
        _notes(findings.notes(board)),
        element("p", f"Protocol: {protocol}.", class_="soft") if protocol else None,
        class_="card",
    )


_FIGURES = range(1, 6)  # columns


def _line(board: Board, line: Line, colours: dict[int, str]) -> Html:
    n, final, sure, best_run, worst_run, best, best_sure, standing, out = findings.cells(
        board, line
    )
    badge = element("span", standing, class_="badge good" if line.leader else "badge")
    figures: list[Content] = [n, [final, _small(sure)], best_run, worst_run]
    figures.append([best, _small(best_sure)])
    return element(
        "tr",
        element("th", _named(line.group, colours), " ", badge if standing else None),
        [element("td", figure, class_="number") for figure in figures],
        element("td", _range(board, line, colours)),
        element("td", element("span", out, class_="badge bad") if out else None),
        element("td", _badges(findings.health(line.group))),
        class_="leader" if line.leader else None,
    )


def _small(interval: str) -> Html | None:
    return None if interval == "-" else element("small", interval, title="95 % interval")


def _range(board: Board, line: Line, colours: dict[int, str]) -> Html | None:
    """The group's interval on the scale of the board: filled for final, hollow for best."""
    ends = [
        end
        for other in board.lines
        for of in (other.final, other.best)
        if of is not None
        for end in (of.mean, of.low, of.high)
        if end is not None
    ]
    if not ends or line.final is None:
        return None
    low, width = min(ends), max(max(ends) - min(ends), 1e-300)

    def at(value: float) -> float:
        return 2 + 96 * min(1.0, max(0.0, (value - low) / width))

    marks = []
    for of, hollow in ((line.best, True), (line.final, False)):
        if of is not None:
            if of.low is not None and of.high is not None and not hollow:
                place = f"left:{at(of.low):.2f}%;width:{at(of.high) - at(of.low):.2f}%"
                marks.append(element("i", style=place))
            marks.append(
                element("b", class_="hollow" if hollow else None, style=f"left:{at(of.mean):.2f}%")
            )
    colour = colours.get(id(line.group), "var(--soft)")
    told = "mean and interval at the final step; hollow: mean of each run's best"
    return element("div", marks, class_="range", style=f"--dot:{colour}", title=told)


def _numbers(record: Record) -> Html:
    """All that was measured of one run: at the last evaluation, and at its best."""
    rows = []
    for measure, value in values_of(record):
        name, *figures, protocol = findings.value_cells(measure, value)
        told = findings.protocol_text(record.protocols[measure.protocol])
        rows.append(
            element(
                "tr",
                element("th", name),
                [element("td", figure, class_="number") for figure in figures],
                element("td", element("code", protocol)),
                element("td", told, class_="wrap soft"),
            )
        )
    if not rows:
        return element("p", findings.NO_EVALUATIONS, class_="soft")
    table = _table([*findings.VALUE_HEADS, None], rows, numbers=range(1, 5))
    return element("div", table, class_="card")


def _drawn(comparison: Comparison) -> tuple[list[Group], int]:
    """The groups that have a colour, in the order of their colours, and how many there are."""
    ordered = _ordered(comparison)
    return ordered[: len(drawing.COLOURS)], len(ordered)


def _ordered(comparison: Comparison) -> list[Group]:
    """The groups in the order of the first board."""
    groups = list(comparison.grouping.groups)
    ahead = [line.group for board in comparison.boards[:1] for line in board.lines]
    return ahead + [group for group in groups if not any(group is other for other in ahead)]


def _colours(comparison: Comparison) -> dict[int, str]:
    groups, _ = _drawn(comparison)
    return {id(group): colour for group, colour in zip(groups, drawing.COLOURS, strict=False)}


def _named(group: Group, colours: dict[int, str]) -> Html:
    """A group's label behind its colour."""
    colour = colours.get(id(group))
    swatch = element("span", class_="swatch", style=f"background:{colour}" if colour else None)
    return join([swatch, group.label])


def _legend(comparison: Comparison, groups: Sequence[Group]) -> Html:
    colours = _colours(comparison)
    return element(
        "div", [element("span", _named(group, colours)) for group in groups], class_="legend"
    )


def _drawings(measures: Sequence[Measure], groups: Sequence[Group], part: str) -> Html:
    figures = []
    for place, measure in enumerate(measures):
        found = drawing.curves(groups, lambda record, of=measure: series_of(record, of))  # type: ignore[misc]
        if any(curve is not None for curve in found):
            protocol = "" if measure.protocol == LOGGED else f" protocol {measure.protocol}"
            svg = Html(drawing.drawn(found, salt=f"{part}{place}"))
            title = element("h3", measure.name, element("span", protocol))
            figures.append(element("div", title, svg, class_="card"))
    return element("div", figures, class_="grid")


def _strip(strip: Strip, steps: Sequence[int]) -> Html:
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
    return element("figure", parts, element("figcaption", seed, title=strip.record.name))


def _state(record: Record) -> Html:
    kind = _STATES.get(record.outcome, "")
    reason = record.status.get("reason")
    said = str(reason) if reason and record.outcome != "completed" else None
    return element("span", record.outcome, class_=f"badge {kind}".strip(), title=said)


def _told(record: Record) -> list[Content]:
    """The reason of an end that wasn't a run's own, its verdicts with their evidence, warnings."""
    found: list[Content] = []
    if record.outcome not in ("completed", "running") and record.status.get("reason"):
        found.append(element("div", str(record.status["reason"])))
    for item in findings.verdicts(record):
        found.append(element("div", findings.verdict_text(item), class_="verdict"))
    warnings = record.status.get("warnings")
    for text in warnings if isinstance(warnings, list) else ():
        found.append(element("div", f"warning: {text}", class_="soft"))
    return found


def _progress(record: Record) -> str:
    step, steps = record.summary.step, record.summary.steps
    return "-" if step is None else f"{step}" if steps is None else f"{step} / {steps}"


def _badges(texts: Sequence[str]) -> list[Content]:
    return [element("span", text, class_="badge warn") for text in texts]


def _parameters(records: Sequence[Record], network: str) -> float | None:
    told = [record.status.get("parameters") for record in records]
    counts = [found.get(network) for found in told if isinstance(found, dict)]
    return findings.mean(count for count in counts if isinstance(count, int))


def _memory(records: Sequence[Record]) -> str:
    told = [record.status.get("peak_memory") for record in records]
    found = findings.mean(count for count in told if isinstance(count, int))
    return "not recorded" if found is None else f"{found / 1e6:,.0f} MB"


def _counted(value: float | None) -> str:
    return "not recorded" if value is None else f"{value:,.0f}"


def _notes(texts: Sequence[str]) -> Html | None:
    return element("ul", [element("li", text) for text in texts], class_="notes") if texts else None


def _folded(title: str, content: Sequence[Content]) -> Html:
    return element("details", element("summary", title), content)


def _table(heads: Sequence[Content], rows: Sequence[Html], numbers: Sequence[int] = ()) -> Html:
    head = [
        element("th", text, class_="number" if place in numbers else None)
        for place, text in enumerate(heads)
    ]
    table = element("table", element("thead", element("tr", head)), element("tbody", rows))
    return element("div", table, class_="scroll")
