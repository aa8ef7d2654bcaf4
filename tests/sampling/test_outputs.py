"""Files of samples: what each holds, and which are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gan_runner.data import Space
from gan_runner.errors import ConfigError
from gan_runner.sampling.outputs import (
    GeneratedSamples,
    check_format,
    check_layout,
    find_format,
)
from gan_runner.sampling.pictures.compressed import encode_jpeg, encode_webp
from gan_runner.sampling.pictures.examples import Layout, draw_examples

COLOR, PLANE = Space("images", (3, 4, 4)), Space("vectors", (2,), (0.0, 0.0), (1.0, 1.0))
SEQUENCES = Space("sequences", (5, 2), (0.0, 0.0), (1.0, 1.0))


def made(space: Space, count: int, **more: object) -> GeneratedSamples:
    rng = torch.Generator().manual_seed(0)
    examples = torch.rand(count, *space.shape, generator=rng)
    if space.kind == "images":
        examples = (255 * examples).to(torch.uint8)
    return GeneratedSamples(examples, space, **{"layout": Layout(), **more})  # type: ignore[arg-type]


def write(path: Path, samples: GeneratedSamples) -> Path:
    find_format(path).write(path, samples)
    return path


@pytest.mark.parametrize(
    ("name", "form"), [("x.jpg", "JPEG"), ("x.JPEG", "JPEG"), ("x.webp", "WEBP"), ("x.png", "PNG")]
)
def test_a_picture_is_in_the_format_of_its_name(name: str, form: str, tmp_path: Path) -> None:
    samples = made(COLOR, 4)
    picture = Image.open(write(tmp_path / name, samples))
    expected = draw_examples(samples.examples, COLOR)
    assert (picture.format, picture.size) == (form, expected.shape[1::-1])
    found = np.asarray(picture.convert("RGB")).astype(int)
    assert np.abs(found - expected).max() <= (0 if form != "JPEG" else 60)


def test_a_webp_of_an_interpolation_moves(tmp_path: Path) -> None:
    picture = Image.open(write(tmp_path / "x.webp", made(COLOR, 8, frames=4)))
    assert picture.n_frames == 6  # type: ignore[attr-defined]


def test_an_svg_holds_a_chart_and_is_the_same_each_time(tmp_path: Path) -> None:
    first, second = (write(tmp_path / f"{k}.svg", made(PLANE, 9)).read_text() for k in "ab")
    assert first == second
    assert "<svg " in first and "<image" not in first


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("x.mp4", ["--out=x.mp4", ".gif or .webp", "--interpolate"]),
        ("x.WEBM", ["--out=x.WEBM", ".gif or .webp"]),
        ("x.tiff", ["--out=x.tiff", ".png, .jpg, .webp"]),
        ("x.npy", ["--out=x.npy", ".npz"]),
    ],
)
def test_the_end_of_another_format_never_names_a_folder(name: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as refused:
        find_format(Path(name))
    assert all(word in str(refused.value) for word in words)
    assert find_format(Path("run.v2")) is find_format(Path("folder"))


@pytest.mark.parametrize(
    ("name", "space", "words"),
    [
        ("x.svg", COLOR, ["needs vectors, sequences or a table", "Use a .png, .jpg"]),
        ("x.jpg", Space("images", (4, 4, 4)), ["transparency", ".png, .webp or .npz"]),
        ("x.jpg", Space("images", (2, 4, 4)), ["transparency"]),
    ],
)
def test_what_a_format_can_not_hold_is_refused(name: str, space: Space, words: list[str]) -> None:
    with pytest.raises(ConfigError) as refused:
        check_format(Path(name), space, option="--out")
    assert all(word in str(refused.value) for word in words)


def test_a_picture_larger_than_its_format_allows_is_refused() -> None:
    for encode in (encode_jpeg, lambda picture: encode_webp([picture], frame_ms=60)):
        with pytest.raises(ConfigError, match=r"1 x 65,501 pixels is larger .* --scale"):
            encode(np.zeros((65_501, 1, 1), np.uint8))


# ---------------------------------------------------------------- the layout of a grid


def test_scale_makes_squares_of_pixels_and_columns_are_those_asked_for() -> None:
    examples = made(COLOR, 6).examples
    picture = draw_examples(examples, COLOR, grid_columns=2, layout=Layout(3, 5))
    assert picture.shape == (2 * (4 * 5 + 2) + 2, 3 * (4 * 5 + 2) + 2, 3)
    second = picture[2:22, 24:44]
    assert np.array_equal(second[::5, ::5], examples[1].permute(1, 2, 0).numpy())
    assert np.array_equal(second, second[::5, ::5].repeat(5, 0).repeat(5, 1))


def test_a_grid_has_no_empty_columns() -> None:
    examples = made(COLOR, 3).examples
    three, many = (draw_examples(examples, COLOR, layout=Layout(n, 1)) for n in (3, 99))
    assert np.array_equal(three, many)


def test_panels_of_curves_stand_in_the_columns_asked_for() -> None:
    examples = made(SEQUENCES, 16).examples
    height, width, _ = draw_examples(examples, SEQUENCES, layout=Layout(1)).shape
    assert height > 4 * width


@pytest.mark.parametrize(
    ("name", "space", "layout", "words"),
    [
        ("x.npz", COLOR, Layout(scale=2), ["--scale=2", "--out=x.npz", ".png, .jpg or .webp"]),
        ("folder", COLOR, Layout(3), ["--grid-columns=3", "--out=folder"]),
        ("x.png", PLANE, Layout(scale=2), ["--scale=2 needs images", "has vectors"]),
        ("x.png", PLANE, Layout(3), ["--grid-columns=3 needs images or sequences"]),
    ],
)
def test_an_option_that_would_change_nothing_is_refused(
    name: str, space: Space, layout: Layout, words: list[str]
) -> None:
    with pytest.raises(ConfigError) as refused:
        check_layout(Path(name), space, layout)
    assert all(word in str(refused.value) for word in words)
    check_layout(Path("x.jpg"), COLOR, Layout(3, 2))


# ---------------------------------------------------------------- seeds


def test_samples_in_a_folder_are_named_by_the_seeds_that_were_asked_for(tmp_path: Path) -> None:
    scaled = Layout(scale=3)
    one = write(tmp_path / "one", made(COLOR, 2, seeds=(7, 12345), layout=scaled))
    row = write(tmp_path / "row", made(COLOR, 4, seeds=(7, 8)))
    assert sorted(p.name for p in one.iterdir()) == ["seed0007.png", "seed12345.png"]
    assert Image.open(one / "seed0007.png").size == (12, 12)
    names = [f"seed{seed:04d}_{place:04d}.png" for seed in (7, 8) for place in (0, 1)]
    assert sorted(p.name for p in row.iterdir()) == names


def test_arrays_say_the_seed_of_each_sample(tmp_path: Path) -> None:
    arrays = np.load(write(tmp_path / "x.npz", made(PLANE, 6, seeds=(4, 2, 9))))
    assert arrays["seeds"].tolist() == [4, 4, 2, 2, 9, 9]
