"""Columns, their pairs and shares of two tables: numbers of SDMetrics, closed forms, limits."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gan_runner.data.column import Column
from gan_runner.evaluation.metrics import column_pairs
from gan_runner.evaluation.metrics.column_pairs import (
    bin_edges,
    contingency_similarity,
    correlation_similarity,
    pair_trends,
)
from gan_runner.evaluation.metrics.marginals import column_shapes, ks_complement, tv_complement
from gan_runner.evaluation.metrics.rows import Rows
from gan_runner.evaluation.metrics.shares import (
    missing_differences,
    most_frequent,
    spike_differences,
)

AGE, PAY, DAYS = Column("age", decimals=0), Column("pay", decimals=2), Column("days", decimals=0)
CITY = Column("city", ("", "Bern", "Lyon", "Oslo"))
JOB = Column("job", ("cook", "nurse", "pilot"))


def made_table(count: int, *, shift: float, seed: int) -> Rows:
    """Rows with missing values, a spike at 0 in `pay`, and columns that depend on each other. The
    job of pilots is there only where `shift` is 0."""
    stream = np.random.RandomState(seed)
    age = np.round(stream.normal(40 + shift, 12, count))
    pay = np.round(np.maximum(0, 30 * (age - 35) + stream.normal(0, 200, count)), 2)
    city = (stream.uniform(size=count) * 3 + (age > 45)).astype(np.int64)
    job = np.where(pay > 150, 1, stream.randint(0, 2 if shift else 3, count)).astype(np.int64)
    age[stream.uniform(size=count) < 0.1 + shift / 100] = np.nan
    days = stream.randint(0, 30, count)
    return [(AGE, age), (PAY, pay), (CITY, city), (JOB, job), (DAYS, days)]


REAL, FAKE = made_table(400, shift=0, seed=1), made_table(300, shift=4, seed=2)

# Recorded once from sdmetrics 0.32.0 on REAL and FAKE as data frames, missing cells as NaN and
# None: KSComplement and TVComplement.compute of a column, CorrelationSimilarity.compute of two
# columns of numbers, ContingencySimilarity.compute of others, where numbers are named in
# continuous_column_names.
SHAPES = {
    "age": 0.8829326145552561,
    "pay": 0.87,
    "city": 0.8971842504965533,
    "job": 0.84,
    "days": 0.94,
}
TRENDS = {
    ("age", "pay"): 0.9838751838108447,
    ("age", "city"): 0.7825,
    ("age", "job"): 0.7583333333333333,
    ("age", "days"): 0.9834186356579122,
    ("pay", "city"): 0.8433333333333334,
    ("pay", "job"): 0.815,
    ("pay", "days"): 0.9722342569247164,
    ("city", "job"): 0.7958333333333333,
    ("city", "days"): 0.8283333333333334,
    ("job", "days"): 0.7791666666666666,
}


def test_the_similarity_of_columns_is_that_of_sdmetrics() -> None:
    assert column_shapes(REAL, FAKE) == pytest.approx(SHAPES, abs=1e-6)


def test_the_similarity_of_pairs_is_that_of_sdmetrics() -> None:
    assert pair_trends(REAL, FAKE) == pytest.approx(TRENDS, abs=1e-6)


def test_a_table_is_like_itself() -> None:
    assert set(column_shapes(REAL, REAL).values()) == {1}
    assert list(pair_trends(REAL, REAL).values()) == pytest.approx([1] * 10)


def test_numbers_of_no_common_range_and_categories_of_no_common_kind_are_unlike() -> None:
    assert ks_complement(np.arange(5), np.arange(9, 12)) == 0
    assert tv_complement(np.array([0, 0, 1]), np.array([2, 3])) == 0


def test_a_column_of_missing_values_alone_has_no_similarity() -> None:
    nothing: Rows = [(AGE, np.full(3, np.nan)), (CITY, np.zeros(3, np.int64))]
    assert all(math.isnan(value) for value in column_shapes(nothing, nothing).values())


def test_a_column_that_samples_lack_is_not_compared() -> None:
    assert set(column_shapes(REAL, FAKE[:2])) == {"age", "pay"}
    assert set(pair_trends(REAL, FAKE[:2])) == {("age", "pay")}


def test_opposite_correlations_are_unlike_and_a_constant_has_none() -> None:
    x = np.arange(10.0)
    assert correlation_similarity((x, x), (x, -x)) == pytest.approx(0)
    assert math.isnan(correlation_similarity((x, x), (x, np.ones(10))))


def test_a_correlation_is_that_of_the_rows_that_have_both_numbers() -> None:
    x, holes = np.arange(10.0), np.where(np.arange(10) == 4, np.nan, np.arange(10.0))
    holes[5] = 5
    assert correlation_similarity((x, holes), (x, x)) == pytest.approx(1)


def test_a_joint_table_of_many_cells_is_counted_by_those_that_occur() -> None:
    stream = np.random.default_rng(0)
    real, fake = (tuple(stream.integers(0, 40, (2, 500))) for _ in range(2))
    found = [contingency_similarity(real, fake, sizes=(40, size)) for size in (40, 10**6)]
    assert found[0] == pytest.approx(found[1], abs=1e-12)
    assert 0 < found[0] < 1


def test_a_number_beyond_the_real_range_is_counted_in_the_outermost_part() -> None:
    edges = bin_edges(np.arange(11.0))
    assert np.digitize([-5, 0, 1, 9, 10, 400, np.nan], edges).tolist() == [1, 1, 2, 10, 10, 10, 11]


def test_of_thousands_of_columns_the_pairs_of_a_hundred_are_compared() -> None:
    wide = [(Column(f"c{k}"), np.arange(3.0)) for k in range(1000)]
    found = pair_trends(wide, wide)
    assert len(found) == math.comb(column_pairs.MOST_COLUMNS, 2)
    assert ("c0", "c990") in found


def test_a_spike_is_compared_by_its_share_of_all_rows() -> None:
    real: Rows = [(PAY, np.array([0, 0, 0, np.nan, 7.5])), (JOB, np.zeros(5, np.int64))]
    fake: Rows = [(PAY, np.array([0, 1, 2, 3])), (JOB, np.ones(4, np.int64))]
    assert spike_differences(real, fake) == pytest.approx({"pay": 3 / 5 - 1 / 4})
    assert spike_differences(fake, fake) == {"pay": 0}


def test_of_numbers_that_are_as_frequent_the_smallest_is_the_spike() -> None:
    assert most_frequent(np.array([3, 1, 3, 1, 2])) == 1


def test_missing_values_are_compared_by_their_shares_in_numbers_and_categories() -> None:
    real: Rows = [(AGE, np.array([1, np.nan])), (CITY, np.array([0, 2])), (DAYS, np.arange(2))]
    fake: Rows = [(AGE, np.arange(4)), (CITY, np.array([1, 1, 1, 0])), (DAYS, np.arange(4))]
    assert missing_differences(real, fake) == {"age": 0.5, "city": 0.25}
    assert missing_differences(real[2:], fake) == {}
