"""Numbers of each class by itself, with how often it occurs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from torch import Tensor

from gan_runner.evaluation.metrics.classified import ClassifiedRows, Members, recalls
from gan_runner.evaluation.metrics.inputs import Measurement, MetricInputs
from gan_runner.evaluation.metrics.measures import measure
from gan_runner.evaluation.metrics.registry import METRICS
from gan_runner.system import shared_work

MOST_CLASSES = 100  # of more, numbers for each class are neither read nor exact

ByClass = dict[str, dict[str, float]]


class ClassNumbers(NamedTuple):
    """The numbers of each class by its name, and what to doubt of them: a line for each metric."""

    values: ByClass
    doubts: tuple[str, ...]


_NONE = ClassNumbers({}, ())


def images_by_class(
    inputs: MetricInputs, real_labels: Tensor | None, names: Sequence[str], metrics: Sequence[str]
) -> ClassNumbers:
    """Numbers of each class: reals by their label [N], samples by the one that they were made for,
    or else by the classifier's. Empty without a classifier."""
    probabilities, predicted, labels = inputs.probabilities, inputs.predicted_classes, inputs.labels
    if probabilities is None or predicted is None or real_labels is None:
        return _NONE
    if probabilities.shape[1] > MOST_CLASSES:
        return _NONE
    shares: ByClass = {}
    members: list[Members] = []
    for label in range(probabilities.shape[1]):
        real, classified = real_labels == label, predicted == label
        fake = classified if labels is None else labels == label
        name = names[label] if label < len(names) else str(label)
        shares[name] = {
            "share_real": float(real.float().mean()),
            "share_fake": float(classified.float().mean()),
            **({} if labels is None else _accuracy(classified[fake])),
        }
        members.append(Members(name, real, fake))
    return _class_numbers(inputs, shares, _measure_classes(inputs, members, metrics))


def rows_by_class(
    inputs: MetricInputs, rows: ClassifiedRows, metrics: Sequence[str]
) -> ClassNumbers:
    """The same of a table: samples by the class that they were made for, or else by their label."""
    if len(rows.classes) > MOST_CLASSES:
        return _NONE
    members = list(rows.members(inputs.fake, inputs.labels))
    shares = {
        of.name: {
            "share_real": float(of.real.float().mean()),
            "share_fake": float(of.fake.float().mean()),
            **recalls(inputs.tstr, label),
        }
        for label, of in enumerate(members)
    }
    return _class_numbers(inputs, shares, _measure_classes(inputs, members, metrics))


def _accuracy(classified: Tensor) -> dict[str, float]:
    """The share of samples made for a class that the classifier puts there."""
    return {"label_accuracy": float(classified.float().mean())} if len(classified) else {}


def _measure_classes(
    inputs: MetricInputs, members: Sequence[Members], metrics: Sequence[str]
) -> dict[str, list[Measurement]]:
    """The numbers of each class by its name; one rank of a run measures a class."""

    def measure_own(own: Sequence[Members]) -> Iterator[list[Measurement]]:
        return (_measure_class(inputs, of.real, of.fake, metrics) for of in own)

    names = (of.name for of in members)
    return dict(zip(names, shared_work.each(measure_own, members), strict=True))


def _measure_class(
    inputs: MetricInputs, real: Tensor, fake: Tensor, metrics: Sequence[str]
) -> list[Measurement]:
    """The metrics that compare samples with reals, of one class, as far as it has both."""
    asked = [name for name, metric in METRICS.items() if metric.of_a_class and name in metrics]
    # of a part of the examples the products with all directions are a part of those of the whole
    projected = inputs.projected if "sliced_wasserstein" in asked else None
    part = replace(
        inputs,
        real=inputs.real[real],
        fake=inputs.fake[fake],
        real_features=inputs.real_features[real.to(inputs.real_features.device)],
        fake_features=inputs.fake_features[fake.to(inputs.fake_features.device)],
        fit_real=None,
        real_set=None,
        projected_before=None if projected is None else projected.part(real, fake),
    )
    if min(len(part.real), len(part.fake)) < 2:
        return []
    return [measurement for name in asked for measurement in measure(name, part)]


def _class_numbers(
    inputs: MetricInputs, shares: ByClass, measured: Mapping[str, Sequence[Measurement]]
) -> ClassNumbers:
    values = {
        name: shares[name]
        | {m.name_in(inputs.space): m.value for m in found if math.isfinite(m.value)}
        for name, found in measured.items()
    }
    return ClassNumbers(values, tuple(_doubts(inputs, measured)))


def _doubts(inputs: MetricInputs, measured: Mapping[str, Sequence[Measurement]]) -> Iterator[str]:
    """What to doubt of a number, for the first such class, and in how many it is doubtful."""
    found: dict[str, list[str]] = {}
    for measurements in measured.values():
        for each in measurements:
            if each.doubt:
                found.setdefault(each.name_in(inputs.space), []).append(each.doubt)
    for number, doubts in found.items():
        yield f"{number} of {len(doubts)} of {len(measured)} classes: {doubts[0]}"
