"""Numbers of each class by itself, with how often it occurs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from gan_runner.evaluation.metrics.classified import ClassifiedRows, recalls
from gan_runner.evaluation.metrics.inputs import MetricInputs
from gan_runner.evaluation.metrics.measures import measure
from gan_runner.evaluation.metrics.registry import METRICS

_FEW_CLASSES = 100  # of more, numbers for each class are neither read nor exact

ByClass = dict[str, dict[str, float]]


def images_by_class(
    inputs: MetricInputs, real_labels: Tensor | None, names: Sequence[str], metrics: Sequence[str]
) -> ByClass:
    """Numbers of each class: reals by their label [N], samples by the one that they were made for,
    or else by the classifier's. Empty without a classifier."""
    probabilities, predicted, labels = inputs.probabilities, inputs.predicted_classes, inputs.labels
    if probabilities is None or predicted is None or real_labels is None:
        return {}
    if probabilities.shape[1] > _FEW_CLASSES:
        return {}
    found = {}
    for label in range(probabilities.shape[1]):
        real, classified = real_labels == label, predicted == label
        fake = classified if labels is None else labels == label
        name = names[label] if label < len(names) else str(label)
        found[name] = {
            "share_real": float(real.float().mean()),
            "share_fake": float(classified.float().mean()),
            **({} if labels is None else _accuracy(classified[fake])),
            **_measure_class(inputs, real, fake, metrics),
        }
    return found


def rows_by_class(inputs: MetricInputs, rows: ClassifiedRows, metrics: Sequence[str]) -> ByClass:
    """The same of a table: samples by the class that they were made for, or else by their label."""
    if len(rows.classes) > _FEW_CLASSES:
        return {}
    return {
        of.name: {
            "share_real": float(of.real.float().mean()),
            "share_fake": float(of.fake.float().mean()),
            **recalls(inputs.tstr, label),
            **_measure_class(inputs, of.real, of.fake, metrics),
        }
        for label, of in enumerate(rows.members(inputs.fake, inputs.labels))
    }


def _accuracy(classified: Tensor) -> dict[str, float]:
    """The share of samples made for a class that the classifier puts there."""
    return {"label_accuracy": float(classified.float().mean())} if len(classified) else {}


def _measure_class(
    inputs: MetricInputs, real: Tensor, fake: Tensor, metrics: Sequence[str]
) -> dict[str, float]:
    """The metrics that compare samples with reals, of one class, as far as it has both."""
    part = replace(
        inputs,
        real=inputs.real[real],
        fake=inputs.fake[fake],
        real_features=inputs.real_features[real.to(inputs.real_features.device)],
        fake_features=inputs.fake_features[fake.to(inputs.fake_features.device)],
    )
    if min(len(part.real), len(part.fake)) < 2:
        return {}
    asked = [name for name, metric in METRICS.items() if metric.of_a_class and name in metrics]
    found = [measurement for name in asked for measurement in measure(name, part)]
    return {m.name_in(inputs.space): m.value for m in found if math.isfinite(m.value)}
