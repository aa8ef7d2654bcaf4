"""Train on synthetic, test on real: whether generated examples can stand in for real ones.

Esteban, Hyland & Rätsch 2017, arXiv:1706.02633, section 4.2.
"""

from __future__ import annotations

import warnings
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


def tstr(train: Labelled, test: Labelled, synthetic: Labelled, *, classes: int, seed: int) -> Tstr:
    """How well a small perceptron tells the real test examples, once learnt from the real training
    examples (TRTR) and once from synthetic ones (TSTR).

    Raises ValueError for arrays that don't fit each other or hold no example.
    """
    for part in train, test, synthetic:
        _check(part, size=train.features.shape[1], classes=classes)
    real = _told(train, test, classes=classes, seed=seed)
    return Tstr(real, _told(synthetic, test, classes=classes, seed=seed))


def confusion(labels: Classes, told: Classes, *, classes: int) -> NDArray[np.int64]:
    """How many of each true class (rows) were told as which (columns), int64 [K, K]."""
    counts = np.bincount(labels * classes + told, minlength=classes * classes)
    return counts.reshape(classes, classes).astype(np.int64)


def _told(learnt_from: Labelled, test: Labelled, *, classes: int, seed: int) -> Told:
    told = _predicted(learnt_from, test.features, seed=seed)
    right = float((told == test.labels).mean())
    return Told(right, confusion(test.labels, told, classes=classes))


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


def _check(part: Labelled, *, size: int, classes: int) -> None:
    features, labels = part
    if features.ndim != 2 or features.shape[1] != size or labels.shape != features.shape[:1]:
        raise ValueError(f"Features are [N, {size}] and labels [N].")
    if len(labels) == 0 or labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"Labels are one or more numbers from 0 to {classes - 1}.")
    if not np.isfinite(features).all():
        raise ValueError("Features are finite numbers.")


def _doubles(features: Features) -> NDArray[np.float64]:
    return np.asarray(features, dtype=np.float64)
