"""gan-compare: runs against each other, over seeds, with what is tied and what is missing."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gan_runner.cli.arguments import Arguments
from gan_runner.cli.command import run_with_options, write_file
from gan_runner.errors import printable

if TYPE_CHECKING:
    from gan_runner.comparison.compared import Comparison
    from gan_runner.logs.terminal import Terminal


def main() -> None:
    """The command `gan-compare`."""
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: list[str]) -> int:
    """Do what the arguments say; the exit code of the contract."""
    return run_with_options(_compare, parser(), arguments, imports_plugins=False)


def parser() -> Arguments:
    """The arguments of the command."""
    arguments = Arguments(
        "gan-compare",
        description=__doc__,
        epilog="Groups are what differs between the settings of the runs, the seed aside. They are "
        "ordered by the mean of the last evaluations of runs that ended by themselves; the best "
        "evaluation of each run stands beside it. A group whose 95 % interval (bootstrap of the "
        "mean) overlaps the leader's is tied with it.",
    )
    arguments.add_argument(
        "runs",
        type=Path,
        nargs="+",
        metavar="RUN|SWEEP",
        help="run folders, or folders with runs at any depth",
    )
    _add_ranking(arguments)
    _add_files(arguments)
    return arguments


def _add_ranking(parser: Arguments) -> None:
    """The options that say what is compared, and by which number."""
    parser.add_argument(
        "--by",
        type=_names,
        default=(),
        metavar="A,B",
        help="group by these settings, as loss,optimizer.generator.lr (by all that differ)",
    )
    parser.add_argument(
        "--metric",
        type=_names,
        default=(),
        metavar="A,B",
        help="an evaluation, as frechet or precision_identity, or a logged number, as "
        "loss/generator; a leaderboard for each (evaluation.best.metric of the runs)",
    )
    parser.add_argument(
        "--direction",
        choices=("min", "max"),
        help="what is better, for a metric of which it isn't known",
    )
    parser.add_argument(
        "--rank-by",
        choices=("final", "best"),
        default="final",
        help="order by the last step or by each run's best (final)",
    )
    parser.add_argument(
        "--unfinished",
        action="store_true",
        help="runs that failed or haven't ended count as well, by what they have",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="runs of quick=true count beside full ones, which they don't otherwise",
    )


def _add_files(parser: Arguments) -> None:
    """The options that name the files to write."""
    parser.add_argument(
        "--html", type=Path, metavar="FILE", help="a page with curves and samples, in one file"
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="the leaderboards as a table")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="the leaderboards and each run's values"
    )


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise argparse.ArgumentTypeError(f"{text} is not a list of names, as a,b")
    return names


def _compare(options: argparse.Namespace) -> None:
    from gan_runner.comparison.compared import compare
    from gan_runner.logs.terminal import Terminal

    comparison = compare(
        options.runs,
        by=options.by,
        metrics=options.metric,
        direction=options.direction,
        ranked_by=options.rank_by,
        unfinished=options.unfinished,
        with_quick=options.quick,
        plugins=options.plugins,
    )
    terminal = Terminal()
    _show(comparison, terminal)
    for option, path, text in _texts(options, comparison):
        write_file(path, text, option)
        terminal.say(f"{option}: {printable(path)}")
    if options.html is not None:
        from gan_runner.comparison.page.page import page

        write_file(options.html, page(comparison), "--html")
        terminal.say(f"--html: {printable(options.html)}")


def _texts(options: argparse.Namespace, comparison: Comparison) -> list[tuple[str, Path, str]]:
    from gan_runner.comparison.files import as_csv, as_json

    asked = [("--csv", options.csv, as_csv), ("--json", options.json, as_json)]
    return [(option, path, form(comparison)) for option, path, form in asked if path is not None]


def _show(comparison: Comparison, terminal: Terminal) -> None:
    """A table for each board, what it says in a sentence, and what to doubt."""
    from gan_runner.comparison import findings
    from gan_runner.comparison.advice import no_evaluations

    for board in comparison.boards:
        terminal.say(printable(findings.title(board)))
        group_by = comparison.grouping.group_by
        heads = [*group_by, *findings.board_heads(board)]
        rows = [
            [
                *(line.group.values if group_by else ()),
                *findings.line_cells(board, line),
            ]
            for line in board.lines
        ]
        terminal.framed_table(
            [printable(h) for h in heads], [[printable(c) for c in r] for r in rows]
        )
        if parts := findings.protocol_text(board.protocol):
            terminal.say(f"protocol {board.measure.protocol}: {printable(parts, 600)}")
        terminal.say(printable(findings.headline(board), 1000))
        for note in findings.notes(board):
            terminal.say(f"note: {printable(note, 400)}")
        terminal.say("")
    if not comparison.boards:
        terminal.say(f"note: {no_evaluations(comparison.records)}")
    for note in comparison.grouping.notes:
        terminal.say(f"note: {printable(note, 400)}")
    for group in comparison.grouping.groups:
        if verdicts := findings.verdict_counts(group):
            terminal.say(f"health: {printable(group.label)}: {printable(', '.join(verdicts), 400)}")


if __name__ == "__main__":
    main()
