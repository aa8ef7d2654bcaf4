"""A column real against sampled: a histogram of its numbers, bars of its values, a distance."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan_runner.data import Column
from gan_runner.datasets.number_encodings import find_spikes
from gan_runner.errors import printable
from gan_runner.evaluation.metrics.tables import ks_distance, total_variation
from gan_runner.evaluation.table_report.report import (
    MOST_BINS,
    NAME_LETTERS,
    Bar,
    BarKind,
    ComparedColumn,
    Histogram,
    Scale,
)

Values = NDArray[Any]
Ends = tuple[float, float]

_MOST_SPIKES = 12  # that are bars
_FREQUENT = 10  # categories that have a bar of their own
_HEAVY_TAIL = 20  # times the middle half, from which on a range has a logarithmic scale
_DIGITS = 5  # of a share
_EDGE_DIGITS, _NUMBER_DIGITS = 12, 10  # significant ones, of an edge and of a bar's name


def column_distance(column: Column, real: Values, sampled: Values) -> float:
    """The distance of a column's values [N] real and [M] sampled, in [0, 1]: that of Kolmogorov and
    Smirnov for numbers, total variation for categories. Raises ValueError without any."""
    if column.categories:
        return total_variation(real, sampled, categories=len(column.categories))
    return ks_distance(real, sampled)


def compare_column(
    column: Column, real: Values, sampled: Values, distance: float
) -> ComparedColumn:
    """A column with its values [N] real and [M] sampled, and their distance."""
    if column.categories:
        histogram, bars = None, _category_bars(column, real, sampled)
    else:
        histogram, bars = _compare_numbers(column, real, sampled)
    return ComparedColumn(
        name=printable(column.name, NAME_LETTERS),
        is_numeric=not column.categories,
        distance=_share(distance),
        histogram=histogram,
        bars=tuple(bars),
    )


def _category_bars(column: Column, real: Values, sampled: Values) -> list[Bar]:
    """The most frequent categories, in either table, and the missing one, in the order of their
    real shares; then the rest together."""
    count = len(column.categories)
    shares, others = (np.bincount(v, minlength=count) / len(v) for v in (real, sampled))
    is_missing = np.array([not name for name in column.categories])
    rank = np.argsort(-np.maximum(np.maximum(shares, others), is_missing), kind="stable")
    most = count if count <= _FREQUENT + 1 else _FREQUENT
    shown = sorted(rank[:most].tolist(), key=lambda index: -shares[index])
    bars = []
    for index in shown:
        kind: BarKind = "missing" if is_missing[index] else "value"
        bars.append(_bar(column.categories[index], kind, shares[index], others[index]))
    if rest := rank[most:].tolist():
        name = f"{len(rest):,} others"
        bars.append(_bar(name, "others", shares[rest].sum(), others[rest].sum()))
    return bars


def _compare_numbers(
    column: Column, real: Values, sampled: Values
) -> tuple[Histogram | None, list[Bar]]:
    """The histogram of all numbers but spikes, None where there are no others; bars of spikes, of
    numbers outside of the real range, and of missing values."""
    both = (real, sampled)
    spikes = find_spikes(known) if len(known := _present(real)) else ()
    spikes = spikes if len(spikes) <= _MOST_SPIKES else ()  # a bin each shows as much
    bars = [
        _bar(f"{spike:.{_NUMBER_DIGITS}g}", "value", *((values == spike).mean() for values in both))
        for spike in spikes
    ]
    rest, other = (_without(_present(values), spikes) for values in both)
    histogram = None
    if len(rest):
        edges, scale = _edges(rest, column.decimals)
        ends = float(rest.min()), float(rest.max())
        histogram = Histogram(
            tuple(float(f"{edge:.{_EDGE_DIGITS}g}") for edge in edges.tolist()),
            scale,
            ends,
            _bin_shares(rest, edges, len(real)),
            _bin_shares(other[(other >= ends[0]) & (other <= ends[1])], edges, len(sampled)),
        )
        bars += _outside_bars(other, ends, len(sampled))
    elif len(other):
        bars.append(_bar("other numbers", "others", 0.0, len(other) / len(sampled)))
    missing = [1 - len(_present(values)) / len(values) for values in both]
    return histogram, [*bars, *[_bar("", "missing", *missing)] * any(missing)]


def _bin_shares(numbers: NDArray[np.float64], edges: Values, rows: int) -> tuple[float, ...]:
    """The share of all rows in each bin."""
    return tuple(_share(count / rows) for count in np.histogram(numbers, edges)[0])


def _outside_bars(numbers: NDArray[np.float64], ends: Ends, rows: int) -> Iterator[Bar]:
    """The shares of sampled numbers outside of the histogram, where there are some."""
    below, above = (numbers < ends[0]).sum() / rows, (numbers > ends[1]).sum() / rows
    if below:
        yield _bar(f"less than {ends[0]:.{_NUMBER_DIGITS}g}", "below", 0.0, below)
    if above:
        yield _bar(f"more than {ends[1]:.{_NUMBER_DIGITS}g}", "above", 0.0, above)


def _edges(values: NDArray[np.float64], decimals: int | None) -> tuple[Values, Scale]:
    """The edges of bins over the range of real numbers, and their scale. Rounded numbers lie within
    bins, as many different ones in each."""
    low, quarter, three_quarters, high = np.quantile(values, [0, 0.25, 0.75, 1]).tolist()
    unit = 0.0 if decimals is None else 10.0**-decimals
    has_tail = high - low > _HEAVY_TAIL * (three_quarters - quarter) and high > 10 * low
    if has_tail and low > unit / 2:
        edges = np.geomspace(low, high, MOST_BINS + 1)
        edges = np.unique(np.round(edges / unit)) * unit if unit else edges
        edges[0], edges[-1] = low - unit / 2, high + unit / 2
        return edges, "logarithmic"
    if unit:
        different = round((high - low) / unit) + 1
        in_each = math.ceil(different / MOST_BINS)
        bins = math.ceil(different / in_each)
        return low - unit / 2 + unit * in_each * np.arange(bins + 1), "linear"
    if low == high:
        return np.array([low, high]), "linear"
    return np.linspace(low, high, MOST_BINS + 1), "linear"


def _present(values: Values) -> Values:
    """The values that aren't missing."""
    return values[~np.isnan(values)] if values.dtype.kind == "f" else values


def _without(values: Values, spikes: tuple[float, ...]) -> NDArray[np.float64]:
    return (values[~np.isin(values, spikes)] if spikes else values).astype(np.float64)


def _bar(name: str, kind: BarKind, real: float, sampled: float) -> Bar:
    return Bar(printable(name, NAME_LETTERS), kind, _share(real), _share(sampled))


def _share(value: float) -> float:
    return round(min(1.0, max(0.0, float(value))), _DIGITS)
