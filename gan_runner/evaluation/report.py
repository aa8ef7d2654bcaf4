"""The report of an evaluation: numbers with their protocols, classes, doubts, pictures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gan_runner.data import Examples
from gan_runner.data.stored import read_rows
from gan_runner.evaluation.confusion import ConfusionMatrices
from gan_runner.evaluation.features.classifier import classifier_warning
from gan_runner.evaluation.metrics.by_class import ByClass, ClassNumbers
from gan_runner.evaluation.metrics.inputs import Measurement, MetricInputs
from gan_runner.evaluation.metrics.registry import METRICS
from gan_runner.evaluation.protocol import Protocol, Result
from gan_runner.evaluation.reference import Reference
from gan_runner.evaluation.settings import Evaluation
from gan_runner.evaluation.table_report.compare import compare_tables
from gan_runner.evaluation.table_report.report import TableReport
from gan_runner.sampling.pictures.examples import draw_examples
from gan_runner.sampling.pictures.png import Picture
from gan_runner.sampling.pictures.translations import (
    ShownImages,
    draw_translations,
    fitting_count,
)

_ENOUGH = 20  # samples that a class should have, before their absence means anything
_LIKE_UNITS = 100  # times the deviation of the median dimension
_NEIGHBORS_SHOWN = 8  # samples beside as many of their nearest training examples
_TRANSLATIONS_SHOWN = 24

Measured = Mapping[str, Sequence[Measurement]]
"""The numbers of each metric."""


class EvaluationReport(NamedTuple):
    """The numbers of one generator, per class where there are labels, and what to doubt.

    `best` is the value of `evaluation.best.metric`. `shares`: how often samples fall into a class,
    over how often real examples do. `class_doubts` are of the numbers of classes, which have few
    examples each: a run keeps them and doesn't warn of them. `neighbors`: samples beside their
    nearest training images; `translations`: outputs of a translator beside inputs and targets.
    `table`: samples of a table beside its rows, which a run keeps for pages.
    """

    results: tuple[Result, ...]
    best: float | None
    classes: ByClass
    shares: dict[str, float]
    doubts: tuple[str, ...]
    class_doubts: tuple[str, ...]
    neighbors: Picture | None
    confusion: ConfusionMatrices | None
    translations: Picture | None = None
    table: TableReport | None = None

    def plain(self) -> dict[str, Any]:
        """As plain data, without the pictures and the table."""
        confusion = {} if self.confusion is None else {"confusion": self.confusion.plain()}
        return {
            "best": self.best,
            "results": {result.name: result.plain() for result in self.results},
            "classes": self.classes,
            "doubts": [*self.doubts, *self.class_doubts],
            **confusion,
        }


def make_report(
    measured: Measured,
    classes: ClassNumbers,
    inputs: MetricInputs,
    reference: Reference,
    settings: Evaluation,
    *,
    weights: str,
) -> EvaluationReport:
    """The report on what was measured of these inputs; `weights` are `ema` or `raw`."""
    numbers = [m for each in measured.values() for m in each if math.isfinite(m.value)]
    wanted = settings.best.metric
    confusion = inputs.tstr and ConfusionMatrices(inputs.tstr, reference.data.class_names)
    return EvaluationReport(
        results=tuple(_result(m, inputs, reference, weights) for m in numbers),
        best=next((m.value for m in numbers if (m.number, m.column) == (wanted, None)), None),
        classes=classes.values,
        shares=_shares(classes.values, len(inputs.fake)),
        doubts=tuple(_doubts(measured, inputs, reference, asked=settings.metrics is not None)),
        class_doubts=classes.doubts,
        neighbors=_nearest(inputs, reference),
        confusion=confusion,
        translations=_translations(inputs, reference),
        table=_table(inputs, reference),
    )


def _table(inputs: MetricInputs, reference: Reference) -> TableReport | None:
    if inputs.columns is None:
        return None
    origin = reference.data.space.origin
    real, sampled = (
        list(inputs.columns.values(examples, labels, origin))
        for examples, labels in ((inputs.real, reference.labels), (inputs.fake, inputs.labels))
    )
    return compare_tables(real, sampled)


def _result(
    measurement: Measurement, inputs: MetricInputs, reference: Reference, weights: str
) -> Result:
    space, in_features = reference.space, measurement.compares == "features"
    space = measurement.space or space
    facts = {k: v for k, v in space.facts.items() if k != "data"} if in_features else {}
    if reference.inputs is not None:  # whose targets are held-out ones
        facts |= inputs.held_out_parameters
    protocol = Protocol(
        data=reference.data_digest[:12],
        split=measurement.split or reference.examples_split,
        n_real=measurement.real_only or len(inputs.real),
        n_fake=0 if measurement.real_only else len(inputs.fake),
        space=space.name if in_features else "data",
        version=space.version if in_features else "data-1",
        resizing=space.resizing if in_features else "none",
        seed=inputs.seed,
        weights=weights,
        parameters=measurement.parameters | facts,
    )
    return Result(
        measurement.name_in(reference.space),
        measurement.number,
        measurement.value,
        protocol,
        error=measurement.error,
        column=measurement.column,
    )


def _shares(classes: ByClass, n_fake: int) -> dict[str, float]:
    """The share of samples in each class over that of reals, where there are enough of these."""
    return {
        name: values["share_fake"] / values["share_real"]
        for name, values in classes.items()
        if values["share_real"] * n_fake >= _ENOUGH
    }


def _doubts(
    measured: Measured, inputs: MetricInputs, reference: Reference, *, asked: bool
) -> Iterator[str]:
    """Doubts about the numbers, and those that can't be computed; metrics that need what isn't
    there only where they were `asked` for."""
    numbers = [measurement for each in measured.values() for measurement in each]
    facts, labels = reference.space.facts, reference.data.labels
    if labels is not None and "accuracy" in facts and _compare_features(numbers):
        warning = classifier_warning(facts, labels.bincount())
        yield from [warning] if warning else []
    if reference.space.name == "identity" and _compare_features(numbers):
        warning = _units_warning(reference.features, reference.examples.shape[-1])
        yield from [warning] if warning else []
    yield from dict.fromkeys(m.doubt for m in numbers if m.doubt)
    for number in numbers:
        if not math.isfinite(number.value) and not number.doubt:
            name = number.name_in(reference.space)
            yield f"{name} can't be computed from these samples."
    if reference.inputs is not None and not reference.has_test:
        yield "all numbers are of training examples, since the data has no test split."
    if inputs.tstr is not None and not reference.has_test:
        yield "tstr_accuracy is of training examples, since the data has no test split."
    for name, each in measured.items():
        if not each and asked:
            needs = " and ".join(need.value for need in METRICS[name].needs) or "more examples"
            yield f"{name} can't be computed for this data and model. It needs {needs}."


def _units_warning(features: Tensor, size: int) -> str | None:
    """One line where features [N, T * D] in the data's own units, T steps of D = `size` dimensions,
    differ so much in size that one of them decides all distances."""
    deviations = features.double().std(dim=0)
    varying = deviations[deviations > 0]
    if len(varying) < 2 or varying.max() <= _LIKE_UNITS * varying.median():
        return None
    largest = int(deviations.argmax())
    return (
        f"distances are in the data's own units, and dimension {largest % size + 1} decides them: "
        f"its deviation is {float(varying.max()):.3g}, that of the median dimension "
        f"{float(varying.median()):.3g}. Save the dimensions in units of like size to compare all."
    )


def _compare_features(numbers: Sequence[Measurement]) -> bool:
    return any(number.compares == "features" for number in numbers)


def _nearest(inputs: MetricInputs, reference: Reference) -> Picture | None:
    """Samples, each in a row beside its nearest training examples; None for other than images, and
    for a translator.

    Of all training examples where their features are there, or else of those in use.
    """
    space = reference.data.space
    if space.kind != "images" or reference.inputs is not None:
        return None
    examples: Examples = reference.examples
    features = reference.features
    if reference.fresh is not None:
        examples, features = reference.data.examples, reference.fresh.train
    shown, rows = inputs.fake[:_NEIGHBORS_SHOWN], []
    for example, feature in zip(shown, inputs.fake_features, strict=False):
        distances = torch.linalg.vector_norm(features - feature, dim=1)
        closest = distances.argsort()[: _NEIGHBORS_SHOWN - 1].cpu()
        rows.append(torch.cat([example[None], read_rows(examples, closest).cpu()]))
    return draw_examples(torch.cat(rows), space, grid_columns=_NEIGHBORS_SHOWN)


def _translations(inputs: MetricInputs, reference: Reference) -> Picture | None:
    """The first inputs, each beside what a translator made of it, and its target or what came back
    of it; None for a generator."""
    if inputs.translated is None or reference.inputs is None:
        return None
    space, back = reference.data.space, inputs.translated.back
    assert space.inputs is not None, "a translator's data has inputs"
    parts = {
        "input": ShownImages(reference.inputs.images, space.inputs),
        "output": ShownImages(inputs.fake, space),
    }
    if reference.inputs.paired:
        parts["target"] = ShownImages(inputs.real, space)
    elif back is not None:
        parts["back"] = ShownImages(back.cycled, space.inputs)
    count = fitting_count(space, parts=len(parts), most=_TRANSLATIONS_SHOWN)
    return draw_translations(
        {head: ShownImages(shown.images[:count], shown.space) for head, shown in parts.items()}
    )
