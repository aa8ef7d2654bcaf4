"""Shares of single values of a column: the most frequent number, and missing values."""

from __future__ import annotations

import numpy as np

from gan_runner.evaluation.metrics.rows import (
    Rows,
    Values,
    columns_of_both,
    find_missing,
    present_values,
)


def spike_differences(real: Rows, fake: Rows) -> dict[str, float]:
    """The difference between the shares that the most frequent real number has of all real and of
    all sampled rows, by the name of each column of numbers that has one."""
    found = {}
    for column, of_real, of_fake in columns_of_both(real, fake):
        numbers = present_values(column, of_real)
        if not column.categories and len(numbers) and len(of_fake):
            spike = most_frequent(numbers)
            found[column.name] = abs(float((of_real == spike).mean() - (of_fake == spike).mean()))
    return found


def missing_differences(real: Rows, fake: Rows) -> dict[str, float]:
    """The difference between the shares of missing values of all real and of all sampled rows, by
    the name of each column that has some in either."""
    found = {}
    for column, of_real, of_fake in columns_of_both(real, fake):
        shares = [
            float(find_missing(column, values).mean()) if len(values) else 0.0
            for values in (of_real, of_fake)
        ]
        if any(shares):
            found[column.name] = abs(shares[0] - shares[1])
    return found


def most_frequent(values: Values) -> float:
    """The number that occurs most often, of several the smallest. Raises ValueError for none."""
    numbers, counts = np.unique(values, return_counts=True)
    return float(numbers[counts.argmax()])
