"""Rules that are found in a table hold in all of its rows, and not by chance."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_iris

from gan_runner.data import Column, find_rules
from gan_runner.data.rules import MOST_COLUMNS

Table = list[tuple[Column, NDArray[Any]]]


def texts(table: Table) -> list[str]:
    return [rule.text for rule in find_rules(table).rules]


def categorical(name: str, codes: NDArray[Any], *, missing: bool = False) -> Any:
    """A column of as many categories as there are codes, the last one missing."""
    names = [f"{name}{code}" for code in range(int(codes.max()) + 1)]
    return Column(name, (*names[:-1], "") if missing else tuple(names)), codes.astype(np.int64)


@pytest.fixture
def schools() -> Table:
    """Education and its number of years, each a function of the other, beside columns of chance."""
    rng = np.random.default_rng(0)
    level = rng.integers(0, 16, 2000)
    return [
        categorical("education", level),
        (Column("years", decimals=0), ((level * 7) % 16 + 1).astype(np.float64)),
        categorical("group", level // 4),
        categorical("sex", rng.integers(0, 2, 2000)),
        (Column("age", decimals=0), rng.integers(17, 91, 2000).astype(np.float64)),
        (Column("weight"), rng.normal(size=2000)),
    ]


def test_a_column_that_is_a_function_of_another_is_found(schools: Table) -> None:
    assert texts(schools) == ["education -> years", "education -> group", "years -> education"]


def test_a_single_row_that_breaks_it_ends_a_rule(schools: Table) -> None:
    schools[1][1][-1] = 1 + schools[1][1][-1] % 16
    assert texts(schools) == ["education -> group"]


def test_rules_that_are_found_are_broken_by_no_row(schools: Table) -> None:
    values = {column.name: each for column, each in schools}
    for rule in find_rules(schools).rules:
        assert not rule.violations(values).any()


def test_missing_values_break_no_rule() -> None:
    rng = np.random.default_rng(0)
    level = rng.integers(0, 5, 1000)
    years = level * 2.0
    years[::7] = np.nan
    table = [categorical("level", np.where(np.arange(1000) % 5, level, 4), missing=True),
             (Column("years"), years)]  # fmt: skip
    assert "level -> years" in texts(table)


def test_what_determines_everything_or_is_constant_makes_no_rule() -> None:
    rng = np.random.default_rng(0)
    few = rng.integers(0, 3, 500)
    table: Table = [
        (Column("id", decimals=0), np.arange(500.0)),
        (Column("measured"), rng.normal(size=500)),
        categorical("few", few),
        categorical("same", np.zeros(500, np.int64)),
    ]
    assert texts(table) == []


def test_a_dependency_that_chance_explains_is_not_found() -> None:
    # 240 of 500 values once or twice; a rare category in two rows agrees within them by chance
    codes = np.concatenate([np.arange(240), np.arange(240), np.arange(20)])
    rare = np.zeros(500, np.int64)
    rare[[0, 240, 480]] = 1
    assert texts([categorical("code", codes), categorical("rare", rare)]) == []


def test_numbers_in_order_are_found_where_their_ranges_overlap() -> None:
    rng = np.random.default_rng(0)
    start = rng.uniform(0, 100, 1000).round(1)
    table: Table = [
        (Column("start"), start),
        (Column("end"), start + rng.integers(0, 50, 1000)),
        (Column("above"), start + 1000),  # no overlap
        (Column("large"), start * 15),  # of another magnitude
        (Column("other"), rng.uniform(0, 100, 1000)),
    ]
    assert texts(table) == ["start <= end"]
    table[1][1][3] = -1.0
    assert texts(table) == []


def test_an_order_that_nearly_always_holds_by_itself_is_not_found() -> None:
    rng = np.random.default_rng(0)
    low, high = rng.uniform(0, 50, 20_000), rng.uniform(90, 100, 20_000)
    low[high > 99.95] = 95.0  # in 0.5 % of the rows, in which the other could be smaller
    assert texts([(Column("low"), low), (Column("high"), high)]) == []
    low[high > 99] = 95.0
    assert texts([(Column("low"), low), (Column("high"), high)]) == ["low <= high"]


def test_orders_that_follow_from_others_are_left_out() -> None:
    rng = np.random.default_rng(0)
    steps = rng.exponential(size=(3, 1000)).cumsum(0)
    table: Table = [(Column(name), each) for name, each in zip("cba", steps, strict=True)]
    assert texts(table) == ["c <= b", "b <= a"]


def test_equal_columns_are_in_no_order() -> None:
    same = np.random.default_rng(0).normal(size=500)
    assert texts([(Column("a"), same), (Column("b"), same.copy())]) == []


def test_missing_numbers_are_in_any_order() -> None:
    rng = np.random.default_rng(0)
    start = rng.uniform(0, 100, 1000)
    end = start + rng.uniform(0, 50, 1000)
    start[::3], end[::5] = np.nan, np.nan
    assert texts([(Column("start"), start), (Column("end"), end)]) == ["start <= end"]


def test_the_rules_of_irises_are_orders_of_their_petals() -> None:
    data = load_iris()
    table: Table = [
        (Column(name, decimals=1), data.data[:, place])
        for place, name in enumerate(data.feature_names)
    ]
    assert '"petal width (cm)" <= "petal length (cm)"' in texts(table)


def test_the_first_columns_of_a_wide_table_are_compared_and_their_number_is_told() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 5, 300)
    table = [categorical(f"c{place}", (codes + place) % 5) for place in range(5000)]
    begin = time.process_time()
    found = find_rules(table)
    assert (found.compared, found.columns) == (MOST_COLUMNS, 5000)
    assert time.process_time() - begin < 30
    assert all(
        name in {f"c{p}" for p in range(MOST_COLUMNS)} for r in found.rules for name in r.columns
    )


def test_a_table_without_rows_or_columns_has_no_rules() -> None:
    assert find_rules([]).rules == ()
    assert find_rules([(Column("a"), np.zeros(0)), (Column("b"), np.zeros(0))]).rules == ()


def test_finding_rules_leaves_the_random_state_of_numpy_alone(schools: Table) -> None:
    np.random.seed(3)
    find_rules(schools)
    after = np.random.random()
    np.random.seed(3)
    assert np.random.random() == after
