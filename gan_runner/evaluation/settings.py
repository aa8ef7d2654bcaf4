"""The settings of an evaluation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator

from gan_runner.config.component import Component
from gan_runner.data import Data
from gan_runner.errors import ConfigError, DataError, printable
from gan_runner.evaluation.metrics.registry import METRICS, numbers, suggest_metric, suggest_number

MOST_EXAMPLES = 10_000
"""In an evaluation, where the settings don't say otherwise."""


class BestMetric(Component):
    """The number whose best checkpoint is kept."""

    metric: str
    direction: Literal["min", "max"]

    @field_validator("metric")
    @classmethod
    def _check_metric(cls, name: str) -> str:
        if name not in numbers():
            raise ValueError(f"Unknown metric {name}. {suggest_number(name)}")
        return name


class Evaluation(Component):
    """The metrics and how they are measured. `metrics: null` are all that apply to the data; with
    `num: auto` a run that chooses when it is evaluated chooses this, too. `target`: the column of a
    table that models predict, None for none."""

    num: Annotated[int, Field(ge=2, le=1_000_000)] | Literal["auto"]
    space: Literal["auto", "classifier", "random", "inception", "identity", "scaled"]
    inception_weights: str | None
    metrics: tuple[str, ...] | None
    target: str | None
    seed: NonNegativeInt
    neighbors: PositiveInt
    projections: PositiveInt
    importance_samples: PositiveInt
    best: BestMetric

    @property
    def count(self) -> int:
        """The most samples, and real examples."""
        return MOST_EXAMPLES if self.num == "auto" else self.num

    @field_validator("metrics")
    @classmethod
    def _check_metrics(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if names is not None and not names:
            raise ValueError("Name a metric, or use null for all that apply to the data")
        for name in names or ():
            if name not in METRICS:
                raise ValueError(f"Unknown metric {name}. {suggest_metric(name)}")
        return names


def space_name(settings: Evaluation, data: Data) -> str:
    """The space that the settings mean. Raises ConfigError if it doesn't fit the data."""
    images = data.space.kind == "images"
    of_vectors = "scaled" if data.space.kind == "table" else "identity"
    auto = ("classifier" if data.tells_classes_apart else "random") if images else of_vectors
    name = auto if settings.space == "auto" else settings.space
    if images == (name in ("identity", "scaled")):
        raise ConfigError(f"wrong space for {data.space.kind}, evaluation.space={name}. Use auto.")
    if name == "classifier" and data.labels is None:
        raise ConfigError("the data has no labels, evaluation.space=classifier. Use random.")
    if name == "classifier" and not data.tells_classes_apart:
        raise ConfigError(
            "the data has no two classes of two examples or more, evaluation.space=classifier. "
            "Use random."
        )
    return name


def refuse_single_examples(data: Data, *, name: str) -> None:
    """Raise DataError where samples would be compared with a single example."""
    if len(data) < 2:
        raise DataError(
            f"samples can't be compared with a single example, dataset.name={printable(name)}. "
            "Use more data, or train.eval_every=0 to train without evaluation."
        )
