"""Networks that are given one category of a row."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gan_runner.data import Column, Columns, Space
from gan_runner.models.conditional_vector import VectorGenerator
from gan_runner.models.labels import ClassConditional, require_labels

SHARES = (0.7, 0.2, 0.1)
COLUMNS = Columns(
    (
        Column("size"),
        Column("kind", ("a", "b", "c"), shares=SHARES),
        Column("half", ("x", "y"), shares=(0.5, 0.5)),
    ),
    temperature=0.2,
    straight_through=False,
)
SPACE = Space("table", (6,), (0.0,) * 6, (1.0,) * 6, COLUMNS)
KIND, HALF = slice(1, 4), slice(4, 6)


class PlainRows(ClassConditional):
    """Rows that are the latent points, all with the same categories."""

    def __init__(self) -> None:
        super().__init__()
        self.places: Tensor | None = None
        self.rows = nn.Parameter(torch.tensor([0.0, 0.2, 0.3, 0.5, 0.4, 0.6]))

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        self.places = require_labels(labels)
        return x + self.rows


def generate(count: int, places: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Rows of latent points that are zero but for the coordinate that draws, and what they were
    made for."""
    network = PlainRows()
    latents = torch.zeros(count, 7)
    latents[:, -1] = torch.randn(count, generator=torch.Generator().manual_seed(0))
    rows = VectorGenerator(network, COLUMNS)(latents, places)
    assert network.places is not None
    return rows.detach(), network.places


def test_rows_have_the_category_that_they_are_given_and_the_rest_of_the_network() -> None:
    rows, _ = generate(5, torch.arange(5))
    assert torch.equal(rows[:3, KIND], torch.eye(3))
    assert torch.equal(rows[3:, HALF], torch.eye(2))
    assert torch.equal(rows[:3, HALF], torch.tensor([0.4, 0.6]).expand(3, 2))
    assert torch.equal(rows[3:, KIND], torch.tensor([0.2, 0.3, 0.5]).expand(2, 3))


def test_without_a_category_each_is_drawn_as_often_as_the_data_have_it() -> None:
    rows, places = generate(40_000)
    found = places.bincount(minlength=5) / len(places)
    assert found.tolist() == pytest.approx([s / 2 for s in (*SHARES, 0.5, 0.5)], abs=0.01)
    of_kind = places < 3
    assert torch.equal(rows[of_kind, KIND].argmax(1), places[of_kind])


def test_a_row_follows_from_its_latent_point_alone() -> None:
    assert torch.equal(generate(64)[0][:16], generate(16)[0])


def test_what_is_given_has_no_gradient_and_all_else_has() -> None:
    network = PlainRows()
    VectorGenerator(network, COLUMNS)(torch.zeros(2, 7), torch.tensor([0, 0])).sum().backward()
    assert network.rows.grad is not None
    assert network.rows.grad.tolist() == [2, 0, 0, 0, 2, 2]


def test_a_tail_of_the_latent_coordinate_draws_the_first_and_the_last_place() -> None:
    network = PlainRows()
    latents = torch.zeros(2, 7)
    latents[:, -1] = torch.tensor([-40.0, 40.0])
    VectorGenerator(network, COLUMNS)(latents)
    assert network.places is not None and network.places.tolist() == [0, 4]
