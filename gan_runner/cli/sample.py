"""gan-sample: samples of a trained run as a grid, as arrays, or as one picture each."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_runner.cli.arguments import Arguments
from gan_runner.cli.command import (
    check_file,
    parse_count,
    parse_device,
    run_with_options,
    write_file,
)
from gan_runner.errors import ConfigError, MachineError, did_you_mean, printable

if TYPE_CHECKING:
    from torch import Tensor

    from gan_runner.runs.open import Trained
    from gan_runner.sampling.sampler import Sampler

_FILES = (".png", ".npz", ".csv", ".gif")  # anything else is a folder of pictures
_FRAME_MS = 60
_MOST_COLUMNS = 20
_TRAVERSED = 10  # places in the range of a continuous code


def main() -> None:
    """The command `gan-sample`."""
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: list[str]) -> int:
    """Do what the arguments say; the exit code of the contract."""
    return run_with_options(_sample, _parser(), arguments)


def _parser() -> Arguments:
    parser = Arguments("gan-sample", description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder")
    parser.add_argument("--num", type=parse_count, metavar="N", help="how many samples (64)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the latent points (0)")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("samples.png"),
        metavar="PATH",
        help=".png: a grid (a scatter of vectors, curves of sequences); .npz: arrays; .csv: rows "
        "of a table; .gif: with --interpolate; anything else: a folder with one PNG a sample "
        "(samples.png)",
    )
    parser.add_argument(
        "--checkpoint", default="last", metavar="last|best|STEP", help="which one (last)"
    )
    parser.add_argument("--raw", action="store_true", help="the generator itself, not its EMA")
    parser.add_argument(
        "--interpolate",
        type=parse_count,
        metavar="N",
        help="N points on the arc between two latent points: a row of the grid for each pair "
        "(--num rows, 8), or the frames of a .gif",
    )
    parser.add_argument(
        "--traverse",
        metavar="CODE",
        help="a row of the grid for each latent point (--num rows, 8), along which this code goes "
        "through its range, as in code.continuous.0 (models with model.code)",
    )
    parser.add_argument(
        "--label",
        action="append",
        metavar="CLASS",
        help="a class by name or number, again for more (conditional models; all classes in turn)",
    )
    parser.add_argument(
        "--per-class",
        type=parse_count,
        metavar="N",
        help="N samples of each class, instead of --num",
    )
    parser.add_argument(
        "--truncation", type=_threshold, metavar="T", help="redraw latent coordinates beyond T"
    )
    parser.add_argument(
        "--device", type=parse_device, default="auto", help="auto, cpu, cuda, cuda:1, mps (auto)"
    )
    return parser


def _threshold(text: str) -> float:
    with suppress(ValueError):
        # below, nearly every coordinate would be drawn again and again
        if (number := float(text)) >= 0.01:
            return number
    raise argparse.ArgumentTypeError(f"{text} is not a number of at least 0.01")


def _sample(options: argparse.Namespace) -> None:
    from gan_runner.logs.terminal import Terminal
    from gan_runner.runs.open import load_generator

    suffix = options.out.suffix.lower()
    if suffix == ".gif" and options.interpolate is None:
        raise ConfigError(
            f"a GIF shows an interpolation, --out={printable(options.out)}. Add --interpolate N."
        )
    trained = load_generator(
        options.run, which=options.checkpoint, raw=options.raw, device=options.device
    )
    _refuse_other_files(trained, options.out)
    classes = _classes(options, trained)
    latent, grid_columns = _latent(options, trained, classes)
    labels = _labels(options, classes, len(latent))
    examples = trained.sampler.decode(latent, labels)
    try:
        _write(options, trained, examples, _conditions(trained, latent, labels), grid_columns)
    except OSError as error:
        raise MachineError(f"can't write, --out={printable(options.out)}. {error}") from None
    Terminal().say(f"{len(examples)} samples of step {trained.step}: {printable(options.out)}")


def _refuse_other_files(trained: Trained, out: Path) -> None:
    """Raise ConfigError for a file that can't hold such samples."""
    shown, suffix = f"--out={printable(out)}", out.suffix.lower()
    kind = trained.sampler.space.kind
    if kind == "table" and suffix not in (".csv", ".png", ".npz"):
        raise _wrong_file_error(shown, "image", kind, "a .csv, .npz or .png file")
    if kind in ("vectors", "sequences") and suffix not in (".png", ".npz"):
        needed = "table" if suffix == ".csv" else "image"
        raise _wrong_file_error(shown, needed, kind, "a .npz or .png file")
    if kind == "images" and suffix == ".csv":
        raise _wrong_file_error(shown, "table", kind, "a .png or .npz file")


def _wrong_file_error(shown: str, needed: str, kind: str, fit: str) -> ConfigError:
    has = "a table" if kind == "table" else kind
    return ConfigError(f"{shown} needs {needed} data, and the run has {has}. Use {fit}.")


def _classes(options: argparse.Namespace, trained: Trained) -> list[int]:
    """The classes that are wanted; none if the model isn't conditional. Raises ConfigError."""
    names = trained.sampler.class_names
    if not names and (options.label or options.per_class):
        asked = "--label" if options.label else "--per-class"
        remedy = "Train one with model.conditioning=concat."
        if trained.sampler.encoder is not None:
            remedy = "Autoencoders have none: train a GAN with model.conditioning=concat."
        raise ConfigError(f"the run has no classes, {asked}. {remedy}")
    if options.num is not None and options.per_class is not None:
        raise ConfigError("two numbers of samples, --num and --per-class. Give one of them.")
    return [_class(text, trained.sampler) for text in options.label or []] or list(
        range(len(names))
    )


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


def _latent(
    options: argparse.Namespace, trained: Trained, classes: list[int]
) -> tuple[Tensor, int | None]:
    """Latent points, and the number of columns that a grid of them has."""
    import torch

    from gan_runner.sampling.latents import interpolate

    if options.traverse is not None:
        return _traversal(options, trained)
    steps = options.interpolate
    count = options.num or (64 if steps is None else 8)
    if options.per_class is not None:
        count = options.per_class * len(classes)
    drawn = trained.sampler.latents(
        count if steps is None else 2 * count, seed=options.seed, truncation=options.truncation
    )
    if steps is None:
        # a column for each class, as far as they fit
        return drawn, len(classes) if 1 < len(classes) <= _MOST_COLUMNS else None
    pairs = zip(drawn[:count], drawn[count:], strict=True)
    return torch.cat([interpolate(start, end, steps) for start, end in pairs]), steps


def _traversal(options: argparse.Namespace, trained: Trained) -> tuple[Tensor, int]:
    """Latent points that differ along each row in one code only. Raises ConfigError."""
    sampler, asked = trained.sampler, options.traverse
    code = sampler.code
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
    drawn = sampler.latents(options.num or 8, seed=options.seed, truncation=options.truncation)
    rows = drawn.repeat_interleave(len(along), dim=0)
    rows[:, sampler.latent_dims - code.size + code.names.index(name)] = along.repeat(len(drawn))
    return rows, len(along)


def _conditions(trained: Trained, latent: Tensor, labels: Tensor | None) -> dict[str, Tensor]:
    """The condition of each sample: its label [N], or its codes [N, K] in order."""
    import torch

    if labels is not None:
        return {"labels": labels}
    values = trained.sampler.code_values(latent)
    return {"codes": torch.stack([v.float() for v in values], dim=1)} if values else {}


def _write(
    options: argparse.Namespace,
    trained: Trained,
    examples: Tensor,
    conditions: dict[str, Tensor],
    grid_columns: int | None,
) -> None:
    suffix = options.out.suffix.lower()
    if suffix in _FILES:
        check_file(options.out, "--out")
    if suffix == ".png":
        _write_grid(options.out, trained, examples, conditions.get("labels"), grid_columns)
    elif suffix == ".npz":
        _write_arrays(options.out, trained, examples, conditions)
    elif suffix == ".csv":
        _write_rows(options.out, trained, examples, conditions.get("labels"))
    elif suffix == ".gif":
        _write_animation(options.out, trained, examples, frames=options.interpolate)
    else:
        _write_folder(options.out, trained, examples)


def _write_grid(
    path: Path,
    trained: Trained,
    examples: Tensor,
    labels: Tensor | None,
    grid_columns: int | None,
) -> None:
    from gan_runner.sampling.pictures.examples import draw_examples
    from gan_runner.sampling.pictures.png import encode_png

    grid = draw_examples(examples, trained.sampler.space, grid_columns=grid_columns, labels=labels)
    write_file(path, encode_png(grid), "--out")


def _write_arrays(
    path: Path, trained: Trained, examples: Tensor, conditions: dict[str, Tensor]
) -> None:
    """Samples with their labels, which are the numbers of the data where its classes are numbers,
    else places in `class_names`; or with their codes."""
    import numpy as np

    from gan_runner.sampling.arrays import to_stored_array
    from gan_runner.sampling.sampler import is_whole_number

    with path.open("wb") as file:
        arrays: dict[str, Any] = {name: values.numpy() for name, values in conditions.items()}
        if "labels" in arrays:
            names = trained.sampler.class_names
            if all(map(is_whole_number, names)):
                arrays["labels"] = np.array([int(name) for name in names])[arrays["labels"]]
            else:
                arrays["class_names"] = np.array(names)
        np.savez(file, samples=to_stored_array(examples, trained.sampler.space), **arrays)


def _write_rows(path: Path, trained: Trained, examples: Tensor, labels: Tensor | None) -> None:
    """Names, and rows in the table's own units; the class of the condition is a column again."""
    import csv

    space = trained.sampler.space
    assert space.columns is not None, "other samples are refused"
    rows = space.columns.rows(examples, labels, space.origin)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def _write_animation(path: Path, trained: Trained, examples: Tensor, *, frames: int) -> None:
    """One frame for each place on the arcs, forth and back; all pairs side by side."""
    from PIL import Image

    from gan_runner.sampling.pictures.examples import draw_examples

    pairs = examples.unflatten(0, (-1, frames))
    order = [*range(frames), *range(frames - 2, 0, -1)]
    drawn = [draw_examples(pairs[:, place], trained.sampler.space) for place in order]
    images = [Image.fromarray(f[..., 0] if f.shape[-1] == 1 else f).convert("RGB") for f in drawn]
    images[0].save(path, save_all=True, append_images=images[1:], duration=_FRAME_MS, loop=0)


def _write_folder(path: Path, trained: Trained, examples: Tensor) -> None:
    from gan_runner.sampling.arrays import to_stored_array
    from gan_runner.sampling.pictures.png import save_png, to_displayable

    path.mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(to_stored_array(examples, trained.sampler.space)):
        save_png(to_displayable(image), path / f"sample_{number:06d}.png")


if __name__ == "__main__":
    main()
