"""Measuring a generator against a data set, from streams of its own and without a trace."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gan_runner.data import Data, digest
from gan_runner.datasets import Dataset, Track
from gan_runner.datasets.mixtures import Mixture
from gan_runner.datasets.stacked import StackedMNIST
from gan_runner.evaluation.features.cache import Kept, keep, kept
from gan_runner.evaluation.features.classifier import classifier
from gan_runner.evaluation.features.inception import inception
from gan_runner.evaluation.features.spaces import FeatureSpace, Identity, RandomNetwork, Scaled
from gan_runner.evaluation.features.stacked import stacked_classifier
from gan_runner.evaluation.likelihood import likelihood
from gan_runner.evaluation.metrics.by_class import ByClass, by_class_of_images, by_class_of_rows
from gan_runner.evaluation.metrics.classified import classified_rows
from gan_runner.evaluation.metrics.measures import METRICS, Compared, Likely, Number
from gan_runner.evaluation.metrics.tables import labelled
from gan_runner.evaluation.metrics.tstr import Exam, Labelled, Tstr
from gan_runner.evaluation.protocol import Protocol, Result
from gan_runner.evaluation.settings import Evaluation, refuse_single_examples, space_name
from gan_runner.objectives.elbo import VariationalObjective
from gan_runner.sampling.pictures.confusion import Confusion
from gan_runner.sampling.pictures.examples import draw_examples
from gan_runner.sampling.pictures.png import Picture
from gan_runner.sampling.sampler import Sampler
from gan_runner.seeds import derive
from gan_runner.storage.tensors import tensor_digest

INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"
_TELLING = 20  # samples that a class should have, before their absence tells anything
_NEIGHBOURS_SHOWN = 8  # samples beside as many of their nearest training examples


class Measured(NamedTuple):
    """The numbers of one generator, per class where there are labels, and what to doubt.

    `shares`: how often samples fall into a class, over how often real examples do.
    """

    results: tuple[Result, ...]
    best: float | None
    classes: dict[str, dict[str, float]]
    shares: dict[str, float]
    doubts: tuple[str, ...]
    neighbours: Picture | None
    confusion: Confusion | None = None

    def plain(self) -> dict[str, Any]:
        """As plain data, without the pictures."""
        confusion = {} if self.confusion is None else {"confusion": self.confusion.plain()}
        return {
            "best": self.best,
            "results": {result.name: result.plain() for result in self.results},
            "classes": self.classes,
            "doubts": list(self.doubts),
            **confusion,
        }


class Evaluator:
    """Measures generators against one data set. What is real is prepared once."""

    def __init__(
        self,
        settings: Evaluation,
        dataset: Dataset,
        data: Data,
        *,
        cache: Path,
        device: torch.device,
        say: Callable[[str], None],
        track: Track,
    ) -> None:
        """Raises DataError for a single example, ConfigError for a space that doesn't fit the data,
        MachineError for what is missing. A classifier is trained here, once per data set."""
        refuse_single_examples(data, name=type(dataset).__name__)
        self._settings = settings
        self._metrics = tuple(METRICS) if settings.metrics is None else settings.metrics
        self._data = data
        self._digest = digest(data)
        self._mixture = dataset if isinstance(dataset, Mixture) else None
        self._space = _space(settings, dataset, data, cache=cache, device=device, say=say)
        chosen = _chosen(len(data), settings)
        self._real = data.examples[chosen.to(data.examples.device)].cpu()
        self._labels = None if data.labels is None else data.labels.cpu()[chosen]
        held_out = dataset.test(cache, track)
        self._test = held_out if held_out is not None and held_out.labels is not None else None
        self._rows = classified_rows(data, self._real, self._labels, held_out)
        remembered = partial(self._remembered, cache=cache, say=say)
        self._exam = self._prepared_exam() if "tstr" in self._metrics else None
        self._features = remembered("real", self._real, of=self._digest)
        self._train = self._held_out = self._held_out_digest = None
        self._unseen, self._split = self._real, "train"
        if held_out is not None:
            self._held_out_digest = digest(held_out)
            unseen = _chosen(len(held_out), settings)
            self._unseen, self._split = held_out.examples[unseen], "held out"
        compare = {"memorisation", "closest_record"} & set(self._metrics)
        if held_out is not None and self._held_out_digest is not None and compare:
            self._train = remembered("train", data.examples, of=self._digest)
            self._held_out = remembered("held out", held_out.examples, of=self._held_out_digest)

    def measure(self, sampler: Sampler) -> Measured:
        """Numbers of a generator from as many samples as there are real examples in use.

        A conditional one is given the labels of these examples. An autoencoder is also asked how
        likely held-out examples are, or training ones where there are no others. Raises
        NumbersError for a sample that is NaN or Inf.
        """
        latents = sampler.latents(len(self._real), seed=self._settings.seed)
        labels = self._labels if sampler.classes else None
        fake = sampler.decode(latents, labels)
        compared = self._compared(fake, labels, _category(sampler, latents))
        if sampler.elbo is not None and "likelihood" in self._metrics:
            compared = replace(compared, likely=self._likely(sampler, sampler.elbo))
        found = {name: METRICS[name](compared) for name in self._metrics}
        numbers = [n for each in found.values() for n in each if math.isfinite(n.value)]
        wanted, classes = self._settings.best.metric, self._by_class(compared)
        told, names = compared.tstr, self._data.class_names
        return Measured(
            results=tuple(self._result(number, len(fake), sampler.weights) for number in numbers),
            best=next((n.value for n in numbers if n.metric == wanted), None),
            classes=classes,
            shares=_shares(classes, len(fake)),
            doubts=tuple(self._doubts(found, compared)),
            neighbours=self._neighbours(compared),
            confusion=None if told is None else Confusion(told, names),
        )

    def _doubts(self, found: Mapping[str, list[Number]], compared: Compared) -> Iterator[str]:
        """What to doubt of the numbers of each metric, and what can't be told at all."""
        numbers = [number for each in found.values() for number in each]
        yield from (n.doubt for n in numbers if n.doubt and math.isfinite(n.value))
        for number in numbers:
            if not math.isfinite(number.value):
                yield f"{number.name} can't be told from these samples."
        if compared.tstr is not None and self._test is None:
            yield "tstr_accuracy is of examples that G learnt from, without a test split."
        for name, each in found.items():
            if not each and self._settings.metrics is not None:
                yield f"{name} can't be told of this data and model."

    def _by_class(self, compared: Compared) -> ByClass:
        if self._rows is not None:
            return by_class_of_rows(compared, self._rows, metrics=self._metrics)
        names = self._data.class_names
        return by_class_of_images(compared, self._labels, names, metrics=self._metrics)

    def _remembered(
        self, part: str, examples: Tensor, *, of: str, cache: Path, say: Callable[[str], None]
    ) -> Tensor:
        """Features of real examples, computed once for each data set (`of`, its digest), space and
        choice."""
        if not self._space.kept:
            return self._space.features(examples)
        facts = {
            "data": of,
            "part": part,
            "space": f"{self._space.name} {self._space.version}",
            "chosen": f"{len(examples)} seed {self._settings.seed}",
        }
        name = tensor_digest("|".join(facts.values()), {})[:16]
        path = cache / "features" / f"{name}.safetensors"
        shape = torch.empty(len(examples), self._space.size, device="meta")
        found = kept(path, facts, like={"features": shape})
        if found is None:
            found = Kept({"features": self._space.features(examples).cpu()}, facts)
            keep(path, found, say=say)
        return found.tensors["features"].to(self._space.device)

    def _likely(self, sampler: Sampler, elbo: VariationalObjective) -> Likely:
        samples, seed = self._settings.importance_samples, self._settings.seed
        found = likelihood(sampler, elbo, self._unseen, samples=samples, seed=seed)
        told = {"importance_samples": samples, **elbo.model_dump(exclude={"beta"})}
        return Likely(*found, split=self._split, parameters=told)

    def _compared(self, fake: Tensor, labels: Tensor | None, category: Tensor | None) -> Compared:
        return Compared(
            space=self._space,
            real=self._real,
            fake=fake,
            real_features=self._features,
            fake_features=self._space.features(fake),
            train=self._train,
            held_out=self._held_out,
            centres=None if self._mixture is None else self._mixture.centers,
            std=None if self._mixture is None else self._mixture.std,
            class_counts=None if self._data.labels is None else self._data.labels.bincount(),
            labels=labels,
            category=category,
            neighbours=self._settings.neighbours,
            projections=self._settings.projections,
            seed=self._settings.seed,
            columns=self._data.space.columns,
            tstr=self._tstr(fake, labels),
            unseen=self._held_out_digest and self._held_out_digest[:12],
        )

    def _prepared_exam(self) -> Exam | None:
        """What classifiers of rows or sequences will be asked; None of other data."""
        seed, classes = self._settings.seed, self._data.classes
        if self._rows is not None:
            return self._rows.exam(seed=seed)
        if self._data.space.kind != "sequences" or self._labels is None:
            return None
        real = _labelled(self._real, self._labels)
        if self._test is None:
            train, test = (Labelled(*(part[half::2] for part in real)) for half in (0, 1))
        else:
            train, test = real, _labelled(self._test.examples, self._test.labels)
        return Exam(train, test, classes=classes, seed=seed)

    def _tstr(self, fake: Tensor, labels: Tensor | None) -> Tstr | None:
        """What classifiers learnt from real and from generated rows or sequences make of other real
        ones; None where samples have no class."""
        columns, synthetic = self._data.space.columns, None
        if columns is not None:
            synthetic = labelled(fake, labels, columns)
        elif labels is not None:
            synthetic = _labelled(fake, labels)
        return None if self._exam is None or synthetic is None else self._exam.taken(synthetic)

    def _result(self, number: Number, n_fake: int, weights: str) -> Result:
        in_features = number.seen == "features"
        facts = {k: v for k, v in self._space.facts.items() if k != "data"}
        protocol = Protocol(
            data=self._digest[:12],
            split=number.split,
            n_real=number.alone or len(self._real),
            n_fake=0 if number.alone else n_fake,
            space=self._space.name if in_features else "data",
            version=self._space.version if in_features else "data-1",
            resizing=self._space.resizing if in_features else "none",
            seed=self._settings.seed,
            weights=weights,
            parameters=number.parameters | (facts if in_features else {}),
        )
        return Result(number.name, number.value, protocol, number.error)

    def _neighbours(self, compared: Compared) -> Picture | None:
        """Samples, each in a row beside its nearest training examples; None for vectors.

        Of all training examples where their features are there, or else of those in use.
        """
        if self._data.space.kind != "images":
            return None
        examples, features = self._data.examples, compared.train
        if features is None:
            examples, features = self._real, compared.real_features
        shown, rows = compared.fake[:_NEIGHBOURS_SHOWN], []
        for example, feature in zip(shown, compared.fake_features, strict=False):
            distances = torch.linalg.vector_norm(features - feature, dim=1)
            closest = distances.argsort()[: _NEIGHBOURS_SHOWN - 1].to(examples.device)
            rows.append(torch.cat([example[None], examples[closest].cpu()]))
        return draw_examples(torch.cat(rows), self._data.space, columns=_NEIGHBOURS_SHOWN)


def _space(
    settings: Evaluation,
    dataset: Dataset,
    data: Data,
    *,
    cache: Path,
    device: torch.device,
    say: Callable[[str], None],
) -> FeatureSpace:
    """The space that the settings name, or the one that fits the data."""
    name = space_name(settings, data)
    if name == "classifier":
        of = stacked_classifier if isinstance(dataset, StackedMNIST) else classifier
        return of(data, cache=cache, device=device, say=say)
    if name == "inception":
        weights = settings.inception_weights or cache / "inception" / INCEPTION_FILE
        return inception(weights=Path(weights).expanduser(), device=device)
    if name == "random":
        return RandomNetwork(data.space, device=device)
    return Scaled(data.space) if name == "scaled" else Identity(data.space)


def _labelled(examples: Tensor, labels: Tensor | None) -> Labelled:
    """Sequences [N, T, D] and their labels as plain arrays, the sequences flattened."""
    assert labels is not None, "samples of a class are of labelled data"
    return Labelled(examples.flatten(1).numpy(), labels.numpy())


def _chosen(count: int, settings: Evaluation) -> Tensor:
    """The indices of the real examples in use: all, or a draw of `num`, in their order."""
    if count <= settings.num:
        return torch.arange(count)
    stream = torch.Generator().manual_seed(derive(settings.seed, "reals"))
    return torch.randperm(count, generator=stream)[: settings.num].sort().values


def _shares(classes: ByClass, n_fake: int) -> dict[str, float]:
    """How often samples fall into a class, over how often reals do, where that tells anything."""
    return {
        name: values["share_fake"] / values["share_real"]
        for name, values in classes.items()
        if values["share_real"] * n_fake >= _TELLING
    }


def _category(sampler: Sampler, latents: Tensor) -> Tensor | None:
    """The first categorical code of each latent point, int64 [N], where there is one."""
    if sampler.code is None or not sampler.code.categorical:
        return None
    return sampler.code_values(latents)[0]
