"""Classifiers whose training costs the same whatever the amount of data, each by a fixed recipe.

The same examples given twice change nothing that is expected of them: a network makes so many
updates on batches of one size, and the penalty of the regression is on the mean loss.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import OneCycleLR

from gan_runner.data import Space
from gan_runner.errors import ConfigError
from gan_runner.evaluation.features.classifier import Classifier
from gan_runner.evaluation.features.spaces import drawn
from gan_runner.seeds import derive

Predict = Callable[[Tensor], Tensor]

_BATCH, _CNN_RATE, _MLP_RATE = 64, 4e-3, 2e-3
_HIDDEN = 256
_RIDGE = 1e-3
_ITERATIONS = 1000


class Lesson(NamedTuple):
    """What is to be learnt: encoded examples [N, *shape], labels [N] below `classes`, on the device
    where to learn; for networks, the number of updates; the seed of all that is drawn."""

    examples: Tensor
    labels: Tensor
    classes: int
    updates: int
    seed: int


class Learner(NamedTuple):
    """How a classifier is trained: `learn` gives a function from encoded examples to labels."""

    learn: Callable[[Lesson], Predict]
    recipe: dict[str, Any]


def learner(name: str, space: Space) -> Learner:
    """One of LEARNERS. Raises ConfigError where it can't learn examples of that space."""
    if name == "cnn" and space.kind != "images":
        raise ConfigError("vectors have no pixels, --classifier=cnn. Use mlp or logistic.")
    return LEARNERS[name]


def usual(space: Space) -> str:
    """The name of the learner for a space where nobody asks for another."""
    return "cnn" if space.kind == "images" else "mlp"


def _cnn(lesson: Lesson) -> Predict:
    shape = tuple(lesson.examples.shape[1:])
    return _network(lambda: Classifier(shape, lesson.classes), lesson, rate=_CNN_RATE)


def _mlp(lesson: Lesson) -> Predict:
    sizes = math.prod(lesson.examples.shape[1:]), _HIDDEN, _HIDDEN

    def build() -> nn.Module:
        layers: list[nn.Module] = [nn.Flatten()]
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(_HIDDEN, lesson.classes))

    return _network(build, lesson, rate=_MLP_RATE)


def _network(build: Callable[[], nn.Module], lesson: Lesson, *, rate: float) -> Predict:
    """Adam with one cycle of the learning rate; each example is met once an epoch."""
    device = lesson.examples.device
    network = drawn(build, seed=derive(lesson.seed, "classifier weights")).to(device).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    schedule = OneCycleLR(optimizer, max_lr=rate, total_steps=lesson.updates)
    for batch in _order(len(lesson.examples), lesson).to(device):
        logits = network(lesson.examples[batch])
        optimizer.zero_grad()
        cross_entropy(logits, lesson.labels[batch]).backward()
        optimizer.step()
        schedule.step()
    network.eval()

    def predict(examples: Tensor) -> Tensor:
        with torch.no_grad():
            parts = [network(part).argmax(dim=1) for part in examples.split(4 * _BATCH)]
        return torch.cat(parts)

    return predict


def _order(count: int, lesson: Lesson) -> Tensor:
    """Indices [updates, batch size]; batches go on from one epoch into the next."""
    stream = torch.Generator().manual_seed(derive(lesson.seed, "classifier order"))
    epochs = -(-lesson.updates * _BATCH // count)
    orders = [torch.randperm(count, generator=stream) for _ in range(epochs)]
    return torch.cat(orders)[: lesson.updates * _BATCH].view(lesson.updates, _BATCH)


def _logistic(lesson: Lesson) -> Predict:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    device = lesson.examples.device
    flat = lesson.examples.flatten(1).double().cpu().numpy()
    strength = 1 / (_RIDGE * len(flat))  # scikit-learn's is that of the sum, not of the mean
    regression = LogisticRegression(C=strength, max_iter=_ITERATIONS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        regression.fit(flat, lesson.labels.cpu().numpy())

    def predict(examples: Tensor) -> Tensor:
        found = regression.predict(examples.flatten(1).double().cpu().numpy())
        return torch.from_numpy(found).to(device)

    return predict


_ADAM = {"optimizer": "Adam, one cycle", "batch_size": _BATCH, "augmented otherwise": False}

LEARNERS = {
    "cnn": Learner(
        _cnn, {"network": "convolutions of metrics/classifier.py", "rate": _CNN_RATE, **_ADAM}
    ),
    "mlp": Learner(_mlp, {"network": f"{_HIDDEN}, {_HIDDEN}, ReLU", "rate": _MLP_RATE, **_ADAM}),
    "logistic": Learner(
        _logistic,
        {"network": "none", "ridge of the mean loss": _RIDGE, "iterations at most": _ITERATIONS},
    ),
}
