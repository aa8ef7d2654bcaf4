"""Rows that can't exist: faults of each kind by hand, and none in the training rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from gan_runner.data.column import Column
from gan_runner.evaluation.metrics.impossible import (
    find_faults,
    impossible_rows,
    possible_values,
    worst_columns,
)
from gan_runner.evaluation.metrics.rows import Rows

AGE, PAY, SIZE = Column("age", decimals=0), Column("pay", decimals=2), Column("size")
CITY, JOB = Column("city", ("", "Bern", "Oslo", "Rome")), Column("job", ("cook", "pilot"))

TRAIN: Rows = [
    (AGE, np.array([20, 40, 60])),
    (PAY, np.array([0, 10.25, np.nan])),
    (SIZE, np.array([0.1, 0.2, 0.3])),
    (CITY, np.array([0, 1, 2])),
    (JOB, np.array([0, 0, 1])),
]
POSSIBLE = possible_values(TRAIN)


@dataclass
class Adults:
    """Pilots are of age."""

    text: str = "pilots are 21 or older"

    def violations(self, columns: Rows) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        values = {column.name: own for column, own in columns}
        return np.asarray((values["job"] == 1) & (values["age"] < 21))


def one_row(**changes: float) -> Rows:
    """A row that is possible, with some values changed."""
    values = {"age": 30.0, "pay": 9.99, "size": 0.123456, "city": 1, "job": 1, **changes}
    return [
        (column, np.array([values[column.name]], np.int64 if column.categories else np.float64))
        for column, _ in TRAIN
    ]


def test_training_rows_are_possible() -> None:
    found = impossible_rows(TRAIN, POSSIBLE)
    assert found.share == 0
    assert {faults.share for faults in found.columns.values()} == {0}
    assert list(worst_columns(found, most=3)) == []


@pytest.mark.parametrize(
    ("column", "value", "kind"),
    [
        ("age", 19, "outside"),
        ("age", 61, "outside"),
        ("size", 0.3000001, "outside"),
        ("pay", np.inf, "outside"),
        ("city", 3, "unseen"),
        ("age", np.nan, "unseen"),
        ("size", np.nan, "unseen"),
        ("age", 30.5, "wrong_type"),
        ("pay", 3.999, "wrong_type"),
    ],
)
def test_a_value_that_training_rows_rule_out_is_a_fault_of_its_kind(
    column: str, value: float, kind: str
) -> None:
    found = impossible_rows(one_row(**{column: value}), POSSIBLE)
    assert found.share == 1
    faults = found.columns.pop(column)._asdict()  # type: ignore[attr-defined]
    assert faults.pop("share") == faults.pop(kind) == 1
    assert set(faults.values()) == {0}
    assert {each.share for each in found.columns.values()} == {0}


@pytest.mark.parametrize(
    ("column", "value"), [("age", 60), ("pay", np.nan), ("pay", 10.25), ("city", 0), ("city", 2)]
)
def test_a_value_that_training_rows_show_is_none(column: str, value: float) -> None:
    assert impossible_rows(one_row(**{column: value}), POSSIBLE).share == 0


def test_a_row_with_two_faults_counts_once_in_all_and_in_each_column() -> None:
    rows = [
        (column, np.concatenate([wrong, right]))
        for (column, wrong), (_, right) in zip(one_row(age=9, city=3), one_row(), strict=True)
    ]
    found = impossible_rows(rows, POSSIBLE)
    assert found.share == 0.5
    assert (found.columns["age"].share, found.columns["city"].share) == (0.5, 0.5)
    assert list(worst_columns(found, most=9)) == [("age", 0.5), ("city", 0.5)]
    assert list(worst_columns(found, most=1)) == [("age", 0.5)]


def test_a_row_that_breaks_a_constraint_is_impossible() -> None:
    found = impossible_rows(one_row(age=20), POSSIBLE, [Adults()])
    assert found.share == 1
    assert found.constraints == {"pilots are 21 or older": 1}
    assert {faults.share for faults in found.columns.values()} == {0}
    assert impossible_rows(one_row(age=22), POSSIBLE, [Adults()]).share == 0


def test_decimals_are_those_that_the_type_of_the_numbers_can_hold() -> None:
    column = Column("x", decimals=2)
    for kind in np.float32, np.float64:
        values = (np.arange(100_000, 200_000) / 100).astype(kind)
        possible = possible_values([(column, values)])["x"]
        assert not np.any(find_faults(values, possible))
    off = np.array([1234.567])
    assert find_faults(off, possible)[2].tolist() == [True]


def test_a_column_that_training_rows_leave_empty_has_no_possible_number() -> None:
    empty = possible_values([(PAY, np.full(3, np.nan))])
    assert impossible_rows([(PAY, np.array([1.5, np.nan]))], empty).share == 0.5


def test_a_share_of_no_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="no rows"):
        impossible_rows([(AGE, np.zeros(0))], POSSIBLE)


def test_a_range_can_reach_further_and_never_less() -> None:
    (possible,) = possible_values([(Column("end", decimals=0), np.array([3.0, 5.0]))]).values()
    assert possible.reaching(1.0, 4.0)[1:3] == (1.0, 5.0)
    assert possible.reaching(None, None) == possible
