"""The functions of the metrics, each attached to its entry in the registry."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from gan_runner.data.column import Column
from gan_runner.errors import PluginError, plural, printable
from gan_runner.evaluation.features.spaces import FeatureSpace
from gan_runner.evaluation.metrics import fidelity, frechet, neighbors, tables
from gan_runner.evaluation.metrics.agreement import matched_accuracy
from gan_runner.evaluation.metrics.distances import thin_out
from gan_runner.evaluation.metrics.inputs import (
    Measurement,
    MetricInputs,
    distinct_names,
    measurements,
)
from gan_runner.evaluation.metrics.likelihoods import likelihood_warning
from gan_runner.evaluation.metrics.modes import (
    classifier_score,
    missed_modes_warning,
    modes_of_classes,
    modes_of_mixture,
)
from gan_runner.evaluation.metrics.neighbors import FreshExamples
from gan_runner.evaluation.metrics.paired import KERNEL_EXAMPLES
from gan_runner.evaluation.metrics.registry import (
    METRICS,
    Metric,
    Need,
    Number,
    numbers_of,
    register,
)
from gan_runner.evaluation.metrics.sliced import sliced_wasserstein
from gan_runner.evaluation.metrics.table_measures import TABLE_MEASURES
from gan_runner.evaluation.metrics.tstr import tstr_warning

Measure = Callable[[MetricInputs], list[Measurement]]

MEASURES: dict[str, Measure] = {}
"""The function of each metric: from its inputs to numbers, none where it needs what isn't there."""

_REMEDY = "Return a list of gan_runner.Measurement."
_FEWEST_DIFFERENT = 10
"""Samples: of fewer, whether they are near to training examples is a matter of chance."""
_MOST_COPIES = 0.3
"""Share of held-out examples that are known. Of 40 %, a ratio of medians is below half by chance
in 5 of 100 cases; of 30 % in none of 60 (docs/log.md)."""
_MOST_REPEATED = 0.5
"""Share of exact copies among real examples, beyond which they are what is measured."""
_TIES = {"ties": "shared"}  # what lies at one distance belongs to a neighborhood in part
_NAMES_SHOWN = 3
_THINNED = {"thinned": "one of each stretch"}  # not the first, which may be of one class


def measure(name: str, inputs: MetricInputs) -> list[Measurement]:
    """The numbers of a metric; none where it needs what isn't there.

    Raises PluginError for a function that returns anything but numbers of its entry.
    """
    found: object = MEASURES[name](inputs)
    if not isinstance(found, list):
        raise PluginError(f"{name} didn't return a list, type={type(found).__name__}. {_REMEDY}")
    for each in found:
        if not isinstance(each, Measurement):
            shown = type(each).__name__
            raise PluginError(f"{name} returned a list of other things, type={shown}. {_REMEDY}")
        if each.number not in numbers_of(name):
            shown, known = printable(each.number), ", ".join(numbers_of(name))
            raise PluginError(
                f"{name} returned a number that it doesn't declare, number={shown}. "
                f"It declares {printable(known)}: add a gan_runner.Number."
            )
        if isinstance(each.value, bool) or not isinstance(each.value, (int, float)):
            shown = f"{printable(each.number)}={type(each.value).__name__}"
            raise PluginError(
                f"{name} returned a value that isn't a number, {shown}. Return float(value)."
            )
    return found


def computes(metric: Metric) -> Callable[[Measure], Measure]:
    """Make a function that of a metric in the registry."""

    def attach(measure: Measure) -> Measure:
        MEASURES[metric.name] = measure
        return measure

    return attach


def metric(
    *numbers: Number,
    description: str,
    source: str | None = None,
    needs: tuple[Need, ...] = (),
    of_a_class: bool = False,
) -> Callable[[Measure], Measure]:
    """Make a function of a plugin a metric of its own name, with an entry in the registry.

    Raises ConfigError for a name that another metric or number has.
    """

    def attach(measure: Measure) -> Measure:
        earlier = MEASURES.get(measure.__name__)
        if earlier is not None and earlier.__module__ == measure.__module__:
            del METRICS[measure.__name__]  # its file is imported again
        entry = Metric(measure.__name__, numbers, description, source, needs, of_a_class)
        # how a configuration may name it, too, as in evaluation.best.metric
        vars(measure)["numbers"] = tuple(number.name for number in numbers)
        return computes(register(entry))(measure)

    return attach


@computes(METRICS["frechet"])
def _frechet(of: MetricInputs) -> list[Measurement]:
    count = min(len(of.real), len(of.fake))
    if of.real.ndim == 3 and count < frechet.EXAMPLES_PER_DIMENSION * of.space.size:
        return []  # of long sequences, whose covariance takes minutes and isn't known
    real = of.fit_real() if of.fit_real else frechet.fit_gaussian(of.real_features)
    fake = frechet.fit_gaussian(of.fake_features)
    doubt = frechet.sample_size_warning(real, fake)
    return [Measurement("frechet", frechet.frechet_distance(real, fake), doubt=doubt)]


@computes(METRICS["kid"])
def _kid(of: MetricInputs) -> list[Measurement]:
    found = of.pairs.kid
    kernel = {"kernel": "(x.y / D + 1)^3", "estimator": "U-statistic"}
    return [Measurement("kid", found.value, found.error, parameters=kernel)]


@computes(METRICS["manifold"])
def _manifold(of: MetricInputs) -> list[Measurement]:
    if min(len(of.real), len(of.fake)) <= of.neighbors:
        return []
    found = of.pairs.manifold
    parameters = {"k": of.neighbors} | _TIES
    doubt = _repetition(of.pairs.real.copies, of.neighbors)
    return measurements(found._asdict(), parameters=parameters, doubt=doubt)


def _repetition(counts: Tensor, k: int) -> str | None:
    """A doubt where neighborhoods of real examples hold nothing but their copies, by how often each
    different one occurs."""
    repeated = float(counts[counts > k].sum()) / int(counts.sum())
    if repeated <= _MOST_REPEATED:
        return None
    return (
        f"{repeated:.0%} of the real examples have exact copies, {k} or more: precision, recall, "
        "density and coverage say little but how often these are made."
    )


@computes(METRICS["classifier_score"])
def _classifier_score(of: MetricInputs) -> list[Measurement]:
    if of.probabilities is None:
        return []
    return [Measurement("classifier_score", classifier_score(of.probabilities))]


@computes(METRICS["sliced_wasserstein"])
def _sliced_wasserstein(of: MetricInputs) -> list[Measurement]:
    if of.projected is None:
        value = sliced_wasserstein(*of.vectors, projections=of.projections, rng=of.directions)
    else:
        value = of.projected.distance()
    parameters = {"projections": of.projections}
    return [
        Measurement("sliced_wasserstein", value, parameters=parameters, compares="examples"),
    ]


@computes(METRICS["one_nn"])
def _one_nn(of: MetricInputs) -> list[Measurement]:
    return [Measurement("one_nn", of.pairs.one_nn, parameters=_TIES)]


@computes(METRICS["mmd"])
def _mmd(of: MetricInputs) -> list[Measurement]:
    fake = thin_out(of.fake_features, KERNEL_EXAMPLES)
    counts = [min(len(of.real), KERNEL_EXAMPLES), len(fake)]
    kernel = {"kernel": "RBF, median of real distances", "examples": counts}
    value = of.pairs.real.gaussian.mmd(fake)
    return [Measurement("mmd", value, parameters=kernel | _THINNED)]


@computes(METRICS["memorization"])
def _memorization(of: MetricInputs) -> list[Measurement]:
    fresh = of.fresh
    if fresh is None or len(fresh.held_out) < 2:
        return []
    fake = thin_out(of.fake_features, neighbors.SEARCHED)
    counts = {
        "n_train": len(fresh.train),
        "n_held_out": len(fresh.searched),
        "n_searched": len(fake),
    }
    parameters = counts | _THINNED | of.held_out_parameters | {"medians": "mid-distribution"}
    doubt = _copies(fake, fresh, name="memorization", most=_MOST_COPIES)
    value = math.nan if doubt else neighbors.memorization(fake, fresh)
    return [Measurement("memorization", value, parameters=parameters, doubt=doubt)]


def _copies(fake: Tensor, fresh: FreshExamples, *, name: str, most: float) -> str | None:
    """Why it can't be said that samples are copies of training examples, or None: for more than
    `most` of the held-out examples being such copies, or for samples that are alike."""
    known = fresh.share_of_copies
    if known > most:
        return (
            f"{name} isn't given: {known:.0%} of the held-out examples are exact copies of "
            "training examples, so copies say nothing."
        )
    different = neighbors.different_examples(fake)
    if different < min(_FEWEST_DIFFERENT, len(fake) / 2):
        return (
            f"{name} isn't given: the {plural(len(fake), 'sample')} searched are as alike as "
            f"{different:.1f} different ones."
        )
    return None


@computes(METRICS["modes"])
def _modes(of: MetricInputs) -> list[Measurement]:
    if of.centers is None or of.std is None:
        return _modes_of_classes(of)
    found = modes_of_mixture(of.fake, of.centers, std=of.std)
    values = {
        "modes_covered": float(found.covered),
        "high_quality": found.high_quality,
        "reverse_kl": found.reverse_kl,
        "total_variation": found.total_variation,
    }
    parameters = {"modes": found.modes, "std": of.std}
    doubt = missed_modes_warning(torch.ones(found.modes), samples=len(of.fake))
    return measurements(values, parameters=parameters, compares="examples", doubt=doubt)


def _modes_of_classes(of: MetricInputs) -> list[Measurement]:
    if of.class_counts is None or of.probabilities is None or of.predicted_classes is None:
        return []
    classes = of.probabilities.shape[1]  # more than the data's, if the last ones have no example
    weights = of.class_counts.new_zeros(classes)
    weights[: len(of.class_counts)] = of.class_counts
    found = modes_of_classes(of.predicted_classes, weights=weights)
    values = {
        "modes_covered": float(found.covered),
        "reverse_kl": found.reverse_kl,
        "total_variation": found.total_variation,
    }
    doubt = missed_modes_warning(weights, samples=len(of.fake))
    return measurements(values, parameters={"classes": found.modes}, doubt=doubt)


@computes(METRICS["label_accuracy"])
def _label_accuracy(of: MetricInputs) -> list[Measurement]:
    if of.labels is None or of.predicted_classes is None:
        return []
    right = (of.predicted_classes == of.labels).float()
    return [Measurement("label_accuracy", float(right.mean()))]


@computes(METRICS["label_accuracy_trivial"])
def _label_accuracy_trivial(of: MetricInputs) -> list[Measurement]:
    translated, real = of.translated, of.real_features
    if of.labels is None or of.predicted_classes is None:
        return []
    if translated is None or translated.labels is None:
        return []
    trivial = translated.trivial
    answered = _accuracy(of.space, trivial.features, of.labels)
    return [
        _of_reals("label_accuracy_trivial", answered, of.labels, {"answer": trivial.kind}),
        _of_reals("label_accuracy_real", _accuracy(of.space, real, translated.labels), of.labels),
    ]


@computes(METRICS["label_accuracy_back"])
def _label_accuracy_back(of: MetricInputs) -> list[Measurement]:
    """Of targets translated back, by a classifier of inputs; of untranslated ones; of inputs."""
    back = None if of.translated is None else of.translated.back
    if of.translated is None or back is None or back.space.name != "classifier":
        return []
    targets, labels, way = of.translated.labels, back.labels, {"direction": "ba"}
    assert targets is not None and labels is not None, "a classifier is of labeled data"
    value = _accuracy(back.space, back.features, targets)
    found = [Measurement("label_accuracy_back", value, parameters=way, space=back.space)]
    if back.trivial_features is not None:
        value = _accuracy(back.space, back.trivial_features, targets)
        found.append(_of_reals("label_accuracy_back_trivial", value, targets, way | back.answer))
    value = _accuracy(back.space, back.real_features, labels)
    found.append(_of_reals("label_accuracy_back_real", value, labels, way))
    return [found[0], *(each._replace(space=back.space) for each in found[1:])]


def _accuracy(space: FeatureSpace, features: Tensor, labels: Tensor) -> float:
    """The share of images, by their features [N, D], that the classifier puts into their classes
    int64 [N]."""
    probabilities = space.probabilities_of(features)
    assert probabilities is not None, "asked in the space of a classifier alone"
    return float((probabilities.argmax(1).cpu() == labels).float().mean())


def _of_reals(
    number: str, value: float, labels: Tensor, parameters: dict[str, Any] | None = None
) -> Measurement:
    """The accuracy on images that no translator made."""
    return Measurement(number, value, parameters=parameters or {}, real_only=len(labels))


@computes(METRICS["code_accuracy"])
def _code_accuracy(of: MetricInputs) -> list[Measurement]:
    if of.category is None or of.predicted_classes is None:
        return []
    return [Measurement("code_accuracy", matched_accuracy(of.category, of.predicted_classes))]


@computes(METRICS["likelihood"])
def _likelihood(of: MetricInputs) -> list[Measurement]:
    found = of.likelihood
    if found is None:
        return []
    held_out = of.held_out_parameters if found.split == "held out" else {}
    doubt = likelihood_warning(of.real, found.parameters)
    return [
        Measurement(
            name,
            float(values.double().mean()),
            error=float(values.double().std() / math.sqrt(len(values))),
            parameters=found.parameters | held_out,
            compares="examples",
            split=found.split,
            real_only=len(values),
            doubt=doubt,
        )
        for name, values in (("elbo", found.elbo), ("log_likelihood", found.log_likelihood))
    ]


@computes(METRICS["tstr"])
def _tstr(of: MetricInputs) -> list[Measurement]:
    if of.tstr is None:
        return []
    n_test = int(of.tstr.real.confusion.sum())
    values = {
        "tstr_accuracy": of.tstr.synthetic.accuracy,
        "trtr_accuracy": of.tstr.real.accuracy,
    }
    parameters = {"classifier": "perceptron-1", "n_test": n_test} | of.held_out_parameters
    if of.held_out_data is None:
        parameters["halves"] = "of each class"
    doubt = tstr_warning(of.tstr)
    return measurements(values, parameters=parameters, compares="examples", doubt=doubt)


@computes(METRICS["columns"])
def _columns(of: MetricInputs) -> list[Measurement]:
    """The means over numeric and over categorical columns, then the distance of each column: in
    deviations of the real numbers for numeric columns, as a total variation for the others."""
    if of.columns is None:
        return []
    columns, reals = zip(*of.columns.parts(of.real), strict=True)
    fakes = (fake for _, fake in of.columns.parts(of.fake))
    names = distinct_names([column.name for column in columns])
    each: dict[str, dict[str, float]] = {"column_wasserstein": {}, "column_variation": {}}
    for column, name, real, fake in zip(columns, names, reals, fakes, strict=True):
        if column.categories:
            codes = (part.argmax(1).numpy() for part in (real, fake))
            value = tables.total_variation(*codes, categories=column.width)
        else:
            present, made = (_present(column, part) for part in (real, fake))
            if not len(made):
                continue  # samples have no number of it
            unit = float(present.double().std(unbiased=False)) or 1.0
            value = tables.wasserstein(present.numpy(), made.numpy()) / unit
        each["column_variation" if column.categories else "column_wasserstein"][name] = value
    means = {number: sum(v.values()) / len(v) for number, v in each.items() if v}
    doubt = _constant_columns(names, reals)
    return [
        *measurements(means, compares="examples", doubt=doubt),
        *(
            Measurement(number, value, column=name, compares="examples")
            for number, values in each.items()
            for name, value in values.items()
        ),
    ]


def _present(column: Column, part: Tensor) -> Tensor:
    """The numbers of a column [N, width] that aren't missing."""
    return part[part[:, 1] < 0.5, 0] if column.may_miss else part[:, 0]


def _constant_columns(names: Sequence[str], reals: Sequence[Tensor]) -> str | None:
    """A doubt where columns have one value only, which gives their distances no unit."""
    pairs = zip(names, reals, strict=True)
    constant = [name for name, real in pairs if bool((real == real[0]).all())]
    if not constant:
        return None
    shown = ", ".join(constant[:_NAMES_SHOWN]) + ", ..." * (len(constant) > _NAMES_SHOWN)
    return (
        f"{plural(len(constant), 'column')} of a single value ({shown}): a number's distance is in "
        "its own unit there, and the means of columns have it among them."
    )


@computes(METRICS["correlations"])
def _correlations(of: MetricInputs) -> list[Measurement]:
    if of.columns is None:
        return []
    wide = [column for column in of.columns.columns if column.width]
    blocks = torch.tensor([place for place, c in enumerate(wide) for _ in range(c.width)])
    varying = (of.real != of.real[0]).any(0)
    if len(blocks[varying].unique()) < 2:
        return []  # nothing that could be correlated with another column
    value = tables.correlation_difference(of.real.numpy(), of.fake.numpy(), blocks=blocks.numpy())
    return [Measurement("correlation_difference", value, compares="examples")]


@computes(METRICS["closest_record"])
def _closest_record(of: MetricInputs) -> list[Measurement]:
    fresh = of.fresh
    if of.columns is None or fresh is None:
        return []
    fake = thin_out(of.fake_features, neighbors.SEARCHED)
    found = tables.closest_record_distances(
        *(each.cpu().numpy() for each in (fake, fresh.train, fresh.held_out))
    )
    doubt = _copies(fake, fresh, name="closest_record_share", most=_MOST_REPEATED)
    values = {
        "closest_record_share": math.nan if doubt else found.share,
        "closest_record_train": found.train,
        "closest_record_held_out": found.held_out,
    }
    counts = {"n_each": min(len(fresh.train), len(fresh.held_out)), "n_searched": len(fake)}
    parameters = counts | _THINNED | of.held_out_parameters
    return measurements(values, parameters=parameters, doubt=doubt)


@computes(METRICS["psnr"])
def _psnr(of: MetricInputs) -> list[Measurement]:
    parameters = {"data_range": fidelity.DATA_RANGE, "of_equal": fidelity.MOST_DECIBELS}
    return _of_pairs("psnr", fidelity.psnr, of, parameters)


@computes(METRICS["ssim"])
def _ssim(of: MetricInputs) -> list[Measurement]:
    side = fidelity.window_side(*of.real.shape[2:]) if of.real.ndim == 4 else fidelity.WINDOW
    window = {"window": side, "sigma": fidelity.SIGMA, "covariance": "population"}
    return _of_pairs("ssim", fidelity.ssim, of, {"data_range": fidelity.DATA_RANGE} | window)


@computes(METRICS["l1"])
def _l1(of: MetricInputs) -> list[Measurement]:
    return _of_pairs("l1", fidelity.l1, of, {"data_range": fidelity.DATA_RANGE})


def _of_pairs(
    name: str,
    compare: Callable[[Tensor, Tensor], Tensor],
    of: MetricInputs,
    parameters: Mapping[str, Any],
) -> list[Measurement]:
    """A number of outputs and their targets beside that of the trivial answers."""
    translated = of.translated
    if translated is None or not translated.paired or translated.label_names:
        return []
    trivial = translated.trivial
    answered = compare(trivial.images, of.real)
    return [
        *_mean_of_pairs(name, compare(of.fake, of.real), dict(parameters), compares="examples"),
        *_mean_of_pairs(
            f"{name}_trivial",
            answered,
            {**parameters, "answer": trivial.kind},
            compares="examples",
            real_only=len(answered),
        ),
    ]


def _mean_of_pairs(
    number: str, values: Tensor, parameters: dict[str, Any], **more: Any
) -> list[Measurement]:
    """The mean over pairs [N], with its standard error."""
    error = float(values.std() / math.sqrt(len(values))) if len(values) > 1 else None
    return [Measurement(number, float(values.mean()), error, parameters=parameters, **more)]


@computes(METRICS["perceptual"])
def _perceptual(of: MetricInputs) -> list[Measurement]:
    translated = of.translated
    if translated is None or not translated.paired or translated.label_names:
        return []
    trivial = translated.trivial
    unit = {"unit": "mean distance of two targets"}
    try:
        values = fidelity.feature_distances(of.fake_features, of.real_features)
        answered = fidelity.feature_distances(trivial.features, of.real_features)
    except ValueError:
        return []  # all targets are the same
    answer = {**unit, "answer": trivial.kind}
    return [
        *_mean_of_pairs("perceptual", values, unit),
        *_mean_of_pairs("perceptual_trivial", answered, answer, real_only=len(answered)),
    ]


@computes(METRICS["label_map"])
def _label_map(of: MetricInputs) -> list[Measurement]:
    """The mean over classes and the accuracy, beside the trivial answer's, then each class."""
    translated = of.translated
    if translated is None or not translated.paired or not translated.label_names:
        return []
    names, trivial = distinct_names(translated.label_names), translated.trivial
    target, predicted, answered = (each.argmax(1) for each in (of.real, of.fake, trivial.images))
    ious = fidelity.class_ious(predicted, target, classes=len(names))
    trivial_ious = fidelity.class_ious(answered, target, classes=len(names))
    values = {
        "iou": (float(ious.nanmean()), float(trivial_ious.nanmean())),
        "pixel_accuracy": (
            fidelity.pixel_accuracy(predicted, target),
            fidelity.pixel_accuracy(answered, target),
        ),
    }
    classes = {"classes": len(names)}
    answer: dict[str, Any] = {
        "parameters": {**classes, "answer": trivial.kind},
        "real_only": len(target),
    }
    return [
        *(
            measurement
            for number, (value, of_trivial) in values.items()
            for measurement in (
                Measurement(number, value, parameters=classes, compares="examples"),
                Measurement(f"{number}_trivial", of_trivial, compares="examples", **answer),
            )
        ),
        *(
            Measurement("iou", value, column=name, parameters=classes, compares="examples")
            for name, value in zip(names, ious.tolist(), strict=True)
            if math.isfinite(value)  # a class that is nowhere has none
        ),
    ]


@computes(METRICS["frechet_trivial"])
def _frechet_trivial(of: MetricInputs) -> list[Measurement]:
    if of.translated is None:
        return []
    trivial = of.translated.trivial
    real = of.fit_real() if of.fit_real else frechet.fit_gaussian(of.real_features)
    value = frechet.frechet_distance(real, trivial.gaussian)
    answer = {"answer": trivial.kind}
    return [Measurement("frechet_trivial", value, parameters=answer, real_only=len(of.real))]


@computes(METRICS["frechet_back"])
def _frechet_back(of: MetricInputs) -> list[Measurement]:
    back = None if of.translated is None else of.translated.back
    if back is None:
        return []
    fake, real = frechet.fit_gaussian(back.features), back.fit_real()
    doubt = frechet.sample_size_warning(real, fake)
    value = frechet.frechet_distance(real, fake)
    way = {"direction": "ba"}
    found = [Measurement("frechet_back", value, parameters=way, doubt=doubt, space=back.space)]
    if back.trivial_features is not None:
        trivial = frechet.fit_gaussian(back.trivial_features)
        value, count = frechet.frechet_distance(real, trivial), len(back.inputs)
        answer = way | back.answer
        number = "frechet_back_trivial"
        found.append(
            Measurement(number, value, parameters=answer, space=back.space, real_only=count)
        )
    return found


@computes(METRICS["cycle"])
def _cycle(of: MetricInputs) -> list[Measurement]:
    back = None if of.translated is None else of.translated.back
    if back is None:
        return []
    cycles = {
        "cycle_l1": fidelity.l1(back.cycled, back.inputs),
        "cycle_back_l1": fidelity.l1(back.targets_cycled, of.real),
    }
    parameters = {"data_range": fidelity.DATA_RANGE}
    return [
        measurement
        for number, values in cycles.items()
        for measurement in _mean_of_pairs(number, values, parameters, compares="examples")
    ]


for _name, _measure in TABLE_MEASURES.items():
    computes(METRICS[_name])(_measure)
