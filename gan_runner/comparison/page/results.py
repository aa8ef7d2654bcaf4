"""What came out: the verdict in a sentence, and the leaderboards."""

from __future__ import annotations

from collections.abc import Sequence
from math import log

from gan_runner.comparison import findings
from gan_runner.comparison.compared import Comparison
from gan_runner.comparison.leaderboard import Board, Line, boards, measures_of, values_of
from gan_runner.comparison.page.markup import Content, Html, element, join
from gan_runner.comparison.page.parts import breakable, colours_of, folded, listed, named, table_of
from gan_runner.comparison.record import Record

_MOST_OTHERS = 60
_FAR = 10  # times
_FIGURES = range(1, 6)  # columns of a board


def verdict(comparison: Comparison) -> str:
    """What the page says first."""
    if not comparison.boards:
        return findings.NO_EVALUATIONS
    first = comparison.boards[0]
    if len(comparison.records) == 1:
        return f"{first.measure.name}: {findings.reached(first)}"
    return f"{first.measure.name}: {findings.headline(first)}"


def health(record: Record) -> list[Html]:
    """The verdicts on a run, each with its evidence and advice."""
    told = [findings.verdict_text(item) for item in record.status.verdicts]
    return [element("p", text, class_="verdict") for text in told]


def leaderboard(comparison: Comparison) -> Html:
    """A table for each metric and protocol, or all numbers of a single run."""
    notes = listed(comparison.grouping.notes)
    if len(comparison.records) == 1:
        return join([_numbers(comparison.records[0]), notes])
    asked = {board.measure for board in comparison.boards}
    others = [
        board
        for measure in measures_of(comparison.records)[:_MOST_OTHERS]
        if measure not in asked
        for board in boards(
            comparison.grouping.groups,
            measure.name,
            ranked_by=comparison.ranked_by,
            unfinished=comparison.unfinished,
        )
        if board.measure == measure
    ]
    colours = colours_of(comparison)
    parts = [_board(board, colours) for board in comparison.boards]
    if others:
        more = [_board(board, colours) for board in others]
        parts.append(folded(f"{len(others)} other metrics", more))
    return join([*parts, notes])


def _board(board: Board, colours: dict[int, str]) -> Html:
    n, mean, _, *ends, best_step, _, _, left_out = findings.heads(board)
    heads = ["group", n, mean, *ends, best_step, "", left_out, "health"]
    rows = [_line(board, line, colours) for line in board.lines]
    protocol = findings.protocol_text(board.protocol)
    title = findings.title(board).removeprefix(board.measure.name)
    return element(
        "div",
        element("h3", board.measure.name, element("span", title)),
        table_of(heads, rows, _FIGURES),
        listed(findings.notes(board)),
        element("p", f"Protocol: {protocol}.", class_="soft") if protocol else None,
        class_="card",
    )


def _line(board: Board, line: Line, colours: dict[int, str]) -> Html:
    n, final, sure, best_run, worst_run, best, best_sure, standing, out = findings.cells(
        board, line
    )
    badge = element("span", standing, class_="badge good" if line.leader else "badge")
    figures: list[Content] = [n, [final, _small(sure)], best_run, worst_run]
    figures.append([best, _small(best_sure)])
    return element(
        "tr",
        element("th", named(line.group, colours), " ", badge if standing else None),
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
    # far apart, as distances are, they stand on a logarithmic scale
    scale = log if 0 < _FAR * min(ends) < max(ends) else float
    low, width = scale(min(ends)), max(scale(max(ends)) - scale(min(ends)), 1e-300)

    def at(value: float) -> float:
        return 2 + 96 * min(1.0, max(0.0, (scale(value) - low) / width))

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
        rows.append(
            element(
                "tr",
                element("th", breakable(name)),
                [element("td", figure, class_="number") for figure in figures],
                element("td", element("code", protocol)),
            )
        )
    if not rows:
        return element("p", "Nothing was measured.", class_="soft")
    table = element("div", table_of(findings.VALUE_HEADS, rows, numbers=range(1, 5)), class_="card")
    protocols = [
        element("li", element("code", digest), f": {findings.protocol_text(protocol)}")
        for digest, protocol in record.protocols.items()
    ]
    listed = element("ul", protocols, class_="notes")
    return join([table, folded(f"{len(protocols)} protocols", [listed])])


def _badges(texts: Sequence[str]) -> list[Content]:
    return [element("span", text, class_="badge warn") for text in texts]
