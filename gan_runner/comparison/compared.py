"""Runs held against each other: their groups and the leaderboards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from gan_runner.comparison.grouping import Grouping, group_runs
from gan_runner.comparison.leaderboard import Leaderboard, Step, boards
from gan_runner.comparison.record import Record, find_records
from gan_runner.comparison.search import SearchRecord, search_record
from gan_runner.comparison.unknown_metrics import explain_metrics
from gan_runner.config.plugins import Plugin
from gan_runner.errors import plural
from gan_runner.evaluation.metrics.registry import Direction


class Comparison(NamedTuple):
    """All runs, in groups, and a board for each metric and protocol; how these were made. The
    searches that stopped early stand by the names of their sweeps."""

    records: tuple[Record, ...]
    grouping: Grouping
    boards: tuple[Leaderboard, ...]
    ranked_by: Step
    unfinished: bool
    searches: tuple[tuple[str, SearchRecord], ...] = ()


def compare(
    places: Sequence[Path],
    *,
    by: Sequence[str] = (),
    metrics: Sequence[str] = (),
    direction: Direction | None = None,
    ranked_by: Step = "final",
    unfinished: bool = False,
    with_quick: bool = False,
    plugins: Sequence[Plugin] = (),
) -> Comparison:
    """The runs at some places, compared. `plugins` are imported if a metric needs them.

    Runs of quick=true are left out beside full ones, unless `with_quick`. Raises ConfigError for a
    place, a setting or a metric that isn't there.
    """
    found_records = find_records(places)
    records = found_records if with_quick else _without_quick(found_records)
    explain_metrics(records, plugins)
    grouping = group_runs(records, by)
    if left := len(found_records) - len(records):
        grouping = grouping._replace(notes=(*grouping.notes, _quick_note(left)))
    found = [
        board
        for metric in metrics or (None,)
        for board in boards(
            grouping.groups,
            metric,
            direction=direction,
            ranked_by=ranked_by,
            unfinished=unfinished,
        )
    ]
    searches = tuple(_searches(records))
    return Comparison(tuple(records), grouping, tuple(found), ranked_by, unfinished, searches)


def _searches(records: Sequence[Record]) -> Iterator[tuple[str, SearchRecord]]:
    """The searches whose jobs are among the runs."""
    for folder in dict.fromkeys(record.summary.path.resolve().parent for record in records):
        if (found := search_record(folder)) is not None:
            yield folder.name, found


def _without_quick(records: list[Record]) -> list[Record]:
    """The full runs; all if there are none, or nothing else."""
    return [record for record in records if not record.is_quick] or records


def _quick_note(count: int) -> str:
    runs = f"{plural(count, 'quick run')} {'is' if count == 1 else 'are'}"
    return (
        f"{runs} left out, which quick=true made small. --quick compares them with the full ones."
    )
