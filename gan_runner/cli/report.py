"""gan-report: one run: its numbers, curves, samples, settings, time and health."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from shlex import quote

from gan_runner.cli.arguments import Arguments
from gan_runner.cli.command import run_with_options, write_file
from gan_runner.errors import ConfigError, plural, printable

_MOST_NUMBERS = 60  # lines of numbers in a terminal: a table can have thousands of columns


def main() -> None:
    """The command `gan-report`."""
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: list[str]) -> int:
    """Do what the arguments say; the exit code of the contract."""
    return run_with_options(_report, parser(), arguments, imports_plugins=False)


def parser() -> Arguments:
    """The arguments of the command."""
    arguments = Arguments(
        "gan-report",
        description=__doc__,
        epilog="The page is one file that needs no network. gan-compare makes one of many runs.",
    )
    arguments.add_argument("run", type=Path, metavar="RUN", help="a run folder")
    arguments.add_argument(
        "--html", type=Path, metavar="FILE", help="a page with curves and samples, in one file"
    )
    return arguments


def _report(options: argparse.Namespace) -> None:
    from gan_runner.comparison import findings
    from gan_runner.comparison.advice import no_evaluations
    from gan_runner.comparison.compared import compare
    from gan_runner.comparison.leaderboard import values_of
    from gan_runner.logs.terminal import Terminal

    comparison = compare([options.run], unfinished=True, plugins=options.plugins)
    if len(comparison.records) > 1:
        raise ConfigError(
            f"{plural(len(comparison.records), 'run')} in this folder, "
            f"RUN={printable(options.run)}. "
            f"Compare them: gan-compare {quote(printable(options.run))}"
        )
    (record,) = comparison.records
    terminal = Terminal()
    step, steps = record.summary.step, record.summary.steps
    terminal.say(f"{printable(record.name)}: {record.state}, step {step} of {steps}")
    rows = [findings.value_cells(measure, value) for measure, value in values_of(record)]
    if rows:
        shown = [[printable(cell) for cell in row] for row in rows[:_MOST_NUMBERS]]
        terminal.framed_table(findings.VALUE_HEADS, shown)
        if len(rows) > _MOST_NUMBERS:
            terminal.say(f"and {len(rows) - _MOST_NUMBERS:,} more numbers: --html FILE.html")
    else:
        terminal.say(f"note: {no_evaluations(comparison.records)}")
    for verdict in record.status.verdicts:
        terminal.say(f"verdict: {printable(findings.verdict_text(verdict), 1000)}")
    if options.html is not None:
        from gan_runner.comparison.page.page import page

        write_file(options.html, page(comparison), "--html")
        terminal.say(f"--html: {printable(options.html)}")


if __name__ == "__main__":
    main()
