"""The results: the headline and the leaderboards, as data for `leaderboard.html`."""

from __future__ import annotations

from collections.abc import Mapping
from math import log
from typing import Any

from gan_runner.comparison import findings
from gan_runner.comparison.advice import no_evaluations
from gan_runner.comparison.compared import Comparison
from gan_runner.comparison.leaderboard import Leaderboard, Line, boards, measures_of, values_of
from gan_runner.comparison.page.groups import NamedGroup, named_groups
from gan_runner.comparison.record import Measure, Record
from gan_runner.evaluation.metrics.registry import good_values

_MOST_OTHERS = 60
_FAR = 10  # times


def headline(comparison: Comparison) -> str:
    """The first sentence of the page."""
    alone = len(comparison.records) == 1
    if not comparison.boards:
        return no_evaluations(comparison.records)
    first = comparison.boards[0]
    of = findings.result_text if alone else findings.headline
    good = _good(first.measure) if alone else None
    return " ".join([f"{first.measure.name}: {of(first)}", *([] if good is None else [good])])


def verdicts(record: Record) -> list[str]:
    """The reason why a run ended early, the verdicts on it, each with its evidence and advice, and
    its warnings."""
    status = record.status
    reason = None if record.state == "completed" else status.reason
    return [
        *([] if reason is None else [reason]),
        *(findings.verdict_text(verdict) for verdict in status.verdicts),
        *(f"warning: {text}" for text in status.warnings),
    ]


def leaderboard(comparison: Comparison) -> dict[str, Any]:
    """A table for each metric and protocol, or all numbers of a single run."""
    notes = comparison.grouping.notes
    if len(comparison.records) == 1:
        return {"notes": notes, **_numbers(comparison.records[0])}
    asked = {board.measure for board in comparison.boards}
    measures = measures_of(comparison.records)
    if len(measures) > _MOST_OTHERS:
        notes = (*notes, f"{_MOST_OTHERS} of {len(measures)} numbers have a table here.")
    others = [
        board
        for measure in measures[:_MOST_OTHERS]
        if measure not in asked
        for board in boards(
            comparison.grouping.groups,
            measure.name,
            ranked_by=comparison.ranked_by,
            unfinished=comparison.unfinished,
        )
        if board.measure == measure
    ]
    groups = named_groups(comparison)
    return {
        "boards": [_board(board, groups) for board in comparison.boards],
        "others": [_board(board, groups) for board in others],
        "notes": notes,
    }


def _good(measure: Measure) -> str | None:
    """Which values are good, in a sentence; None where it isn't known."""
    return None if measure.metric is None else good_values(measure.metric)


def _numbers(record: Record) -> dict[str, Any]:
    """All that was measured of one run: at the last evaluation, and at its best."""
    rows = []
    for measure, value in values_of(record):
        name, *figures, protocol = findings.value_cells(measure, value)
        rows.append(
            {"name": name, "good": _good(measure), "figures": figures, "protocol": protocol}
        )
    protocols = [(k, findings.protocol_text(v)) for k, v in record.protocols.items()]
    return {"numbers": rows, "heads": findings.VALUE_HEADS, "protocols": protocols}


def _board(board: Leaderboard, groups: Mapping[int, NamedGroup]) -> dict[str, Any]:
    n, mean, _, *ends, best, _, best_step, _, left_out = findings.board_heads(board)
    return {
        "metric": board.measure.name,
        "title": findings.title(board).removeprefix(board.measure.name),
        "good": _good(board.measure),
        "heads": ["group", n, mean, *ends, best, best_step, "", left_out, "health"],
        "lines": [_line(board, line, groups[id(line.group)]) for line in board.lines],
        "notes": findings.notes(board),
        "protocol": findings.protocol_text(board.protocol),
    }


def _line(board: Leaderboard, line: Line, group: NamedGroup) -> dict[str, Any]:
    names = "n final final_interval best_run worst_run best best_interval best_step standing"
    return {
        **dict(zip([*names.split(), "left_out"], findings.line_cells(board, line), strict=True)),
        "group": group,
        "leads": line.leader,
        "marks": _marks(board, line, group.color),
        "health": findings.verdict_counts(line.group),
    }


def _marks(board: Leaderboard, line: Line, color: str | None) -> dict[str, Any] | None:
    """The places of the group's means and its interval on the scale of the board, in percent."""
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
    # far apart, as distances are, they are on a logarithmic scale
    scale = log if 0 < _FAR * min(ends) < max(ends) else float
    low, width = scale(min(ends)), max(scale(max(ends)) - scale(min(ends)), 1e-300)

    def place(value: float | None) -> float | None:
        return None if value is None else 2 + 96 * min(1.0, max(0.0, (scale(value) - low) / width))

    return {
        "color": color or "var(--soft)",
        "mean": place(line.final.mean),
        "low": place(line.final.low),
        "high": place(line.final.high),
        "best": None if line.best is None else place(line.best.mean),
    }
