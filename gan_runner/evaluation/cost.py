"""The time that an evaluation takes, roughly, so that one of minutes can be announced."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from gan_runner.data import Data
from gan_runner.evaluation.metrics.by_class import MOST_CLASSES
from gan_runner.evaluation.metrics.registry import METRICS, WALK, Metric, Need

OPERATIONS_PER_SECOND = 2e10
"""In large products of matrices on a core or two; a slow machine has a quarter of it, a fast one
several times as much."""


def estimated_seconds(
    metrics: Collection[str],
    *,
    examples: int,
    features: int,
    has_tstr: bool = False,
    has_efficacy: bool = False,
    classes: int = 0,
) -> float:
    """About how long the metrics take for so many real examples and as many samples, each of so
    many features, and for each of so many classes again. The classifier of a data set, trained
    once, isn't counted; those of TSTR and of efficacy are where these are measured."""
    measured = [METRICS[name] for name in metrics]
    measured = [m for m in measured if has_tstr or Need.TSTR not in m.needs]
    measured = [m for m in measured if has_efficacy or Need.EFFICACY not in m.needs]
    operations = _operations(measured, examples, features)
    if classes:
        of_a_class = [metric for metric in measured if metric.of_a_class]
        operations += classes * _operations(of_a_class, examples // classes, features)
    return operations / OPERATIONS_PER_SECOND


def _operations(metrics: Sequence[Metric], examples: int, features: int) -> float:
    """Of metrics of one set of examples, which may share a walk over their pairs."""
    costs = [metric.cost for metric in metrics]
    walks = [WALK] if any(cost.shares_walk for cost in costs) else []
    return sum(cost.operations(examples, features) for cost in [*costs, *walks])


def classes_apart(data: Data, *, space: str) -> int:
    """The number of classes of the data that are measured by themselves, too, in this space; 0
    where none are."""
    are_apart = data.tells_classes_apart and (
        data.space.columns is not None or space == "classifier"
    )
    return data.classes if are_apart and data.classes <= MOST_CLASSES else 0
