"""gan-sample: samples of a trained run as a grid, as arrays, or as one picture each."""

from __future__ import annotations

import argparse
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from gan_runner.cli.arguments import Arguments
from gan_runner.cli.command import (
    check_file,
    parse_count,
    parse_device,
    require_runs,
    run_with_options,
)
from gan_runner.errors import ConfigError, MachineError, did_you_mean, plural, printable
from gan_runner.sampling.outputs import (
    FOLDER,
    GeneratedSamples,
    check_format,
    check_layout,
    describe_formats,
    find_format,
)

if TYPE_CHECKING:
    from torch import Tensor

    from gan_runner.sampling.pictures.examples import Layout
    from gan_runner.sampling.sampler import Sampler

_MOST_GRID_COLUMNS = 20
_SHARES_SHOWN = 4  # classes whose shares stand in a line
_NUM = 64
_MOST_SEEDS = 10_000
_LARGEST_SCALE = 64
_TRAVERSED = 10  # places in the range of a continuous code


def main() -> None:
    """The command `gan-sample`."""
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: list[str]) -> int:
    """Do what the arguments say; the exit code of the contract."""
    return run_with_options(_sample, parser(), arguments)


def parser() -> Arguments:
    """The arguments of the command."""
    arguments = Arguments("gan-sample", description=__doc__)
    arguments.add_argument("run", type=Path, metavar="RUN", help="a run folder")
    arguments.add_argument(
        "--checkpoint", default="last", metavar="last|best|STEP", help="which one (last)"
    )
    arguments.add_argument("--raw", action="store_true", help="the generator itself, not its EMA")
    arguments.add_argument(
        "--device", type=parse_device, default="auto", help="auto, cpu, cuda, cuda:1, mps (auto)"
    )
    arguments.add_argument(
        "--out",
        type=Path,
        default=Path("samples.png"),
        metavar="PATH",
        help=f"{describe_formats()} (samples.png)",
    )
    arguments.add_argument(
        "--grid-columns",
        type=parse_count,
        metavar="N",
        help="samples beside each other in a picture (a square, or a column for each class)",
    )
    arguments.add_argument(
        "--scale",
        type=_scale,
        metavar="K",
        help="each pixel of an image becomes K by K (as fits a grid of 512 pixels; 1 in a folder)",
    )
    _add_samples(arguments)
    _add_latents(arguments)
    return arguments


def _add_samples(parser: Arguments) -> None:
    """The options that say which samples, and how many."""
    parser.add_argument("--num", type=parse_count, metavar="N", help="how many samples (64)")
    parser.add_argument(
        "--label",
        action="append",
        metavar="CLASS",
        help="a class by name or number, again for more, in turn (conditional models; all classes, "
        "by their shares of the training data)",
    )
    parser.add_argument(
        "--balanced",
        action="store_true",
        help="all classes in turn, so that each has as many samples; a column of a grid for each",
    )
    parser.add_argument(
        "--per-class",
        type=parse_count,
        metavar="N",
        help="N samples of each class, instead of --num",
    )
    parser.add_argument(
        "--where",
        metavar="CONDITION",
        help="rows of a table in which this holds, as in \"age >= 30 and sex = 'Female'\"; others "
        "are drawn again",
    )
    parser.add_argument(
        "--max-draws",
        type=parse_count,
        metavar="N",
        help="rows that --where draws at most (1000 for each that is wanted; 100000 if none fits)",
    )


def _add_latents(parser: Arguments) -> None:
    """The options that say which latent points the samples are made from."""
    seeds = parser.add_mutually_exclusive_group()
    seeds.add_argument("--seed", type=int, default=0, metavar="S", help="of the latent points (0)")
    seeds.add_argument(
        "--seeds",
        type=_seeds,
        metavar="A-B,C",
        help="for each of these seeds the sample, or the row, that --seed S --num 1 gives, instead "
        "of --num; in a folder each is named by its seed, in .npz there are `seeds`",
    )
    parser.add_argument(
        "--truncation", type=_threshold, metavar="T", help="redraw latent coordinates beyond T"
    )
    parser.add_argument(
        "--interpolate",
        type=parse_count,
        metavar="N",
        help="N points on the arc between two latent points: a row of the grid for each pair "
        "(--num rows, 8; classes in turn), or the frames of a .gif",
    )
    parser.add_argument(
        "--traverse",
        metavar="CODE",
        help="a row of the grid for each latent point (--num rows, 8), along which this code goes "
        "through its range, as in code.continuous.0 (models with model.code)",
    )


def _threshold(text: str) -> float:
    with suppress(ValueError):
        # below, nearly every coordinate would be drawn again and again
        if (number := float(text)) >= 0.01:
            return number
    raise argparse.ArgumentTypeError(f"{text} is not a number of at least 0.01")


def _scale(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= _LARGEST_SCALE):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 to {_LARGEST_SCALE}")
    return int(text)


def _seeds(text: str) -> tuple[int, ...]:
    """Seeds and ranges of them, both ends included, in the order in which they were asked for."""
    found: dict[int, None] = {}
    for part in text.split(","):
        match = re.fullmatch(r"(\d{1,18})(?:-(\d{1,18}))?", part, re.ASCII)
        if match is None:
            raise argparse.ArgumentTypeError(f"{part!r} is not a seed or a range, as in 0-15,20")
        first = int(match[1])
        last = int(match[2] or first)
        if not 0 <= last - first < _MOST_SEEDS:
            raise argparse.ArgumentTypeError(f"{part} is not a range of 1 to {_MOST_SEEDS:,} seeds")
        found |= dict.fromkeys(range(first, last + 1))
    return tuple(found)


def _sample(options: argparse.Namespace) -> None:
    require_runs([options.run])
    from gan_runner.logs.terminal import Terminal
    from gan_runner.runs.open import load_generator
    from gan_runner.sampling.pictures.examples import Layout

    out = find_format(options.out)
    if out.animated and options.interpolate is None:
        raise ConfigError(
            f"a GIF shows an interpolation, --out={printable(options.out)}. Add --interpolate N"
        )
    _check_counts(options)
    trained = load_generator(
        options.run, which=options.checkpoint, raw=options.raw, device=options.device
    )
    layout = Layout(options.grid_columns, options.scale)
    check_format(options.out, trained.sampler.space, option="--out")
    check_layout(options.out, trained.sampler.space, layout)
    if options.where is None and not _redraws(options, trained.sampler):
        samples, note = _draw_samples(options, trained.sampler, layout), None
    else:
        samples, note = _draw_where(options, trained.sampler, layout)
    if out is not FOLDER:
        check_file(options.out, "--out")
    try:
        out.write(options.out, samples)
    except OSError as error:
        raise MachineError(f"can't write, --out={printable(options.out)}. {error}") from None
    drawn = plural(len(samples.examples), "sample")
    terminal = Terminal()
    terminal.say(f"{drawn} of step {trained.step}: {printable(options.out)}")
    if (broken := _broken(samples)) and note is None:
        terminal.say(broken)
    if note is not None:
        terminal.say(printable(note))
    elif samples.labels is not None and not options.label:
        terminal.say(_shares_line(options, trained.sampler))


def _check_counts(options: argparse.Namespace) -> None:
    """Raise ConfigError for two options that say how many samples there are."""
    counts = {
        "--num": options.num,
        "--per-class": options.per_class,
        "--seeds": options.seeds,
    }
    given = [flag for flag, value in counts.items() if value is not None]
    if len(given) > 1:
        raise ConfigError(f"two numbers of samples, {given[0]} and {given[1]}. Give one of them.")
    if options.balanced and options.label:
        raise ConfigError("two choices of classes, --label and --balanced. Give one of them.")
    if options.where is None and options.max_draws is not None:
        raise ConfigError(f"--max-draws={options.max_draws} is of --where. Add that, or remove it.")
    _check_where(options)


def _check_where(options: argparse.Namespace) -> None:
    """Raise ConfigError for an option that can't be combined with a condition."""
    if options.where is None:
        return
    shown = printable(options.where)
    if options.label or options.balanced or options.per_class is not None:
        flag = "--label" if options.label else "--balanced" if options.balanced else "--per-class"
        raise ConfigError(
            f"two choices of rows, {flag} and --where={shown}. "
            "Say the class in the condition, as in species = 'setosa'"
        )
    others = {
        "--seeds": options.seeds,
        "--interpolate": options.interpolate,
        "--traverse": options.traverse,
    }
    for flag, value in others.items():
        if value is not None:
            raise ConfigError(f"{flag} can't be combined with --where={shown}. Remove one of them.")


def _shares_line(options: argparse.Namespace, sampler: Sampler) -> str:
    """Which shares the classes have among the samples, and among the data."""
    total = sum(sampler.class_counts)
    pairs = list(zip(sampler.class_names, sampler.class_counts, strict=False))[:_SHARES_SHOWN]
    listed = ", ".join(f"{printable(name)} {count / total:.1%}" for name, count in pairs)
    more = "" if sampler.classes <= _SHARES_SHOWN else ", ..."
    if _draws_shares(options, sampler):
        return f"classes by their shares of the data: {listed}{more}; --balanced for equal ones"
    known = f"their shares of the data are {listed}{more}"
    unknown = "this checkpoint, of an earlier version, doesn't say their shares of the data"
    return f"all {sampler.classes} classes in turn; {known if total else unknown}"


def _draws_shares(options: argparse.Namespace, sampler: Sampler) -> bool:
    """Whether classes are drawn by their shares of the data, and don't take turns."""
    chosen = options.label or options.balanced or options.per_class is not None
    rows = options.interpolate is not None or options.traverse is not None
    return bool(sampler.class_counts) and not chosen and not rows


def _draw_where(
    options: argparse.Namespace, sampler: Sampler, layout: Layout
) -> tuple[GeneratedSamples, str]:
    """The rows in which the condition holds, and how many were drawn for them. Raises ConfigError
    for another condition, and for one that holds too rarely."""
    from gan_runner.sampling.rejection import parse_where, sample_where

    condition = None
    if options.where is not None:
        condition = parse_where(options.where, sampler.space, setting="--where")
    rows = sample_where(
        sampler,
        condition,
        options.num or _NUM,
        seed=options.seed,
        truncation=options.truncation,
        max_draws=options.max_draws,
    )
    samples = GeneratedSamples(
        rows.examples,
        sampler.space,
        layout,
        labels=rows.labels,
        class_names=sampler.class_names,
        codes=_codes(sampler, rows.latents),
    )
    wanted = "those that keep the constraints" if condition is None else condition.text
    return samples, f"accepted {rows.rate:.2%} of {rows.drawn:,} rows: {wanted}"


def _broken(samples: GeneratedSamples) -> str:
    """How many rows break a constraint of the table; "" for none."""
    columns = samples.space.columns
    if columns is None or not columns.keeper.may_break:
        return ""
    shown = columns.values(samples.examples, samples.labels, samples.space.origin)
    masks = columns.keeper.broken({column.name: values for column, values in shown})
    count = sum(map(any, zip(*(mask.tolist() for mask in masks), strict=True)))
    if not count:
        return ""
    return (
        f"{count} of {plural(len(samples.examples), 'row')} break a constraint of the table: rows "
        "whose class, seed or latent point was asked for aren't drawn again"
    )


def _redraws(options: argparse.Namespace, sampler: Sampler) -> bool:
    """Whether rows that break a constraint are drawn again: where neither their latent points nor
    their classes were asked for."""
    columns = sampler.space.columns
    asked = (options.seeds, options.interpolate, options.traverse, options.per_class)
    chosen = bool(options.label or options.balanced) or any(each is not None for each in asked)
    return columns is not None and columns.keeper.may_break and not chosen


def _draw_samples(
    options: argparse.Namespace, sampler: Sampler, layout: Layout
) -> GeneratedSamples:
    """The samples that the options ask for. Raises ConfigError for what the sampler hasn't."""
    classes = _classes(options, sampler)
    latents, grid_columns = _latents(options, sampler, classes)
    if _draws_shares(options, sampler):
        labels = _draw_labels(options, sampler, len(latents))
    else:
        labels = _labels(options, classes, len(latents))
    return GeneratedSamples(
        sampler.decode(latents, labels),
        sampler.space,
        layout,
        labels=labels,
        class_names=sampler.class_names,
        codes=_codes(sampler, latents),
        grid_columns=grid_columns,
        frames=options.interpolate,
        seeds=options.seeds or (),
    )


def _codes(sampler: Sampler, latents: Tensor) -> Tensor | None:
    """The latent codes of points, [N, K]; None without codes."""
    import torch

    codes = sampler.code_values(latents)
    return torch.stack([code.float() for code in codes], dim=1) if codes else None


def _classes(options: argparse.Namespace, sampler: Sampler) -> list[int]:
    """The classes that are wanted; none if the model isn't conditional. Raises ConfigError."""
    names = sampler.class_names
    if not names and (options.label or options.balanced or options.per_class):
        asked = "--label" if options.label else "--per-class" if options.per_class else "--balanced"
        remedy = "Train one with model.conditioning=concat"
        if sampler.encoder is not None:
            remedy = "Autoencoders have none: train a GAN with model.conditioning=concat"
        elif sampler.space.conditional_vector_size:
            remedy = "It can be given categories, by a condition: --where"
        raise ConfigError(f"the run has no classes, {asked}. {remedy}")
    return [_class(text, sampler) for text in options.label or []] or list(range(len(names)))


def _class(text: str, sampler: Sampler) -> int:
    found = sampler.find_class(text)
    if found is None:
        listed = ", ".join(printable(name) for name in sampler.class_names[:20])
        raise ConfigError(f"no such class, --label={printable(text)}. Choose one of: {listed}.")
    return found


def _labels(options: argparse.Namespace, classes: list[int], count: int) -> Tensor | None:
    """The label of each sample: the classes in turn, one for each arc of an interpolation."""
    import torch

    if not classes:
        return None
    places = torch.arange(count) // (options.interpolate or 1)
    return torch.tensor(classes)[places % len(classes)]


def _draw_labels(options: argparse.Namespace, sampler: Sampler, count: int) -> Tensor | None:
    """Labels by the shares of the data, of one seed or of each."""
    import torch

    if options.seeds is None:
        return sampler.draw_labels(count, seed=options.seed)
    labels = (sampler.draw_labels(1, seed=seed) for seed in options.seeds)
    return torch.cat([each for each in labels if each is not None])


def _latents(
    options: argparse.Namespace, sampler: Sampler, classes: list[int]
) -> tuple[Tensor, int | None]:
    """Latent points, and the number of columns that a grid of them has."""
    import torch

    from gan_runner.sampling.latents import interpolate

    if options.traverse is not None:
        return _traversal(options, sampler)
    steps = options.interpolate
    count = options.num or (_NUM if steps is None else 8)
    if options.per_class is not None:
        count = options.per_class * len(classes)
    drawn = _draw_latents(options, sampler, count, each=1 if steps is None else 2)
    if steps is None:
        # a column for each class in turn, as far as they fit
        in_turn = 1 < len(classes) <= _MOST_GRID_COLUMNS and not _draws_shares(options, sampler)
        return drawn, len(classes) if in_turn else None
    # neighbors, so that an arc is the same however many there are
    pairs = zip(drawn[::2], drawn[1::2], strict=True)
    return torch.cat([interpolate(start, end, steps) for start, end in pairs]), steps


def _draw_latents(
    options: argparse.Namespace, sampler: Sampler, count: int, *, each: int = 1
) -> Tensor:
    """`each` points for every one of `count` samples or rows, or of the seeds."""
    import torch

    truncation = options.truncation
    if options.seeds is None:
        return sampler.latents(count * each, seed=options.seed, truncation=truncation)
    drawn = [sampler.latents(each, seed=seed, truncation=truncation) for seed in options.seeds]
    return torch.cat(drawn)


def _traversal(options: argparse.Namespace, sampler: Sampler) -> tuple[Tensor, int]:
    """Latent points that differ along each row in one code only. Raises ConfigError."""
    code, asked = sampler.code, options.traverse
    if options.interpolate is not None:
        raise ConfigError("two kinds of rows, --interpolate and --traverse. Give one of them.")
    if code is None:
        raise ConfigError(
            f"the run has no codes, --traverse={printable(asked)}. "
            "Train one with model.code.continuous=2 or so."
        )
    name = asked.removeprefix("code.")
    if name not in code.names:
        remedy = did_you_mean(name, code.names)
        raise ConfigError(f"no such code, --traverse={printable(asked)}. {remedy}")
    along = code.traverse(name, _TRAVERSED)
    drawn = _draw_latents(options, sampler, options.num or 8)
    rows = drawn.repeat_interleave(len(along), dim=0)
    rows[:, sampler.latent_dims - code.size + code.names.index(name)] = along.repeat(len(drawn))
    return rows, len(along)


if __name__ == "__main__":
    main()
