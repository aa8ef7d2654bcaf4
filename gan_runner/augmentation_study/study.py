"""Whether synthetic examples help a classifier that has few real ones: measured, with its doubts.

Every cell (real examples a class, ratio, seed) depends on nothing but itself. With one seed all
ratios have the same real examples and the same initial weights, so that their differences tell of
the synthetic examples alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from gan_runner.augmentation_study.intervals import Interval, crossed
from gan_runner.augmentation_study.learners import Lesson, learner
from gan_runner.data import Data
from gan_runner.datasets import Track
from gan_runner.datasets.per_class import class_name, indices_by_class, split_at
from gan_runner.errors import ConfigError
from gan_runner.runs.open import Trained
from gan_runner.seeds import derive
from gan_runner.training.experiment import Experiment

CONFIDENCE = 0.95
_TEST_SHARE = 3  # one of so many of each class is held out, where nothing else is


class Split(NamedTuple):
    """Real examples to learn from, and others to be tested on.

    `source`: where the test examples come from; from `a third of each class` the generator learnt,
    too. `learnt_from`: how many of each class it learnt from, None for all of them.
    `started_from`: the run whose weights it began with, which may have learnt from others.
    """

    real: Data
    test: Data
    source: Literal["test split", "left over by dataset.per_class", "a third of each class"]
    learnt_from: int | None
    started_from: str | None

    @property
    def seen(self) -> bool:
        """Whether the generator learnt from the test examples."""
        return self.source == "a third of each class"

    @property
    def counts(self) -> dict[int, int]:
        """How many real examples each class has that occurs."""
        assert self.real.labels is not None
        counts = self.real.labels.bincount().tolist()
        return {label: count for label, count in enumerate(counts) if count}


class Plan(NamedTuple):
    """What is compared: each number of real examples a class with each ratio, seeds 0, 1 ..."""

    classifier: str
    per_class: tuple[int, ...]
    ratios: tuple[float, ...]
    seeds: int
    updates: int


class Cell(NamedTuple):
    """One trained classifier; `right`: which test examples it names correctly, bool [N]."""

    per_class: int
    ratio: float
    seed: int
    n_real: int
    n_synthetic: int
    right: Tensor


class Comparison(NamedTuple):
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


def split(experiment: Experiment, data: Data, cache: Path, track: Track) -> Split:
    """What a run learnt from, and the test split; without one, a third of each class is held out.

    `data` is labelled. Raises ConfigError for too few of them, and what `Dataset.test` does.
    """
    assert data.labels is not None, "a conditional generator learnt from it"
    dataset = experiment.dataset
    known = dataset.per_class, experiment.config.init_from
    given = dataset.held_out(cache, track)
    if given is not None and given.labels is not None:
        return Split(data, given, "test split", *known)
    left_over = dataset.test(cache, track)
    if left_over is not None and left_over.labels is not None:
        return Split(data, left_over, "left over by dataset.per_class", *known)
    orders = indices_by_class(data.labels, seed=0)
    held_out = torch.cat([order[: len(order) // _TEST_SHARE] for order in orders.values()])
    chosen, others = split_at(data, held_out)
    if others is None or len(chosen) == 0:
        raise ConfigError(f"too few examples to hold some out, {len(data)}. Use more data.")
    return Split(others, chosen, "a third of each class", *known)


def check(plan: Plan, split: Split) -> None:
    """Raise ConfigError for a plan that the data or the classifier doesn't allow."""
    learner(plan.classifier, split.real.space)
    if len(split.test) < 2:
        raise ConfigError(
            f"{len(split.test)} example to test on ({split.source}), which has no interval. "
            "Use more data."
        )
    counts = split.counts
    least = min(counts, key=counts.__getitem__)
    for asked in plan.per_class:
        if asked > counts[least]:
            raise ConfigError(
                f"class {class_name(split.real, least)} has {counts[least]} real examples to "
                f"learn from, --real-per-class={asked}. Ask for at most {counts[least]}."
            )
        for ratio in plan.ratios:
            if ratio and _synthetic(asked, ratio) == 0:
                raise ConfigError(
                    f"not one synthetic example to {asked} real ones, --synthetic-ratio={ratio:g}. "
                    "Raise it."
                )


def cells(trained: Trained, split: Split, plan: Plan) -> Iterator[Cell]:
    """Train one classifier after another. Raises NumbersError for a sample that is NaN or Inf."""
    for per_class in plan.per_class:
        for seed in range(plan.seeds):
            for ratio in plan.ratios:
                yield _cell(trained, split, plan, per_class, ratio, seed)


def comparisons(found: list[Cell]) -> list[Comparison]:
    """The seeds of each cell together, and each ratio against ratio 0.

    Intervals of accuracies have CONFIDENCE each; those of the differences have it together for
    each number of real examples (Bonferroni), since one looks for the best among the ratios.
    """
    groups: dict[tuple[int, float], list[Cell]] = {}
    for cell in found:
        groups.setdefault((cell.per_class, cell.ratio), []).append(cell)
    ratios = {ratio for _, ratio in groups} - {0}
    confidence = 1 - (1 - CONFIDENCE) / max(1, len(ratios))
    compared = []
    for (per_class, ratio), group in groups.items():
        right = torch.stack([cell.right for cell in group]).double()
        without = torch.stack([cell.right for cell in groups[per_class, 0]]).double()
        mean, low, high = crossed(right, confidence=CONFIDENCE)
        compared.append(
            Comparison(
                per_class,
                ratio,
                group[0].n_real,
                group[0].n_synthetic,
                tuple(right.mean(dim=1).tolist()),
                Interval(mean, max(low, 0.0), min(high, 1.0)),
                crossed(right - without, confidence=confidence) if ratio else None,
            )
        )
    return compared


def _cell(
    trained: Trained, split: Split, plan: Plan, per_class: int, ratio: float, seed: int
) -> Cell:
    real, device = split.real, trained.sampler.device
    assert real.labels is not None and split.test.labels is not None
    orders = indices_by_class(real.labels, seed=derive(seed, "real examples"))
    chosen = torch.cat([order[:per_class] for order in orders.values()])
    made, made_labels = _made(trained, _synthetic(per_class, ratio), seed=seed)
    encode = _encoder(real, chosen)
    lesson = Lesson(
        examples=encode(torch.cat([real.examples[chosen], made])).to(device),
        labels=torch.cat([real.labels[chosen], made_labels]).to(device),
        classes=real.classes,
        updates=plan.updates,
        seed=seed,
    )
    predict = learner(plan.classifier, real.space).learn(lesson)
    parts = split.test.examples.split(1024)
    predicted = torch.cat([predict(encode(part).to(device)).cpu() for part in parts])
    right = predicted == split.test.labels.cpu()
    return Cell(per_class, ratio, seed, len(chosen), len(made), right)


def _synthetic(per_class: int, ratio: float) -> int:
    """Synthetic examples of each class."""
    return int(per_class * ratio + 0.5)


def _made(trained: Trained, per_class: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Synthetic examples as stored, and the labels that they were made for."""
    sampler = trained.sampler
    count = per_class * sampler.classes
    labels = sampler.label_each(count)
    assert labels is not None, "a conditional generator"
    seed = derive(seed, "augmentation", per_class)
    return sampler.sample(count, labels=labels, seed=seed), labels


def _encoder(real: Data, chosen: Tensor) -> Callable[[Tensor], Tensor]:
    """From examples as stored to what classifiers see: images in [-1, 1], anything else with mean 0
    and deviation 1 among the chosen real examples, so that it is the same at every ratio."""
    encode = real.space.encode
    if real.space.kind == "images":
        return encode
    known = encode(real.examples[chosen]).flatten(1)
    mean, deviation = known.mean(dim=0), known.std(dim=0, correction=0)
    scale = torch.where(deviation > 1e-6, deviation, 1.0)
    return lambda examples: (encode(examples).flatten(1) - mean) / scale
