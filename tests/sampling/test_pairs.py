"""The picture of a table: where its points are, and in which colour."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from gan_runner.data.columns import Column, Columns
from gan_runner.sampling.pictures.pairs import pairs

PLANE = (Column("x"), Column("y"))
BLUE, ORANGE, WHITE = (86, 180, 233), (230, 159, 0), (255, 255, 255)


def drawn(rows: Tensor, columns: tuple[Column, ...], labels: Tensor | None = None) -> np.ndarray:
    of = Columns(columns, 1.0, False)
    return pairs(rows, labels, of, (0.0,) * of.width, (1.0,) * of.width)


def where(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """The mean place, in [0, 1], of the colour in the panel of y over x (top right is row 0)."""
    panel = picture[256:, :256]
    found = np.argwhere((panel == colour).all(axis=2))[:, ::-1] / 256
    middle: np.ndarray = found[found[:, 1] > 0.1].mean(axis=0)  # below the name of the column
    return middle


def test_a_row_lies_where_its_numbers_say() -> None:
    picture = drawn(torch.tensor([[0.0, 0.0]]), PLANE)
    assert picture.shape == (512, 512, 3)
    assert where(picture, WHITE) == pytest.approx([0.5, 0.5], abs=0.02)
    aside = where(drawn(torch.tensor([[1.75, -1.75]]), PLANE), WHITE)
    assert aside == pytest.approx([0.75, 0.75], abs=0.02)


def test_rows_have_the_colour_of_the_label_that_they_hold_or_were_told() -> None:
    label = Column("kind", ("a", "b"), label=True)
    held = torch.tensor([[-1.75, 0.0, 1.0, 0.0], [1.75, 0.0, 0.0, 1.0]])
    told = drawn(held[:, :2], PLANE, torch.tensor([0, 1]))
    assert where(told, BLUE) == pytest.approx([0.25, 0.5], abs=0.02)
    assert where(told, ORANGE) == pytest.approx([0.75, 0.5], abs=0.02)
    of_three = drawn(held, (*PLANE, label))
    assert (of_three == BLUE).all(axis=2).any() and (of_three == ORANGE).all(axis=2).any()
    assert not (drawn(held[:, :2], PLANE) == BLUE).all(axis=2).any()


def test_what_lies_far_out_or_is_no_number_is_left_out() -> None:
    rows = torch.tensor([[0.0, 0.0], [1e30, 0.0], [torch.nan, 0.0], [0.0, -torch.inf]])
    assert np.array_equal(
        (drawn(rows, PLANE) == WHITE).all(axis=2), (drawn(rows[:1], PLANE) == WHITE).all(axis=2)
    )


def test_of_many_columns_four_are_shown_numbers_first() -> None:
    wide = (Column("c", ("a", "b")), *(Column(f"n{i}") for i in range(6)))
    assert drawn(torch.zeros(3, 8), wide).shape == (512, 512, 3)
    assert drawn(torch.eye(2), (Column("c", ("a", "b")),)).shape == (512, 512, 3)
