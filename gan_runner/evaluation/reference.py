"""The real examples that samples are compared with, prepared once for all generators."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gan_runner.data import Data, Degradation
from gan_runner.datasets import Dataset, Track
from gan_runner.datasets.mixtures import Mixture
from gan_runner.evaluation.features.cache import cached_features
from gan_runner.evaluation.features.choice import feature_space
from gan_runner.evaluation.features.spaces import FeatureSpace
from gan_runner.evaluation.metrics.classified import ClassifiedRows, classified_rows
from gan_runner.evaluation.metrics.efficacy import EfficacyTask
from gan_runner.evaluation.metrics.frechet import Gaussian, fit_gaussian
from gan_runner.evaluation.metrics.neighbors import FreshExamples
from gan_runner.evaluation.metrics.paired import ExampleSet
from gan_runner.evaluation.metrics.real_rows import RealRows, constraints_of
from gan_runner.evaluation.metrics.registry import Need
from gan_runner.evaluation.metrics.rows import Rows, present_values
from gan_runner.evaluation.metrics.translated import TrivialAnswers, trivial_answers
from gan_runner.evaluation.metrics.tstr import LabeledArrays, TSTRTask
from gan_runner.evaluation.settings import Evaluation
from gan_runner.evaluation.target import find_target
from gan_runner.seeds import derive
from gan_runner.system import shared_work


@dataclass(frozen=True)
class Inputs:
    """Inputs of a translator as stored, uint8 [M, ...]: those of the examples in use where they are
    `paired`. `labels` int64 [M] are the classes that outputs should have, None without classes;
    `trivial` are answers without training; `space` is that of features of inputs, which only a way
    back needs."""

    images: Tensor
    labels: Tensor | None
    paired: bool
    trivial: TrivialAnswers
    space: FeatureSpace | None

    @cached_property
    def features(self) -> Tensor:
        """Those of the inputs, float32 [M, D]."""
        assert self.space is not None, "asked of a way back alone"
        return self.space.features(self.images)

    @cached_property
    def gaussian(self) -> Gaussian:
        """That of their features."""
        return fit_gaussian(self.features)


@dataclass(frozen=True)
class Reference:
    """Real examples and what is computed of them.

    `examples` [N, *shape] are the training examples in use, with their `labels` [N] and `features`.
    `fresh` are features of held-out examples beside those of all training examples, where a metric
    needs them; `held_out_digest` is empty without such examples. Likelihoods are those of `unseen`
    examples: held-out ones, or else those in use; `split` says which. `rows` are those of a labeled
    table. `tstr` is the task of TSTR, where a metric needs it; `has_test` is whether its test
    examples are held-out ones. `table` are the rows of a table as it has them, and `held_out_rows`
    other ones, where there are any; `efficacy` is the task of predicting a column of it, where a
    metric needs it.

    Of a translator the examples are the held-out targets, if there are any, and `inputs` the inputs
    that it is to translate.
    """

    data: Data
    data_digest: str
    space: FeatureSpace
    mixture: Mixture | None
    examples: Tensor
    labels: Tensor | None
    features: Tensor
    fresh: FreshExamples | None
    held_out_digest: str
    unseen: Tensor
    split: str
    rows: ClassifiedRows | None
    tstr: TSTRTask | None
    has_test: bool
    inputs: Inputs | None = None
    table: RealRows | None = None
    held_out_rows: Rows | None = None
    efficacy: EfficacyTask | None = None

    @property
    def examples_split(self) -> str:
        """The split of the examples in use."""
        return "train" if self.inputs is None else self.split

    @cached_property
    def gaussian(self) -> Gaussian:
        """That of the features, fitted when first needed: it takes minutes in 5,000 dimensions."""
        return fit_gaussian(self.features)

    @cached_property
    def real_set(self) -> ExampleSet:
        """The features, which keep what metrics compute of all pairs among them: a few numbers of
        each example."""
        return ExampleSet(self.features)


def prepare_reference(
    settings: Evaluation,
    needs: Collection[Need],
    dataset: Dataset,
    data: Data,
    *,
    cache: Path,
    device: torch.device,
    say: Callable[[str], None],
    track: Track,
) -> Reference:
    """The reals that metrics with these needs compare samples of a data set with.

    The ranks of a run prepare them together. Raises ConfigError for a space that doesn't fit the
    data, MachineError for what is missing.
    """
    if data.space.inputs is not None:
        return _prepare_translations(
            settings, needs, dataset, data, cache=cache, device=device, say=say, track=track
        )
    space = feature_space(settings, dataset, data, cache=cache, device=device, say=say)
    examples, labels = _choose_examples(data, settings)
    held_out = shared_work.after_rank_0(lambda: dataset.test(cache, track))
    test = None if held_out is None or held_out.labels is None else held_out
    rows = None
    if data.tells_classes_apart:
        rows = classified_rows(data, examples, labels, held_out)
    features = partial(cached_features, space, seed=settings.seed, cache=cache, say=say)
    fresh = held_out if Need.HELD_OUT in needs else None
    wants_tstr = Need.TSTR in needs
    return Reference(
        data=data,
        data_digest=data.digest,
        space=space,
        mixture=dataset if isinstance(dataset, Mixture) else None,
        examples=examples,
        labels=labels,
        features=features(examples, part="real", data=data.digest),
        fresh=None if fresh is None else _fresh_examples(data, fresh, features),
        held_out_digest="" if held_out is None else held_out.digest,
        unseen=examples if held_out is None else _choose_examples(held_out, settings)[0],
        split="train" if held_out is None else "held out",
        rows=rows,
        tstr=_tstr_task(data, rows, examples, labels, test, settings) if wants_tstr else None,
        has_test=test is not None,
        **_table_parts(data, examples, labels, held_out, needs, settings)._asdict(),
    )


class _TableParts(NamedTuple):
    """What a reference has of a table alone."""

    table: RealRows | None = None
    held_out_rows: Rows | None = None
    efficacy: EfficacyTask | None = None


def _table_parts(
    data: Data,
    examples: Tensor,
    labels: Tensor | None,
    held_out: Data | None,
    needs: Collection[Need],
    settings: Evaluation,
) -> _TableParts:
    """The real rows of a table, and the task of predicting a column of held-out ones, where these
    have two different values or more in it."""
    columns, target = data.space.columns, find_target(settings, data)
    if columns is None:
        return _TableParts()
    table = RealRows(data, examples, labels, constraints_of(columns))
    if held_out is None:
        return _TableParts(table)
    others = table.decode(held_out.in_memory, held_out.labels)
    if Need.EFFICACY not in needs or target is None:
        return _TableParts(table, others)
    known, tested = (
        present_values(column, values)
        for rows in (table.in_use, others)
        for column, values in rows
        if column.name == target.name
    )
    if not len(known) or len(np.unique(tested)) < 2:
        return _TableParts(table, others)
    task = EfficacyTask(table.in_use, others, target.name, seed=settings.seed)
    return _TableParts(table, others, task)


def _prepare_translations(
    settings: Evaluation,
    needs: Collection[Need],
    dataset: Dataset,
    data: Data,
    *,
    cache: Path,
    device: torch.device,
    say: Callable[[str], None],
    track: Track,
) -> Reference:
    """The targets of a translator and their inputs: held-out ones, or else training ones."""
    digest = data.digest
    held_out = shared_work.after_rank_0(lambda: dataset.test(cache, track))
    data = _of_stored_size(data)
    find_space = partial(feature_space, settings, dataset, cache=cache, device=device, say=say)
    space, measured = find_space(data), data if held_out is None else held_out
    of_inputs = None
    if not measured.paired and {Need.DOMAINS, Need.LABELED_DOMAINS}.intersection(needs):
        # that of Inception is the same for all images
        of_inputs = space if space.name == "inception" else find_space(_inputs_as_data(data))
    examples, labels = _choose_examples(measured, settings)
    return Reference(
        data=data,
        data_digest=digest,
        space=space,
        mixture=None,
        examples=examples,
        labels=labels,
        features=cached_features(
            space,
            examples,
            part="real",
            data=measured.digest,
            seed=settings.seed,
            cache=cache,
            say=say,
        ),
        fresh=None,
        held_out_digest="" if held_out is None else held_out.digest,
        unseen=examples,
        split="train" if held_out is None else "held out",
        rows=None,
        tstr=None,
        has_test=held_out is not None,
        inputs=_inputs(measured, examples, labels, data, (space, of_inputs), settings),
    )


def _inputs(
    measured: Data,
    examples: Tensor,
    labels: Tensor | None,
    data: Data,
    spaces: tuple[FeatureSpace, FeatureSpace | None],
    settings: Evaluation,
) -> Inputs:
    """The inputs of these examples; of data that isn't paired, as many as there may be. `spaces`
    are those of features of targets, and of inputs."""
    count = len(measured) if measured.paired else measured.input_count
    chosen = _choose_indices(count, settings)
    images = measured.input_rows(chosen, seed=settings.seed).cpu()
    hidden = measured.hidden_pixels(chosen, seed=settings.seed)
    if not measured.paired:
        labels = None if measured.input_labels is None else measured.input_labels.cpu()[chosen]
    trivial = trivial_answers(images, examples, data, spaces[0], hidden=hidden)
    return Inputs(images, labels, measured.paired, trivial, spaces[1])


def _inputs_as_data(data: Data) -> Data:
    """The inputs of two domains as data of their own."""
    assert data.space.inputs is not None, "asked of data with inputs alone"
    assert not isinstance(data.inputs, Degradation | None), "which makes pairs"
    space = replace(data.space.inputs, shape=tuple(data.inputs.shape[1:]))
    return Data(data.inputs, space, data.input_labels, data.class_names)


def _of_stored_size(data: Data) -> Data:
    """The data with the size of whole images, of which training sees parts."""
    shape = tuple(data.examples.shape[1:])
    return (
        data if data.space.shape == shape else replace(data, space=replace(data.space, shape=shape))
    )


def as_arrays(examples: Tensor, labels: Tensor | None) -> LabeledArrays:
    """Sequences [N, T, D] and their labels as plain arrays, the sequences flattened."""
    assert labels is not None, "samples of a class are of labeled data"
    return LabeledArrays(examples.flatten(1).numpy(), labels.numpy())


def _fresh_examples(data: Data, held_out: Data, features: Callable[..., Tensor]) -> FreshExamples:
    return FreshExamples(
        features(data.examples, part="train", data=data.digest),
        features(held_out.examples, part="held out", data=held_out.digest),
    )


def _choose_examples(data: Data, settings: Evaluation) -> tuple[Tensor, Tensor | None]:
    """Real examples and their labels, on the CPU: all, or a draw of `num`, in their order."""
    chosen = _choose_indices(len(data), settings)
    examples = data.rows(chosen).cpu()
    return examples, None if data.labels is None else data.labels.cpu()[chosen]


def _choose_indices(count: int, settings: Evaluation) -> Tensor:
    """Those of all examples, or of a draw of `num`, in their order."""
    if count <= settings.count:
        return torch.arange(count)
    rng = torch.Generator().manual_seed(derive(settings.seed, "reals"))
    return torch.randperm(count, generator=rng)[: settings.count].sort().values


def _tstr_task(
    data: Data,
    rows: ClassifiedRows | None,
    examples: Tensor,
    labels: Tensor | None,
    test: Data | None,
    settings: Evaluation,
) -> TSTRTask | None:
    """The task of classifiers of rows or sequences; None of other data."""
    if rows is not None:
        return rows.tstr_task(seed=settings.seed)
    if data.space.kind != "sequences" or labels is None or not data.tells_classes_apart:
        return None
    real = as_arrays(examples, labels)
    if test is None:
        # of each class by itself: where classes take turns, every second one would be of one class
        order = real.labels.argsort(kind="stable")
        train, held_back = (
            LabeledArrays(*(part[order[half::2]] for part in real)) for half in (0, 1)
        )
    else:
        train, held_back = real, as_arrays(test.in_memory, test.labels)
    if held_back.classes < 2:
        return None
    return TSTRTask(train, held_back, classes=data.classes, seed=settings.seed)
