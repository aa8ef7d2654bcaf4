"""gan-evaluate: measure trained runs, and say with every number how it came about."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gan_runner.cli.arguments import Arguments
from gan_runner.cli.command import count, device, exit_code, write_file
from gan_runner.errors import CheckpointError, ConfigError, printable

if TYPE_CHECKING:
    from gan_runner.evaluation.evaluator import Evaluator, Measured
    from gan_runner.evaluation.settings import Evaluation
    from gan_runner.logs.terminal import Terminal
    from gan_runner.runs.open import Trained
    from gan_runner.sampling.pictures.confusion import Confusion

_MOST_CLASSES = 20  # of a table that a terminal has room for


class Row(NamedTuple):
    """One checkpoint of a run, measured."""

    run: Path
    step: int
    measured: Measured


def main() -> None:
    """The command `gan-evaluate`."""
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: list[str]) -> int:
    """Do what the arguments say; the exit code of the contract."""
    return exit_code(lambda: _evaluate(_parser().parse_args(arguments)))


def _parser() -> Arguments:
    parser = Arguments("gan-evaluate", description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="run folders")
    parser.add_argument(
        "--checkpoint", default="last", metavar="last|best|all|STEP", help="which one (last)"
    )
    parser.add_argument(
        "--num", type=count, metavar="N", help="samples, and at most as many real examples"
    )
    parser.add_argument(
        "--metrics", metavar="A,B", help="metrics by name (those of the run, else all that apply)"
    )
    parser.add_argument(
        "--importance-samples", type=count, metavar="K", help="for the likelihood of autoencoders"
    )
    parser.add_argument("--space", metavar="SPACE", help="classifier, random, inception, identity")
    parser.add_argument("--inception-weights", type=Path, metavar="FILE", help="for inception")
    parser.add_argument(
        "--seed", type=int, metavar="S", help="of all that is drawn (that of the run)"
    )
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="the numbers as JSON")
    parser.add_argument(
        "--picture",
        type=Path,
        metavar="FILE.png",
        help="samples beside their nearest training images, or the confusion matrices of a table, "
        "of the last checkpoint measured",
    )
    parser.add_argument(
        "--raw", action="store_true", help="the generator itself, not its weight average"
    )
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help="(that of the run)")
    parser.add_argument("--device", type=device, default="auto", help="auto, cpu, cuda ... (auto)")
    return parser


def _evaluate(options: argparse.Namespace) -> None:
    from gan_runner.logs.terminal import Terminal

    terminal = Terminal()
    rows = list(_measured(options, terminal))
    _show(rows, terminal)
    if options.picture is not None:
        _write_picture(options.picture, rows[-1].measured)
    if options.out is not None:
        _write_json(options.out, rows)
        terminal.say(f"{len(rows)} evaluations: {printable(options.out)}")


def _measured(options: argparse.Namespace, terminal: Terminal) -> Iterator[Row]:
    """Every checkpoint that was asked for; runs on the same data share what is real."""
    from gan_runner.runs.open import load_generator

    evaluators: dict[str, Evaluator] = {}
    for run in options.runs:
        for which in _checkpoints(run, options.checkpoint):
            trained = load_generator(run, which=which, raw=options.raw, device=options.device)
            settings = _settings(options, trained)
            key = f"{trained.data}|{settings}"
            if key not in evaluators:
                evaluators[key] = _evaluator(options, trained, settings, terminal)
            found = evaluators[key].measure(trained.sampler)
            if not found.results:
                shown = printable(options.metrics or "evaluation.metrics")
                raise ConfigError(
                    f"nothing can be told of {printable(run)} by these metrics, {shown}. "
                    "docs/metrics.md says what each is for."
                )
            yield Row(run, trained.step, found)


def _checkpoints(run: Path, which: str) -> list[str]:
    from gan_runner.storage import checkpoint
    from gan_runner.storage.run_folder import RunFolder

    if which != "all":
        return [which]
    found = sorted(checkpoint.steps(RunFolder(run).checkpoints))
    if not found:
        raise CheckpointError(f"no checkpoint yet, {printable(run)}.")
    return [str(step) for step in found]


def _settings(options: argparse.Namespace, trained: Trained) -> Evaluation:
    """The run's own settings, with what the command line changes."""
    from gan_runner.config.component import validated
    from gan_runner.evaluation.settings import Evaluation

    weights = options.inception_weights
    asked = {
        "num": options.num,
        "metrics": None if options.metrics is None else options.metrics.split(","),
        "space": options.space,
        "inception_weights": None if weights is None else str(weights),
        "seed": options.seed,
        "importance_samples": options.importance_samples,
    }
    plain = trained.experiment.evaluation.model_dump(mode="json")
    plain |= {name: value for name, value in asked.items() if value is not None}
    return validated(plain, Evaluation, where="evaluation")


def _evaluator(
    options: argparse.Namespace, trained: Trained, settings: Evaluation, terminal: Terminal
) -> Evaluator:
    from gan_runner.evaluation.evaluator import Evaluator
    from gan_runner.runs.open import load_training_data
    from gan_runner.system.machine import device_named

    dataset = trained.experiment.dataset
    cache = (options.cache or Path(trained.experiment.config.cache)).expanduser()
    return Evaluator(
        settings,
        dataset,
        load_training_data(trained, cache, terminal.track),
        cache=cache,
        device=device_named(options.device),
        say=terminal.say,
        track=terminal.track,
    )


def _show(rows: list[Row], terminal: Terminal) -> None:
    """A line for each metric and protocol: numbers stand side by side only if they compare."""
    lines: dict[tuple[str, str], dict[int, str]] = {}
    protocols: dict[str, dict[str, Any]] = {}
    for place, row in enumerate(rows):
        for result in row.measured.results:
            error = "" if result.error is None else f" ± {result.error:.2g}"
            cells = lines.setdefault((result.name, result.protocol.id), {})
            cells[place] = f"{result.value:.5g}{error}"
            protocols[result.protocol.id] = result.protocol.plain()
    heads = [f"{printable(row.run.name)} step {row.step}" for row in rows]
    terminal.table(
        ["metric", *heads, "protocol"],
        [
            [name, *(cells.get(place, "-") for place in range(len(rows))), protocol]
            for (name, protocol), cells in lines.items()
        ],
    )
    for identifier, plain in protocols.items():
        told = {k: v for k, v in plain.items() if k not in ("id", "parameters")}
        told |= plain["parameters"]
        listed = ", ".join(f"{k} {printable(v)}" for k, v in told.items())
        terminal.say(f"protocol {identifier}: {listed}")
    for head, row in zip(heads, rows, strict=True):
        if row.measured.confusion is not None:
            _show_confusion(head, row.measured.confusion, terminal)
    for doubt in dict.fromkeys(doubt for row in rows for doubt in row.measured.doubts):
        terminal.say(f"warning: {doubt}")


def _show_confusion(head: str, confusion: Confusion, terminal: Terminal) -> None:
    """Both matrices: a row for each true class, a column for what its test rows were told as."""
    if len(confusion.classes) > _MOST_CLASSES:
        terminal.say(f"confusion of {len(confusion.classes)} classes: --out or --picture")
        return
    terminal.say(f"confusion of test rows, {head}: true classes in rows, told as in columns")
    for heads, rows in confusion.tables():
        terminal.table(heads, rows)


def _write_picture(path: Path, measured: Measured) -> None:
    from gan_runner.sampling.pictures.png import encode_png

    confusion = measured.confusion
    picture = measured.neighbours if confusion is None else confusion.picture()
    if picture is None:
        raise ConfigError("vectors have no pictures of neighbours, --picture. Leave it out.")
    write_file(path, encode_png(picture), "--picture")


def _write_json(path: Path, rows: list[Row]) -> None:
    found = [{"run": str(row.run), "step": row.step, **row.measured.plain()} for row in rows]
    write_file(path, json.dumps({"format": 1, "evaluations": found}, indent=2) + "\n", "--out")


if __name__ == "__main__":
    main()
