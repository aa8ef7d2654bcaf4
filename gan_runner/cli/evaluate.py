"""gan-evaluate: measure trained runs, and say with every number how it came about."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import textwrap
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gan_runner.cli.arguments import Arguments
from gan_runner.cli.command import (
    add_measuring_options,
    parse_count,
    require_runs,
    run_with_options,
    split_data_places,
    write_file,
)
from gan_runner.errors import CheckpointError, ConfigError, plural, printable
from gan_runner.evaluation.metrics.registry import METRICS
from gan_runner.system.allocator import keep_freed_memory
from gan_runner.system.units import four_digits

if TYPE_CHECKING:
    from gan_runner.evaluation.confusion import ConfusionMatrices
    from gan_runner.evaluation.evaluator import Evaluator
    from gan_runner.evaluation.report import EvaluationReport
    from gan_runner.logs.terminal import Terminal

_NO_JSON = (".csv", ".png", ".txt", ".html", ".yaml", ".npz")  # the ends of other files
_MOST_CLASSES = 20  # of a table that a terminal has room for
_MOST_NUMBERS = 60  # lines of numbers in a terminal: a table can have thousands of columns


class MeasuredCheckpoint(NamedTuple):
    """One checkpoint of a run and what was measured of it."""

    run: Path
    step: int
    report: EvaluationReport


def main() -> None:
    """The command `gan-evaluate`."""
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: list[str]) -> int:
    """Do what the arguments say; the exit code of the contract."""
    return run_with_options(_evaluate, parser(), arguments)


def parser() -> Arguments:
    """The arguments of the command."""
    arguments = Arguments(
        "gan-evaluate",
        description=__doc__,
        epilog=_metrics_help(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    arguments.add_argument(
        "words",
        nargs="+",
        metavar="RUN",
        help="run folders; dataset.path=FILE, dataset.root=FOLDER or dataset.inputs=FOLDER says "
        "where their data lies now",
    )
    arguments.add_argument(
        "--checkpoint", default="last", metavar="last|best|all|STEP", help="which one (last)"
    )
    arguments.add_argument(
        "--num", type=parse_count, metavar="N", help="samples, and at most as many real examples"
    )
    arguments.add_argument(
        "--metrics", metavar="A,B", help="metrics by name (those of the run, else all that apply)"
    )
    arguments.add_argument(
        "--target", metavar="COLUMN", help="that models predict (that of the run, else the label)"
    )
    arguments.add_argument(
        "--importance-samples",
        type=parse_count,
        metavar="K",
        help="for the likelihood of autoencoders",
    )
    arguments.add_argument(
        "--space", metavar="SPACE", help="classifier, random, inception, identity, scaled"
    )
    arguments.add_argument("--inception-weights", type=Path, metavar="FILE", help="for inception")
    arguments.add_argument(
        "--seed", type=int, metavar="S", help="of all random draws (that of the run)"
    )
    arguments.add_argument("--out", type=Path, metavar="FILE.json", help="the numbers as JSON")
    arguments.add_argument(
        "--picture",
        type=Path,
        metavar="FILE.png",
        help="samples beside their nearest training images, translations beside inputs and "
        "targets, or the confusion matrices of a table, of the last checkpoint measured",
    )
    add_measuring_options(arguments)
    return arguments


def _metrics_help() -> str:
    """Each metric with what it says, the numbers that it gives and what it needs."""
    parts = ["metrics:"]
    for metric in METRICS.values():
        text, names = metric.description, [number.name for number in metric.numbers]
        if names != [metric.name]:
            text += f" Gives {', '.join(names)}."
        if metric.needs:
            text += f" Needs {' and '.join(need.value for need in metric.needs)}."
        head = f"  {metric.name:<20}"
        parts.append(textwrap.fill(head + text, width=79, subsequent_indent=" " * len(head)))
    return "\n".join(parts)


def _evaluate(options: argparse.Namespace) -> None:
    from gan_runner.logs.terminal import Terminal

    out = options.out
    if out is not None and out.suffix.lower() in _NO_JSON:
        remedy = f"Write --out {shlex.quote(printable(out.with_suffix('.json')))}"
        raise ConfigError(f"numbers are JSON, --out={printable(out)}. {remedy}")
    terminal = Terminal()
    found = list(_measure(options, terminal))
    _show(found, terminal)
    _record(found, terminal)
    if options.picture is not None:
        _write_picture(options.picture, found[-1].report)
    if options.out is not None:
        _write_json(options.out, found)
        terminal.say(f"{plural(len(found), 'evaluation')}: {printable(options.out)}")


def _measure(options: argparse.Namespace, terminal: Terminal) -> Iterator[MeasuredCheckpoint]:
    """Every checkpoint that was asked for; runs on the same data share what is real."""
    runs, places = split_data_places(options.words)
    require_runs(runs)
    from gan_runner.runs.evaluate import evaluation_settings, make_evaluator, measure
    from gan_runner.runs.open import load_generator

    evaluators: dict[str, Evaluator] = {}
    for run in runs:
        for which in _checkpoints(run, options.checkpoint):
            trained = load_generator(
                run,
                which=which,
                raw=options.raw,
                device=options.device,
                data_places=places,
            )
            settings = evaluation_settings(trained, _changes(options))
            key = f"{trained.data}|{settings}"
            if key not in evaluators:
                cache, device = options.cache, options.device
                evaluators[key] = make_evaluator(
                    trained, settings, terminal, cache=cache, device=device
                )
            if trained.experiment.config.reuse_memory:  # now that the data is read
                keep_freed_memory()
            report = measure(evaluators[key], trained, settings)
            yield MeasuredCheckpoint(run, trained.step, report)


def _checkpoints(run: Path, which: str) -> list[str]:
    from gan_runner.storage import checkpoint
    from gan_runner.storage.run_folder import RunFolder

    if which != "all":
        return [which]
    found = sorted(checkpoint.steps(RunFolder(run).checkpoints))
    if not found:
        raise CheckpointError(f"no checkpoint yet, {printable(run)}.")
    return [str(step) for step in found]


def _changes(options: argparse.Namespace) -> dict[str, Any]:
    """The settings of an evaluation that the command line gives; None for those of the run."""
    weights = options.inception_weights
    return {
        "num": options.num,
        "metrics": None if options.metrics is None else options.metrics.split(","),
        "target": options.target,
        "space": options.space,
        "inception_weights": None if weights is None else str(weights),
        "seed": options.seed,
        "importance_samples": options.importance_samples,
    }


def _record(found: list[MeasuredCheckpoint], terminal: Terminal) -> None:
    """Keep the numbers in the runs, so that comparisons and reports have them; where a run can't
    be written, say so."""
    from gan_runner.runs.evaluate import record

    kept = set()
    for each in found:
        try:
            record(each.run, each.step, each.report)
        except (OSError, CheckpointError) as error:
            terminal.say(f"warning: not kept in {printable(each.run)}: {printable(error)}")
        else:
            kept.add(each.run)
    if kept:
        where = "the run" if len(kept) == 1 else f"the {len(kept)} runs"
        terminal.say(f"kept in {where}, for gan-compare and gan-report")


def _show(found: list[MeasuredCheckpoint], terminal: Terminal) -> None:
    """A line for each metric and protocol: numbers stand side by side only if they compare."""
    lines: dict[tuple[str, str], dict[int, str]] = {}
    protocols: dict[str, dict[str, Any]] = {}
    of_columns: set[str] = set()
    for place, each in enumerate(found):
        for result in each.report.results:
            error = "" if result.error is None else f" ± {result.error:.2g}"
            cells = lines.setdefault((result.name, result.protocol.id), {})
            cells[place] = f"{four_digits(result.value)}{error}"
            protocols[result.protocol.id] = result.protocol.plain()
            if result.column is not None:
                of_columns.add(result.name)
    heads = [f"{printable(each.run.name)} step {each.step}" for each in found]
    # columns last: of a wide table only some of their lines are shown
    ordered = sorted(lines.items(), key=lambda line: line[0][0] in of_columns)
    terminal.table(
        ["metric", *heads, "protocol"],
        [
            [name, *(cells.get(place, "-") for place in range(len(found))), protocol]
            for (name, protocol), cells in islice(ordered, _MOST_NUMBERS)
        ],
    )
    if len(lines) > _MOST_NUMBERS:
        terminal.say(f"and {len(lines) - _MOST_NUMBERS:,} more numbers: --out FILE.json")
    for identifier, plain in protocols.items():
        parts = {k: v for k, v in plain.items() if k not in ("id", "parameters")}
        parts |= plain["parameters"]
        listed = ", ".join(f"{k} {printable(v)}" for k, v in parts.items())
        terminal.say(f"protocol {identifier}: {listed}")
    for head, each in zip(heads, found, strict=True):
        if each.report.confusion is not None:
            _show_confusion(head, each.report.confusion, terminal)
    reports = [each.report for each in found]
    for doubt in dict.fromkeys(d for each in reports for d in (*each.doubts, *each.class_doubts)):
        terminal.say(f"warning: {doubt}")


def _show_confusion(head: str, confusion: ConfusionMatrices, terminal: Terminal) -> None:
    """Both matrices: a row for each true class, a column for each predicted one."""
    if len(confusion.classes) > _MOST_CLASSES:
        terminal.say(f"confusion of {len(confusion.classes)} classes: --out or --picture")
        return
    terminal.say(f"confusion of test rows, {head}: true classes in rows, predicted in columns")
    for heads, rows in confusion.tables():
        terminal.table(heads, rows)


def _write_picture(path: Path, report: EvaluationReport) -> None:
    from gan_runner.sampling.pictures.png import encode_png

    confusion = report.confusion
    images = report.neighbors if report.translations is None else report.translations
    picture = images if confusion is None else confusion.picture()
    if picture is None:
        raise ConfigError("--picture needs images, or rows with classes. Remove it.")
    write_file(path, encode_png(picture), "--picture")


def _write_json(path: Path, found: list[MeasuredCheckpoint]) -> None:
    plain = [{"run": str(each.run), "step": each.step, **each.report.plain()} for each in found]
    write_file(path, json.dumps({"format": 1, "evaluations": plain}, indent=2) + "\n", "--out")


if __name__ == "__main__":
    main()
