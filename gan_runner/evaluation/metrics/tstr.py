"""Train on synthetic, test on real: whether generated examples can stand in for real ones.

Esteban, Hyland & Rätsch 2017, arXiv:1706.02633, section 4.2.
"""

from __future__ import annotations

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


class Labelled(NamedTuple):
    """`features` [N, D] of any real type, finite, and `labels` int64 [N] in 0..K-1."""

    features: Features
    labels: Classes


class Told(NamedTuple):
    """What a classifier made of the test examples: the share that is right, in [0, 1], and how
    many of each true class (rows) were told as which (columns), int64 [K, K]."""

    accuracy: float
    confusion: NDArray[np.int64]


class Tstr(NamedTuple):
    """The same classifier, learnt from `real` examples and from `synthetic` ones."""

    real: Told
    synthetic: Told


@dataclass(frozen=True)
class Exam:
    """Real `test` examples, to be told by a small perceptron. `train` are other real ones.

    Raises ValueError for arrays that don't fit each other or hold no example.
    """

    train: Labelled
    test: Labelled
    classes: int
    seed: int

    def __post_init__(self) -> None:
        self._check(self.train)
        self._check(self.test)

    @cached_property
    def real(self) -> Told:
        """Once learnt from the real training examples (TRTR): the same for every generator."""
        return self._told(self.train)

    def taken(self, synthetic: Labelled) -> Tstr:
        """Once learnt from synthetic examples (TSTR), beside TRTR. Raises ValueError."""
        self._check(synthetic)
        return Tstr(self.real, self._told(synthetic))

    def _told(self, learnt_from: Labelled) -> Told:
        told = _predicted(learnt_from, self.test.features, seed=self.seed)
        right = float((told == self.test.labels).mean())
        return Told(right, confusion(self.test.labels, told, classes=self.classes))

    def _check(self, part: Labelled) -> None:
        (features, labels), size = part, self.train.features.shape[1]
        if features.ndim != 2 or features.shape[1] != size or labels.shape != features.shape[:1]:
            raise ValueError(f"Features are [N, {size}] and labels [N].")
        if len(labels) == 0 or labels.min() < 0 or labels.max() >= self.classes:
            raise ValueError(f"Labels are one or more numbers from 0 to {self.classes - 1}.")
        if not np.isfinite(features).all():
            raise ValueError("Features are finite numbers.")


def confusion(labels: Classes, told: Classes, *, classes: int) -> NDArray[np.int64]:
    """How many of each true class (rows) were told as which (columns), int64 [K, K]."""
    counts = np.bincount(labels * classes + told, minlength=classes * classes)
    return counts.reshape(classes, classes).astype(np.int64)


def _predicted(learnt_from: Labelled, features: Features, *, seed: int) -> Classes:
    """Classes [N] of features [N, D], by a perceptron behind a standard scaling."""
    # here, since it takes a second that most commands need not wait
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    seen = np.unique(learnt_from.labels)
    if len(seen) == 1:  # nothing to tell apart
        return np.full(len(features), seen[0], dtype=np.int64)
    # all examples at once: no order and no rate to choose, and seeds hardly differ
    perceptron = MLPClassifier(
        (_WIDTH,), solver="lbfgs", alpha=_PRIOR, max_iter=_ITERATIONS, random_state=seed
    )
    model = make_pipeline(StandardScaler(), perceptron)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the iterations are the protocol's
        model.fit(_doubles(learnt_from.features), learnt_from.labels)
    return np.asarray(model.predict(_doubles(features)), dtype=np.int64)


def _doubles(features: Features) -> NDArray[np.float64]:
    return np.asarray(features, dtype=np.float64)
