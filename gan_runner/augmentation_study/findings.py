"""The findings of an augmentation study, in sentences that claim no more than was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from gan_runner.augmentation_study.chart import Panel
from gan_runner.augmentation_study.classifiers import CLASSIFIERS
from gan_runner.augmentation_study.intervals import Interval
from gan_runner.augmentation_study.study import CONFIDENCE, ClassifierData, Plan, RatioResult
from gan_runner.errors import printable
from gan_runner.runs.open import Trained
from gan_runner.system import machine

_CLAIMS = {
    "helps": "helps",
    "hurts": "hurts",
    "no difference": "makes no measurable difference with {seeds} seeds",
}


def sentences(results: Sequence[RatioResult], *, seeds: int) -> list[str]:
    """For each number of real examples, whether augmentation helps."""
    return [
        sentence([r for r in results if r.per_class == per_class and r.ratio], seeds=seeds)
        for per_class in dict.fromkeys(r.per_class for r in results)
    ]


def sentence(results: Sequence[RatioResult], *, seeds: int) -> str:
    """Whether augmentation helps with one number of real examples, at each ratio above 0."""
    claims = []
    for verdict, claim in _CLAIMS.items():
        ratios = [_ratio_text(result) for result in results if result.verdict == verdict]
        if ratios:
            claims.append(f"{claim.format(seeds=seeds)} at {' and '.join(ratios)}")
    if all(result.verdict == "no difference" for result in results):
        claims.insert(0, "does not help")
    head = f"With {results[0].per_class} real examples of each class, augmentation"
    return f"{head} {'; it '.join(claims)}."


def percent_text(interval: Interval, *, signed: bool) -> str:
    """A share in percent, or a difference of two, with its interval: `+3.10 (+1.20 to +5.00)`."""
    form = "+.2f" if signed else ".1f"
    mean, low, high = _percent(interval)
    return f"{mean:{form}} ({low:{form}} to {high:{form}})"


def doubts(data: ClassifierData, plan: Plan) -> list[str]:
    """Reasons why the numbers are optimistic, or less general than they seem."""
    found = []
    if data.generator_saw_test:
        found.append(
            "the data has no test split, and the generator was trained on the examples that the "
            "classifier is tested on: synthetic ones may copy them, so the numbers are optimistic. "
            f"Train the generator with dataset.per_class={plan.per_class[0]} to leave others."
        )
    leaking = [str(n) for n in plan.per_class if n != data.per_class]
    if leaking and not data.generator_saw_test:
        count = data.per_class
        amount = "the whole training split" if count is None else f"{count} of each class"
        found.append(
            f"the generator was trained on {amount}, the classifier on {', '.join(leaking)} real "
            "examples of each class: synthetic ones add what those lack, so the numbers are "
            f"optimistic. Train the generator with dataset.per_class={leaking[0]}"
        )
    if data.init_from is not None:
        found.append(
            f"the generator began with the weights of init_from={printable(data.init_from)}, "
            "which may have been trained on other examples."
        )
    fixed = [str(n) for n in plan.per_class if n == max(data.counts.values())]
    if fixed:
        found.append(
            f"all seeds have the same real examples at {', '.join(fixed)} of each class, there are "
            "no others: the intervals don't cover other real examples."
        )
    return found


def scope(plan: Plan) -> str:
    """The meaning of the intervals."""
    return (
        f"intervals: {CONFIDENCE:.0%}, over {plan.seeds} seeds and the test examples; those of the "
        "differences hold together for each number of real examples. They don't cover a generator "
        "trained anew."
    )


def same_examples_note(data: ClassifierData, plan: Plan) -> str | None:
    """A line if generator and classifier are trained on exactly the same real examples."""
    count = data.per_class
    if count not in plan.per_class or data.generator_saw_test or data.init_from is not None:
        return None
    return (
        f"at {count} of each class, the classifier's real examples are exactly those that the "
        f"generator was trained on (dataset.per_class={count})."
    )


def plain_report(
    trained: Trained, data: ClassifierData, plan: Plan, results: Sequence[RatioResult]
) -> dict[str, Any]:
    """All of it as plain data, with the whole protocol."""
    return {
        "protocol": _protocol(trained, data, plan),
        "results": [_plain_result(result) for result in results],
        "findings": sentences(results, seeds=plan.seeds),
        "scope": scope(plan),
        "doubts": doubts(data, plan),
    }


def panels(results: Sequence[RatioResult]) -> list[Panel]:
    """The accuracies, and the differences from ratio 0, over the number of real examples."""
    places = list(dict.fromkeys(result.per_class for result in results))
    ratios = list(dict.fromkeys(result.ratio for result in results))
    found = {(result.ratio, result.per_class): result for result in results}
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


def _protocol(trained: Trained, data: ClassifierData, plan: Plan) -> dict[str, Any]:
    return {
        "data": trained.data[:12],
        "dataset": trained.experiment.config.dataset,
        "test": {"source": data.source, "digest": data.test.digest[:12], "n": len(data.test)},
        "n_real_available": len(data.real),
        "generator_per_class": data.per_class or "all",
        "generator_init_from": data.init_from,
        "real_per_class": plan.per_class,
        "synthetic_ratio": plan.ratios,
        "synthetic": "equally many of each class; batches are drawn from real and synthetic alike",
        "seeds": list(range(plan.seeds)),
        "classifier": {"name": plan.classifier, **CLASSIFIERS[plan.classifier].settings}
        | ({} if plan.classifier == "logistic" else {"updates": plan.updates}),
        "checkpoint": trained.step,
        "weights": trained.sampler.weights,
        "confidence": CONFIDENCE,
        "fingerprint": asdict(machine.fingerprint(trained.sampler.device)),
    }


def _plain_result(result: RatioResult) -> dict[str, Any]:
    return {
        "real_per_class": result.per_class,
        "synthetic_ratio": result.ratio,
        "n_real": result.n_real,
        "n_synthetic": result.n_synthetic,
        "accuracies": result.accuracies,
        "accuracy": result.accuracy._asdict(),
        "difference": result.difference and result.difference._asdict(),
        "verdict": result.verdict or None,
    }


def _percent(share: Interval) -> Interval:
    return Interval(*(100 * value for value in share))


def _ratio_text(result: RatioResult) -> str:
    assert result.difference is not None
    return f"ratio {result.ratio:g}: {percent_text(result.difference, signed=True)} points"
