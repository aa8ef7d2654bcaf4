"""What models learn from sampled rows: fitted to samples and to real rows, tested on held-out ones.

The models and their settings are those of the benchmark of Xu et al. 2019, arXiv:1907.00503, for
tables like Adult, which SDMetrics has, too.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gan_runner.data.column import Column
from gan_runner.evaluation.metrics.preprocessing import Features, Preprocessing
from gan_runner.evaluation.metrics.rows import (
    Rows,
    Values,
    find_missing,
    select_rows,
    thin_out_rows,
)
from gan_runner.evaluation.metrics.tstr import confusion

MOST_ROWS = 10_000
"""Rows that models are fitted to, and rows that they are tested on."""

_DEPTH = 15  # of trees
_BOOSTED = 50  # trees of AdaBoost
_EPOCHS = 50  # of the perceptron, and iterations of the logistic regression
_WIDTH = 50  # of the perceptron's one hidden layer

Scores = dict[str, dict[str, float]]
"""Each score of each model, by their names: `f1` and `accuracy` of classifiers, `r2` of others."""


class Efficacy(NamedTuple):
    """The scores of the same models on the same held-out rows, fitted to `real` rows and to
    `synthetic` ones."""

    real: Scores
    synthetic: Scores


@dataclass(frozen=True)
class EfficacyTask:
    """A column to predict from the others: classes by four classifiers, numbers by four regressors.

    Rows without a number to predict are left out. Raises ValueError for a target that isn't there,
    for rows without any, and for test rows of a single class or number.
    """

    train: Rows
    test: Rows
    target: str
    seed: int

    def __post_init__(self) -> None:
        if self.target not in (column.name for column, _ in self.train):
            raise ValueError(f"The column to predict isn't there: {self.target}.")
        if len(np.unique(self._test.target)) < 2 or not len(self._train.target):
            raise ValueError("Test rows have two different values, and training rows one or more.")

    def evaluate(self, synthetic: Rows) -> Efficacy:
        """Fit to synthetic rows, beside real ones. Raises ValueError for none, KeyError for a
        missing column."""
        return Efficacy(self.real, self._fit_and_test(self._prepare(synthetic)))

    @cached_property
    def real(self) -> Scores:
        """Fitted to the real training rows: the same for every generator."""
        return self._fit_and_test(self._train)

    @property
    def train_count(self) -> int:
        """The number of training rows that models are fitted to."""
        return len(self._train.target)

    @property
    def test_count(self) -> int:
        """The number of rows that models are tested on."""
        return len(self._test.target)

    @cached_property
    def positive_class(self) -> int | None:
        """The rarer of two classes, that the F1 score is of; None for more classes or numbers."""
        if not self._column.categories:
            return None
        classes, counts = np.unique(self._train.target, return_counts=True)
        return int(classes[counts.argmin()]) if len(classes) == 2 else None

    @cached_property
    def _column(self) -> Column:
        return next(column for column, _ in self.train if column.name == self.target)

    @cached_property
    def _preprocessing(self) -> Preprocessing:
        return Preprocessing.fit(self.train, leave_out=self.target)

    @cached_property
    def _train(self) -> _Prepared:
        return self._prepare(self.train)

    @cached_property
    def _test(self) -> _Prepared:
        return self._prepare(self.test)

    def _prepare(self, rows: Rows) -> _Prepared:
        values = {column.name: of_column for column, of_column in rows}[self.target]
        if not self._column.categories:
            known = ~find_missing(self._column, values)
            rows, values = select_rows(rows, known), values[known]
        rows = thin_out_rows(rows, MOST_ROWS)
        target = {column.name: of_column for column, of_column in rows}[self.target]
        return _Prepared(self._preprocessing.features(rows), target)

    def _fit_and_test(self, train: _Prepared) -> Scores:
        if not len(train.target):
            raise ValueError("Models are fitted to one row or more.")
        models = classifiers(self.seed) if self._column.categories else regressors(self.seed)
        predicted = {name: _predict(model, train, self._test) for name, model in models.items()}
        return _transposed({name: self._score(values) for name, values in predicted.items()})

    def _score(self, predicted: Values) -> dict[str, float]:
        if not self._column.categories:
            return {"r2": r2(self._test.target, predicted)}
        size = len(self._column.categories)
        counts = confusion(self._test.target, predicted.astype(np.int64), classes=size)
        return {"f1": f1(counts, positive=self.positive_class), "accuracy": _accuracy(counts)}


class _Prepared(NamedTuple):
    """Rows as numbers [N, D], and what is to be predicted of them [N]."""

    features: Features
    target: Values


def classifiers(seed: int) -> dict[str, Any]:
    """Four classifiers of scikit-learn by their names, not yet fitted."""
    # here, since it takes a second that most commands need not wait
    from sklearn.ensemble import AdaBoostClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.tree import DecisionTreeClassifier

    return {
        "logistic regression": LogisticRegression(class_weight="balanced", max_iter=_EPOCHS),
        "decision tree": DecisionTreeClassifier(
            max_depth=_DEPTH, class_weight="balanced", random_state=seed
        ),
        "AdaBoost": AdaBoostClassifier(n_estimators=_BOOSTED, random_state=seed),
        "perceptron": MLPClassifier((_WIDTH,), max_iter=_EPOCHS, random_state=seed),
    }


def regressors(seed: int) -> dict[str, Any]:
    """Four models of numbers by their names, not yet fitted."""
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.ensemble import AdaBoostRegressor
    from sklearn.linear_model import LinearRegression
    from sklearn.neural_network import MLPRegressor
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeRegressor

    perceptron = MLPRegressor(hidden_layer_sizes=(_WIDTH,), max_iter=_EPOCHS, random_state=seed)
    return {
        "linear regression": LinearRegression(),
        "decision tree": DecisionTreeRegressor(max_depth=_DEPTH, random_state=seed),
        "AdaBoost": AdaBoostRegressor(n_estimators=_BOOSTED, random_state=seed),
        # whose steps are too small for numbers of thousands
        "perceptron": TransformedTargetRegressor(perceptron, transformer=StandardScaler()),
    }


def f1(counts: NDArray[np.int64], *, positive: int | None) -> float:
    """The F1 score of counts [K, K] of true classes (rows) by predicted ones: that of the positive
    class, or else the mean over the classes that occur or are predicted."""
    right = counts.diagonal().astype(np.float64)
    of_either = counts.sum(axis=0) + counts.sum(axis=1)
    occurs = of_either > 0
    each = np.divide(2 * right, of_either, out=np.zeros_like(right), where=occurs)
    return float(each[occurs].mean() if positive is None else each[positive])


def r2(real: Values, predicted: Values) -> float:
    """The coefficient of determination of predicted numbers [N]: 1 for the right ones, 0 for their
    mean. Raises ValueError where all the real ones are equal."""
    real = real.astype(np.float64)
    total = float(np.square(real - real.mean()).sum())
    if total == 0:
        raise ValueError("Equal numbers have no variance that could be explained.")
    return 1 - float(np.square(real - predicted).sum()) / total


def _accuracy(counts: NDArray[np.int64]) -> float:
    return float(counts.diagonal().sum() / counts.sum())


def _predict(model: Any, train: _Prepared, test: _Prepared) -> Values:
    if len(np.unique(train.target)) == 1:  # of which a classifier can't be fitted
        return np.full(len(test.target), train.target[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the iterations are the protocol's
        model.fit(train.features, train.target)
    return np.asarray(model.predict(test.features))


def _transposed(scores: dict[str, dict[str, float]]) -> Scores:
    """From the scores of each model to the models of each score."""
    names = next(iter(scores.values()))
    return {name: {model: own[name] for model, own in scores.items()} for name in names}
