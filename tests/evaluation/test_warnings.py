"""Numbers that mean little or nothing say so, and those that mean something say nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from metric_inputs import inputs
from torch import Tensor

from gan_runner.data.column import Column
from gan_runner.data.columns import Columns
from gan_runner.evaluation.features.classifier import classifier_warning
from gan_runner.evaluation.metrics.by_class import rows_by_class
from gan_runner.evaluation.metrics.classified import ClassifiedRows
from gan_runner.evaluation.metrics.inputs import Measurement
from gan_runner.evaluation.metrics.likelihoods import likelihood_warning
from gan_runner.evaluation.metrics.measures import MEASURES
from gan_runner.evaluation.metrics.modes import missed_modes_warning
from gan_runner.evaluation.metrics.neighbors import FreshExamples
from gan_runner.evaluation.metrics.tables import labeled_arrays
from gan_runner.evaluation.metrics.tstr import TSTR, ClassifierResult, tstr_warning
from gan_runner.evaluation.report import EvaluationReport, _units_warning

# the classifier of the data


@pytest.mark.parametrize(
    ("accuracy", "unseen", "counts"),
    [
        (0.29, 600, [150, 150, 150, 150]),
        (0.29, 600, [60] * 10),
        (0.985, 1000, [980, 20]),
        (1.0, 2, [6, 6]),
    ],
    ids=["about chance", "few", "the most frequent class", "too few to tell"],
)
def test_a_classifier_that_is_hardly_right_is_a_doubt_with_a_remedy(
    accuracy: float, unseen: int, counts: list[int]
) -> None:
    found = classifier_warning({"accuracy": accuracy, "held_out": unseen}, torch.tensor(counts))
    assert found is not None
    assert f"right for {accuracy:.2%} of {unseen} unseen images" in found
    assert "evaluation.space=random" in found


@pytest.mark.parametrize(
    ("accuracy", "unseen", "counts"),
    [(0.97, 300, [180] * 10), (0.45, 10_000, [600] * 100), (0.999, 1000, [980, 20])],
)
def test_a_classifier_that_is_right_is_no_doubt(
    accuracy: float, unseen: int, counts: list[int]
) -> None:
    facts = {"accuracy": accuracy, "held_out": unseen}
    assert classifier_warning(facts, torch.tensor(counts)) is None


# copies


def rounded(count: int, seed: int, *, decimals: int) -> Tensor:
    drawn = torch.randn(count, 2, generator=torch.Generator().manual_seed(seed))
    return drawn.round(decimals=decimals)


def memorized(fake: Tensor, train: Tensor, held_out: Tensor) -> Measurement:
    (found,) = MEASURES["memorization"](inputs(train, fake, fresh=FreshExamples(train, held_out)))
    return found


def test_memorization_is_not_given_where_the_data_repeat_themselves() -> None:
    train, held_out, fake = (rounded(400, seed, decimals=0) for seed in (1, 2, 3))
    found = memorized(fake, train, held_out)
    assert math.isnan(found.value)
    assert found.doubt is not None and "exact copies of training examples" in found.doubt


def test_memorization_is_not_given_of_samples_that_are_all_alike() -> None:
    train, held_out = rounded(400, 1, decimals=2), rounded(400, 2, decimals=2)
    found = memorized(train[:1].expand(400, -1), train, held_out)
    assert math.isnan(found.value)
    assert found.doubt is not None and "as alike as 1.0 different ones" in found.doubt


def test_memorization_of_rounded_numbers_tells_copies_from_others() -> None:
    train, held_out, fake = (rounded(400, seed, decimals=2) for seed in (1, 2, 3))
    others, copies = memorized(fake, train, held_out), memorized(train, train, held_out)
    assert (others.doubt, copies.doubt) == (None, None)
    assert others.value == pytest.approx(1, abs=0.3)
    assert copies.value == 0


def test_a_likelihood_of_other_values_than_its_own_is_a_doubt() -> None:
    black_or_white = torch.tensor([[0, 255], [255, 0]], dtype=torch.uint8)
    gray, smooth = black_or_white // 2, torch.randn(200, 3)
    bernoulli, gaussian = {"likelihood": "bernoulli"}, {"likelihood": "gaussian"}
    assert "cross-entropy" in (likelihood_warning(gray, bernoulli) or "")
    assert likelihood_warning(black_or_white, bernoulli) is None
    assert "discrete" in (likelihood_warning(gray, gaussian) or "")
    assert "discrete" in (likelihood_warning(smooth.round(decimals=1), gaussian) or "")
    assert likelihood_warning(smooth, gaussian) is None


def test_the_distance_of_a_class_of_few_examples_is_a_doubt_and_that_of_all_is_not() -> None:
    labels = torch.arange(60) % 3 % 2  # 40 and 20
    points = torch.randn(60, 3)
    columns = Columns(tuple(map(Column, "abc")), temperature=1.0, straight_through=False)
    train = labeled_arrays(points, labels, columns)
    assert train is not None
    rows = ClassifiedRows(columns, ("well", "ill"), train, None)
    part = inputs(points, points + 0.1, labels=labels, columns=columns)
    assert MEASURES["frechet"](part)[0].doubt is None
    found = rows_by_class(part, rows, ["frechet"])
    assert set(found.values["ill"]) == {"share_real", "share_fake", "frechet_identity"}
    (doubt,) = found.doubts
    assert doubt.startswith("frechet_identity of 1 of 2 classes: The Fréchet distance")
    assert "of 20 and 20 examples in 3 dimensions" in doubt


def test_a_report_keeps_doubts_of_classes_apart_from_those_that_a_run_warns_of() -> None:
    report = EvaluationReport((), None, {}, {}, ("of all",), ("of classes",), None, None)
    assert report.plain()["doubts"] == ["of all", "of classes"]
    assert report.doubts == ("of all",)


def test_neighborhoods_of_copies_alone_are_a_doubt() -> None:
    real = rounded(400, 1, decimals=0)
    doubts = [
        each.doubt for each in MEASURES["manifold"](inputs(real, rounded(400, 2, decimals=0)))
    ]
    assert doubts[0] is not None and "exact copies, 5 or more" in doubts[0]
    assert doubts[1:] == [None] * 3
    smooth = rounded(400, 1, decimals=3)
    assert all(m.doubt is None for m in MEASURES["manifold"](inputs(smooth, smooth + 0.1)))


# classes


def test_more_modes_than_samples_can_hit_are_a_doubt() -> None:
    found = missed_modes_warning(torch.ones(1000), samples=1500)
    assert found is not None and "would miss 223.0 of 1000 modes" in found
    assert missed_modes_warning(torch.ones(1000), samples=26_000) is None
    assert missed_modes_warning(torch.tensor([1.0, 9.0, 0.0]), samples=30) is None


def results(real: list[list[int]], synthetic: list[list[int]]) -> TSTR:
    matrices = [np.array(each) for each in (real, synthetic)]
    return TSTR(*(ClassifierResult(float(m.trace() / m.sum()), m) for m in matrices))


def test_classifiers_of_rows_that_learn_nothing_are_a_doubt() -> None:
    good = [[90, 10], [10, 90]]
    assert tstr_warning(results(good, good)) is None
    one = tstr_warning(results(good, [[100, 0], [100, 0]]))
    assert one is not None and "one class for all" in one
    chance = tstr_warning(results([[52, 48], [49, 51]], good))
    assert chance is not None and "even fitted to real examples" in chance


# columns


def test_a_column_of_one_value_is_a_doubt_and_one_column_has_no_correlation() -> None:
    columns = Columns((Column("a"), Column("b"), Column("only", ("x",))), 1.0, False)
    real = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    real[:, 1:] = torch.tensor([7.0, 1.0])
    found = MEASURES["columns"](inputs(real, real, columns=columns))
    (doubt,) = (each.doubt for each in found if each.doubt)
    assert "2 columns of a single value (b, only)" in doubt
    assert MEASURES["correlations"](inputs(real, real, columns=columns)) == []


def test_dimensions_of_unlike_units_are_said_to_decide_all_distances() -> None:
    alike = torch.randn(50, 6, generator=torch.Generator().manual_seed(0))
    assert _units_warning(alike, 3) is None
    warning = _units_warning(alike * torch.tensor([1, 1, 1, 1, 1e4, 1]), 3)
    assert warning is not None and "dimension 2 decides" in warning
