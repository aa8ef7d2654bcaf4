"""The files that samples are written to: each format is a function here and its entry in
FORMATS."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from gan_runner.errors import ConfigError, printable
from gan_runner.system.files import write_user_file

# torch is imported by the functions: --help shows the formats without it
if TYPE_CHECKING:
    from torch import Tensor

    from gan_runner.data.data import Kind, Space
    from gan_runner.sampling.pictures.examples import Layout
    from gan_runner.sampling.pictures.png import Picture

_FRAME_MS = 60

LayoutOption = Literal["--grid-columns", "--scale"]


class GeneratedSamples(NamedTuple):
    """Examples as stored, [N, *shape] on the CPU, and what they were made for.

    `labels`: int64 [N] of a conditional generator, with the names of its classes. `codes`: the
    latent codes, [N, K], in order. `grid_columns`: how many stand beside each other, if that says
    something. `frames`: of each arc between latent points, one after the other. `seeds`: those that
    were asked for one by one, of which each has as many examples.
    """

    examples: Tensor
    space: Space
    layout: Layout
    labels: Tensor | None = None
    class_names: tuple[str, ...] = ()
    codes: Tensor | None = None
    grid_columns: int | None = None
    frames: int | None = None
    seeds: tuple[int, ...] = ()

    @property
    def examples_per_seed(self) -> int:
        return len(self.examples) // len(self.seeds)


class Format(NamedTuple):
    """A format, by its `help`, the kinds of data that it can hold and the function that writes it,
    which raises OSError, and ConfigError for what is too large.

    `animated`: it needs the frames of an interpolation. `options`: those that say what its pictures
    look like. `has_alpha`: it holds transparent images.
    """

    help: str
    kinds: tuple[Kind, ...]
    write: Callable[[Path, GeneratedSamples], None]
    animated: bool = False
    options: tuple[LayoutOption, ...] = ()
    has_alpha: bool = True


def find_format(path: Path) -> Format:
    """The format of the file of this name; a folder of pictures for a name without one. Raises
    ConfigError for the end of another format, with those to use instead."""
    suffix = path.suffix.lower()
    if suffix in _VIDEOS:
        raise ConfigError(
            f"videos aren't written, --out={printable(path)}. "
            "Use a .gif or .webp file, with --interpolate N."
        )
    if suffix in _OTHER_FILES:
        raise ConfigError(
            f"{suffix} files aren't written, --out={printable(path)}. "
            f"Use a {_either_of(FORMATS)} file, or a name without such an end for a folder."
        )
    found = FORMATS.get(_SPELLINGS.get(suffix, suffix))
    alike = get_close_matches(suffix, FORMATS, n=1, cutoff=_ALIKE) if suffix else []
    if found is None and alike and not path.is_dir():
        raise ConfigError(
            f"{suffix} files aren't written, --out={printable(path)}. "
            f"Did you mean {printable(path.with_suffix(alike[0]))}?"
        )
    return found or FOLDER


def check_format(path: Path, space: Space, *, option: str) -> None:
    """Raise ConfigError, with the formats that fit, for a file that can't hold such samples."""
    kind, found = space.kind, find_format(path)
    fitting = [s for s, f in FORMATS.items() if kind in f.kinds and not f.animated]
    if kind not in found.kinds:
        raise ConfigError(
            f"{option}={printable(path)} needs {_NEEDED[found.kinds]}, "
            f"and the run has {_HAS[kind]}. Use a {_either_of(fitting)} file."
        )
    if kind == "images" and space.shape[0] in (2, 4) and not found.has_alpha:
        fitting = [suffix for suffix in fitting if FORMATS[suffix].has_alpha]
        raise ConfigError(
            f"{option}={printable(path)} can't hold images with transparency. "
            f"Use a {_either_of(fitting)} file."
        )


def check_layout(path: Path, space: Space, layout: Layout) -> None:
    """Raise ConfigError for an option of a grid that the file or the data doesn't have."""
    found = find_format(path)
    values: dict[LayoutOption, int | None] = {
        "--grid-columns": layout.grid_columns,
        "--scale": layout.scale,
    }
    for option, value in values.items():
        if value is None:
            continue
        kinds = _LAYOUT_KINDS[option]
        if space.kind not in kinds:
            raise ConfigError(
                f"{option}={value} needs {' or '.join(kinds)}, and the run has "
                f"{_HAS[space.kind]}. Remove it."
            )
        if option not in found.options:
            fitting = [s for s, f in FORMATS.items() if option in f.options and not f.animated]
            raise ConfigError(
                f"{option}={value} can't change --out={printable(path)}. "
                f"Remove it, or use a {_either_of(fitting)} file."
            )


def _either_of(suffixes: Iterable[str]) -> str:
    *others, last = suffixes
    return f"{', '.join(others)} or {last}"


def _write_png(path: Path, samples: GeneratedSamples) -> None:
    from gan_runner.sampling.pictures.png import encode_png

    write_user_file(path, encode_png(_draw(samples)))


def _write_jpeg(path: Path, samples: GeneratedSamples) -> None:
    from gan_runner.sampling.pictures.compressed import encode_jpeg

    write_user_file(path, encode_jpeg(_draw(samples)))


def _write_webp(path: Path, samples: GeneratedSamples) -> None:
    from gan_runner.sampling.pictures.compressed import encode_webp

    moving = samples.frames is not None and samples.space.kind == "images"
    pictures = _draw_frames(samples) if moving else [_draw(samples)]
    write_user_file(path, encode_webp(pictures, frame_ms=_FRAME_MS))


def _write_gif(path: Path, samples: GeneratedSamples) -> None:
    from gan_runner.sampling.pictures.compressed import encode_gif

    write_user_file(path, encode_gif(_draw_frames(samples), frame_ms=_FRAME_MS))


def _write_svg(path: Path, samples: GeneratedSamples) -> None:
    from gan_runner.sampling.pictures.examples import draw_svg

    chart = draw_svg(
        samples.examples,
        samples.space,
        grid_columns=samples.grid_columns,
        labels=samples.labels,
        class_names=samples.class_names,
        layout=samples.layout,
    )
    write_user_file(path, chart)


def _draw(samples: GeneratedSamples) -> Picture:
    from gan_runner.sampling.pictures.examples import draw_examples

    return draw_examples(
        samples.examples,
        samples.space,
        grid_columns=samples.grid_columns,
        labels=samples.labels,
        class_names=samples.class_names,
        layout=samples.layout,
    )


def _draw_frames(samples: GeneratedSamples) -> list[Picture]:
    """One frame for each place on the arcs, forth and back; all pairs side by side."""
    from gan_runner.sampling.pictures.examples import draw_examples

    assert samples.frames is not None, "an animation shows an interpolation"
    arcs = samples.examples.unflatten(0, (-1, samples.frames))
    order = [*range(samples.frames), *range(samples.frames - 2, 0, -1)]
    space, layout = samples.space, samples.layout
    return [draw_examples(arcs[:, place], space, layout=layout) for place in order]


def _write_arrays(path: Path, samples: GeneratedSamples) -> None:
    """Samples with their labels, which are the numbers of the data where its classes are numbers,
    else places in `class_names`; or with their codes; and with the seeds that were asked for."""
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
    if samples.seeds:
        arrays["seeds"] = np.repeat(np.array(samples.seeds), samples.examples_per_seed)
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


def _write_folder(path: Path, samples: GeneratedSamples) -> None:
    from gan_runner.sampling.arrays import to_stored_array
    from gan_runner.sampling.pictures.examples import enlarge
    from gan_runner.sampling.pictures.png import save_png, to_displayable

    path.mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(to_stored_array(samples.examples, samples.space)):
        picture = to_displayable(enlarge(image, samples.layout.scale or 1))
        save_png(picture, path / f"{_file_stem(samples, number)}.png")


def _file_stem(samples: GeneratedSamples, number: int) -> str:
    """The name of a sample in a folder: its number, or the seed that it was asked for by."""
    if not samples.seeds:
        return f"sample_{number:06d}"
    place, inner = divmod(number, samples.examples_per_seed)
    part = "" if samples.examples_per_seed == 1 else f"_{inner:04d}"
    return f"seed{samples.seeds[place]:04d}{part}"


_IMAGES: tuple[Kind, ...] = ("images",)
_CHARTS: tuple[Kind, ...] = ("vectors", "sequences", "table")
_TABLE: tuple[Kind, ...] = ("table",)
_EVERY_KIND: tuple[Kind, ...] = ("images", "vectors", "sequences", "table")

_NEEDED = {_IMAGES: "image data", _TABLE: "table data", _CHARTS: "vectors, sequences or a table"}
_HAS: dict[Kind, str] = {kind: kind for kind in _EVERY_KIND} | {"table": "a table"}

_LAYOUT_KINDS: dict[LayoutOption, tuple[Kind, ...]] = {
    "--grid-columns": ("images", "sequences"),
    "--scale": _IMAGES,
}
_BOTH: tuple[LayoutOption, ...] = ("--grid-columns", "--scale")

FORMATS = {
    ".png": Format(
        "a grid (a scatter of vectors, curves of sequences)",
        _EVERY_KIND,
        _write_png,
        options=_BOTH,
    ),
    ".jpg": Format("the same", _EVERY_KIND, _write_jpeg, options=_BOTH, has_alpha=False),
    ".webp": Format(
        "the same without loss, of images with --interpolate an animation",
        _EVERY_KIND,
        _write_webp,
        options=_BOTH,
    ),
    ".svg": Format("the same, not of images", _CHARTS, _write_svg, options=("--grid-columns",)),
    ".gif": Format("with --interpolate", _IMAGES, _write_gif, animated=True, options=_BOTH),
    ".npz": Format("arrays", _EVERY_KIND, _write_arrays),
    ".csv": Format("rows of a table", _TABLE, _write_rows),
}
"""The formats of files by the end of a name."""

FOLDER = Format("a folder with one PNG a sample", _IMAGES, _write_folder, options=("--scale",))
"""The meaning of a name without such an end."""

_SPELLINGS = {".jpeg": ".jpg"}

_VIDEOS = frozenset({".mp4", ".m4v", ".webm", ".mov", ".avi", ".mkv", ".mpg", ".mpeg", ".ogv"})

_OTHER_FILES = frozenset(
    {
        *(".avif", ".bmp", ".eps", ".heic", ".jp2", ".jxl", ".pdf", ".ps", ".tif", ".tiff"),
        *(".ppm", ".pgm", ".apng", ".ico"),
        *(".npy", ".pt", ".pth", ".pkl", ".h5", ".hdf5", ".mat", ".safetensors"),
        *(".json", ".jsonl", ".parquet", ".tsv", ".txt", ".xlsx", ".yaml", ".html", ".zip"),
    }
)
"""Ends of names that nobody gives a folder."""

_ALIKE = 0.7  # of difflib: .pgn is .png


def describe_formats() -> str:
    """The formats for a help text."""
    files = [f"{suffix}: {found.help}" for suffix, found in FORMATS.items()]
    return "; ".join([*files, f"anything else: {FOLDER.help}"])
