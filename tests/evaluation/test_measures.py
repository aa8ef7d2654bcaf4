"""The functions of the metrics: which of the examples they use, and the numbers that they give."""

from __future__ import annotations

import pytest
import torch
from metric_inputs import inputs
from torch import Tensor

from gan_runner.data.column import Column
from gan_runner.data.columns import Columns
from gan_runner.evaluation.metrics.measures import MEASURES
from gan_runner.evaluation.metrics.neighbors import FreshExamples


def classes(order: str, *, seed: int) -> Tensor:
    """4,000 points [N, 8] of ten classes that lie apart, in some order of the classes."""
    stream = torch.Generator().manual_seed(seed)
    labels = {
        "sorted": torch.arange(10).repeat_interleave(400),
        "alternating": torch.arange(10).repeat(400),
        "shuffled": torch.randperm(4000, generator=stream) % 10,
    }[order]
    centers = 3 * torch.randn(10, 8, generator=torch.Generator().manual_seed(0))
    return centers[labels] + torch.randn(4000, 8, generator=stream)


@pytest.mark.parametrize("order", ["sorted", "alternating"])
@pytest.mark.parametrize("metric", ["mmd", "memorization"])
def test_in_which_order_classes_come_moves_no_number(metric: str, order: str) -> None:
    fake, found = classes("shuffled", seed=9), []
    for way in order, "shuffled":
        sets = {"fresh": FreshExamples(classes(way, seed=2), classes(way, seed=3))}
        (number,) = MEASURES[metric](inputs(classes(way, seed=1), fake, **sets))
        found.append(number.value)
    # as far as chance goes: other examples of the same classes
    nothing = {"mmd": 1e-3, "memorization": 0.05}[metric]
    assert found[0] == pytest.approx(found[1], abs=nothing)


def test_columns_whose_names_begin_alike_are_all_measured() -> None:
    asked = "How satisfied are you, from one to five, with the following: "
    names = [f"{asked} speed", f"{asked} price", "age", f"{asked} staff"]
    columns = Columns(tuple(map(Column, names)), temperature=1.0, straight_through=False)
    real = torch.randn(300, 4, generator=torch.Generator().manual_seed(0))
    fake = real + real.std(0, correction=0) * torch.tensor([3.0, 1.0, 0.0, 2.0])
    found = MEASURES["columns"](inputs(real, fake, columns=columns))
    numbers = {(each.number, each.column): each.value for each in found}
    assert numbers.pop(("column_wasserstein", None)) == pytest.approx(1.5, rel=1e-4)
    assert numbers.pop(("column_wasserstein", "age")) == 0
    shown = asked[:57] + "..."
    assert numbers == {
        ("column_wasserstein", f"{place}: {shown}"): pytest.approx(value, rel=1e-4)
        for place, value in ((1, 3), (2, 1), (4, 2))
    }


def test_a_single_held_out_example_tells_nothing_of_memorization() -> None:
    many = classes("shuffled", seed=0)[:50]
    assert MEASURES["memorization"](inputs(many, many, fresh=FreshExamples(many, many[:1]))) == []
