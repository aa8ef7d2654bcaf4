"""What models learn from rows: of rows that teach, that mislead, and that say nothing."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, r2_score

from gan_runner.data.column import Column
from gan_runner.evaluation.metrics import efficacy
from gan_runner.evaluation.metrics.efficacy import EfficacyTask, f1, r2
from gan_runner.evaluation.metrics.preprocessing import Preprocessing
from gan_runner.evaluation.metrics.rows import Rows, row_count, select_rows
from gan_runner.evaluation.metrics.tstr import confusion

SIZE, HOLES, KIND = Column("size"), Column("holes", decimals=1), Column("kind", ("", "a", "b", "c"))
ILL, AGE = Column("ill", ("no", "yes"), label=True), Column("age")


def made_rows(count: int, *, seed: int) -> Rows:
    """The ill are a fifth, larger and of kind c; the age is a function of size and kind."""
    stream = np.random.RandomState(seed)
    ill = (stream.uniform(size=count) < 0.2).astype(np.int64)
    size = stream.normal(size=count) + 3 * ill
    kind = np.where(ill == 1, 3, stream.randint(0, 3, count)).astype(np.int64)
    holes = np.where(stream.uniform(size=count) < 0.3, np.nan, stream.normal(size=count))
    age = 1000 * size + 500 * kind
    return [(SIZE, size), (HOLES, holes), (KIND, kind), (ILL, ill), (AGE, age)]


TRAIN, TEST, SAMPLES = (made_rows(600, seed=seed) for seed in range(3))


def task(target: str = "ill", train: Rows = TRAIN, test: Rows = TEST) -> EfficacyTask:
    return EfficacyTask(train, test, target, seed=0)


def with_values(rows: Rows, **changes: np.ndarray) -> Rows:  # type: ignore[type-arg]
    return [(column, changes.get(column.name, values)) for column, values in rows]


def test_samples_like_the_real_rows_teach_all_four_classifiers_as_much_as_those() -> None:
    found = task().evaluate(SAMPLES)
    for scores in found:
        assert set(scores) == {"f1", "accuracy"}
        assert set(scores["f1"]) == {
            *("logistic regression", "decision tree", "AdaBoost", "perceptron"),
        }
        assert min(scores["f1"].values()) > 0.95
        assert min(scores["accuracy"].values()) > 0.95


def test_samples_with_wrong_classes_teach_what_is_wrong() -> None:
    wrong = with_values(SAMPLES, ill=1 - dict(_named(SAMPLES))["ill"])
    found = task().evaluate(wrong)
    assert max(found.synthetic["accuracy"].values()) < 0.05
    assert max(found.synthetic["f1"].values()) < 0.05
    assert min(found.real["f1"].values()) > 0.95


def test_samples_of_the_frequent_class_alone_have_no_f1_of_the_rarer_one() -> None:
    collapsed = with_values(SAMPLES, ill=np.zeros(600, np.int64))
    found = task().evaluate(collapsed).synthetic
    healthy = float((dict(_named(TEST))["ill"] == 0).mean())
    assert set(found["f1"].values()) == {0}
    assert list(found["accuracy"].values()) == pytest.approx([healthy] * 4)


def test_the_f1_score_of_two_classes_is_that_of_the_rarer_one() -> None:
    assert task().positive_class == 1
    rare = with_values(TRAIN, ill=1 - dict(_named(TRAIN))["ill"])
    assert task(train=rare).positive_class == 0


def test_scores_are_those_of_scikit_learn() -> None:
    stream = np.random.default_rng(0)
    true, guess = stream.integers(0, 4, 200), stream.integers(0, 5, 200)
    counts = confusion(true, guess, classes=6)
    assert f1(counts, positive=None) == pytest.approx(f1_score(true, guess, average="macro"))
    each = f1_score(true, guess, average=None)
    assert f1(counts, positive=2) == pytest.approx(each[2])
    assert efficacy._accuracy(counts) == pytest.approx(accuracy_score(true, guess))
    assert r2(true, guess) == pytest.approx(r2_score(true, guess))


def test_classes_that_never_occur_are_left_out_of_the_mean() -> None:
    assert f1(np.diag([3, 0, 2]), positive=None) == 1


def test_numbers_are_predicted_by_four_regressors() -> None:
    found = task("age").evaluate(SAMPLES)
    for scores in found:
        assert set(scores) == {"r2"}
        assert set(scores["r2"]) == {
            *("linear regression", "decision tree", "AdaBoost", "perceptron"),
        }
        assert min(scores["r2"].values()) > 0.9
    shuffled = np.random.default_rng(0).permutation(dict(_named(SAMPLES))["age"])
    misled = task("age").evaluate(with_values(SAMPLES, age=shuffled)).synthetic
    assert max(misled["r2"].values()) < 0.2


def test_rows_without_a_number_to_predict_are_left_out() -> None:
    ages = dict(_named(TRAIN))["age"].copy()
    ages[::2] = np.nan
    holed = task("age", train=with_values(TRAIN, age=ages))
    assert holed.train_count == 300
    assert holed.test_count == 600


def test_of_many_rows_some_are_fitted_to_and_tested_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(efficacy, "MOST_ROWS", 250)
    capped = task()
    assert (capped.train_count, capped.test_count) == (250, 250)
    assert min(capped.evaluate(SAMPLES).synthetic["f1"].values()) > 0.8


def test_the_models_of_real_rows_are_fitted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted, classifiers = [], efficacy.classifiers
    monkeypatch.setattr(efficacy, "classifiers", lambda s: fitted.append(s) or classifiers(s))
    own = task()
    assert own.evaluate(SAMPLES).real == own.evaluate(TRAIN).real
    assert len(fitted) == 3


def test_efficacy_is_the_same_twice_and_leaves_numpys_stream_alone() -> None:
    np.random.seed(3)
    expected = np.random.random()
    np.random.seed(3)
    first, again = (task().evaluate(SAMPLES) for _ in range(2))
    assert first == again
    assert np.random.random() == expected


def test_a_target_that_can_not_be_predicted_is_refused() -> None:
    with pytest.raises(ValueError, match="isn't there: height"):
        task("height")
    healthy = select_rows(TEST, dict(_named(TEST))["ill"] == 0)
    with pytest.raises(ValueError, match="two different values"):
        task(test=healthy)
    with pytest.raises(ValueError, match="one row or more"):
        task().evaluate(select_rows(SAMPLES, np.zeros(600, np.bool_)))


# ---------------------------------------------------------------- preprocessing


def test_numbers_are_standardized_by_the_training_rows() -> None:
    fitted = Preprocessing.fit(TRAIN[:1])
    assert fitted.features(TRAIN[:1]).mean() == pytest.approx(0)
    assert fitted.features(TRAIN[:1]).std() == pytest.approx(1)
    mean, deviation = TRAIN[0][1].mean(), TRAIN[0][1].std()
    other = fitted.features([(SIZE, np.array([mean, mean + deviation]))])
    assert other[:, 0].tolist() == pytest.approx([0, 1])


def test_a_missing_number_is_the_mean_and_a_state_of_its_own() -> None:
    features = Preprocessing.fit(TRAIN).features(TRAIN)[:, 1:3]
    missing = np.isnan(TRAIN[1][1])
    assert features[missing].tolist() == [[0, 1]] * int(missing.sum())
    assert set(features[~missing, 1]) == {0}
    # a state that no training row has is the mean alone
    whole: Rows = [(SIZE, np.array([1.0, 3.0]))]
    assert Preprocessing.fit(whole).features([(SIZE, np.array([np.nan]))]).tolist() == [[0]]


def test_a_category_without_a_training_row_is_none_of_them() -> None:
    fitted = Preprocessing.fit([(KIND, np.array([0, 2, 2]))])
    assert fitted.features([(KIND, np.array([0, 1, 2]))]).tolist() == [[1, 0], [0, 0], [0, 1]]


def test_a_constant_is_zero() -> None:
    fitted = Preprocessing.fit([(SIZE, np.full(9, 0.1))])
    assert fitted.features([(SIZE, np.array([0.1, 1.1]))])[:, 0].tolist() == pytest.approx([0, 1])


def test_the_column_to_predict_is_no_feature() -> None:
    both = Preprocessing.fit(TRAIN).features(TEST).shape[1]
    assert Preprocessing.fit(TRAIN, leave_out="ill").features(TEST).shape == (600, both - 2)
    assert row_count(TEST) == 600


def _named(rows: Rows) -> list[tuple[str, np.ndarray]]:  # type: ignore[type-arg]
    return [(column.name, values) for column, values in rows]
