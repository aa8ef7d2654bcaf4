"""What a study of augmentation found, in sentences that claim no more than was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from gan_runner.augmentation_study.chart import Panel
from gan_runner.augmentation_study.intervals import Interval
from gan_runner.augmentation_study.learners import LEARNERS
from gan_runner.augmentation_study.study import CONFIDENCE, Comparison, Plan, Split
from gan_runner.data import digest
from gan_runner.errors import printable
from gan_runner.runs.open import Trained
from gan_runner.system import machine

_CLAIMS = {
    "helps": "helps",
    "hurts": "hurts",
    "no difference": "makes no difference that {seeds} seeds could tell",
}


def sentences(compared: Sequence[Comparison], *, seeds: int) -> list[str]:
    """For each number of real examples, whether augmentation helps."""
    return [
        sentence([c for c in compared if c.per_class == per_class and c.ratio], seeds=seeds)
        for per_class in dict.fromkeys(c.per_class for c in compared)
    ]


def sentence(rows: Sequence[Comparison], *, seeds: int) -> str:
    """Whether augmentation helps with one number of real examples, at each ratio above 0."""
    claims = []
    for verdict, claim in _CLAIMS.items():
        named = [_named(row) for row in rows if row.verdict == verdict]
        if named:
            claims.append(f"{claim.format(seeds=seeds)} at {' and '.join(named)}")
    if all(row.verdict == "no difference" for row in rows):
        claims.insert(0, "does not help")
    head = f"With {rows[0].per_class} real examples of each class, augmentation"
    return f"{head} {'; it '.join(claims)}."


def points(interval: Interval, *, signed: bool) -> str:
    """A share in percent, or a difference of two, with its interval: `+3.10 (+1.20 to +5.00)`."""
    form = "+.2f" if signed else ".1f"
    mean, low, high = _percent(interval)
    return f"{mean:{form}} ({low:{form}} to {high:{form}})"


def doubts(split: Split, plan: Plan) -> list[str]:
    """What makes the numbers optimistic, or less general than they look."""
    told = []
    if split.seen:
        told.append(
            "the data has no test split, and the generator learnt from the examples that the "
            "classifier is tested on: synthetic ones may copy them. Optimistic. Train the "
            f"generator with dataset.per_class={plan.per_class[0]}, which leaves others."
        )
    leaking = [str(n) for n in plan.per_class if n != split.learnt_from]
    if leaking and not split.seen:
        learnt = (
            "the whole training split"
            if split.learnt_from is None
            else f"{split.learnt_from} of each class"
        )
        told.append(
            f"the generator learnt from {learnt}, the classifier from {', '.join(leaking)} real "
            "examples of each class: synthetic ones bring what those don't know. Optimistic. "
            f"Honest is a generator trained with dataset.per_class={leaking[0]}."
        )
    if split.started_from is not None:
        told.append(
            f"the generator began with the weights of init_from={printable(split.started_from)}, "
            "which may have learnt from other examples."
        )
    fixed = [str(n) for n in plan.per_class if n == max(split.counts.values())]
    if fixed:
        told.append(
            f"all seeds have the same real examples at {', '.join(fixed)} of each class, there are "
            "no others: the intervals don't cover other real examples."
        )
    return told


def scope(plan: Plan) -> str:
    """What the intervals mean."""
    return (
        f"intervals: {CONFIDENCE:.0%}, over {plan.seeds} seeds and the test examples; those of the "
        "differences hold together for each number of real examples. They don't cover a generator "
        "trained anew."
    )


def honest(split: Split, plan: Plan) -> str | None:
    """A line if the generator learnt from exactly the real examples of the classifier."""
    if split.learnt_from not in plan.per_class or split.seen or split.started_from is not None:
        return None
    return (
        f"at {split.learnt_from} of each class, the classifier's real examples are exactly those "
        f"that the generator learnt from (dataset.per_class={split.learnt_from})."
    )


def plain(
    trained: Trained, split: Split, plan: Plan, compared: Sequence[Comparison]
) -> dict[str, Any]:
    """All of it as plain data, with the whole protocol."""
    return {
        "protocol": _protocol(trained, split, plan),
        "results": [_result(row) for row in compared],
        "findings": sentences(compared, seeds=plan.seeds),
        "scope": scope(plan),
        "doubts": doubts(split, plan),
    }


def panels(compared: Sequence[Comparison]) -> list[Panel]:
    """The accuracies, and the differences from ratio 0, over the number of real examples."""
    places = list(dict.fromkeys(row.per_class for row in compared))
    ratios = list(dict.fromkeys(row.ratio for row in compared))
    found = {(row.ratio, row.per_class): row for row in compared}
    accuracies: dict[str, list[Interval | None]] = {}
    differences: dict[str, list[Interval | None]] = {}
    for ratio in ratios:
        rows = [found[ratio, place] for place in places]
        name = f"ratio {ratio:g}" if ratio else "real only"
        accuracies[name] = [_percent(row.accuracy) for row in rows]
        if ratio:
            differences[name] = [row.difference and _percent(row.difference) for row in rows]
    across, shown = "real examples of each class", [str(place) for place in places]
    return [
        Panel("accuracy on held-out real examples, %", across, shown, accuracies, zero=False),
        Panel("difference from real only, points", across, shown, differences, zero=True),
    ]


def _protocol(trained: Trained, split: Split, plan: Plan) -> dict[str, Any]:
    return {
        "data": trained.data[:12],
        "dataset": trained.experiment.config.dataset,
        "test": {"source": split.source, "digest": digest(split.test)[:12], "n": len(split.test)},
        "n_real_available": len(split.real),
        "generator_learnt_from": split.learnt_from or "all",
        "generator_started_from": split.started_from,
        "real_per_class": plan.per_class,
        "synthetic_ratio": plan.ratios,
        "synthetic": "equally many of each class; batches are drawn from real and synthetic alike",
        "seeds": list(range(plan.seeds)),
        "classifier": {"name": plan.classifier, **LEARNERS[plan.classifier].recipe}
        | ({} if plan.classifier == "logistic" else {"updates": plan.updates}),
        "checkpoint": trained.step,
        "weights": trained.sampler.weights,
        "confidence": CONFIDENCE,
        "fingerprint": asdict(machine.fingerprint(trained.sampler.device)),
    }


def _result(row: Comparison) -> dict[str, Any]:
    return {
        "real_per_class": row.per_class,
        "synthetic_ratio": row.ratio,
        "n_real": row.n_real,
        "n_synthetic": row.n_synthetic,
        "accuracies": row.accuracies,
        "accuracy": row.accuracy._asdict(),
        "difference": row.difference and row.difference._asdict(),
        "verdict": row.verdict or None,
    }


def _percent(share: Interval) -> Interval:
    return Interval(*(100 * value for value in share))


def _named(row: Comparison) -> str:
    assert row.difference is not None
    return f"ratio {row.ratio:g}: {points(row.difference, signed=True)} points"
