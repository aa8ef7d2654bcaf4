"""The columns of tables, real against sampled, as data for `columns.html`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from gan_runner.comparison.compared import Comparison
from gan_runner.comparison.findings import number_text
from gan_runner.comparison.grouping import Group
from gan_runner.comparison.leaderboard import values_of
from gan_runner.comparison.page.associations import maps, pairs
from gan_runner.comparison.page.drawing import steps_path
from gan_runner.comparison.page.groups import named_groups, ordered_groups
from gan_runner.comparison.record import Record
from gan_runner.evaluation.metrics.registry import METRICS, Metric, Need, good_values
from gan_runner.evaluation.table_report.report import Bar, ComparedColumn, Histogram, TableReport

_MOST_GROUPS = 10  # side by side
_WIDTH, _HEIGHT, _ABOVE = 360, 110, 16  # pixels of a histogram, without the texts below it


class _GroupTable(NamedTuple):
    """A group and the first of its runs that has a table report."""

    group: Group
    record: Record
    table: TableReport


def is_of_tables(comparison: Comparison) -> bool:
    """Whether a run is one on a table."""
    return any(
        record.table is not None or (record.reading is not None and record.reading.kind == "table")
        for record in comparison.records
    )


def section(comparison: Comparison) -> dict[str, Any]:
    """The columns, the pairs and the numbers of one run, that of the first group that has a table
    report; of several groups how far each column is from the real one in each of them."""
    found = [_GroupTable(g, *first) for g in ordered_groups(comparison) if (first := _first(g))]
    if not found:
        return {"table": None}
    group, record, table = found[0]
    names = named_groups(comparison)
    return {
        "table": _table(table),
        "run": record.name,
        "group": names[id(group)],
        "groups": [names[id(each.group)] for each in found[:_MOST_GROUPS]],
        "distances": _distances([each.table for each in found[:_MOST_GROUPS]]),
        "maps": maps(table.associations),
        "pairs": pairs(table.associations),
        "numbers": _numbers(record),
        "notes": _notes(table, groups=len(found)),
    }


def _first(group: Group) -> tuple[Record, TableReport] | None:
    """The first run of a group that has a table report, and the report."""
    return next(((r, r.table) for r in group.records if r.table is not None), None)


def _table(table: TableReport) -> dict[str, Any]:
    at = "" if table.step is None else f" at step {table.step}"
    return {
        "text": f"{table.sampled_rows:,} sampled rows{at} beside {table.real_rows:,} real ones.",
        "columns": [_column(column) for column in table.columns],
    }


def _column(column: ComparedColumn) -> dict[str, Any]:
    histogram = column.histogram
    return {
        "name": column.name,
        "distance": f"{column.distance:.3f}",
        "measure": "KS distance" if column.is_numeric else "total variation",
        "histogram": None if histogram is None else _histogram(histogram),
        "bars": [_bar(bar) for bar in column.bars],
    }


def _histogram(histogram: Histogram) -> dict[str, Any]:
    """Both outlines over the same bins, the texts at the ends of both axes."""
    highest = max(*histogram.real, *histogram.sampled) or 1.0
    logarithmic = histogram.scale == "logarithmic"
    outlines = (
        steps_path(
            histogram.edges,
            [share / highest for share in shares],
            size=(_WIDTH, _HEIGHT),
            above=_ABOVE,
            logarithmic=logarithmic,
        )
        for shares in (histogram.real, histogram.sampled)
    )
    real, sampled = outlines
    low, high = (f"{end:.10g}" for end in histogram.ends)
    return {
        "size": (_WIDTH, _HEIGHT),
        "real": real,
        "sampled": sampled,
        "highest": _percent(highest),
        "ends": (low, high),
        "logarithmic": logarithmic,
    }


def _bar(bar: Bar) -> dict[str, Any]:
    return {
        "name": "missing" if bar.kind == "missing" else bar.name,
        "is_value": bar.kind == "value",
        "widths": [f"{100 * share:.2f}" for share in (bar.real, bar.sampled)],
        "texts": [_percent(share) for share in (bar.real, bar.sampled)],
    }


def _percent(share: float) -> str:
    if not share:
        return "0 %"
    return "< 0.1 %" if share < 0.001 else f"{100 * share:.1f} %"


def _distances(tables: Sequence[TableReport]) -> list[dict[str, Any]]:
    """Columns by name with their distance in each table, None where a table doesn't show them, the
    worst first; none of a single table."""
    if len(tables) < 2:
        return []
    found = [{column.name: column.distance for column in table.columns} for table in tables]
    names = dict.fromkeys(name for each in found for name in each)
    worst = sorted(names, key=lambda name: -max(each.get(name, 0.0) for each in found))
    return [
        {"name": name, "distances": [each.get(name) for each in found]}
        for name in worst[: max(len(table.columns) for table in tables)]
    ]


def _numbers(record: Record) -> list[dict[str, str]]:
    """The numbers of the metrics of tables at the last evaluation, without those of single columns,
    each with a sentence on its meaning."""
    return [
        {
            "name": measure.name,
            "value": number_text(value.final),
            "meaning": good_values(measure.metric or "") or metric.description,
        }
        for measure, value in values_of(record)
        if measure.column is None and (metric := _metric_of_tables(measure.metric)) is not None
    ]


def _metric_of_tables(number: str | None) -> Metric | None:
    """The metric that gives a number, if only tables have it."""
    return next(
        (
            metric
            for metric in METRICS.values()
            if {Need.TABLE, Need.TSTR}.intersection(metric.needs)
            and any(each.name == number for each in metric.numbers)
        ),
        None,
    )


def _notes(table: TableReport, *, groups: int) -> list[str]:
    shown, paired = len(table.columns), len(table.associations.names)
    notes = []
    if groups > _MOST_GROUPS:
        notes.append(f"the first {_MOST_GROUPS} of {groups} groups.")
    if shown < table.total_columns:
        notes.append(f"the {shown} worst of {table.total_columns:,} columns are shown.")
    if paired < table.total_columns:
        notes.append(f"pairs are those of the first {paired} of {table.total_columns:,} columns.")
    return notes
