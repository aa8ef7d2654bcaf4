"""gan-augment: whether samples of a conditional run help a classifier with few real examples."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gan_runner.cli.arguments import Arguments
from gan_runner.cli.command import (
    add_measuring_options,
    check_file,
    parse_count,
    require_runs,
    run_with_options,
    split_data_places,
    write_file,
)
from gan_runner.errors import ConfigError, plural, printable

if TYPE_CHECKING:
    from gan_runner.augmentation_study.study import ClassifierData, Plan, RatioResult
    from gan_runner.logs.terminal import Terminal
    from gan_runner.runs.open import Trained

CLASSIFIERS = ("cnn", "mlp", "logistic")
_PER_CLASS = (10, 50, 100)
_MOST_RATIO = 100


def main() -> None:
    """The command `gan-augment`."""
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: list[str]) -> int:
    """Do what the arguments say; the exit code of the contract."""
    return run_with_options(_augment, parser(), arguments)


def parser() -> Arguments:
    """The arguments of the command."""
    arguments = Arguments("gan-augment", description=__doc__)
    arguments.add_argument(
        "words",
        nargs="+",
        metavar="RUN",
        help="the folder of a conditional run; dataset.path=FILE or dataset.root=FOLDER after it "
        "says where its data lies now",
    )
    arguments.add_argument(
        "--classifier", choices=CLASSIFIERS, help="(cnn for images, mlp for anything else)"
    )
    arguments.add_argument(
        "--real-per-class",
        type=_counts,
        metavar="N,N",
        help="real examples of each class (dataset.per_class of the run, else 10,50,100)",
    )
    arguments.add_argument(
        "--synthetic-ratio",
        type=_ratios,
        default=(0.0, 1.0, 5.0),
        metavar="R,R",
        help="synthetic examples to one real one; 0 is always there (0,1,5)",
    )
    arguments.add_argument(
        "--seeds", type=_seeds, default=5, metavar="N", help="repetitions, at least 2 (5)"
    )
    arguments.add_argument(
        "--updates",
        type=parse_count,
        default=300,
        metavar="N",
        help="of a network, on batches of 64, however many examples it has (300)",
    )
    arguments.add_argument(
        "--checkpoint", default="last", metavar="last|best|STEP", help="which one (last)"
    )
    arguments.add_argument("--out", type=Path, metavar="FILE.json", help="the numbers as JSON")
    arguments.add_argument("--plot", type=Path, metavar="FILE.png", help="the numbers as a picture")
    add_measuring_options(arguments)
    return arguments


def _counts(text: str) -> tuple[int, ...]:
    return tuple(sorted({parse_count(part) for part in text.split(",")}))


def _ratios(text: str) -> tuple[float, ...]:
    parts = text.split(",")
    if not all(re.fullmatch(r"\d{1,3}(\.\d{1,6})?", part) for part in parts):
        raise argparse.ArgumentTypeError(f"{text} is not a list of numbers, such as 0,1,5")
    ratios = {0.0, *map(float, parts)}
    if len(ratios) == 1 or max(ratios) > _MOST_RATIO:
        raise argparse.ArgumentTypeError(
            f"{text} has no number above 0, or one above {_MOST_RATIO}"
        )
    return tuple(sorted(ratios))


def _seeds(text: str) -> int:
    if not (text.isdecimal() and 2 <= int(text) <= 1000):
        raise argparse.ArgumentTypeError(f"{text} is not from 2 to 1000: one has no interval")
    return int(text)


def _augment(options: argparse.Namespace) -> None:
    _check_outputs(options)
    run, places = _single_run(options.words)
    require_runs([run])
    from gan_runner.augmentation_study import findings, study
    from gan_runner.logs.terminal import Terminal
    from gan_runner.runs.open import load_generator, load_training_data

    terminal = Terminal()
    trained = load_generator(
        run,
        which=options.checkpoint,
        raw=options.raw,
        device=options.device,
        data_places=places,
    )
    if not trained.sampler.class_names:
        raise ConfigError(
            f"the run has no classes, {printable(run)}. Train one with model.conditioning=concat"
        )
    cache = (options.cache or Path(trained.experiment.config.cache)).expanduser()
    training_data = load_training_data(trained, cache, terminal.track)
    data = study.split_data(trained.experiment, training_data, cache, terminal.track)
    plan = _plan(options, trained)
    study.check_plan(plan, data)
    _introduce(trained, data, plan, terminal)
    work = study.train_classifiers(trained.sampler, data, plan)
    total = len(plan.per_class) * len(plan.ratios) * plan.seeds
    done = list(terminal.track(work, description="training classifiers", total=total))
    results = study.compare_ratios(done)
    _show(results, terminal)
    for sentence in findings.sentences(results, seeds=plan.seeds):
        terminal.say(sentence)
    terminal.say(findings.scope(plan))
    for doubt in findings.doubts(data, plan):
        terminal.say(f"warning: {doubt}")
    if options.out is not None:
        report = {"format": 1, "run": str(run)}
        report |= findings.plain_report(trained, data, plan, results)
        write_file(options.out, json.dumps(report, indent=2) + "\n", "--out")
        terminal.say(f"numbers: {printable(options.out)}")
    if options.plot is not None:
        _write_plot(options.plot, results)
        terminal.say(f"plot: {printable(options.plot)}")


def _write_plot(path: Path, results: list[RatioResult]) -> None:
    from gan_runner.augmentation_study import findings
    from gan_runner.augmentation_study.chart import chart
    from gan_runner.sampling.pictures.png import encode_png

    write_file(path, encode_png(chart(findings.panels(results))), "--plot")


def _single_run(words: list[str]) -> tuple[Path, dict[str, str]]:
    runs, places = split_data_places(words)
    if len(runs) > 1:
        raise ConfigError(f"several run folders, {printable(runs[1])}. Name one.")
    return runs[0], places


def _check_outputs(options: argparse.Namespace) -> None:
    """Raise a fault for files that can't be written, before anything is trained."""
    if options.plot is not None and options.plot.suffix.lower() != ".png":
        raise ConfigError(f"a plot is a .png file, --plot={printable(options.plot)}. Name one.")
    for name in "out", "plot":
        path = getattr(options, name)
        if path is not None:
            check_file(path, f"--{name}")


def _plan(options: argparse.Namespace, trained: Trained) -> Plan:
    from gan_runner.augmentation_study.classifiers import default_classifier
    from gan_runner.augmentation_study.study import Plan

    own = trained.experiment.dataset.per_class
    return Plan(
        classifier=options.classifier or default_classifier(trained.sampler.space),
        per_class=options.real_per_class or (_PER_CLASS if own is None else (own,)),
        ratios=options.synthetic_ratio,
        seeds=options.seeds,
        updates=options.updates,
    )


def _introduce(trained: Trained, data: ClassifierData, plan: Plan, terminal: Terminal) -> None:
    from gan_runner.augmentation_study import findings

    name = printable(trained.experiment.config.dataset["name"])
    terminal.say(
        f"{name}: {plural(len(data.real), 'real example')} to train on, {len(data.test)} others to "
        "test on; "
        f"synthetic ones of step {trained.step}, {trained.sampler.weights} weights; "
        f"classifier {plan.classifier}."
    )
    if note := findings.same_examples_note(data, plan):
        terminal.say(note)


def _show(results: list[RatioResult], terminal: Terminal) -> None:
    from gan_runner.augmentation_study.findings import percent_text

    terminal.table(
        ["real a class", "ratio", "real + synthetic", "accuracy %", "difference, points", ""],
        [
            [
                str(result.per_class),
                f"{result.ratio:g}",
                f"{result.n_real} + {result.n_synthetic}",
                percent_text(result.accuracy, signed=False),
                "-" if result.difference is None else percent_text(result.difference, signed=True),
                result.verdict,
            ]
            for result in results
        ],
    )


if __name__ == "__main__":
    main()
