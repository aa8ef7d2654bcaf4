"""The inputs and the outputs of metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from gan_runner.data import Space
from gan_runner.data.columns import Columns
from gan_runner.errors import printable
from gan_runner.evaluation.features.spaces import FeatureSpace
from gan_runner.evaluation.metrics.efficacy import EfficacyTask
from gan_runner.evaluation.metrics.frechet import Gaussian
from gan_runner.evaluation.metrics.neighbors import FreshExamples
from gan_runner.evaluation.metrics.paired import ExampleSet, PairedSets
from gan_runner.evaluation.metrics.real_rows import RealRows
from gan_runner.evaluation.metrics.registry import numbers
from gan_runner.evaluation.metrics.rows import Rows
from gan_runner.evaluation.metrics.sliced import Projected, project
from gan_runner.evaluation.metrics.translated import Translated
from gan_runner.evaluation.metrics.tstr import TSTR
from gan_runner.seeds import derive


class SplitLikelihood(NamedTuple):
    """Bounds of log p(x) in nats, [N] each, of examples of a split; `parameters` say how."""

    elbo: Tensor
    log_likelihood: Tensor
    split: str
    parameters: dict[str, Any]


@dataclass(frozen=True)
class MetricInputs:
    """Real and generated examples, as stored [N, *shape] and as features [N, D].

    `fresh` are features of other real examples beside those of all training examples, where there
    are any; `centers` [K, 2] and `std` describe a mixture in the plane, `class_counts` [K]
    are the numbers of examples of each class of labeled data. `labels` [N] are those that a
    conditional generator was given, `category` [N] the values of a code that it was given.
    `likelihood` is that of an autoencoder. `columns` are those of a table, and `tstr` are the
    results of classifiers on labeled test examples, where there are any. `held_out_data` is the
    digest of the held-out data set: numbers that depend on it have it in their protocol.
    `fit_real` gives the Gaussian of the real features, fitted once for all generators, and
    `real_set` keeps what is computed of all pairs among them. `metrics` are the names of those that
    are measured of these inputs: what several need is computed for all of them at once.
    `table` are the real rows of a table, `held_out_rows` other ones where there are any, and
    `efficacy` the task of predicting a column from samples, where it has one.
    `translated`: what there is beside them where a translator made the generated examples.
    `projected_before`: what they are along random directions, where that is known already.
    """

    space: FeatureSpace
    real: Tensor
    fake: Tensor
    real_features: Tensor
    fake_features: Tensor
    fresh: FreshExamples | None
    centers: Tensor | None
    std: float | None
    class_counts: Tensor | None
    labels: Tensor | None
    category: Tensor | None
    neighbors: int
    projections: int
    seed: int
    likelihood: SplitLikelihood | None = None
    columns: Columns | None = None
    tstr: TSTR | None = None
    held_out_data: str | None = None
    fit_real: Callable[[], Gaussian] | None = None
    real_set: ExampleSet | None = None
    metrics: frozenset[str] = frozenset()
    table: RealRows | None = None
    held_out_rows: Rows | None = None
    efficacy: EfficacyTask | None = None
    translated: Translated | None = None
    projected_before: Projected | None = None

    @property
    def held_out_parameters(self) -> dict[str, str]:
        """The parameters of a number that depends on held-out examples."""
        return {} if self.held_out_data is None else {"held_out_data": self.held_out_data}

    @cached_property
    def fake_rows(self) -> Rows:
        """The generated examples of a table as it has its rows."""
        assert self.table is not None, "asked of a table alone"
        return self.table.decode(self.fake, self.labels)

    @cached_property
    def pairs(self) -> PairedSets:
        """Numbers of all pairs of real and generated features. Raises ValueError for NaN, Inf."""
        real = self.real_set or ExampleSet(self.real_features)
        return PairedSets(real, self.fake_features, k=self.neighbors, metrics=self.metrics)

    @property
    def vectors(self) -> tuple[Tensor, Tensor]:
        """Real and generated examples as float32 [N, D] and [M, D]: images in [-1, 1], vectors and
        sequences as they are."""
        return _as_vectors(self.real), _as_vectors(self.fake)

    @property
    def directions(self) -> torch.Generator:
        """The stream of random directions, from its start."""
        return torch.Generator().manual_seed(derive(self.seed, "projections"))

    @cached_property
    def projected(self) -> Projected | None:
        """The examples along random directions; None where they would take too much memory.
        Raises ValueError for NaN, Inf."""
        if self.projected_before is not None:
            return self.projected_before
        return project(*self.vectors, projections=self.projections, rng=self.directions)

    @cached_property
    def probabilities(self) -> Tensor | None:
        """p(y|x) of the samples, [M, K], where the space belongs to a classifier."""
        return self.space.probabilities_of(self.fake_features)

    @cached_property
    def predicted_classes(self) -> Tensor | None:
        """The class of each sample, int64 [M] on the CPU, by the classifier of the data: the
        classes of Inception are others."""
        if self.probabilities is None or self.space.name != "classifier":
            return None
        return self.probabilities.argmax(dim=1).cpu()


def _as_vectors(examples: Tensor) -> Tensor:
    if examples.dtype == torch.uint8:
        examples = Space("images", tuple(examples.shape[1:])).encode(examples)
    return examples.flatten(1)


class Measurement(NamedTuple):
    """A measured number, by its name in the registry.

    `column`: the column of a table that it is of, where it isn't of whole examples.
    `error`: its standard error, where there is an estimate.
    `compares`: whether features or the examples themselves were compared.
    `doubt`: why not to rely on it, in a sentence.
    `split`: that of the examples it is of; None for that of the real ones in use.
    `space`: the one that it was measured in, where that isn't the space of the inputs.
    `real_only`: the number of real examples, where they weren't compared with samples.
    """

    number: str
    value: float
    error: float | None = None
    column: str | None = None
    parameters: dict[str, Any] = {}  # noqa: RUF012  (a NamedTuple's default is never changed)
    compares: Literal["features", "examples"] = "features"
    doubt: str | None = None
    split: str | None = None
    real_only: int | None = None
    space: FeatureSpace | None = None

    def name_in(self, space: FeatureSpace) -> str:
        """Its name in rows, as in `precision_identity` and `column_wasserstein/age`."""
        name = numbers()[self.number].name_in((self.space or space).name)
        return name if self.column is None else f"{name}/{self.column}"


def measurements(
    values: Mapping[str, float],
    parameters: Mapping[str, Any] | None = None,
    *,
    compares: Literal["features", "examples"] = "features",
    doubt: str | None = None,
) -> list[Measurement]:
    """Numbers that were computed together, with a doubt about the first."""
    shared = dict(parameters or {})
    found = [Measurement(n, v, parameters=shared, compares=compares) for n, v in values.items()]
    return [found[0]._replace(doubt=doubt), *found[1:]] if found else []


def distinct_names(names: Sequence[str]) -> list[str]:
    """Names of columns as they are shown, shortened, and behind their place where two look the
    same."""
    shown = [printable(name, limit=60) for name in names]
    counts = Counter(shown)
    return [
        f"{place}: {name}" if counts[name] > 1 else name
        for place, name in enumerate(shown, start=1)
    ]
