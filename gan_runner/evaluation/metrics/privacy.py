"""What sampled rows give away of the training rows, beside what they say of held-out ones.

Copies, a membership attack and singling out. Held-out rows are of the same people, so to speak, but
no generator has seen them: what holds for both isn't a leak.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from gan_runner.evaluation.metrics.intervals import Estimate, area_under_curve, share
from gan_runner.evaluation.metrics.preprocessing import Preprocessing
from gan_runner.evaluation.metrics.rows import (
    Rows,
    Values,
    present_values,
    row_count,
    thin_out_rows,
)
from gan_runner.evaluation.metrics.search import find_nearest

MOST_ATTACKED = 5000
"""Rows of each kind whose membership is guessed."""

MOST_PREDICATES = 2000
"""Predicates that are tried, those of all columns together."""


class Copies(NamedTuple):
    """The share of sampled rows that are equal, in each column, to a training row; and to one of as
    many training rows as held-out ones, and to a held-out row."""

    any_train: float
    train: float
    held_out: float


class SinglingOut(NamedTuple):
    """The shares of predicates that fit exactly one of as many training rows as held-out ones, and
    exactly one held-out row."""

    train: Estimate
    held_out: Estimate
    predicates: int


class Predicate(NamedTuple):
    """A guess at a single row: a column whose number is at most, at least or equal to a value."""

    column: str
    relation: str
    value: float

    def count(self, values: Values) -> int:
        """The number of values [N] that it holds for; it does for none that is missing."""
        compare = {"<=": np.less_equal, ">=": np.greater_equal, "==": np.equal}[self.relation]
        return int(compare(values, self.value).sum())


def exact_copies(fake: Rows, train: Rows, held_out: Rows) -> Copies:
    """Sampled rows that are copies, compared in the columns that samples have. Raises ValueError
    for no sampled row or no held-out one."""
    if not row_count(fake) or not row_count(held_out):
        raise ValueError("Copies of no rows, or among none, can't be counted.")
    sampled, all_train, others = _row_codes(fake, train, held_out)
    count = min(len(all_train), len(others))
    fair = [each[np.arange(count) * len(each) // count] for each in (all_train, others)]
    shares = (float(np.isin(sampled, among).mean()) for among in (all_train, *fair))
    return Copies(*shares)


def membership_attack(fake: Rows, train: Rows, held_out: Rows) -> Estimate:
    """How well the distance of a row to the closest sample tells training rows from held-out ones:
    the area under the ROC curve, 0.5 where it doesn't.

    As many of both, at most MOST_ATTACKED. Distances are Euclidean between preprocessed rows. Chen
    et al. 2020, arXiv:1909.03935, attack by distance, too. Raises ValueError for no sample, or
    fewer than two rows of either kind.
    """
    count = min(row_count(train), row_count(held_out), MOST_ATTACKED)
    preprocessing = Preprocessing.fit(train).of_columns(fake)
    samples = torch.from_numpy(preprocessing.features(fake)).float()
    members, others = (
        _closest(preprocessing, thin_out_rows(rows, count), samples) for rows in (train, held_out)
    )
    return area_under_curve(-members, -others)


def singling_out(fake: Rows, train: Rows, held_out: Rows, *, seed: int) -> SinglingOut | None:
    """How often a guess at an extreme or unusual number of the samples holds for exactly one row.

    Giomi et al. 2023, arXiv:2211.10459, section 4.1, univariate predicates on columns of numbers;
    None without any.
    """
    predicates = _predicates(fake, seed=seed)
    count = min(row_count(train), row_count(held_out))
    if not predicates or not count:
        return None
    found = []
    for rows in (train, held_out):
        values = {column.name: own for column, own in thin_out_rows(rows, count)}
        single = sum(guess.count(values[guess.column]) == 1 for guess in predicates)
        found.append(share(single, len(predicates)))
    return SinglingOut(found[0], found[1], len(predicates))


def column_predicates(name: str, numbers: Values) -> list[Predicate]:
    """The guesses of a column of sampled numbers [N]: below the smallest, above the largest, and
    equal to those that were sampled once."""
    if not len(numbers):
        return []
    different, counts = np.unique(numbers, return_counts=True)
    return [
        Predicate(name, "<=", different[0]),
        Predicate(name, ">=", different[-1]),
        *(Predicate(name, "==", value) for value in different[counts == 1]),
    ]


def _row_codes(*tables: Rows) -> list[NDArray[np.void]]:
    """Each row of each table as one value, equal for rows with equal cells in all columns of the
    first table."""
    ends = np.cumsum([row_count(rows) for rows in tables])[:-1]
    by_name = [{column.name: values for column, values in rows} for rows in tables]
    codes = []
    for column, _ in tables[0]:
        values = np.concatenate([values_of[column.name] for values_of in by_name])
        codes.append(np.unique(values, return_inverse=True)[1].reshape(-1))
    table = np.ascontiguousarray(np.stack(codes, axis=1))
    keys = table.view(np.dtype((np.void, table.dtype.itemsize * table.shape[1])))[:, 0]
    return np.split(keys, ends)


def _closest(preprocessing: Preprocessing, rows: Rows, samples: torch.Tensor) -> Values:
    """The distance of each row to the closest sample, float64 [N]."""
    features = torch.from_numpy(preprocessing.features(rows)).float()
    return np.asarray(find_nearest(features, samples).distances.numpy())


def _predicates(fake: Rows, *, seed: int) -> list[Predicate]:
    """Those of all columns of numbers, or a draw of MOST_PREDICATES of them."""
    found = [
        predicate
        for column, values in fake
        if not column.categories
        for predicate in column_predicates(column.name, present_values(column, values))
    ]
    if len(found) <= MOST_PREDICATES:
        return found
    chosen = np.random.default_rng(seed).permutation(len(found))[:MOST_PREDICATES]
    return [found[place] for place in np.sort(chosen)]
