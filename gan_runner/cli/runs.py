"""gan-runs: the runs below a folder, how they stand, and the best that each has reached."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_runner.cli.arguments import Arguments
from gan_runner.cli.command import run_with_options
from gan_runner.errors import ConfigError, did_you_mean, printable
from gan_runner.system.units import duration_text, four_digits, size_text

if TYPE_CHECKING:
    from gan_runner.storage.summary import Summary

_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_HEADS = ("run", "state", "step", "best", "protocol", "verdicts", "age", "size")
_REASON_CHARACTERS = 60


def main() -> None:
    """The command `gan-runs`."""
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: list[str]) -> int:
    """Do what the arguments say; the exit code of the contract."""
    return run_with_options(_list_runs, parser(), arguments, imports_plugins=False)


def parser() -> Arguments:
    """The arguments of the command."""
    arguments = Arguments(
        "gan-runs",
        description=__doc__,
        epilog="A run that says running while no process holds its folder has died: resume it. "
        "The age is the time since a run ended, or since its newest file was changed. "
        "Hidden folders and links are left out.",
    )
    arguments.add_argument(
        "folder",
        type=Path,
        nargs="?",
        default=Path("outputs"),
        metavar="DIR",
        help="where to look, at any depth (outputs)",
    )
    arguments.add_argument(
        "--state",
        type=_states,
        metavar="A,B",
        help="only these: running, completed, stopped, paused, interrupted, failed, died, "
        "unreadable",
    )
    arguments.add_argument(
        "--where",
        type=_setting,
        action="append",
        default=[],
        metavar="SETTING=VALUE",
        help="only runs with this setting, as loss=hinge or train.batch_size=64; may be repeated",
    )
    arguments.add_argument(
        "--since",
        type=_since,
        metavar="SPAN|DATE",
        help="only runs with an age of at most 30m, 12h, 2d or 1w, or changed since 2026-11-01",
    )
    arguments.add_argument(
        "--sort",
        choices=_ORDERS,
        default="name",
        help="by name (so by default), or what has most steps, the best value, was changed last "
        "or is largest first; values are ordered within each metric and protocol",
    )
    arguments.add_argument("--json", action="store_true", help="as JSON, with all digits")
    return arguments


def _states(text: str) -> list[str]:
    from gan_runner.storage.summary import STATES

    names = text.split(",")
    for name in names:
        if name not in STATES:
            raise argparse.ArgumentTypeError(f"{name} is not a state. {did_you_mean(name, STATES)}")
    return names


def _setting(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError(f"{text} is not a setting and its value, as loss=hinge")
    return key, value


def _since(text: str) -> float:
    """A moment in seconds since 1970, from a span before now or a date of the local calendar."""
    now = datetime.now().astimezone()
    if found := re.fullmatch(r"(\d{1,6})([mhdw])", text):
        return now.timestamp() - int(found[1]) * _SECONDS[found[2]]
    with suppress(ValueError, OverflowError):
        return datetime.fromisoformat(text).timestamp()
    raise argparse.ArgumentTypeError(f"{text} is not a span or a date, as 12h, 2d or 2026-11-01")


def _list_runs(options: argparse.Namespace) -> None:
    from gan_runner.logs.terminal import Terminal
    from gan_runner.storage.summary import run_folders, summarize

    top = options.folder
    if not top.is_dir():
        raise ConfigError(
            f"no such folder, DIR={printable(top)}. "
            "Name the one that your runs are in; gan-train makes outputs where it is called."
        )
    now = datetime.now().timestamp()
    runs = [summarize(path) for path in run_folders(top)]
    _refuse_unknown(options.where, runs)
    chosen = sorted((run for run in runs if _matches(run, options)), key=lambda run: run.path.parts)
    chosen.sort(key=_ORDERS[options.sort])
    terminal = Terminal()
    if options.json:
        terminal.say(json.dumps([_plain(run, top, now) for run in chosen], indent=2))
    elif chosen:
        # which a terminal can break between words
        gap = "," if terminal.width is None else ", "
        terminal.entries(*_table(chosen, [_cells(run, top, now, gap) for run in chosen]))
    elif runs:
        terminal.say(f"no run matches the filter: {len(runs)} in {printable(top)}")
    elif top.is_dir():
        terminal.say(f"no runs in {printable(top)}")
    else:
        raise ConfigError(f"no such folder, DIR={printable(top)}. Name a folder of runs.")


def _refuse_unknown(where: list[tuple[str, str]], runs: list[Summary]) -> None:
    """A setting that no run has is a slip, and an empty list would hide it."""
    known = {str(key) for run in runs for key in run.settings}
    for key, value in where:
        if known and key not in known:
            remedy = did_you_mean(key, known) or "The config.yaml of a run lists what there is."
            shown = printable(f"{key}={value}")
            raise ConfigError(f"no run has this setting, --where {shown}. {remedy}")


def _matches(run: Summary, options: argparse.Namespace) -> bool:
    return (
        (options.state is None or run.state in options.state)
        and (options.since is None or run.last_change >= options.since)
        and all(
            key in run.settings and _equals(run.settings[key], text) for key, text in options.where
        )
    )


def _equals(value: object, text: str) -> bool:
    """Whether a setting has the value that a text means on a command line: 1e-4 is 0.0001."""
    if isinstance(value, str):
        return value == text
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        with suppress(ValueError):
            return value == float(text)
        return False
    return json.dumps(value, default=str).replace(" ", "") == text.replace(" ", "")


def _best_sort_key(run: Summary) -> tuple[object, ...]:
    """Runs without an evaluation come last, and only values of one protocol are compared."""
    if run.best is None:
        return (1,)
    sign = 1 if run.best.direction == "min" else -1
    return (0, run.best.metric, run.best.protocol or "", sign * run.best.value)


_ORDERS: dict[str, Callable[[Summary], Any]] = {
    "step": lambda run: (run.step is None, -(run.step or 0)),
    "best": _best_sort_key,
    "age": lambda run: -run.last_change,
    "size": lambda run: -run.size,
    "name": lambda run: run.path.parts,
}


def _plain(run: Summary, top: Path, now: float) -> dict[str, Any]:
    """A run as plain data: `age` in seconds, `size` in bytes. JSON escapes what isn't ASCII."""
    best = None if run.best is None else run.best._asdict()
    return {
        "run": str(run.path.relative_to(top)),
        "path": str(run.path),
        "state": run.state,
        "step": run.step,
        "steps": run.steps,
        "best": best,
        "verdicts": list(run.verdicts),
        "reason": run.status.reason,
        "privacy": run.status.privacy or None,
        "started": run.started,
        "age": max(0.0, now - run.last_change),
        "size": run.size,
    }


def _table(runs: list[Summary], rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """The heads and the rows, with the reasons of failed runs where there are any."""
    reasons = [_reason(run) for run in runs]
    if not any(reasons):
        return [*_HEADS], rows
    shown = [[*row, why or "-"] for row, why in zip(rows, reasons, strict=True)]
    return [*_HEADS, "reason"], shown


def _reason(run: Summary) -> str:
    """Why a run has failed, as far as a row has room for it; empty for any other."""
    if run.state != "failed" or not run.status.reason:
        return ""
    return printable(run.status.reason.splitlines()[0], _REASON_CHARACTERS)


def _cells(run: Summary, top: Path, now: float, gap: str) -> list[str]:
    """The cells of a run's row; `gap` stands between its verdicts."""
    step = "-" if run.step is None else str(run.step)
    best = None if run.best is None else f"{run.best.metric} {four_digits(run.best.value)}"
    protocol = None if run.best is None else run.best.protocol
    cells = (
        run.path.relative_to(top),
        run.state,
        step if run.steps is None else f"{step}/{run.steps}",
        best or "-",
        protocol or "-",
        gap.join(run.verdicts) or "-",
        duration_text(max(0.0, now - run.last_change)),
        size_text(run.size),
    )
    return [printable(cell) for cell in cells]


if __name__ == "__main__":
    main()
