"""The files that samples are written to: each format is a function here and its entry in
FORMATS."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gan_runner.errors import ConfigError, printable
from gan_runner.system.files import write_user_file

# torch is imported by the functions: --help shows the formats without it
if TYPE_CHECKING:
    from torch import Tensor

    from gan_runner.data.data import Kind, Space

_FRAME_MS = 60


class GeneratedSamples(NamedTuple):
    """Examples as stored, [N, *shape] on the CPU, and what they were made for.

    `labels`: int64 [N] of a conditional generator, with the names of its classes. `codes`: the
    latent codes, [N, K], in order. `grid_columns`: how many stand beside each other, if that says
    something. `frames`: of each arc between latent points, one after the other.
    """

    examples: Tensor
    space: Space
    labels: Tensor | None = None
    class_names: tuple[str, ...] = ()
    codes: Tensor | None = None
    grid_columns: int | None = None
    frames: int | None = None


class Format(NamedTuple):
    """A format, by its `help`, the kinds of data that it can hold and the function that writes it,
    which raises OSError. `animated`: it needs the frames of an interpolation."""

    help: str
    kinds: tuple[Kind, ...]
    write: Callable[[Path, GeneratedSamples], None]
    animated: bool = False


def find_format(path: Path) -> Format:
    """The format of the file of this name; a folder of pictures for a name without one."""
    return FORMATS.get(path.suffix.lower(), FOLDER)


def check_format(path: Path, space: Space, *, option: str) -> None:
    """Raise ConfigError, with the formats that fit, for a file that can't hold such samples."""
    kind, found = space.kind, find_format(path)
    if kind in found.kinds:
        return
    needed = "table" if found.kinds == ("table",) else "image"
    has = "a table" if kind == "table" else kind
    *others, last = (s for s, f in FORMATS.items() if kind in f.kinds and not f.animated)
    raise ConfigError(
        f"{option}={printable(path)} needs {needed} data, and the run has {has}. "
        f"Use a {', '.join(others)} or {last} file."
    )


def _write_grid(path: Path, samples: GeneratedSamples) -> None:
    from gan_runner.sampling.pictures.examples import draw_examples
    from gan_runner.sampling.pictures.png import encode_png

    grid = draw_examples(
        samples.examples, samples.space, grid_columns=samples.grid_columns, labels=samples.labels
    )
    write_user_file(path, encode_png(grid))


def _write_arrays(path: Path, samples: GeneratedSamples) -> None:
    """Samples with their labels, which are the numbers of the data where its classes are numbers,
    else places in `class_names`; or with their codes."""
    import numpy as np

    from gan_runner.sampling.arrays import to_stored_array
    from gan_runner.sampling.sampler import is_whole_number

    arrays: dict[str, Any] = {"samples": to_stored_array(samples.examples, samples.space)}
    names = samples.class_names
    if samples.labels is not None:
        arrays["labels"] = samples.labels.numpy()
        if all(map(is_whole_number, names)):
            arrays["labels"] = np.array([int(name) for name in names])[arrays["labels"]]
        else:
            arrays["class_names"] = np.array(names)
    elif samples.codes is not None:
        arrays["codes"] = samples.codes.numpy()
    with path.open("wb") as file:
        np.savez(file, **arrays)


def _write_rows(path: Path, samples: GeneratedSamples) -> None:
    """Names, and rows in the table's own units; the class of the condition is a column again."""
    import csv

    columns = samples.space.columns
    assert columns is not None, "other samples are refused"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = columns.rows(samples.examples, samples.labels, samples.space.origin)
        csv.writer(file, lineterminator="\n").writerows(rows)


def _write_animation(path: Path, samples: GeneratedSamples) -> None:
    """One frame for each place on the arcs, forth and back; all pairs side by side."""
    from gan_runner.sampling.pictures.animation import encode_gif
    from gan_runner.sampling.pictures.examples import draw_examples

    assert samples.frames is not None, "an animation shows an interpolation"
    arcs = samples.examples.unflatten(0, (-1, samples.frames))
    order = [*range(samples.frames), *range(samples.frames - 2, 0, -1)]
    pictures = [draw_examples(arcs[:, place], samples.space) for place in order]
    write_user_file(path, encode_gif(pictures, frame_ms=_FRAME_MS))


def _write_folder(path: Path, samples: GeneratedSamples) -> None:
    from gan_runner.sampling.arrays import to_stored_array
    from gan_runner.sampling.pictures.png import save_png, to_displayable

    path.mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(to_stored_array(samples.examples, samples.space)):
        save_png(to_displayable(image), path / f"sample_{number:06d}.png")


_EVERY_KIND: tuple[Kind, ...] = ("images", "vectors", "sequences", "table")

FORMATS = {
    ".png": Format("a grid (a scatter of vectors, curves of sequences)", _EVERY_KIND, _write_grid),
    ".npz": Format("arrays", _EVERY_KIND, _write_arrays),
    ".csv": Format("rows of a table", ("table",), _write_rows),
    ".gif": Format("with --interpolate", ("images",), _write_animation, animated=True),
}
"""The formats of files by the end of a name."""

FOLDER = Format("a folder with one PNG a sample", ("images",), _write_folder)
"""The meaning of a name without such an end."""


def describe_formats() -> str:
    """The formats for a help text."""
    files = [f"{suffix}: {found.help}" for suffix, found in FORMATS.items()]
    return "; ".join([*files, f"anything else: {FOLDER.help}"])
