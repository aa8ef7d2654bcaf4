"""What differs between the groups, what they took, and every run."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from gan_runner.comparison import findings
from gan_runner.comparison.compared import Comparison
from gan_runner.comparison.page.markup import Content, Html, element, join
from gan_runner.comparison.page.parts import (
    breakable,
    colours_of,
    folded,
    listed,
    named,
    ordered,
    table_of,
)
from gan_runner.comparison.record import ENDED, Record
from gan_runner.system.units import size, span

_MOST_GROUPS = 20  # side by side
_SPEED = "speed/images_per_second"
_STATES = {
    **{"completed": "good", "stopped": "good", "interrupted": "warn", "running": ""},
    **{"diverged": "bad", "failed": "bad", "died": "bad", "unreadable": "bad"},
}


def differences(comparison: Comparison) -> Html:
    """Every setting that differs, by group; then those that all share."""
    grouping = comparison.grouping
    parts: list[Html] = []
    if grouping.differing:
        places = {id(group): place for place, group in enumerate(grouping.groups)}
        shown = ordered(comparison)[:_MOST_GROUPS]
        heads = ["setting", *(named(group, colours_of(comparison)) for group in shown)]
        rows = [
            element(
                "tr",
                element("th", breakable(key)),
                [element("td", values[places[id(group)]]) for group in shown],
            )
            for key, values in grouping.differing.items()
        ]
        parts.append(element("div", table_of(heads, rows), class_="card"))
        if len(places) > len(shown):
            parts.append(join(listed([f"the first {len(shown)} of {len(places)} groups."])))
    elif len(comparison.records) > 1:
        parts.append(element("p", "The runs differ in nothing but the seed.", class_="soft"))
    if grouping.shared:
        rows = [
            element("tr", element("th", breakable(key)), element("td", value, class_="wrap"))
            for key, value in grouping.shared.items()
        ]
        table = element("div", table_of(["setting", "value"], rows), class_="card")
        alone = len(comparison.records) == 1
        parts.append(table if alone else folded(f"{len(rows)} settings that all share", [table]))
    return join(parts)


def resources(comparison: Comparison) -> Html:
    """What the runs of each group took, on average."""
    heads = ["", "time", "images a second", "steps", "parameters of G", "of D", "peak memory"]
    rows = []
    for group in ordered(comparison):
        # what was cut short took less
        runs = [r for r in group.records if r.summary.state in ENDED] or list(group.records)
        took = findings.mean(r.seconds for r in runs if r.seconds is not None)
        speeds = [median(s.values()) for r in runs if (s := r.logged.get(_SPEED))]
        cells = [
            "not recorded" if took is None else span(took),
            _counted(findings.mean(speeds)),
            _counted(findings.mean(r.summary.step for r in runs if r.summary.step is not None)),
            _counted(_parameters(runs, "generator")),
            _counted(_parameters(runs, "discriminator")),
            _memory(runs),
        ]
        devices = ", ".join(dict.fromkeys(r.status.device for r in runs if r.status.device))
        rows.append(
            element(
                "tr",
                element("th", named(group, colours_of(comparison))),
                [element("td", cell, class_="number") for cell in cells],
                element("td", devices),
            )
        )
    text = "Means over the runs of a group that came to their end, else over all of them: the time "
    text += "that training took, evaluations included; the median speed of a run's rows; the peak "
    text += "memory of the process that trained it, or of the GPU."
    table = table_of([*heads, "device"], rows, numbers=range(1, 7))
    return join([element("p", text, class_="soft"), element("div", table, class_="card")])


def runs(comparison: Comparison) -> Html:
    """Every run, how it ended, and what its health was."""
    groups = {id(r): group for group in comparison.grouping.groups for r in group.records}
    colours = colours_of(comparison)
    heads = ["run", "group", "seed", "state", "step", "verdicts and warnings"]
    rows = [
        element(
            "tr",
            element("th", breakable(record.name), title=str(record.summary.path)),
            element("td", named(groups[id(record)], colours) if id(record) in groups else "-"),
            element("td", "-" if record.seed is None else str(record.seed)),
            element("td", _state(record)),
            element("td", _progress(record), class_="number"),
            element("td", _told(record), class_="wrap"),
        )
        for record in comparison.records
    ]
    return element("div", table_of(heads, rows, numbers=[4]), class_="card")


def _state(record: Record) -> Html:
    kind = _STATES.get(record.outcome, "")
    return element("span", record.outcome, class_=f"badge {kind}".strip())


def _progress(record: Record) -> str:
    step, steps = record.summary.step, record.summary.steps
    return "-" if step is None else f"{step}" if steps is None else f"{step} / {steps}"


def _told(record: Record) -> list[Content]:
    """The reason of an end that wasn't a run's own, its verdicts with their evidence, warnings."""
    found: list[Content] = []
    if record.status.reason is not None and record.outcome != "completed":
        found.append(element("div", record.status.reason))
    for verdict in record.status.verdicts:
        found.append(element("div", findings.verdict_text(verdict), class_="verdict"))
    for text in record.status.warnings:
        found.append(element("div", f"warning: {text}", class_="soft"))
    return found


def _parameters(records: Sequence[Record], network: str) -> float | None:
    counts = (record.status.parameters.get(network) for record in records)
    return findings.mean(count for count in counts if count is not None)


def _memory(records: Sequence[Record]) -> str:
    peaks = (record.status.peak_memory for record in records)
    mean = findings.mean(peak for peak in peaks if peak is not None)
    return "not recorded" if mean is None else size(mean)


def _counted(value: float | None) -> str:
    return "not recorded" if value is None else f"{value:,.0f}"
