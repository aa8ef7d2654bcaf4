"""Whether synthetic examples help a classifier that has few real ones: measured, with its doubts.

Every classifier depends on nothing but its number of real examples, its ratio and its seed. With
one seed all ratios have the same real examples and the same initial weights, so that their
differences come from the synthetic examples alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from gan_runner.augmentation_study.classifiers import TrainingTask, classifier_kind
from gan_runner.augmentation_study.intervals import Interval, crossed_interval
from gan_runner.data import Data
from gan_runner.data.stored import read_chunks
from gan_runner.datasets import Track
from gan_runner.datasets.per_class import class_name, indices_by_class, split_at
from gan_runner.errors import ConfigError
from gan_runner.sampling.sampler import Sampler
from gan_runner.seeds import derive
from gan_runner.training.experiment import Experiment

CONFIDENCE = 0.95
_TEST_SHARE = 3  # one of so many of each class is held out, where nothing else is


class ClassifierData(NamedTuple):
    """Real examples to train a classifier on, and others to test it on.

    `source`: where the test examples come from; the generator was trained on those of `a third of
    each class`, too. `per_class`: how many of each class the generator was trained on, None for all
    of them. `init_from`: the run whose weights it began with, which may have seen others.
    """

    real: Data
    test: Data
    source: Literal["test split", "left over by dataset.per_class", "a third of each class"]
    per_class: int | None
    init_from: str | None

    @property
    def generator_saw_test(self) -> bool:
        """Whether the generator was trained on the test examples."""
        return self.source == "a third of each class"

    @property
    def counts(self) -> dict[int, int]:
        """The number of real examples of each class that occurs."""
        assert self.real.labels is not None
        counts = self.real.labels.bincount().tolist()
        return {label: count for label, count in enumerate(counts) if count}


class Plan(NamedTuple):
    """The comparison: each number of real examples a class with each ratio, seeds 0, 1 ..."""

    classifier: str
    per_class: tuple[int, ...]
    ratios: tuple[float, ...]
    seeds: int
    updates: int


class TrainedClassifier(NamedTuple):
    """Which test examples a classifier predicts correctly, bool [N], and what it was trained on."""

    per_class: int
    ratio: float
    seed: int
    n_real: int
    n_synthetic: int
    correct: Tensor


class RatioResult(NamedTuple):
    """All seeds of a number of real examples and a ratio; the difference is from ratio 0."""

    per_class: int
    ratio: float
    n_real: int
    n_synthetic: int
    accuracies: tuple[float, ...]
    accuracy: Interval
    difference: Interval | None

    @property
    def verdict(self) -> str:
        """`helps`, `hurts` or `no difference`; empty for ratio 0."""
        if self.difference is None:
            return ""
        if self.difference.low > 0:
            return "helps"
        return "hurts" if self.difference.high < 0 else "no difference"


def split_data(experiment: Experiment, data: Data, cache: Path, track: Track) -> ClassifierData:
    """The data of a run, and its test split; without one, a third of each class is held out.

    `data` is labeled. Raises ConfigError for too few examples, and what `Dataset.test` does.
    """
    assert data.labels is not None, "a conditional generator was trained on it"
    dataset = experiment.dataset
    known = dataset.per_class, experiment.config.init_from
    given = dataset.held_out(cache, track)
    if given is not None and given.labels is not None:
        return ClassifierData(data, given, "test split", *known)
    left_over = dataset.test(cache, track)
    if left_over is not None and left_over.labels is not None:
        return ClassifierData(data, left_over, "left over by dataset.per_class", *known)
    orders = indices_by_class(data.labels, seed=0)
    held_out = torch.cat([order[: len(order) // _TEST_SHARE] for order in orders.values()])
    chosen, others = split_at(data, held_out)
    if others is None or len(chosen) == 0:
        raise ConfigError(f"too few examples to hold some out, {len(data)}. Use more data.")
    return ClassifierData(others, chosen, "a third of each class", *known)


def check_plan(plan: Plan, data: ClassifierData) -> None:
    """Raise ConfigError for a plan that the data or the classifier doesn't allow."""
    classifier_kind(plan.classifier, data.real.space)
    if len(data.test) < 2:
        raise ConfigError(
            f"{len(data.test)} example to test on ({data.source}), which has no interval. "
            "Use more data."
        )
    counts = data.counts
    least = min(counts, key=counts.__getitem__)
    for wanted in plan.per_class:
        if wanted > counts[least]:
            raise ConfigError(
                f"class {class_name(data.real, least)} has {counts[least]} real examples to "
                f"train on, --real-per-class={wanted}. Use --real-per-class {counts[least]}"
            )
        for ratio in plan.ratios:
            if ratio and _synthetic_per_class(wanted, ratio) == 0:
                raise ConfigError(
                    f"too small for {wanted} real examples, --synthetic-ratio={ratio:g}. Use at "
                    f"least {0.5 / wanted:g}: one synthetic example of each class."
                )


def train_classifiers(
    sampler: Sampler, data: ClassifierData, plan: Plan
) -> Iterator[TrainedClassifier]:
    """Train one classifier after another. Raises NumbersError for a sample that is NaN or Inf."""
    for per_class in plan.per_class:
        for seed in range(plan.seeds):
            for ratio in plan.ratios:
                yield _train_classifier(sampler, data, plan, per_class, ratio, seed)


def compare_ratios(trained: list[TrainedClassifier]) -> list[RatioResult]:
    """The seeds of each ratio together, and each ratio against ratio 0.

    Intervals of accuracies have CONFIDENCE each; those of the differences have it together for
    each number of real examples (Bonferroni), since one looks for the best among the ratios.
    """
    groups: dict[tuple[int, float], list[TrainedClassifier]] = {}
    for classifier in trained:
        groups.setdefault((classifier.per_class, classifier.ratio), []).append(classifier)
    ratios = {ratio for _, ratio in groups} - {0}
    confidence = 1 - (1 - CONFIDENCE) / max(1, len(ratios))
    results = []
    for (per_class, ratio), group in groups.items():
        correct = _correct(group)
        mean, low, high = crossed_interval(correct, confidence=CONFIDENCE)
        difference = correct - _correct(groups[per_class, 0])
        results.append(
            RatioResult(
                per_class,
                ratio,
                group[0].n_real,
                group[0].n_synthetic,
                tuple(correct.mean(dim=1).tolist()),
                Interval(mean, max(low, 0.0), min(high, 1.0)),
                crossed_interval(difference, confidence=confidence) if ratio else None,
            )
        )
    return results


def _train_classifier(
    sampler: Sampler, data: ClassifierData, plan: Plan, per_class: int, ratio: float, seed: int
) -> TrainedClassifier:
    real, device = data.real, sampler.device
    assert real.labels is not None and data.test.labels is not None
    orders = indices_by_class(real.labels, seed=derive(seed, "real examples"))
    chosen = torch.cat([order[:per_class] for order in orders.values()])
    samples, labels = _draw_samples(sampler, _synthetic_per_class(per_class, ratio), seed=seed)
    encode = _encoder(real, chosen)
    task = TrainingTask(
        examples=encode(torch.cat([real.rows(chosen), samples])).to(device),
        labels=torch.cat([real.labels[chosen], labels]).to(device),
        classes=real.classes,
        updates=plan.updates,
        seed=seed,
    )
    predict = classifier_kind(plan.classifier, real.space).fit(task)
    parts = read_chunks(data.test.examples, 1024)
    predicted = torch.cat([predict(encode(part).to(device)).cpu() for part in parts])
    correct = predicted == data.test.labels.cpu()
    return TrainedClassifier(per_class, ratio, seed, len(chosen), len(samples), correct)


def _correct(group: list[TrainedClassifier]) -> Tensor:
    """Outcomes [seeds, examples], 1 where a prediction is correct."""
    return torch.stack([classifier.correct for classifier in group]).double()


def _synthetic_per_class(per_class: int, ratio: float) -> int:
    return int(per_class * ratio + 0.5)


def _draw_samples(sampler: Sampler, per_class: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Synthetic examples as stored, and the labels that they are conditioned on."""
    count = per_class * sampler.classes
    labels = sampler.label_each(count)
    assert labels is not None, "a conditional generator"
    seed = derive(seed, "augmentation", per_class)
    return sampler.sample(count, labels=labels, seed=seed), labels


def _encoder(real: Data, chosen: Tensor) -> Callable[[Tensor], Tensor]:
    """From examples as stored to a classifier's inputs: images in [-1, 1], anything else with mean
    0 and deviation 1 among the chosen real examples, so that it is the same at every ratio."""
    encode = real.space.encode
    if real.space.kind == "images":
        return encode
    known = encode(real.rows(chosen)).flatten(1)
    mean, deviation = known.mean(dim=0), known.std(dim=0, correction=0)
    scale = torch.where(deviation > 1e-6, deviation, 1.0)
    return lambda examples: (encode(examples).flatten(1) - mean) / scale
