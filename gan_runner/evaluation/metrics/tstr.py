"""Train on synthetic, test on real: whether generated examples can stand in for real ones.

Esteban, Hyland & Rätsch 2017, arXiv:1706.02633, section 4.2.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_WIDTH = 32  # of the one hidden layer: any table of a few columns is fitted by it
_PRIOR = 1.0  # weight decay over the number of rows: a Gaussian prior of unit variance
_ITERATIONS = 200

Features = NDArray[Any]
Classes = NDArray[np.int64]


class LabeledArrays(NamedTuple):
    """`features` [N, D] of any real type, finite, and `labels` int64 [N] in 0..K-1."""

    features: Features
    labels: Classes

    @property
    def classes(self) -> int:
        """The number of classes that there is an example of."""
        return len(np.unique(self.labels))


class ClassifierResult(NamedTuple):
    """The result of a classifier on the test examples: its accuracy in [0, 1], and the counts of
    true classes (rows) by predicted ones (columns), int64 [K, K]."""

    accuracy: float
    confusion: NDArray[np.int64]


class TSTR(NamedTuple):
    """The same classifier, fitted to `real` examples and to `synthetic` ones."""

    real: ClassifierResult
    synthetic: ClassifierResult


@dataclass(frozen=True)
class TSTRTask:
    """Real `test` examples, to be classified by a small perceptron. `train` are other real ones.

    Raises ValueError for arrays that don't fit each other or hold no example.
    """

    train: LabeledArrays
    test: LabeledArrays
    classes: int
    seed: int

    def __post_init__(self) -> None:
        self._check(self.train)
        self._check(self.test)

    def evaluate(self, synthetic: LabeledArrays) -> TSTR:
        """Fit to synthetic examples (TSTR), beside TRTR. Raises ValueError."""
        self._check(synthetic)
        return TSTR(self.real, self._fit_and_test(synthetic))

    @cached_property
    def real(self) -> ClassifierResult:
        """Fitted to the real training examples (TRTR): the same for every generator."""
        return self._fit_and_test(self.train)

    def _fit_and_test(self, train: LabeledArrays) -> ClassifierResult:
        predicted = _predict(train, self.test.features, seed=self.seed)
        accuracy = float((predicted == self.test.labels).mean())
        matrix = confusion(self.test.labels, predicted, classes=self.classes)
        return ClassifierResult(accuracy, matrix)

    def _check(self, part: LabeledArrays) -> None:
        (features, labels), size = part, self.train.features.shape[1]
        if features.ndim != 2 or features.shape[1] != size or labels.shape != features.shape[:1]:
            raise ValueError(f"Features are [N, {size}] and labels [N].")
        if len(labels) == 0 or labels.min() < 0 or labels.max() >= self.classes:
            raise ValueError(f"Labels are one or more numbers from 0 to {self.classes - 1}.")
        if not np.isfinite(features).all():
            raise ValueError("Features are finite numbers.")


def tstr_warning(found: TSTR) -> str | None:
    """One line where the accuracies say little: of samples that teach one class alone, or of
    classes that real examples hardly teach."""
    counts = found.real.confusion.sum(axis=1)
    total, most = int(counts.sum()), float(counts.max() / counts.sum())
    if int((found.synthetic.confusion.sum(axis=0) > 0).sum()) == 1:
        return (
            "tstr_accuracy: the classifier that is fitted to samples predicts one class for all "
            "test examples, so that it is the share of that class."
        )
    if found.real.accuracy > most + 2 * math.sqrt(most * (1 - most) / total):
        return None
    return (
        f"tstr_accuracy says little: even fitted to real examples the classifier is right for "
        f"{found.real.accuracy:.0%} of {total}, and the most frequent class alone is {most:.0%}."
    )


def confusion(labels: Classes, predicted: Classes, *, classes: int) -> NDArray[np.int64]:
    """The counts of true classes (rows) by predicted ones (columns), int64 [K, K]."""
    counts = np.bincount(labels * classes + predicted, minlength=classes * classes)
    return counts.reshape(classes, classes).astype(np.int64)


def _predict(train: LabeledArrays, features: Features, *, seed: int) -> Classes:
    """Classes [N] of features [N, D], by a perceptron behind a standard scaling."""
    # here, since it takes a second that most commands need not wait
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    present = np.unique(train.labels)
    if len(present) == 1:  # a perceptron needs two classes
        return np.full(len(features), present[0], dtype=np.int64)
    # all examples at once: no order and no rate to choose, and seeds hardly differ
    perceptron = MLPClassifier(
        (_WIDTH,), solver="lbfgs", alpha=_PRIOR, max_iter=_ITERATIONS, random_state=seed
    )
    model = make_pipeline(StandardScaler(), perceptron)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the iterations are the protocol's
        model.fit(_as_doubles(train.features), train.labels)
    return np.asarray(model.predict(_as_doubles(features)), dtype=np.int64)


def _as_doubles(features: Features) -> NDArray[np.float64]:
    return np.asarray(features, dtype=np.float64)
