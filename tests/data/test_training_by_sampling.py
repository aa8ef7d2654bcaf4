"""Training by sampling: rows are drawn for a category that they have."""

from __future__ import annotations

import math
from itertools import islice

import pytest
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from gan_runner.data import Column, Columns, Data, Space
from gan_runner.data.batches import Batch, batches
from gan_runner.data.conditional_vector import TrainingBySampling

COUNTS = {"a": 900, "b": 90, "c": 10}
ROWS = sum(COUNTS.values())


def table() -> Data:
    """A number, a column of unbalanced categories and one of two that are balanced; the number is
    the index of the row."""
    kinds = torch.cat([torch.full((n,), k) for k, n in enumerate(COUNTS.values())])
    halves = torch.arange(ROWS) % 2
    shares = tuple(count / ROWS for count in COUNTS.values())
    columns = Columns(
        (
            Column("row"),
            Column("kind", tuple(COUNTS), shares=shares),
            Column("other", ("p", "q")),
            Column("half", ("x", "y"), shares=(0.5, 0.5)),
        ),
        temperature=0.2,
        straight_through=False,
    )
    parts = [one_hot(kinds, 3), one_hot(halves, 2), one_hot(halves, 2)]
    examples = torch.cat([torch.arange(ROWS)[:, None], *parts], dim=1).float()
    return Data(examples, Space("table", (8,), (0.0,) * 8, (1.0,) * 8, columns))


def draw(count: int) -> tuple[Tensor, Tensor]:
    data = table()
    assert data.space.columns is not None
    sampling = TrainingBySampling(data.in_memory, data.space.columns)
    return sampling.draw(count, rng=torch.Generator().manual_seed(0))


def take(number: int, start: int = 0) -> list[Batch]:
    stream = batches(
        table(),
        size=64,
        seed=3,
        start=start,
        flip=False,
        with_labels=False,
        device=torch.device("cpu"),
    )
    return list(islice(stream, number))


def test_the_conditional_vector_has_the_categories_of_its_columns_in_order() -> None:
    columns = table().space.columns
    assert columns is not None
    named = [f"{column.name} {column.categories[k]}" for column, k in columns.conditional_vector]
    assert named == ["kind a", "kind b", "kind c", "half x", "half y"]


def test_each_row_has_the_category_that_it_was_drawn_for() -> None:
    rows, places = draw(2000)
    examples = table().in_memory[rows]
    kinds, halves = examples[:, 1:4].argmax(1), examples[:, 6:].argmax(1)
    assert torch.equal(kinds[places < 3], places[places < 3])
    assert torch.equal(halves[places >= 3], places[places >= 3] - 3)


def test_columns_come_alike_and_categories_by_the_logarithm_of_their_rows() -> None:
    count = 40_000
    _, places = draw(count)
    found = places.bincount(minlength=5) / count
    weights = [math.log1p(n) for n in COUNTS.values()]
    wanted = [w / sum(weights) / 2 for w in weights] + [0.25, 0.25]
    assert found.tolist() == pytest.approx(wanted, abs=0.01)


def test_all_rows_of_a_category_are_drawn_alike() -> None:
    rows, places = draw(40_000)
    rare = rows[places == 2].bincount(minlength=ROWS)[-10:]
    assert rare.sum() == (places == 2).sum()
    assert rare.min() > 0.8 * rare.float().mean()


def test_batches_hold_encoded_rows_beside_their_places_and_go_on_anywhere() -> None:
    whole = take(4)
    for batch in whole:
        assert batch.examples.shape == (64, 8) and batch.labels is not None
        of_kind = batch.labels < 3
        assert torch.equal(batch.examples[of_kind, 1:4].argmax(1), batch.labels[of_kind])
    assert not torch.equal(whole[0].examples, whole[1].examples)
    for one, other in zip(whole[2:], take(2, start=2), strict=True):
        assert one.labels is not None and other.labels is not None
        assert torch.equal(one.examples, other.examples) and torch.equal(one.labels, other.labels)


def test_shares_belong_to_categories_that_examples_hold() -> None:
    with pytest.raises(ValueError, match="a share for each category"):
        Column("kind", ("a", "b"), shares=(1.0,))
    with pytest.raises(ValueError, match="a share for each category"):
        Column("kind", ("a", "b"), condition=True, shares=(0.5, 0.5))
