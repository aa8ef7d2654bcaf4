"""Measuring a generator against a data set, from streams of its own and without a trace."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from gan_runner.checkpoint import fingerprint
from gan_runner.data import Data, digest
from gan_runner.datasets import Dataset, Track
from gan_runner.datasets.mixtures import Mixture
from gan_runner.datasets.stacked import StackedMNIST
from gan_runner.errors import NumbersError
from gan_runner.evaluation import Evaluation, space_name
from gan_runner.metrics.cache import Kept, keep, kept
from gan_runner.metrics.classifier import classifier
from gan_runner.metrics.features import FeatureSpace, identity, random_network
from gan_runner.metrics.inception import inception
from gan_runner.metrics.measures import METRICS, Compared, Number
from gan_runner.metrics.protocol import Protocol, Result
from gan_runner.metrics.stacked import stacked_classifier
from gan_runner.sampling import Picture, latent_points, picture, sample
from gan_runner.seeds import derive

INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"
_FEW_CLASSES = 100  # of more, numbers for each class are neither read nor exact
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

    def plain(self) -> dict[str, Any]:
        """As plain data, without the picture."""
        return {
            "best": self.best,
            "results": {result.name: result.plain() for result in self.results},
            "classes": self.classes,
            "doubts": list(self.doubts),
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
        """Raises ConfigError for a space that doesn't fit the data, MachineError for what is
        missing. A classifier is trained here, once per data set."""
        self._settings = settings
        self._data = data
        self._digest = digest(data)
        self._mixture = dataset if isinstance(dataset, Mixture) else None
        self._space = _space(settings, dataset, data, cache=cache, device=device, say=say)
        chosen = _chosen(len(data), settings)
        self._real = data.examples[chosen.to(data.examples.device)].cpu()
        self._labels = None if data.labels is None else data.labels.cpu()[chosen]
        self._features = self._remembered("real", self._real, cache, say)
        held_out = dataset.test(cache, track)
        self._train = self._held_out = None
        if held_out is not None and "memorisation" in (settings.metrics or METRICS):
            self._held_out = self._remembered("held out", held_out.examples, cache, say)
            self._train = self._remembered("train", data.examples, cache, say)

    def measure(
        self, generator: nn.Module, latent_size: int, *, weights: str, conditional: bool = False
    ) -> Measured:
        """Numbers of a generator from as many samples as there are real examples in use.

        A conditional one is told the labels of these examples. Raises NumbersError for a sample
        that is NaN or Inf.
        """
        latent = latent_points(
            len(self._real), latent_size, seed=self._settings.seed, truncation=None
        )
        labels = self._labels if conditional else None
        fake = sample(generator, latent, self._data.space, labels)
        if not bool(fake.isfinite().all()):
            raise NumbersError("a sample is NaN or Inf.")
        compared = self._compared(fake, labels)
        names = self._settings.metrics or tuple(METRICS)
        measured = [number for name in names for number in METRICS[name](compared)]
        numbers = [number for number in measured if math.isfinite(number.value)]
        doubts = [n.doubt for n in numbers if n.doubt]
        doubts += [
            f"{n.name} can't be told from these samples." for n in measured if n not in numbers
        ]
        wanted = self._settings.best.metric
        classes = self._by_class(compared, labels)
        return Measured(
            results=tuple(self._result(number, len(fake), weights) for number in numbers),
            best=next((n.value for n in numbers if n.metric == wanted), None),
            classes=classes,
            shares={
                name: values["share_fake"] / values["share_real"]
                for name, values in classes.items()
                if values["share_real"] * len(fake) >= _TELLING
            },
            doubts=tuple(doubts),
            neighbours=self._neighbours(compared),
        )

    def _remembered(
        self, part: str, examples: Tensor, cache: Path, say: Callable[[str], None]
    ) -> Tensor:
        """Features of real examples, computed once for each data set, space and choice."""
        facts = {
            "data": self._digest,
            "part": part,
            "space": f"{self._space.name} {self._space.version}",
            "chosen": f"{len(examples)} seed {self._settings.seed}",
        }
        name = fingerprint("|".join(facts.values()), {})[:16]
        path = cache / "features" / f"{name}.safetensors"
        shape = torch.empty(len(examples), self._space.size, device="meta")
        found = kept(path, facts, like={"features": shape})
        if found is None:
            found = Kept({"features": self._space.features(examples).cpu()}, facts)
            keep(path, found, say=say)
        return found.tensors["features"].to(self._space.device)

    def _compared(self, fake: Tensor, labels: Tensor | None) -> Compared:
        return Compared(
            space=self._space,
            real=self._real,
            fake=fake,
            real_features=self._features,
            fake_features=self._space.features(fake),
            train=self._train,
            held_out=self._held_out,
            centres=None if self._mixture is None else self._mixture.centres,
            std=None if self._mixture is None else self._mixture.std,
            class_counts=None if self._data.labels is None else self._data.labels.bincount(),
            labels=labels,
            neighbours=self._settings.neighbours,
            projections=self._settings.projections,
            seed=self._settings.seed,
        )

    def _result(self, number: Number, n_fake: int, weights: str) -> Result:
        in_features = number.seen == "features"
        facts = {k: v for k, v in self._space.facts.items() if k != "data"}
        protocol = Protocol(
            data=self._digest[:12],
            split="train",
            n_real=len(self._real),
            n_fake=n_fake,
            space=self._space.name if in_features else "data",
            version=self._space.version if in_features else "data-1",
            resizing=self._space.resizing if in_features else "none",
            seed=self._settings.seed,
            weights=weights,
            parameters=number.parameters | (facts if in_features else {}),
        )
        return Result(number.name, number.value, protocol, number.error)

    def _by_class(self, compared: Compared, labels: Tensor | None) -> dict[str, dict[str, float]]:
        """Metrics of each class: reals by their label, samples by the one that they were made for,
        or else by the classifier's."""
        probabilities = compared.space.probabilities_of(compared.fake_features)
        if probabilities is None or self._labels is None or compared.space.name != "classifier":
            return {}
        if probabilities.shape[1] > _FEW_CLASSES:
            return {}
        predicted = probabilities.argmax(dim=1).cpu()
        names = self._data.class_names
        found = {}
        for label in range(probabilities.shape[1]):
            real, told = self._labels == label, predicted == label
            fake = told if labels is None else labels == label
            name = names[label] if label < len(names) else str(label)
            found[name] = {
                "share_real": float(real.float().mean()),
                "share_fake": float(told.float().mean()),
                **({} if labels is None else _accuracy(told[fake])),
                **_class_numbers(compared, real, fake),
            }
        return found

    def _neighbours(self, compared: Compared) -> Picture | None:
        """Samples, each in a row beside its nearest training examples; None for vectors."""
        if self._data.space.kind != "images":
            return None
        shown, rows = compared.fake[:_NEIGHBOURS_SHOWN], []
        for example, feature in zip(shown, compared.fake_features, strict=False):
            distances = torch.linalg.vector_norm(compared.real_features - feature, dim=1)
            closest = distances.argsort()[: _NEIGHBOURS_SHOWN - 1].cpu()
            rows.append(torch.cat([example[None], self._real[closest]]))
        return picture(torch.cat(rows), self._data.space, columns=_NEIGHBOURS_SHOWN)


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
        return random_network(data.space, device=device)
    return identity(data.space)


def _chosen(count: int, settings: Evaluation) -> Tensor:
    """The indices of the real examples in use: all, or a draw of `num`, in their order."""
    if count <= settings.num:
        return torch.arange(count)
    stream = torch.Generator().manual_seed(derive(settings.seed, "reals"))
    return torch.randperm(count, generator=stream)[: settings.num].sort().values


def _accuracy(told: Tensor) -> dict[str, float]:
    """The share of samples made for a class that the classifier puts there."""
    return {"label_accuracy": float(told.float().mean())} if len(told) else {}


def _class_numbers(compared: Compared, real: Tensor, fake: Tensor) -> dict[str, float]:
    """Fréchet, precision, recall, density and coverage of one class, as far as it has samples."""
    part = replace(
        compared,
        real=compared.real[real],
        fake=compared.fake[fake],
        real_features=compared.real_features[real.to(compared.real_features.device)],
        fake_features=compared.fake_features[fake.to(compared.fake_features.device)],
    )
    if min(len(part.real), len(part.fake)) < 2:
        return {}
    numbers = [*METRICS["frechet"](part), *METRICS["manifold"](part)]
    return {number.name: number.value for number in numbers}
