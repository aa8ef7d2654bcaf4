"""Every metric by its name in the configuration: from compared examples to named numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from gan_runner.data import Space
from gan_runner.data.columns import Columns
from gan_runner.errors import printable
from gan_runner.evaluation.features.spaces import FeatureSpace
from gan_runner.evaluation.metrics import frechet, kernels, neighbours, tables
from gan_runner.evaluation.metrics.agreement import matched_accuracy
from gan_runner.evaluation.metrics.modes import classifier_score, modes_of_classes, modes_of_mixture
from gan_runner.evaluation.metrics.sliced import sliced_wasserstein
from gan_runner.evaluation.metrics.tstr import Tstr
from gan_runner.seeds import derive

_KERNEL_EXAMPLES = 2000  # of either kind: the RBF kernel's bandwidth makes more of little use
_SEARCHED = 2000  # samples whose nearest neighbours are sought in all of the training data
_THINNED = {"thinned": "one of each stretch"}  # not the first, which may be of one class

IN_INCEPTION = {"frechet": "fid", "classifier_score": "inception_score"}
"""Names that only numbers in Inception's space may have."""


class Likely(NamedTuple):
    """Bounds of log p(x) in nats, [N] each, of examples of a split; `parameters` say how."""

    elbo: Tensor
    log_likelihood: Tensor
    split: str
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Compared:
    """Real and generated examples, as stored [N, *shape] and as features [N, D].

    `train` are features of all that the generator learnt from and `held_out` of real examples that
    it has not seen, where there are any; `centres` [K, 2] and `std` tell of a mixture in the plane,
    `class_counts` [K] how many examples each class of labelled data has. `labels` [N] are those
    that a conditional generator was told, `category` [N] the values of a code that it was given.
    `likely` are the likelihoods of an autoencoder. `columns` are those of a table, and `tstr` is
    what classifiers made of labelled test rows, where there are any. `unseen` is the digest of the
    held-out data set: numbers that depend on it say so in their protocol.
    """

    space: FeatureSpace
    real: Tensor
    fake: Tensor
    real_features: Tensor
    fake_features: Tensor
    train: Tensor | None
    held_out: Tensor | None
    centres: Tensor | None
    std: float | None
    class_counts: Tensor | None
    labels: Tensor | None
    category: Tensor | None
    neighbours: int
    projections: int
    seed: int
    likely: Likely | None = None
    columns: Columns | None = None
    tstr: Tstr | None = None
    unseen: str | None = None

    @property
    def of_held_out(self) -> dict[str, str]:
        """What is told of a number that depends on held-out examples."""
        return {} if self.unseen is None else {"held_out_data": self.unseen}

    @cached_property
    def probabilities(self) -> Tensor | None:
        """p(y|x) of the samples, [M, K], where the space belongs to a classifier."""
        return self.space.probabilities_of(self.fake_features)

    @cached_property
    def predicted(self) -> Tensor | None:
        """The class of each sample, int64 [M] on the CPU, told by the classifier of the data: the
        classes of Inception are others."""
        if self.probabilities is None or self.space.name != "classifier":
            return None
        return self.probabilities.argmax(dim=1).cpu()


class Number(NamedTuple):
    """A measured number. `metric` is its name in the configuration, `name` says the space too."""

    metric: str
    name: str
    value: float
    error: float | None = None
    parameters: dict[str, Any] = {}  # noqa: RUF012  (a NamedTuple's default is never changed)
    seen: Literal["features", "examples"] = "features"
    doubt: str | None = None
    split: str = "train"
    alone: int | None = None  # how many reals, where they are held against no samples


def _frechet(of: Compared) -> list[Number]:
    count = min(len(of.real), len(of.fake))
    if of.real.ndim == 3 and count < frechet.EXAMPLES_PER_DIMENSION * of.space.size:
        return []  # of long sequences, whose covariance takes minutes and isn't known
    real, fake = frechet.fitted(of.real_features), frechet.fitted(of.fake_features)
    name = _named("frechet", of, elsewhere=f"frechet_{of.space.name}")
    doubt = frechet.doubt(real, fake)
    return [Number("frechet", name, frechet.distance(real, fake), doubt=doubt)]


def _kid(of: Compared) -> list[Number]:
    found = kernels.kid(of.real_features, of.fake_features)
    kernel = {"kernel": "(x.y / D + 1)^3", "estimator": "U-statistic"}
    return [Number("kid", f"kid_{of.space.name}", found.value, found.error, kernel)]


def _mmd(of: Compared) -> list[Number]:
    real, fake = (
        neighbours.thinned(each, _KERNEL_EXAMPLES) for each in (of.real_features, of.fake_features)
    )
    kernel = {"kernel": "RBF, median of real distances", "examples": [len(real), len(fake)]}
    value = kernels.mmd(real, fake)
    return [Number("mmd", f"mmd_{of.space.name}", value, parameters=kernel | _THINNED)]


def _manifold(of: Compared) -> list[Number]:
    if min(len(of.real), len(of.fake)) <= of.neighbours:
        return []
    found = neighbours.manifold(of.real_features, of.fake_features, k=of.neighbours)
    k = {"k": of.neighbours}
    return [
        Number(name, f"{name}_{of.space.name}", value, parameters=k)
        for name, value in found._asdict().items()
    ]


def _one_nn(of: Compared) -> list[Number]:
    value = neighbours.one_nn_accuracy(of.real_features, of.fake_features)
    return [Number("one_nn", f"one_nn_accuracy_{of.space.name}", value)]


def _memorisation(of: Compared) -> list[Number]:
    if of.train is None or of.held_out is None or len(of.held_out) < 2:
        return []
    fake, unseen = (neighbours.thinned(each, _SEARCHED) for each in (of.fake_features, of.held_out))
    value = neighbours.memorisation(fake, of.train, unseen)
    counts = {"n_train": len(of.train), "n_held_out": len(unseen), "n_searched": len(fake)}
    name = f"memorisation_{of.space.name}"
    return [Number("memorisation", name, value, parameters=counts | _THINNED | of.of_held_out)]


def _sliced(of: Compared) -> list[Number]:
    stream = torch.Generator().manual_seed(derive(of.seed, "projections"))
    real, fake = _flat(of.real), _flat(of.fake)
    value = sliced_wasserstein(real, fake, projections=of.projections, generator=stream)
    found = {"projections": of.projections}
    name = "sliced_wasserstein"
    return [Number(name, name, value, parameters=found, seen="examples")]


def _classifier_score(of: Compared) -> list[Number]:
    if of.probabilities is None:
        return []
    name = _named("classifier_score", of, elsewhere="classifier_score")
    return [Number("classifier_score", name, classifier_score(of.probabilities))]


def _modes(of: Compared) -> list[Number]:
    if of.centres is None or of.std is None:
        return _modes_of_classes(of)
    found = modes_of_mixture(of.fake, of.centres, std=of.std)
    parameters = {"modes": found.modes, "std": of.std}
    values = {
        "modes_covered": float(found.covered),
        "high_quality": found.high_quality,
        "reverse_kl": found.reverse_kl,
        "total_variation": found.total_variation,
    }
    return [Number(n, n, v, parameters=parameters, seen="examples") for n, v in values.items()]


def _modes_of_classes(of: Compared) -> list[Number]:
    if of.class_counts is None or of.probabilities is None or of.predicted is None:
        return []
    classes = of.probabilities.shape[1]  # more than the data's, if the last ones have no example
    weights = of.class_counts.new_zeros(classes)
    weights[: len(of.class_counts)] = of.class_counts
    found = modes_of_classes(of.predicted, weights=weights)
    values = {
        "modes_covered": float(found.covered),
        "reverse_kl": found.reverse_kl,
        "total_variation": found.total_variation,
    }
    return [Number(n, n, v, parameters={"classes": found.modes}) for n, v in values.items()]


def _label_accuracy(of: Compared) -> list[Number]:
    if of.labels is None or of.predicted is None:
        return []
    right = (of.predicted == of.labels).float()
    return [Number("label_accuracy", "label_accuracy", float(right.mean()))]


def _code_accuracy(of: Compared) -> list[Number]:
    if of.category is None or of.predicted is None:
        return []
    value = matched_accuracy(of.category, of.predicted)
    return [Number("code_accuracy", "code_accuracy", value)]


def _likelihood(of: Compared) -> list[Number]:
    likely = of.likely
    if likely is None:
        return []
    return [
        Number(
            name,
            name,
            float(values.double().mean()),
            error=float(values.double().std() / math.sqrt(len(values))),
            parameters=likely.parameters | (of.of_held_out if likely.split == "held out" else {}),
            seen="examples",
            split=likely.split,
            alone=len(values),
        )
        for name, values in (("elbo", likely.elbo), ("log_likelihood", likely.log_likelihood))
    ]


def _tstr(of: Compared) -> list[Number]:
    if of.tstr is None:
        return []
    n_test = int(of.tstr.real.confusion.sum())
    parameters = {"classifier": "perceptron-1", "n_test": n_test} | of.of_held_out
    values = {"tstr_accuracy": of.tstr.synthetic, "trtr_accuracy": of.tstr.real}
    return [
        Number(name, name, told.accuracy, parameters=parameters, seen="examples")
        for name, told in values.items()
    ]


def _columns(of: Compared) -> list[Number]:
    """The distance of each column, and their means: in deviations of the real numbers for numeric
    columns, as a total variation for the others."""
    if of.columns is None:
        return []
    found: dict[str, dict[str, float]] = {"column_wasserstein": {}, "column_variation": {}}
    columns, reals = zip(*of.columns.parts(of.real), strict=True)
    fakes = (fake for _, fake in of.columns.parts(of.fake))
    names = _told_apart([column.name for column in columns])
    for column, name, real, fake in zip(columns, names, reals, fakes, strict=True):
        if column.categories:
            codes = (part.argmax(1).numpy() for part in (real, fake))
            value = tables.total_variation(*codes, categories=column.width)
        else:
            unit = float(real.double().std(unbiased=False)) or 1.0
            value = tables.wasserstein(real[:, 0].numpy(), fake[:, 0].numpy()) / unit
        metric = "column_variation" if column.categories else "column_wasserstein"
        found[metric][name] = value
    means = {metric: sum(v.values()) / len(v) for metric, v in found.items() if v}
    each = {f"{metric}/{name}": v for metric, all_ in found.items() for name, v in all_.items()}
    return [Number(n, n, v, seen="examples") for n, v in (means | each).items()]


def _told_apart(names: Sequence[str]) -> list[str]:
    """Names as they are shown, shortened, and behind their place where two look the same."""
    shown = [printable(name, limit=60) for name in names]
    return [
        f"{place}: {name}" if shown.count(name) > 1 else name
        for place, name in enumerate(shown, start=1)
    ]


def _correlations(of: Compared) -> list[Number]:
    if of.columns is None:
        return []
    held = [column for column in of.columns.columns if column.width]
    blocks = torch.tensor([place for place, c in enumerate(held) for _ in range(c.width)])
    value = tables.correlation_difference(of.real.numpy(), of.fake.numpy(), blocks=blocks.numpy())
    name = "correlation_difference"
    return [Number(name, name, value, seen="examples")]


def _closest_record(of: Compared) -> list[Number]:
    if of.columns is None or of.train is None or of.held_out is None:
        return []
    fake = neighbours.thinned(of.fake_features, _SEARCHED)
    found = tables.closest(*(each.cpu().numpy() for each in (fake, of.train, of.held_out)))
    counts = {"n_each": min(len(of.train), len(of.held_out)), "n_searched": len(fake)}
    values = {
        "closest_record_share": found.share,
        "closest_record_train": found.train,
        "closest_record_held_out": found.held_out,
    }
    told = counts | _THINNED | of.of_held_out
    return [Number(n, n, v, parameters=told) for n, v in values.items()]


def _named(metric: str, of: Compared, *, elsewhere: str) -> str:
    return IN_INCEPTION[metric] if of.space.name == "inception" else elsewhere


def _flat(examples: Tensor) -> Tensor:
    """Images in [-1, 1], vectors and sequences as they are, float32 [N, D]."""
    if examples.dtype == torch.uint8:
        examples = Space("images", tuple(examples.shape[1:])).encode(examples)
    return examples.flatten(1)


NUMBERS = (
    *("frechet", "kid", "precision", "recall", "density", "coverage", "classifier_score"),
    *("sliced_wasserstein", "one_nn", "mmd", "memorisation"),
    *("modes_covered", "high_quality", "reverse_kl", "total_variation"),
    *("label_accuracy", "code_accuracy", "elbo", "log_likelihood"),
    *("tstr_accuracy", "trtr_accuracy", "column_wasserstein", "column_variation"),
    *("correlation_difference", "closest_record_share"),
)
"""The names by which a number can be chosen, whatever the space."""

METRICS: dict[str, Callable[[Compared], list[Number]]] = {
    "frechet": _frechet,
    "kid": _kid,
    "manifold": _manifold,
    "classifier_score": _classifier_score,
    "sliced_wasserstein": _sliced,
    "one_nn": _one_nn,
    "mmd": _mmd,
    "memorisation": _memorisation,
    "modes": _modes,
    "label_accuracy": _label_accuracy,
    "code_accuracy": _code_accuracy,
    "likelihood": _likelihood,
    "tstr": _tstr,
    "columns": _columns,
    "correlations": _correlations,
    "closest_record": _closest_record,
}

OF_A_CLASS = ("frechet", "kid", "manifold", "sliced_wasserstein", "one_nn", "mmd")
"""The metrics that make sense of one class alone."""
