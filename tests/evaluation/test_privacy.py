"""What samples give away: copies and near copies are noticed, fresh rows aren't; intervals hold."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import mannwhitneyu
from sklearn.metrics import roc_auc_score

from gan_runner.data.column import Column
from gan_runner.evaluation.metrics import privacy
from gan_runner.evaluation.metrics.intervals import area_under_curve, share
from gan_runner.evaluation.metrics.privacy import (
    column_predicates,
    exact_copies,
    membership_attack,
    singling_out,
)
from gan_runner.evaluation.metrics.rows import Rows, select_rows

AGE, PAY = Column("age", decimals=0), Column("pay", decimals=2)
CITY = Column("city", ("", "Bern", "Oslo"))


def made_rows(count: int, *, seed: int) -> Rows:
    stream = np.random.RandomState(seed)
    pay = stream.normal(1000, 200, count).round(2)
    pay[stream.uniform(size=count) < 0.2] = np.nan
    return [
        (AGE, stream.randint(20, 60, count)),
        (PAY, pay),
        (CITY, stream.randint(0, 3, count)),
    ]


TRAIN, HELD_OUT, FRESH = (made_rows(count, seed=count) for count in (900, 400, 800))


# ---------------------------------------------------------------- copies


def test_copies_of_training_rows_are_counted_with_missing_values_as_values() -> None:
    half = [
        (c, np.concatenate([copy[:50], fresh[:50] + 0]))
        for (c, copy), (_, fresh) in zip(TRAIN, FRESH, strict=True)
    ]
    found = exact_copies(half, TRAIN, HELD_OUT)
    assert 0.5 <= found.any_train < 0.65
    assert exact_copies(TRAIN, TRAIN, HELD_OUT).any_train == 1


def test_copies_are_compared_among_as_many_rows_of_each() -> None:
    found = exact_copies(FRESH, TRAIN, TRAIN[:3])
    assert found.train == found.held_out == found.any_train
    fewer = exact_copies(TRAIN, TRAIN, HELD_OUT)
    assert fewer.train == pytest.approx(400 / 900, abs=0.1)
    assert fewer.held_out < 0.1 < fewer.train


def test_whole_numbers_equal_the_same_ones_held_as_floats() -> None:
    as_floats: Rows = [(AGE, TRAIN[0][1].astype(np.float64))]
    assert exact_copies(as_floats, TRAIN, HELD_OUT).any_train == 1


def test_a_cell_makes_a_row_another() -> None:
    changed = [(AGE, TRAIN[0][1] + 100), *TRAIN[1:]]
    assert exact_copies(changed, TRAIN, HELD_OUT) == (0, 0, 0)


def test_copies_of_no_rows_are_refused() -> None:
    nothing = select_rows(FRESH, np.zeros(800, np.bool_))
    for fake, held_out in (nothing, HELD_OUT), (FRESH, nothing):
        with pytest.raises(ValueError, match="no rows"):
            exact_copies(fake, TRAIN, held_out)


# ---------------------------------------------------------------- membership


def test_the_members_of_fresh_samples_can_not_be_told() -> None:
    found = membership_attack(FRESH, TRAIN, HELD_OUT)
    assert found.low < 0.5 < found.high
    assert found.value == pytest.approx(0.5, abs=0.05)


def test_the_members_of_copies_and_of_near_copies_are_told() -> None:
    assert membership_attack(TRAIN, TRAIN, HELD_OUT).low > 0.8
    noise = np.random.default_rng(0).normal(0, 5, 900)
    near: Rows = [TRAIN[0], (PAY, TRAIN[1][1] + noise), TRAIN[2]]
    assert membership_attack(near, TRAIN, HELD_OUT).low > 0.6


def test_at_most_so_many_members_are_attacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privacy, "MOST_ATTACKED", 100)
    wide = membership_attack(FRESH, TRAIN, HELD_OUT)
    monkeypatch.undo()
    narrow = membership_attack(FRESH, TRAIN, HELD_OUT)
    assert wide.error == pytest.approx(2 * narrow.error, rel=0.2)


# ---------------------------------------------------------------- singling out


def test_samples_that_repeat_outliers_single_them_out() -> None:
    pays = np.arange(100.0)
    train: Rows = [(PAY, pays * 10 + 0.5)]
    held_out: Rows = [(PAY, pays * 10 + 5.0)]
    found = singling_out(train, train, held_out, seed=0)
    assert found is not None
    # the smallest, the largest, and each number
    assert found.predicates == 102
    assert found.train.value == 1
    # of the others the largest is at least as large as the largest of the samples
    assert found.held_out.value == pytest.approx(1 / 102)
    assert found.train.low > found.held_out.high


def test_fresh_samples_single_out_as_few_training_rows_as_held_out_ones() -> None:
    found = singling_out(FRESH, TRAIN, HELD_OUT, seed=0)
    assert found is not None
    assert found.train.low < found.held_out.value < found.train.high


def test_the_guesses_of_a_column_are_its_ends_and_what_was_sampled_once() -> None:
    found = column_predicates("age", np.array([3, 1, 3, 2]))
    assert found == [("age", "<=", 1), ("age", ">=", 3), ("age", "==", 1), ("age", "==", 2)]
    rows = np.array([0, 1, 2, 5, np.nan])
    assert [guess.count(rows) for guess in found] == [2, 1, 1, 1]
    assert column_predicates("age", np.zeros(0)) == []


def test_of_many_guesses_a_draw_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privacy, "MOST_PREDICATES", 20)
    draws = [singling_out(FRESH, TRAIN, HELD_OUT, seed=seed) for seed in (0, 0, 1)]
    assert all(found is not None and found.predicates == 20 for found in draws)
    assert draws[0] == draws[1]


def test_categories_alone_single_out_none() -> None:
    assert singling_out(FRESH[2:], TRAIN, HELD_OUT, seed=0) is None


# ---------------------------------------------------------------- intervals


def test_the_area_is_that_of_scikit_learn_with_ties() -> None:
    stream = np.random.default_rng(0)
    positive, negative = stream.integers(2, 9, 80), stream.integers(0, 7, 50)
    found = area_under_curve(positive, negative)
    labels = np.repeat([1, 0], [80, 50])
    assert found.value == pytest.approx(roc_auc_score(labels, np.concatenate([positive, negative])))
    statistic = mannwhitneyu(positive, negative).statistic
    assert found.value == pytest.approx(statistic / (80 * 50))


def test_the_interval_of_an_area_holds_it_in_95_of_100_draws() -> None:
    stream = np.random.default_rng(0)
    true = 0.7602499389065233  # of Gaussians one deviation apart: Phi(1 / sqrt(2))
    draws = [
        area_under_curve(stream.normal(1, 1, 100), stream.normal(0, 1, 60)) for _ in range(400)
    ]
    held = np.mean([found.low <= true <= found.high for found in draws])
    assert held == pytest.approx(0.95, abs=0.03)
    spread = np.std([found.value for found in draws])
    assert np.mean([found.error for found in draws]) == pytest.approx(spread, rel=0.1)


def test_scores_apart_have_an_area_of_one_and_those_alike_a_half() -> None:
    assert area_under_curve(np.array([3, 4]), np.array([1, 2])) == (1, 1, 1)
    assert area_under_curve(np.ones(5), np.ones(5)).value == 0.5
    with pytest.raises(ValueError, match="two scores"):
        area_under_curve(np.ones(1), np.ones(5))


def test_the_interval_of_a_share_is_wilsons() -> None:
    # Newcombe 1998, Statistics in Medicine 17(8), table I: 81 of 263 and 0 of 20
    assert share(81, 263) == pytest.approx((81 / 263, 0.2553, 0.3662), abs=5e-5)
    assert share(0, 20) == pytest.approx((0, 0, 0.1611), abs=5e-5)
    assert share(20, 20).high == 1
    with pytest.raises(ValueError, match="no trials"):
        share(0, 0)
