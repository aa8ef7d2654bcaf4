"""The picture of a table: where its points are, and in which color."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from gan_runner.data.column import Column
from gan_runner.data.columns import Columns
from gan_runner.sampling.pictures.figure import as_array
from gan_runner.sampling.pictures.pairs import pairs

PLANE = (Column("x"), Column("y"))
BLUE, ORANGE = (0, 114, 178), (230, 159, 0)


def plot(rows: Tensor, columns: tuple[Column, ...], labels: Tensor | None = None) -> np.ndarray:
    of = Columns(columns, 1.0, False)
    with pairs(rows, labels, of, (0.0,) * of.width, (1.0,) * of.width) as figure:
        made = as_array(figure)
    assert (made.shape, made.dtype) == ((640, 640, 3), np.uint8)
    return made


def mask(picture: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
    """Where a picture has a color, bool [H, W]."""
    near: np.ndarray = (np.abs(picture.astype(int) - color) < 30).all(axis=2)
    return near


def panel_of(picture: np.ndarray) -> tuple[slice, slice]:
    """The panel of y over x, where two columns are shown, as their axes say."""
    dark = (picture < 60).all(axis=2)
    rows, columns = dark.sum(1), dark.sum(0)
    top, bottom = np.flatnonzero(rows > 200)  # the lines below the panels of x and of y
    left, right = np.flatnonzero(columns > 200)
    return slice(bottom - columns[right], bottom), slice(left, left + rows[top])


def where(picture: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
    """The mean place, in [0, 1], of a color in the panel of y over x (top left is 0)."""
    panel = mask(picture[panel_of(picture)], color)
    middle: np.ndarray = np.argwhere(panel).mean(axis=0)[::-1] / panel.shape[::-1]
    return middle


def test_a_row_is_where_its_numbers_say() -> None:
    assert where(plot(torch.tensor([[0.0, 0.0]]), PLANE), BLUE) == pytest.approx(0.5, abs=0.01)
    aside = where(plot(torch.tensor([[1.75, -1.75]]), PLANE), BLUE)
    assert aside == pytest.approx([0.75, 0.75], abs=0.01)


def test_whatever_its_labels_are_nothing_of_a_picture_is_cut() -> None:
    names = tuple(f"{k} is a category of forty letters and more" for k in range(3))
    wide = Column("another name of as many letters as that has", names)
    rows = torch.tensor([[1.7e9, 0.0, 1.0, 0.0, 0.0], [1.8e9, 0.0, 0.0, 1.0, 0.0]])
    of = Columns((*PLANE, wide), 1.0, False)
    with pairs(rows, None, of, (1.7e9, *(0.0,) * 4), (1e8, *(1.0,) * 4)) as figure:
        made = as_array(figure)
    border = np.concatenate([made[0], made[-1], made[:, 0], made[:, -1]])
    assert (border == 255).all()


def test_rows_have_the_color_of_the_label_that_they_hold_or_were_made_for() -> None:
    label = Column("kind", ("a", "b"), label=True)
    held = torch.tensor([[-1.75, 0.0, 1.0, 0.0], [1.75, 0.0, 0.0, 1.0]])
    labels = plot(held[:, :2], PLANE, torch.tensor([0, 1]))
    assert where(labels, BLUE) == pytest.approx([0.25, 0.5], abs=0.01)
    assert where(labels, ORANGE) == pytest.approx([0.75, 0.5], abs=0.01)
    of_three = plot(held, (*PLANE, label))
    assert mask(of_three, BLUE).any() and mask(of_three, ORANGE).any()
    assert not mask(plot(held[:, :2], PLANE), ORANGE).any()


def test_classes_are_named_unless_colors_repeat() -> None:
    rows, labels = torch.full((2, 2), 9.0), torch.tensor([0, 1])  # all beyond the axes
    for count, is_named in ((2, True), (8, True), (9, False)):
        kinds = Column("kind", tuple(map(str, range(count))), label=True, condition=True)
        made = plot(rows, (*PLANE, kinds), labels)
        assert mask(made, BLUE).any() == is_named
        assert mask(made, (213, 94, 0)).any() == (count == 8)


def test_what_lies_far_out_or_is_not_a_number_is_left_out() -> None:
    rows = torch.tensor([[0.0, 0.0], [1e30, 0.0], [torch.nan, 0.0], [0.0, -torch.inf]])
    assert np.array_equal(plot(rows, PLANE)[330:], plot(rows[:1], PLANE)[330:])


def test_of_many_columns_four_are_shown_numbers_first() -> None:
    wide = (Column("c", ("a", "b")), *(Column(f"n{i}") for i in range(6)))
    four = tuple(Column(f"n{i}") for i in range(4))
    assert np.array_equal(plot(torch.zeros(3, 8), wide), plot(torch.zeros(3, 4), four))


@pytest.mark.parametrize("count", [1, 12, 13, 200])
def test_categories_of_any_number_and_name_are_drawn(count: int) -> None:
    names = ("$\\frac{$", "\x1b[31m", "\u6570" * 90, *map(str, range(count)))[:count]
    made = plot(torch.eye(count), (Column("$_$ \x07" * 30, names),))
    assert mask(made, (180, 180, 180)).any()  # the histogram
