"""Numbers of each class by itself, with how often it occurs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from gan_runner.evaluation.metrics.classified import ClassifiedRows, recalls
from gan_runner.evaluation.metrics.measures import METRICS, OF_A_CLASS, Compared

_FEW_CLASSES = 100  # of more, numbers for each class are neither read nor exact

ByClass = dict[str, dict[str, float]]


def by_class_of_images(
    compared: Compared, real_labels: Tensor | None, names: Sequence[str], *, metrics: Sequence[str]
) -> ByClass:
    """Metrics of each class: reals by their label [N], samples by the one that they were made for,
    or else by the classifier's. Empty without a classifier."""
    probabilities, predicted, labels = compared.probabilities, compared.predicted, compared.labels
    if probabilities is None or predicted is None or real_labels is None:
        return {}
    if probabilities.shape[1] > _FEW_CLASSES:
        return {}
    found = {}
    for label in range(probabilities.shape[1]):
        real, told = real_labels == label, predicted == label
        fake = told if labels is None else labels == label
        name = names[label] if label < len(names) else str(label)
        found[name] = {
            "share_real": float(real.float().mean()),
            "share_fake": float(told.float().mean()),
            **({} if labels is None else _accuracy(told[fake])),
            **_of_a_class(compared, real, fake, metrics),
        }
    return found


def by_class_of_rows(
    compared: Compared, rows: ClassifiedRows, *, metrics: Sequence[str]
) -> ByClass:
    """The same of a table: samples by the class that was told, or else by their own label."""
    if len(rows.classes) > _FEW_CLASSES:
        return {}
    return {
        of.name: {
            "share_real": float(of.real.float().mean()),
            "share_fake": float(of.fake.float().mean()),
            **recalls(compared.tstr, label),
            **_of_a_class(compared, of.real, of.fake, metrics),
        }
        for label, of in enumerate(rows.members(compared.fake, compared.labels))
    }


def _accuracy(told: Tensor) -> dict[str, float]:
    """The share of samples made for a class that the classifier puts there."""
    return {"label_accuracy": float(told.float().mean())} if len(told) else {}


def _of_a_class(
    compared: Compared, real: Tensor, fake: Tensor, metrics: Sequence[str]
) -> dict[str, float]:
    """The metrics that compare samples with reals, of one class, as far as it has both."""
    part = replace(
        compared,
        real=compared.real[real],
        fake=compared.fake[fake],
        real_features=compared.real_features[real.to(compared.real_features.device)],
        fake_features=compared.fake_features[fake.to(compared.fake_features.device)],
    )
    if min(len(part.real), len(part.fake)) < 2:
        return {}
    found = [number for name in OF_A_CLASS if name in metrics for number in METRICS[name](part)]
    return {number.name: number.value for number in found if math.isfinite(number.value)}
