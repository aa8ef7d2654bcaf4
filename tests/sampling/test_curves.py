"""Sequences as pictures of curves."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gan_runner.sampling.pictures.curves import (
    DIMENSIONS,
    GAP,
    LINE,
    _range_text,
    curves,
    panels_of,
)
from gan_runner.sampling.pictures.figure import COLORS, as_array

RGB = [tuple(bytes.fromhex(color[1:])) for color in COLORS]


def draw(sequences: NDArray[np.float64], columns: int | None) -> NDArray[np.uint8]:
    with curves(sequences.astype(np.float32), grid_columns=columns) as figure:
        return as_array(figure)


def plot(sequences: NDArray[np.float64], columns: int | None = None) -> NDArray[np.uint8]:
    """The picture below its legend."""
    made = draw(sequences, columns)
    panels = panels_of(len(sequences), columns)
    return made[-(panels.rows * (panels.height + GAP) + GAP + LINE) : -LINE]


def waves(count: int, size: int = 1) -> NDArray[np.float64]:
    time, turn = np.arange(24) / 24, np.arange(count * size).reshape(count, 1, size)
    return np.sin(2 * np.pi * (time[None, :, None] + turn / 7))


def panel(picture: NDArray[np.uint8], row: int, column: int, side: int) -> NDArray[np.uint8]:
    """The panel of a square of `side` panels."""
    _, _, width, height = panels_of(side * side, side)
    top, left = GAP + row * (height + GAP), GAP + column * (width + GAP)
    return picture[top : top + height, left : left + width]


def lit(picture: NDArray[np.uint8], color: tuple[int, int, int]) -> tuple[NDArray[np.int64], ...]:
    """Where a picture has a color, rows and columns."""
    near = np.abs(picture.astype(int) - color).max(axis=-1) < 30
    return near.nonzero()


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [
        (-1.0, 1.0, "-1 to 1"),
        (0.001, 1000.0, "0.001 to 1e+03"),
        (3.0, 3.0, "3 to 3"),
        (20200101.0, 20201231.0, "20200101 to 20201231"),
        (1_700_000_000.5, 1_700_000_044.2, "1700000000.5 to 1700000044.2"),
        (-0.5001, -0.5, "-0.5001 to -0.5"),
    ],
)
def test_the_ends_of_a_range_differ_in_its_digits(low: float, high: float, shown: str) -> None:
    assert _range_text(low, high) == shown


@pytest.mark.parametrize(
    ("count", "columns", "shape"),
    [
        (1, None, (304, 520)),
        (64, 2, (572, 1028)),
        (16, None, (564, 1028)),
        (10, 5, (252, 1024)),
        (3, 40, (96, 2084)),
    ],
)
def test_panels_stand_in_rows_and_columns(
    count: int, columns: int | None, shape: tuple[int, int]
) -> None:
    made = draw(waves(count), columns)
    assert made.dtype == np.uint8
    assert made.shape == (*shape, 3)


def test_a_curve_runs_from_left_to_right_and_higher_is_up() -> None:
    rising = np.linspace(-3, 5, 24)[None, :, None]
    rows, columns = lit(plot(rising), RGB[0])
    assert columns.min() < 15 and columns.max() > 500
    assert rows[columns.argmin()] > 230 and rows[columns.argmax()] < 40
    assert np.corrcoef(rows, columns)[0, 1] < -0.99


def test_every_dimension_has_its_color() -> None:
    made = plot(waves(1, size=4))
    for number, color in enumerate(RGB[:DIMENSIONS]):
        assert (len(lit(made, color)[0]) > 100) == (number < 4)


def test_the_legend_has_a_line_for_every_two_dimensions_of_a_narrow_picture() -> None:
    heights = [len(draw(waves(1, size=size), None)) for size in (1, 2, 3, 12)]
    assert np.diff(heights).tolist() == [0, LINE, 2 * LINE]


def test_sequences_stand_in_their_order() -> None:
    levels = np.broadcast_to(np.arange(4.0)[:, None, None], (4, 24, 1))
    made = plot(levels)
    places = [lit(panel(made, i // 2, i % 2, 2), RGB[0])[0].mean() for i in range(4)]
    assert places == sorted(places, reverse=True)
    assert places[0] - places[3] > 200


def test_all_panels_have_the_axes_of_their_dimension() -> None:
    both = waves(2, size=2)
    both[1] *= 0.5
    wide = both * (1.0, 1000.0)  # dimensions in other units are drawn alike
    assert np.array_equal(plot(both), plot(wide))
    rows = [lit(panel(plot(both), 0, i, 2), RGB[0])[0] for i in (0, 1)]
    assert np.ptp(rows[1]) == pytest.approx(np.ptp(rows[0]) / 2, rel=0.1)


@pytest.mark.parametrize(
    "sequences",
    [
        np.zeros((4, 24, 2)),
        np.full((1, 2, 1), 1e30),
        waves(5, size=12),
        np.full((2, 24, 1), np.nan),
        waves(2) * np.array([1.0, np.inf])[:, None, None],
        np.random.default_rng(0).normal(size=(2, 5000, 1)),
    ],
    ids=["all the same", "two steps", "many dimensions", "NaN", "Inf", "long"],
)
def test_sequences_of_every_kind_are_shown(sequences: NDArray[np.float64]) -> None:
    made = plot(sequences)
    assert sum(len(lit(made, color)[0]) for color in RGB[:DIMENSIONS]) > 40
