"""The findings of a comparison in words and figures, for a terminal and for a page alike.

Texts may hold names and settings from outside: whoever shows them escapes them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gan_runner.comparison.grouping import Group
from gan_runner.comparison.leaderboard import LOGGED, Leaderboard, Line, Value
from gan_runner.comparison.record import ENDED, Measure, Record
from gan_runner.comparison.seed_statistics import SeedStatistics
from gan_runner.errors import plural
from gan_runner.evaluation.metrics.registry import BETTER, trivial_number
from gan_runner.storage.status import Verdict

VALUE_HEADS = ("metric", "final", "at step", "best", "best step", "protocol")
"""The columns of the table of one run's numbers."""

_NAMED = 4  # groups in a sentence
_FEW = 5  # seeds, below which a bootstrap interval says little


def title(board: Leaderboard) -> str:
    """The metric, what is better, and the protocol's digest."""
    order = "no order" if board.direction is None else BETTER[board.direction]
    protocol = "as logged" if board.measure.protocol == LOGGED else board.measure.protocol
    return f"{board.measure.name} ({order}), protocol {protocol}"


def headline(board: Leaderboard) -> str:
    """Who leads, who is tied with it, and how many runs are not in it."""
    lines = [line for line in board.lines if line.values]
    if not lines:
        return "No run has come to its end with a number yet."
    ahead = lines[0]
    spread = ahead.final if board.ranked_by == "final" else ahead.best
    if len(board.lines) == 1:
        first = f"{ahead.group.label}: {_figure(spread)}, {_seeds(ahead)}."
    elif spread is None or not ahead.leader:
        first = "No order: it isn't known whether less or more of this is better (--direction)."
    else:
        first = f"{ahead.group.label} leads with {_figure(spread)}, {_seeds(ahead)}."
    tied = [line.group.label for line in lines if line.tied]
    unsure = [line.group.label for line in lines if line.tied is None and not line.leader]
    parts = [first]
    if tied:
        parts.append(f"Tied with it, as the intervals overlap: {_list_some(tied)}.")
    if unsure and ahead.leader:
        parts.append(f"Too few seeds to compare with it: {_list_some(unsure)}.")
    return " ".join([*parts, *_missing_notes(board)])


def result_text(board: Leaderboard) -> str:
    """The result of a single run, in a sentence."""
    values = [value for line in board.lines for value in line.values]
    if not values:
        return "not measured yet."
    (value,) = values
    final = f"{number_text(value.final)} at step {value.final_step}"
    if value.best is None:
        return f"{final}."
    if value.best_step == value.final_step:
        return f"{final}, the best."
    return f"{final}; the best was {number_text(value.best)} at step {value.best_step}."


def board_heads(board: Leaderboard) -> list[str]:
    """The column heads of a board, beside the settings of the groups."""
    ends = ["least", "greatest"] if board.direction is None else ["best run", "worst run"]
    return ["n", "final mean", "95 %", *ends, "best mean", "95 %", "best step", "", "not in it"]


def line_cells(board: Leaderboard, line: Line) -> list[str]:
    """The figures of a group under `heads`."""
    n = str(len(line.values))
    if line.final is None:
        return [n, *["-"] * 7, standing_text(line), left_out_text(line)]
    least, greatest = number_text(line.final.least), number_text(line.final.greatest)
    ends = [greatest, least] if board.direction == "max" else [least, greatest]
    if board.direction == "half":
        ends = [number_text(v) for v in _by_half([value.final for value in line.values])]
    best = (
        ["-", "-"] if line.best is None else [number_text(line.best.mean), interval_text(line.best)]
    )
    final = [number_text(line.final.mean), interval_text(line.final)]
    best.append(best_steps_text(line))
    return [n, *final, *ends, *best, standing_text(line), left_out_text(line)]


def best_steps_text(line: Line) -> str:
    """The step of each run's best evaluation: one, or the least and the greatest of them."""
    steps = [value.best_step for value in line.values if value.best_step is not None]
    if not steps:
        return "-"
    return f"{min(steps)}" if min(steps) == max(steps) else f"{min(steps)} to {max(steps)}"


def value_cells(measure: Measure, value: Value) -> list[str]:
    """A number of one run under VALUE_HEADS."""
    best_step = "-" if value.best_step is None else str(value.best_step)
    final = [number_text(value.final), str(value.final_step)]
    return [measure.name, *final, number_text(value.best), best_step, measure.protocol]


def standing_text(line: Line) -> str:
    """The standing of a group relative to the leader."""
    if line.leader:
        return "leads"
    if line.final is None:
        return ""
    return "tied" if line.tied else ""


def left_out_text(line: Line) -> str:
    """The runs of a group that aren't among its values, and how they ended."""
    counted = {value.record.name for value in line.values}
    ended = Counter(r.state for r in line.group.records if r.name not in counted)
    unmeasured = sum(count for state, count in ended.items() if state in ENDED)
    others = [f"{count} {state}" for state, count in ended.items() if state not in ENDED]
    return ", ".join([*others, *([f"{unmeasured} not measured so"] if unmeasured else [])])


def notes(board: Leaderboard) -> list[str]:
    """Warnings about a board."""
    values = [value for line in board.lines for value in line.values]
    found = _trivial_notes(board)
    steps = {value.final_step for value in values}
    if len(steps) > 1:
        found.append(f"the final steps differ, from {min(steps)} to {max(steps)}.")
    few = [line for line in board.lines if 0 < len(line.values) < _FEW]
    if few and len(board.lines) > 1:
        found.append(f"fewer than {_FEW} runs in a group: its interval is too narrow.")
    if board.direction is not None and values:
        found.append(
            "best mean is of each run's best evaluation, at its best step: the luckiest one, so it"
            " flatters what swings and what was evaluated often."
        )
    return found


def _trivial_notes(board: Leaderboard) -> list[str]:
    """What answers without training reach in the metric of a board, and how much better its first
    group is."""
    name = None if board.measure.metric is None else trivial_number(board.measure.metric)
    measured = {
        (_answer_to(record, measure), series[max(series)])
        for line in board.lines
        for value in line.values
        for record in [value.record]
        for measure, series in record.measured.items()
        if name is not None and measure.metric == name and series
    }
    if not measured:
        return []
    reached = ", ".join(f"{number_text(value)} ({answer})" for answer, value in sorted(measured))
    first = board.lines[0]
    if len(measured) > 1 or first.final is None:
        return [f"trivial answers reach {reached}."]
    ((_, of_trivial),) = measured
    gain = first.final.mean - of_trivial
    is_better = (gain > 0) == (board.direction == "max")
    compared = f"{number_text(abs(gain))} {'better' if is_better else 'worse'}"
    return [f"the trivial answer reaches {reached}; {first.group.label} is {compared}."]


def _answer_to(record: Record, measure: Measure) -> str:
    """The kind of the trivial answer."""
    parameters = record.protocols.get(measure.protocol, {}).get("parameters")
    return str(parameters.get("answer", "input")) if isinstance(parameters, dict) else "input"


def protocol_text(protocol: Mapping[str, Any]) -> str:
    """A protocol in a line, its parameters with the rest."""
    parameters = protocol.get("parameters")
    inner = parameters if isinstance(parameters, dict) else {}
    plain = {k: v for k, v in protocol.items() if k != "parameters"} | inner
    return ", ".join(f"{k} {_plain_text(v)}" for k, v in plain.items())


def _plain_text(value: object) -> str:
    if isinstance(value, float):
        return number_text(value)
    return value if isinstance(value, str) else json.dumps(value)


def verdict_counts(group: Group) -> list[str]:
    """The verdicts of a group's runs, each with the number of runs that had it."""
    counts = Counter(name for record in group.records for name in record.summary.verdicts)
    count = len(group.records)
    return [f"{name} ({runs} of {count})" for name, runs in sorted(counts.items())]


def verdict_text(verdict: Verdict) -> str:
    """A verdict in a line: its name, step, evidence and advice."""
    sentences = [f"{text.rstrip('.')}." for text in (verdict.evidence, verdict.advice) if text]
    return " ".join([f"{verdict.name} at step {verdict.step}:", *sentences])


def number_text(value: float | None) -> str:
    """A figure with four digits."""
    return "-" if value is None else f"{value:.4g}"


def interval_text(of: SeedStatistics) -> str:
    return "-" if of.low is None else f"{of.low:.3g} to {of.high:.3g}"


def _figure(of: SeedStatistics | None) -> str:
    if of is None:
        return "no number"
    return (
        number_text(of.mean)
        if of.low is None
        else f"{number_text(of.mean)} (95 %: {interval_text(of)})"
    )


def _list_some(labels: Sequence[str]) -> str:
    more = len(labels) - _NAMED
    return "; ".join(labels[:_NAMED]) + (f"; and {more} more" if more > 0 else "")


def _seeds(line: Line) -> str:
    count = len(line.values)
    return plural(count, "run")


def _missing_notes(board: Leaderboard) -> list[str]:
    total = sum(len(line.group.records) for line in board.lines)
    left = total - sum(len(line.values) for line in board.lines)
    verb = "is" if left == 1 else "are"
    return [f"{left} of {plural(total, 'run')} {verb} not in it."] if left else []


def _by_half(values: Sequence[float]) -> list[float]:
    ordered = sorted(values, key=lambda value: abs(value - 0.5))
    return [ordered[0], ordered[-1]]


def mean(values: Iterable[float]) -> float | None:
    """The mean of some numbers; None of none."""
    found = list(values)
    return sum(found) / len(found) if found else None
