"""Groups of runs ranked by a metric: over seeds, at the final and at the best step, with ties."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from gan_runner.comparison.grouping import Group
from gan_runner.comparison.record import ENDED, Measure, Record, Series
from gan_runner.comparison.seed_statistics import SeedStatistics, seed_statistics
from gan_runner.errors import ConfigError, printable
from gan_runner.evaluation.metrics.registry import (
    Direction,
    numbers,
    numbers_of,
    suggest_number,
)

Step = Literal["final", "best"]

LOGGED = "as logged"
"""Stands for a protocol where there is none."""


class Value(NamedTuple):
    """The final and the best value of one run. Best needs a direction."""

    record: Record
    final: float
    final_step: int
    best: float | None
    best_step: int | None


class Line(NamedTuple):
    """A group on a board. `states` counts its runs by how they ended; only those that ended by
    themselves are among the `values`. `tied` says whether its interval overlaps the leader's, None
    if that isn't known."""

    group: Group
    values: tuple[Value, ...]
    final: SeedStatistics | None
    best: SeedStatistics | None
    states: Mapping[str, int]
    leader: bool = False
    tied: bool | None = None


class Leaderboard(NamedTuple):
    """Groups in the order of one metric under one protocol, the leader first.

    `ranked_by` is the step whose mean they are ordered by; without a direction they aren't.
    """

    measure: Measure
    protocol: Mapping[str, Any]
    direction: Direction | None
    ranked_by: Step
    lines: tuple[Line, ...]


def boards(
    groups: Sequence[Group],
    metric: str | None,
    *,
    direction: Direction | None = None,
    ranked_by: Step = "final",
    unfinished: bool = False,
) -> list[Leaderboard]:
    """A board for each protocol under which the metric was measured, the most used one first.

    Without a `metric` it is the one whose best checkpoint the runs keep. With `unfinished` runs
    that haven't ended by themselves count as well, by what they have. Raises ConfigError for a
    metric that no run has.
    """
    records = [record for group in groups for record in group.records]
    name = metric or _usual_metric(records)
    if name is None:
        return []
    measures = _measures_called(name, records)
    if not measures and metric is not None:
        raise ConfigError(_unknown_metric(metric, records))
    measures = measures or _measures_called(measures_of(records)[0].name, records)
    return [
        _board(
            groups,
            measure,
            direction or _direction(measure, records),
            ranked_by=ranked_by,
            unfinished=unfinished,
        )
        for measure in measures
    ]


def measures_of(records: Iterable[Record]) -> list[Measure]:
    """Everything that was measured, in the order in which the runs have it."""
    return list(dict.fromkeys(measure for record in records for measure in record.measured))


def values_of(record: Record) -> list[tuple[Measure, Value]]:
    """The values of a run in everything that was measured."""
    reached = [(m, _value(record, m, _direction(m, [record]))) for m in record.measured]
    return [(measure, value) for measure, value in reached if value is not None]


def series_of(record: Record, measure: Measure) -> Series:
    """The values of a run by step, measured or logged; empty if it has none."""
    if measure.protocol == LOGGED:
        return record.logged.get(measure.name, {})
    return record.measured.get(measure, {})


def sort_value(direction: Direction, value: float) -> float:
    """A number that is less the better the value is."""
    return {"min": value, "max": -value, "half": abs(value - 0.5)}[direction]


def _usual_metric(records: Sequence[Record]) -> str | None:
    """The metric whose best checkpoint most of the evaluated runs keep."""
    names = Counter(
        str(record.summary.settings.get("evaluation.best.metric"))
        for record in records
        if record.measured
    )
    return names.most_common(1)[0][0] if names else None


def _measures_called(name: str, records: Sequence[Record]) -> list[Measure]:
    """The measures that a name stands for, the most used first: a number as rows call it, those of
    a metric in any space, or else a logged number."""
    name = name.removeprefix("eval/")
    counts = Counter(measure for record in records for measure in record.measured)
    known = {name, *numbers_of(name)}  # the name itself may be of a plugin that isn't loaded
    found = [measure for measure in counts if measure.name == name] or [
        measure for measure in counts if measure.metric in known and measure.column is None
    ]
    if found:
        return sorted(found, key=lambda measure: -counts[measure])
    logged = [n for n in (name, f"eval/{name}") if any(n in r.logged for r in records)]
    return [Measure(n, LOGGED) for n in logged[:1]]


def _unknown_metric(metric: str, records: Sequence[Record]) -> str:
    measured = measures_of(records)
    known = {name for m in measured for name in (m.name, m.metric) if name is not None}
    known |= {name for record in records for name in record.logged}
    remedy = suggest_number(metric, known) or f"There are {', '.join(sorted(known)[:12])} ..."
    if not known:
        remedy = "They have no rows yet: metrics.jsonl has one every train.log_every steps."
    return f"no run has this metric, --metric {printable(metric)}. {printable(remedy, 600)}"


def _direction(measure: Measure, records: Sequence[Record]) -> Direction | None:
    """The better direction, as the runs' configuration says or as it is known of the metric."""
    if measure.metric is None:
        return None
    settings = [record.summary.settings for record in records]
    configured = {
        str(each.get("evaluation.best.direction"))
        for each in settings
        if each.get("evaluation.best.metric") == measure.metric
    }
    directions: tuple[Direction, ...] = ("min", "max")
    for direction in directions:
        if configured == {direction}:
            return direction
    number = numbers().get(measure.metric)
    return None if number is None else number.direction


def _board(
    groups: Sequence[Group],
    measure: Measure,
    direction: Direction | None,
    *,
    ranked_by: Step,
    unfinished: bool,
) -> Leaderboard:
    lines = [_line(group, measure, direction, unfinished=unfinished) for group in groups]
    here = [line for line in lines if _belongs(line.group, measure)]
    protocol = next(
        (r.protocols[measure.protocol] for g in groups for r in g.records if measure in r.measured),
        {},
    )
    ranked = _rank(here, direction, ranked_by)
    return Leaderboard(measure, protocol, direction, ranked_by, tuple(ranked))


def _belongs(group: Group, measure: Measure) -> bool:
    """Whether a group has this measure, or none at all: then no other board would show it."""
    if any(series_of(record, measure) for record in group.records):
        return True
    return not any(record.measured for record in group.records)


def _line(group: Group, measure: Measure, direction: Direction | None, *, unfinished: bool) -> Line:
    counted = [r for r in group.records if unfinished or r.summary.state in ENDED]
    values = [_value(record, measure, direction) for record in counted]
    found = tuple(value for value in values if value is not None)
    best = [value.best for value in found if value.best is not None]
    return Line(
        group=group,
        values=found,
        final=seed_statistics([value.final for value in found]) if found else None,
        best=seed_statistics(best) if best else None,
        states=Counter(record.state for record in group.records),
    )


def _value(record: Record, measure: Measure, direction: Direction | None) -> Value | None:
    series = series_of(record, measure)
    if not series:
        return None
    last, first_best = max(series), None
    if direction is not None:
        first_best = min(series, key=lambda step: (sort_value(direction, series[step]), step))
    best = None if first_best is None else series[first_best]
    return Value(record, series[last], last, best, first_best)


def _rank(lines: Sequence[Line], direction: Direction | None, by: Step) -> list[Line]:
    if direction is None:
        return list(lines)

    def place(line: Line) -> tuple[bool, float]:
        found = line.final if by == "final" else line.best
        return (True, 0.0) if found is None else (False, sort_value(direction, found.mean))

    ordered = sorted(lines, key=place)
    ahead = ordered[0].final if by == "final" else ordered[0].best
    if ahead is None:
        return ordered
    rest = [
        line._replace(tied=None if found is None else found.overlaps(ahead))
        for line in ordered[1:]
        for found in [line.final if by == "final" else line.best]
    ]
    return [ordered[0]._replace(leader=True), *rest]
