"""A comparison as files: JSON and CSV, with all digits."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from gan_runner.comparison.compared import Comparison
from gan_runner.comparison.leaderboard import Leaderboard, Line
from gan_runner.comparison.seed_statistics import SeedStatistics
from gan_runner.errors import printable

FORMAT = 1

_FIELDS = SeedStatistics._fields[1:]


def as_json(comparison: Comparison) -> str:
    """The boards with every run's values, all digits kept. JSON escapes what isn't ASCII."""
    plain = {
        "format": FORMAT,
        "group_by": list(comparison.grouping.group_by),
        "boards": [_plain(board) for board in comparison.boards],
        "differing": {k: list(v) for k, v in comparison.grouping.differing.items()},
        "notes": list(comparison.grouping.notes),
    }
    return json.dumps(plain, indent=2) + "\n"


def as_csv(comparison: Comparison) -> str:
    """A row for each group on each board, all digits kept."""
    text = io.StringIO()
    group_by = comparison.grouping.group_by
    table = csv.writer(text, lineterminator="\n")
    numbers = [f"{step}_{field}" for step in ("final", "best") for field in _FIELDS]
    heads = ["metric", "protocol", "direction", *group_by, "n", *numbers, "leader", "tied", "runs"]
    table.writerow([_cell(head) for head in heads])
    for board in comparison.boards:
        for line in board.lines:
            table.writerow([_cell(value) for value in _row(board, line, bool(group_by))])
    return text.getvalue()


def _row(board: Leaderboard, line: Line, has_values: bool) -> list[Any]:
    numbers = [
        None if of is None else getattr(of, field)
        for of in (line.final, line.best)
        for field in _FIELDS
    ]
    states = ", ".join(f"{count} {state}" for state, count in line.states.items())
    values = line.group.values if has_values else ()
    named = [board.measure.name, board.measure.protocol, board.direction]
    return [*named, *values, len(line.values), *numbers, line.leader, line.tied, states]


def _cell(value: object) -> object:
    """A text from outside in one line; an apostrophe before what a spreadsheet would take for a
    formula."""
    if not isinstance(value, str):
        return value
    if value[:1] in ("=", "+", "-", "@") and value != "-":
        try:
            float(value)
        except ValueError:
            return f"'{printable(value, 1000)}"
    return printable(value, 1000)


def _plain(board: Leaderboard) -> dict[str, Any]:
    return {
        "metric": board.measure.name,
        "protocol": board.measure.protocol,
        "protocol_parts": dict(board.protocol),
        "direction": board.direction,
        "ranked_by": board.ranked_by,
        "groups": [_plain_line(line) for line in board.lines],
    }


def _plain_line(line: Line) -> dict[str, Any]:
    return {
        "group": line.group.label,
        "values": list(line.group.values),
        "final": None if line.final is None else line.final._asdict(),
        "best": None if line.best is None else line.best._asdict(),
        "states": dict(line.states),
        "leader": line.leader,
        "tied": line.tied,
        "runs": [
            {
                "run": value.record.name,
                "path": str(value.record.summary.path),
                "seed": value.record.seed,
                "final": value.final,
                "final_step": value.final_step,
                "best": value.best,
                "best_step": value.best_step,
            }
            for value in line.values
        ],
    }
