"""The metrics of rows as the table has them: from their inputs to numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np

from gan_runner.evaluation.metrics import privacy
from gan_runner.evaluation.metrics.column_pairs import BINS, MOST_COLUMNS, pair_trends
from gan_runner.evaluation.metrics.efficacy import Scores
from gan_runner.evaluation.metrics.impossible import impossible_rows
from gan_runner.evaluation.metrics.inputs import (
    Measurement,
    MetricInputs,
    distinct_names,
    measurements,
)
from gan_runner.evaluation.metrics.marginals import column_shapes
from gan_runner.evaluation.metrics.preprocessing import NAME as PREPROCESSING
from gan_runner.evaluation.metrics.rows import row_count
from gan_runner.evaluation.metrics.shares import missing_differences, spike_differences

_Key = TypeVar("_Key")

_MOST_REPEATED = 0.5
"""Share of exact copies among held-out rows, beyond which members can't be told from others."""


def measure_column_shapes(of: MetricInputs) -> list[Measurement]:
    """The mean over columns, then each."""
    if of.table is None:
        return []
    each = _finite(column_shapes(of.table.in_use, of.fake_rows))
    return _mean_and_each("column_shapes", each)


def measure_pair_trends(of: MetricInputs) -> list[Measurement]:
    if of.table is None:
        return []
    each = _finite(pair_trends(of.table.in_use, of.fake_rows))
    parameters = {"bins": BINS, "edges": "of the real numbers", "most_columns": MOST_COLUMNS}
    if not each:
        return []  # of a single column
    value = sum(each.values()) / len(each)
    return [Measurement("pair_trends", value, parameters=parameters, compares="examples")]


def measure_spikes(of: MetricInputs) -> list[Measurement]:
    """The largest difference over columns, then that of each."""
    if of.table is None:
        return []
    real, fake = of.table.in_use, of.fake_rows
    spikes, missing = spike_differences(real, fake), missing_differences(real, fake)
    largest = {"spike_difference": max(spikes.values())} if spikes else {}
    largest["missing_difference"] = max(missing.values(), default=0.0)
    return [
        *measurements(largest, compares="examples"),
        *_each_column("spike_difference", spikes),
        *_each_column("missing_difference", missing),
    ]


def measure_impossible(of: MetricInputs) -> list[Measurement]:
    """The share of all sampled rows, then that with a fault in each column, and those that break
    each constraint."""
    if of.table is None:
        return []
    found = impossible_rows(of.fake_rows, of.table.possible, of.table.constraints)
    each = {name: faults.share for name, faults in found.columns.items()}
    parameters = {"n_train": row_count(of.table.train)}
    if of.table.constraints:
        parameters["constraints"] = len(of.table.constraints)
    return [
        *measurements({"impossible_share": found.share}, parameters, compares="examples"),
        *_each_column("impossible_share", each | dict(found.constraints), parameters),
    ]


def measure_efficacy(of: MetricInputs) -> list[Measurement]:
    """The means over the models, fitted to samples and to real rows, then each model's score."""
    task = of.efficacy
    if task is None or of.table is None:
        return []
    if task.target not in (column.name for column, _ in of.fake_rows):
        return []
    found = task.evaluate(of.fake_rows)
    parameters = {
        "models": "benchmark of Xu et al. 2019",
        "target": task.target,
        "preprocessing": PREPROCESSING,
        "n_train": task.train_count,
        "n_test": task.test_count,
    } | of.held_out_parameters
    means = {
        name: value
        for score in found.synthetic
        for name, value in (
            (f"efficacy_{score}", _mean(found.synthetic, score)),
            (f"efficacy_{score}_real", _mean(found.real, score)),
        )
    }
    doubt = _one_value_doubt(of, task.target)
    return [
        *measurements(means, parameters, compares="examples", doubt=doubt),
        *(
            measurement
            for score, each in found.synthetic.items()
            for measurement in _each_column(f"efficacy_{score}", each, parameters)
        ),
    ]


def measure_copies(of: MetricInputs) -> list[Measurement]:
    if of.table is None or of.held_out_rows is None:
        return []
    found = privacy.exact_copies(of.fake_rows, of.table.train, of.held_out_rows)
    values = {
        "exact_copies": found.any_train,
        "exact_copies_train": found.train,
        "exact_copies_held_out": found.held_out,
    }
    return measurements(values, _counts(of), compares="examples")


def measure_membership(of: MetricInputs) -> list[Measurement]:
    if of.table is None or of.held_out_rows is None or row_count(of.held_out_rows) < 2:
        return []
    found = privacy.membership_attack(of.fake_rows, of.table.train, of.held_out_rows)
    count = min(row_count(of.table.train), row_count(of.held_out_rows), privacy.MOST_ATTACKED)
    parameters = {
        "attack": "distance to the closest sample",
        "preprocessing": PREPROCESSING,
        "interval": "DeLong",
        "n_each": count,
    } | of.held_out_parameters
    doubt = _known_rows_doubt(of)
    value = math.nan if doubt else found.value
    return [
        Measurement(
            "membership_auc",
            value,
            error=None if doubt else found.error,
            parameters=parameters,
            compares="examples",
            doubt=doubt,
        )
    ]


def measure_singling_out(of: MetricInputs) -> list[Measurement]:
    if of.table is None or of.held_out_rows is None:
        return []
    rows = of.table.train, of.held_out_rows
    found = privacy.singling_out(of.fake_rows, *rows, seed=of.seed)
    if found is None:
        return []
    parameters = {"predicates": "univariate, of numbers", "interval": "Wilson"} | _counts(of)
    return [
        Measurement(
            number, each.value, error=each.error, parameters=parameters, compares="examples"
        )
        for number, each in (
            ("singling_out_share", found.train),
            ("singling_out_share_held_out", found.held_out),
        )
    ]


TABLE_MEASURES: dict[str, Callable[[MetricInputs], list[Measurement]]] = {
    "column_shapes": measure_column_shapes,
    "pair_trends": measure_pair_trends,
    "spikes": measure_spikes,
    "impossible": measure_impossible,
    "efficacy": measure_efficacy,
    "copies": measure_copies,
    "membership": measure_membership,
    "singling_out": measure_singling_out,
}
"""The function of each of these metrics."""


def _mean_and_each(number: str, each: Mapping[str, float]) -> list[Measurement]:
    if not each:
        return []  # of missing values alone
    value = sum(each.values()) / len(each)
    return [Measurement(number, value, compares="examples"), *_each_column(number, each)]


def _each_column(
    number: str, each: Mapping[str, float], parameters: Mapping[str, object] | None = None
) -> list[Measurement]:
    """The same number of each column, or of each model, by its name."""
    names = distinct_names(list(each))
    return [
        Measurement(
            number, value, column=name, parameters=dict(parameters or {}), compares="examples"
        )
        for name, value in zip(names, each.values(), strict=True)
    ]


def _finite(each: Mapping[_Key, float]) -> dict[_Key, float]:
    return {name: value for name, value in each.items() if math.isfinite(value)}


def _mean(scores: Scores, score: str) -> float:
    return sum(scores[score].values()) / len(scores[score])


def _one_value_doubt(of: MetricInputs, target: str) -> str | None:
    column, values = next(each for each in of.fake_rows if each[0].name == target)
    if len(np.unique(values)) > 1:
        return None
    what = "class" if column.categories else "number"
    return f"efficacy: samples have one {what} alone, which is predicted for all test rows."


def _known_rows_doubt(of: MetricInputs) -> str | None:
    assert of.table is not None and of.held_out_rows is not None, "asked where both are there"
    known = privacy.exact_copies(of.held_out_rows, of.table.train, of.held_out_rows).any_train
    if known <= _MOST_REPEATED:
        return None
    return (
        f"membership_auc isn't given: {known:.0%} of the held-out rows are exact copies of "
        "training rows, which can't be told from these."
    )


def _counts(of: MetricInputs) -> dict[str, int | str]:
    """The numbers of rows that samples are compared with."""
    assert of.table is not None and of.held_out_rows is not None, "asked where both are there"
    train, held_out = row_count(of.table.train), row_count(of.held_out_rows)
    return {"n_train": train, "n_each": min(train, held_out), **of.held_out_parameters}
