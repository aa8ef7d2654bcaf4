"""Tables compared: closed forms, limits, and what a classifier learns from samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from gan_runner.data.column import Column
from gan_runner.data.columns import Columns
from gan_runner.evaluation.confusion import ConfusionMatrices
from gan_runner.evaluation.metrics.tables import (
    closest_record_distances,
    correlation_difference,
    labeled_arrays,
    total_variation,
    wasserstein,
)
from gan_runner.evaluation.metrics.tstr import (
    TSTR,
    ClassifierResult,
    LabeledArrays,
    TSTRTask,
    confusion,
)

RNG = np.random.default_rng(0)

# ---------------------------------------------------------------- columns


def test_a_shifted_sample_is_as_far_away_as_it_was_shifted() -> None:
    values = RNG.normal(size=50)
    assert wasserstein(values, values + 3) == pytest.approx(3)
    assert wasserstein(values, values[::-1]) == 0


@pytest.mark.parametrize("sizes", [(7, 7), (10, 25), (300, 41)])
def test_the_wasserstein_distance_is_the_area_between_the_distribution_functions(
    sizes: tuple[int, int],
) -> None:
    a, b = (RNG.normal(size=size).round(1) for size in sizes)
    ends = np.unique(np.concatenate([a, b]))
    of_a, of_b = ((each[:, None] <= ends[:-1]).mean(axis=0) for each in (a, b))
    area = float((np.abs(of_a - of_b) * np.diff(ends)).sum())
    assert wasserstein(a, b) == pytest.approx(area, abs=1e-12)


def test_total_variation_is_half_the_difference_of_the_shares() -> None:
    real, fake = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 1, 1, 1, 1, 1])
    assert total_variation(real, fake, categories=4) == pytest.approx((3 / 8 + 5 / 8 + 1 / 4) / 2)
    assert total_variation(real, real, categories=3) == 0
    assert total_variation(real[:2], fake[1:], categories=3) == 1


@pytest.mark.parametrize("compare", [wasserstein, lambda a, b: total_variation(a, b, categories=2)])
def test_nothing_has_no_distribution(compare: Any) -> None:
    with pytest.raises(ValueError, match=r"can't be (compared|empty)"):
        compare(np.zeros(0, np.int64), np.zeros(3, np.int64))


def test_the_difference_of_correlations_is_that_of_pearsons() -> None:
    x = RNG.normal(size=1000)
    noise = RNG.normal(size=1000)
    real, fake = np.stack([x, x + noise], 1), np.stack([x, noise - x], 1)
    expected = abs(np.corrcoef(real.T)[0, 1] - np.corrcoef(fake.T)[0, 1])
    found = correlation_difference(real, fake, blocks=np.array([0, 1]))
    assert found == pytest.approx(expected)
    assert correlation_difference(real, real, blocks=np.array([0, 1])) == 0


def test_categories_of_one_column_do_not_make_a_pair() -> None:
    real, fake = np.eye(2)[[0, 1, 0, 1]], np.eye(2)[[0, 0, 0, 1]]
    assert correlation_difference(real, fake, blocks=np.array([0, 0])) == 0


def test_a_constant_is_correlated_with_nothing() -> None:
    x = RNG.normal(size=(50, 1))
    constant = np.full((50, 1), 0.1)
    found = correlation_difference(
        np.hstack([x, x]), np.hstack([x, constant]), blocks=np.array([0, 1])
    )
    assert found == pytest.approx(1)


# ---------------------------------------------------------------- the closest record


def test_copies_of_training_rows_are_at_distance_zero_of_them_alone() -> None:
    train, held_out = RNG.normal(size=(40, 3)), RNG.normal(size=(40, 3))
    found = closest_record_distances(train[:20], train, held_out)
    assert (found.train, found.share) == (0, 1)
    assert found.held_out > 0.1


def test_fresh_rows_are_as_near_to_either_set_whatever_their_sizes() -> None:
    fake, train, held_out = (RNG.normal(size=(size, 2)) for size in (2000, 1500, 300))
    found = closest_record_distances(fake, train, held_out)
    assert found.share == pytest.approx(0.5, abs=0.05)
    assert found.train == pytest.approx(found.held_out, rel=0.15)


def test_ties_count_for_half() -> None:
    rows = np.zeros((4, 1))
    assert closest_record_distances(rows, rows, rows).share == 0.5


# ---------------------------------------------------------------- TSTR


def blobs(count: int, *, distance: float, seed: int) -> LabeledArrays:
    stream = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int64) % 3
    centers = distance * np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    return LabeledArrays(stream.normal(size=(count, 2)) + centers[labels], labels)


def test_samples_like_the_real_rows_teach_as_much_as_those() -> None:
    train, test, synthetic = (blobs(120, distance=8, seed=seed) for seed in range(3))
    found = TSTRTask(train, test, classes=3, seed=0).evaluate(synthetic)
    assert found.real.accuracy > 0.97
    assert found.synthetic.accuracy > 0.97
    assert found.real.confusion.sum() == 120
    assert np.trace(found.synthetic.confusion) / 120 == pytest.approx(found.synthetic.accuracy)


def test_samples_with_wrong_classes_teach_what_is_wrong() -> None:
    train, test, synthetic = (blobs(120, distance=8, seed=seed) for seed in range(3))
    shifted = LabeledArrays(synthetic.features, (synthetic.labels + 1) % 3)
    found = TSTRTask(train, test, classes=3, seed=0).evaluate(shifted)
    assert found.real.accuracy > 0.97
    assert found.synthetic.accuracy < 0.03
    assert np.trace(np.roll(found.synthetic.confusion, -1, axis=1)) > 115


def test_samples_of_one_class_teach_this_class_only() -> None:
    train, test = (blobs(60, distance=8, seed=seed) for seed in range(2))
    collapsed = LabeledArrays(train.features, np.full(60, 2, np.int64))
    found = TSTRTask(train, test, classes=3, seed=0).evaluate(collapsed)
    assert found.synthetic.accuracy == pytest.approx(1 / 3)
    assert found.synthetic.confusion[:, 2].tolist() == [20, 20, 20]


def test_units_of_the_features_do_not_matter() -> None:
    parts = [blobs(90, distance=6, seed=seed) for seed in range(3)]
    scaled = [LabeledArrays(p.features * [1e-4, 1e5] + [7, 1e6], p.labels) for p in parts]
    one, other = (TSTRTask(*p[:2], classes=3, seed=0).evaluate(p[2]) for p in (parts, scaled))
    assert one.synthetic.accuracy == pytest.approx(other.synthetic.accuracy, abs=0.03)


def test_tstr_gives_the_same_twice_and_leaves_numpys_stream_alone() -> None:
    parts = [blobs(60, distance=2, seed=seed) for seed in range(3)]
    np.random.seed(3)
    expected = np.random.random()
    np.random.seed(3)
    first, again = (TSTRTask(*parts[:2], classes=3, seed=5).evaluate(parts[2]) for _ in range(2))
    assert np.array_equal(first.synthetic.confusion, again.synthetic.confusion)
    assert np.random.random() == expected


def test_the_classifier_of_real_rows_is_fitted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from gan_runner.evaluation.metrics import tstr

    fitted, predicted = [], tstr._predict
    monkeypatch.setattr(
        tstr, "_predict", lambda of, *a, **k: fitted.append(of) or predicted(of, *a, **k)
    )
    train, test, *synthetic = (blobs(30, distance=2, seed=seed) for seed in range(4))
    task = TSTRTask(train, test, classes=3, seed=0)
    first, second = map(task.evaluate, synthetic)
    assert first.real == second.real
    assert [id(of) for of in fitted] == [id(train), *map(id, synthetic)]


@pytest.mark.parametrize(
    ("features", "labels"),
    [
        (np.zeros((3, 5)), np.zeros(3, np.int64)),
        (np.zeros((3, 2)), np.zeros(2, np.int64)),
        (np.zeros((0, 2)), np.zeros(0, np.int64)),
        (np.zeros((3, 2)), np.array([0, 1, 3])),
        (np.full((3, 2), np.nan), np.zeros(3, np.int64)),
    ],
)
def test_arrays_that_do_not_fit_are_refused(features: Any, labels: Any) -> None:
    fine = blobs(9, distance=1, seed=0)
    with pytest.raises(ValueError, match=r"Features|Labels"):
        TSTRTask(fine, fine, classes=3, seed=0).evaluate(LabeledArrays(features, labels))


def test_a_confusion_matrix_has_true_classes_in_rows() -> None:
    found = confusion(np.array([0, 0, 1, 2]), np.array([0, 2, 1, 1]), classes=3)
    assert found.tolist() == [[1, 0, 1], [0, 1, 0], [0, 1, 0]]


def test_rows_have_the_class_that_they_hold_or_else_the_one_that_is_given() -> None:
    color, ill = Column("color", ("blue", "red")), Column("ill", ("no", "yes"), label=True)
    rows = torch.tensor([[5.0, 0.0, 1.0, 1.0, 0.0], [6.0, 1.0, 0.0, 0.0, 1.0]])
    held = labeled_arrays(rows, None, Columns((Column("age"), color, ill), 1.0, True))
    assert held is not None
    assert held.features.tolist() == [[5, 0, 1], [6, 1, 0]]
    assert held.labels.tolist() == [0, 1]
    without = Columns((Column("age"), color), 1.0, True)
    assert labeled_arrays(rows[:, :3], None, without) is None
    given = labeled_arrays(rows[:, :3], torch.tensor([1, 1]), without)
    assert given is not None
    assert given.labels.tolist() == [1, 1]


# ---------------------------------------------------------------- the picture


@pytest.mark.parametrize("classes", [2, 5, 60])
def test_a_confusion_matrix_is_drawn_with_its_diagonal_in_blue(classes: int) -> None:
    perfect = ClassifierResult(1.0, np.eye(classes, dtype=np.int64) * 7)
    names = ("\x1b[31m<b>" * 9, *map(str, range(1, classes)))
    drawn = ConfusionMatrices(TSTR(perfect, perfect), names).picture()
    assert drawn.dtype == np.uint8 and drawn.shape[2] == 3
    blue = (drawn == (0, 114, 178)).all(axis=2)
    assert blue.sum() > 2 * classes * 4
    assert not (drawn == (213, 94, 0)).all(axis=2).any()
