"""Classifiers whose training costs the same whatever the amount of data, with fixed settings.

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
from gan_runner.evaluation.features.spaces import build_network
from gan_runner.seeds import derive
from gan_runner.system.eager_optimizers import Adam

Predict = Callable[[Tensor], Tensor]

_BATCH, _CNN_RATE, _MLP_RATE = 64, 4e-3, 2e-3
_HIDDEN = 256
_RIDGE = 1e-3
_ITERATIONS = 1000


class TrainingTask(NamedTuple):
    """The training data of a classifier: encoded examples [N, *shape] and their labels [N] below
    `classes`, on the device to train on; the number of a network's updates; the seed of its weights
    and of the order of examples."""

    examples: Tensor
    labels: Tensor
    classes: int
    updates: int
    seed: int


class ClassifierKind(NamedTuple):
    """A kind of classifier: `fit` gives a function from encoded examples to labels,
    `settings` are those of the protocol."""

    fit: Callable[[TrainingTask], Predict]
    settings: dict[str, Any]


def classifier_kind(name: str, space: Space) -> ClassifierKind:
    """One of CLASSIFIERS. Raises ConfigError where it can't classify examples of that space."""
    if name == "cnn" and space.kind != "images":
        raise ConfigError("the cnn needs image data, --classifier=cnn. Use mlp or logistic.")
    return CLASSIFIERS[name]


def default_classifier(space: Space) -> str:
    """The name of the classifier for a space, unless another one is asked for."""
    return "cnn" if space.kind == "images" else "mlp"


def _fit_cnn(task: TrainingTask) -> Predict:
    shape = tuple(task.examples.shape[1:])
    return _fit_network(lambda: Classifier(shape, task.classes), task, rate=_CNN_RATE)


def _fit_mlp(task: TrainingTask) -> Predict:
    sizes = math.prod(task.examples.shape[1:]), _HIDDEN, _HIDDEN

    def build() -> nn.Module:
        layers: list[nn.Module] = [nn.Flatten()]
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(_HIDDEN, task.classes))

    return _fit_network(build, task, rate=_MLP_RATE)


def _fit_network(build: Callable[[], nn.Module], task: TrainingTask, *, rate: float) -> Predict:
    """Adam with one cycle of the learning rate; each example occurs once an epoch."""
    device = task.examples.device
    network = build_network(build, seed=derive(task.seed, "classifier weights"))
    network.to(device).train()
    optimizer = Adam(network.parameters(), lr=rate)
    schedule = OneCycleLR(optimizer, max_lr=rate, total_steps=task.updates)
    for batch in _batches(len(task.examples), task).to(device):
        logits = network(task.examples[batch])
        optimizer.zero_grad()
        cross_entropy(logits, task.labels[batch]).backward()
        optimizer.step()
        schedule.step()
    network.eval()

    def predict(examples: Tensor) -> Tensor:
        with torch.no_grad():
            parts = [network(part).argmax(dim=1) for part in examples.split(4 * _BATCH)]
        return torch.cat(parts)

    return predict


def _batches(count: int, task: TrainingTask) -> Tensor:
    """Indices [updates, batch size]; batches go on from one epoch into the next."""
    rng = torch.Generator().manual_seed(derive(task.seed, "classifier order"))
    epochs = -(-task.updates * _BATCH // count)
    orders = [torch.randperm(count, generator=rng) for _ in range(epochs)]
    return torch.cat(orders)[: task.updates * _BATCH].view(task.updates, _BATCH)


def _fit_logistic(task: TrainingTask) -> Predict:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    device = task.examples.device
    flat = task.examples.flatten(1).double().cpu().numpy()
    strength = 1 / (_RIDGE * len(flat))  # scikit-learn's is of the sum, not of the mean
    regression = LogisticRegression(C=strength, max_iter=_ITERATIONS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        regression.fit(flat, task.labels.cpu().numpy())

    def predict(examples: Tensor) -> Tensor:
        found = regression.predict(examples.flatten(1).double().cpu().numpy())
        return torch.from_numpy(found).to(device)

    return predict


_ADAM = {"optimizer": "Adam, one cycle", "batch_size": _BATCH, "augmented otherwise": False}

CLASSIFIERS = {
    "cnn": ClassifierKind(
        _fit_cnn, {"network": "convolutions of features/classifier.py", "rate": _CNN_RATE, **_ADAM}
    ),
    "mlp": ClassifierKind(
        _fit_mlp, {"network": f"{_HIDDEN}, {_HIDDEN}, ReLU", "rate": _MLP_RATE, **_ADAM}
    ),
    "logistic": ClassifierKind(
        _fit_logistic,
        {"network": "none", "ridge of the mean loss": _RIDGE, "iterations at most": _ITERATIONS},
    ),
}
