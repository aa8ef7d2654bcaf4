"""The table report: columns and pairs of columns, real against sampled, and its file."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gan_runner.data import Column
from gan_runner.errors import CheckpointError
from gan_runner.evaluation.metrics.tables import ks_distance
from gan_runner.evaluation.table_report.associations import (
    association,
    correlation_ratio,
    cramers_v,
    pearson,
)
from gan_runner.evaluation.table_report.compare import compare_tables
from gan_runner.evaluation.table_report.report import (
    MOST_BARS,
    MOST_BINS,
    MOST_COLUMNS,
    MOST_PAIRED,
    ComparedColumn,
    TableReport,
    read_table_report,
    write_table_report,
)
from gan_runner.evaluation.table_report.shares import (
    column_distance,
    compare_column,
)
from gan_runner.logs.log import rewind
from gan_runner.storage.run_folder import RunFolder

RNG = np.random.default_rng(0)
AGE = Column("age", decimals=0)
NAN = math.nan


def compared(column: Column, real: Any, sampled: Any) -> ComparedColumn:
    of_real, of_sampled = np.asarray(real), np.asarray(sampled)
    distance = column_distance(column, of_real, of_sampled)
    return compare_column(column, of_real, of_sampled, distance)


def shares(found: ComparedColumn) -> dict[str, tuple[float, float]]:
    return {bar.name or bar.kind: (bar.real, bar.sampled) for bar in found.bars}


# ---------------------------------------------------------------- distances


def test_the_distance_of_numbers_is_the_largest_step_between_distribution_functions() -> None:
    from scipy.stats import ks_2samp

    real, sampled = RNG.normal(size=501).round(1), RNG.normal(0.3, 2, size=300).round(1)
    assert ks_distance(real, sampled) == pytest.approx(ks_2samp(real, sampled).statistic)
    assert ks_distance(real, real) == 0
    assert ks_distance(np.array([1, 2]), np.array([3, 4])) == 1


def test_missing_numbers_count_as_larger_than_all_others() -> None:
    full, holed = np.array([1.0, 2, 3, 4]), np.array([1.0, NAN, NAN, NAN])
    assert ks_distance(full, holed) == 0.75
    assert ks_distance(holed, holed) == 0
    assert ks_distance(holed[1:], holed[1:]) == 0


def test_the_distance_of_categories_is_their_total_variation() -> None:
    kind = Column("kind", ("a", "b", ""))
    assert compared(kind, [0, 0, 1, 2], [0, 0, 0, 0]).distance == 0.5


def test_columns_of_no_rows_can_not_be_compared() -> None:
    with pytest.raises(ValueError, match="no rows"):
        ks_distance(np.array([]), np.array([1.0]))


# ---------------------------------------------------------------- histograms and bars


def test_shares_of_a_column_with_spikes_and_missing_values_add_up_to_all_rows() -> None:
    real = np.where(RNG.random(2000) < 0.6, 0, RNG.gamma(2, 900, 2000)).round(1)
    real[:100] = NAN
    sampled = RNG.normal(1000, 900, 1500).round(1)
    found = compared(Column("gain", decimals=1), real, sampled)
    assert found.histogram is not None
    for side, values in (("real", real), ("sampled", sampled)):
        bars = sum(getattr(bar, side) for bar in found.bars)
        assert bars + sum(getattr(found.histogram, side)) == pytest.approx(1, abs=1e-3)
        assert shares(found)["0"][side == "sampled"] == pytest.approx(
            (values == 0).mean(), abs=1e-4
        )
    assert shares(found)["missing"] == (0.05, 0)


def test_numbers_that_no_real_row_reaches_are_bars_of_their_own() -> None:
    real = RNG.integers(17, 91, 3000)
    found = compared(AGE, real, np.concatenate([real, np.full(600, -13), np.full(400, 132)]))
    low, high = f"less than {real.min()}", f"more than {real.max()}"
    assert shares(found) == {low: (0, 0.15), high: (0, 0.1)}
    assert [bar.kind for bar in found.bars] == ["below", "above"]
    assert found.histogram is not None
    assert found.histogram.ends == (real.min(), real.max())
    assert sum(found.histogram.sampled) == pytest.approx(0.75, abs=1e-3)


@pytest.mark.parametrize(("decimals", "unit"), [(0, 1.0), (2, 0.01)])
def test_rounded_numbers_have_as_many_different_ones_in_each_bin(
    decimals: int, unit: float
) -> None:
    values = (np.tile(np.arange(17, 91), 40) * unit).round(decimals)
    found = compared(Column("x", decimals=decimals), values, values).histogram
    assert found is not None
    assert len(found.real) <= MOST_BINS
    full, last = set(found.real[:-1]), found.real[-1]
    assert len(full) == 1 and 0 < last <= full.pop()


def test_numbers_with_a_long_tail_have_a_logarithmic_scale() -> None:
    tail = np.exp(RNG.normal(0, 3, 4000))
    found = compared(Column("money"), tail, tail).histogram
    assert found is not None and found.scale == "logarithmic"
    assert max(found.real) < 0.3
    plain = compared(Column("x"), tail - 5, tail - 5).histogram
    assert plain is not None and plain.scale == "linear"


@pytest.mark.parametrize(
    "values",
    [
        np.full(50, 3.0),
        np.full(50, NAN),
        np.array([NAN, 2.5]),
        np.full(50, 7, np.int64),
        np.array([2**63 + 5] * 9 + [2**63 + 4097], np.uint64),
        np.array([1e17, 1e17 + 64] * 20),
        np.array([-3e38, 3e38, 0.0]),
        np.arange(10.0),
    ],
)
@pytest.mark.parametrize("decimals", [None, 0, 3])
def test_a_column_of_odd_numbers_is_as_real_as_itself(
    values: NDArray[Any], decimals: int | None
) -> None:
    found = compared(Column("x", decimals=decimals), values, values)
    assert found.distance == 0
    pairs = [(bar.real, bar.sampled) for bar in found.bars]
    if found.histogram is not None:
        pairs += zip(found.histogram.real, found.histogram.sampled, strict=True)
    assert all(real == sampled for real, sampled in pairs)
    assert sum(real for real, _ in pairs) == pytest.approx(1, abs=1e-4)


def test_few_numbers_are_bars_and_others_than_those_one_more() -> None:
    grades = np.repeat([1.0, 2.0, 3.0], 50)
    found = compared(AGE, grades, np.repeat([1.0, 2.0, 9.0], 50))
    assert found.histogram is None
    assert list(shares(found)) == ["1", "2", "3", "other numbers"]
    assert shares(found)["other numbers"] == pytest.approx((0, 1 / 3), abs=1e-4)


def test_the_most_frequent_categories_have_bars_and_the_rest_has_one() -> None:
    names = tuple(f"c{k}" for k in range(60))
    real = np.repeat(np.arange(60), np.arange(60, 0, -1))
    sampled = np.full(100, 59)  # rare, and all that samples have
    bars = compared(Column("c", names), real, sampled).bars
    assert [bar.name for bar in bars] == [*names[:9], "c59", "50 others"]
    assert sum(bar.real for bar in bars) == pytest.approx(1, abs=1e-3)
    assert bars[-2].sampled == 1


def test_a_rare_missing_category_is_shown() -> None:
    names = (*(f"c{k}" for k in range(60)), "")
    real = np.append(np.repeat(np.arange(60), 5), 60)
    found = compared(Column("c", names), real, real)
    assert [bar.kind for bar in found.bars].count("missing") == 1


# ---------------------------------------------------------------- associations


def test_pearsons_correlation_is_that_of_numpy() -> None:
    x = RNG.normal(size=400)
    y = RNG.normal(size=400) - x
    assert pearson(x, y) == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert pearson(x, -2 * x + 1e9) == pytest.approx(-1)
    assert pearson((1e200 * x), y) == pytest.approx(np.corrcoef(x, y)[0, 1])


def test_cramers_v_is_that_of_chi_squared() -> None:
    from scipy.stats.contingency import association as reference

    one, other = RNG.integers(0, 4, 900), RNG.integers(0, 6, 900)
    other = np.where(RNG.random(900) < 0.4, one, other)
    counts = np.zeros((4, 6), int)
    np.add.at(counts, (one, other), 1)
    assert cramers_v(one, other) == pytest.approx(reference(counts, method="cramer"))
    assert cramers_v(one, 3 * one) == pytest.approx(1)
    assert cramers_v(np.arange(4).repeat(25), np.tile(np.arange(5), 20)) < 1e-6


def test_the_correlation_ratio_is_the_share_of_variance_between_categories() -> None:
    # the example of Wikipedia, "Correlation ratio": algebra, geometry, statistics
    marks = np.array([45, 70, 29, 15, 21, 40, 20, 30, 42, 65, 95, 80, 70, 85, 73])
    subjects = np.array([0] * 5 + [1] * 4 + [2] * 6)
    assert correlation_ratio(subjects, marks) ** 2 == pytest.approx(6780 / 9640)
    assert correlation_ratio(subjects, 5 * subjects) == pytest.approx(1)


def test_a_constant_is_associated_with_nothing() -> None:
    x, same = RNG.normal(size=20), np.zeros(20, np.int64)
    kinds = np.arange(20) % 3
    assert pearson(x, same) == cramers_v(kinds, same) == cramers_v(same, kinds) == 0
    assert correlation_ratio(same, x) == pytest.approx(0)
    assert correlation_ratio(kinds, same) == 0


def test_rows_in_which_a_number_is_missing_are_no_part_of_its_associations() -> None:
    x = RNG.normal(size=100)
    holed = x.copy()
    holed[:30] = NAN
    kind = Column("kind", ("a", "b", ""))
    kinds = (x > 0).astype(np.int64)
    assert association((AGE, holed), (Column("y"), x)) == pytest.approx(1)
    expected = correlation_ratio(kinds[30:], x[30:])
    assert association((AGE, holed), (kind, kinds)) == expected
    assert association((kind, kinds), (AGE, holed)) == expected
    assert association((AGE, np.full(100, NAN)), (Column("y"), x)) == 0


# ---------------------------------------------------------------- the report


def table(columns: int, rows: int = 60, seed: int = 0) -> list[tuple[Column, NDArray[Any]]]:
    rng = np.random.default_rng(seed)
    categories = tuple(f"a category with a name of its own {k}" for k in range(30))
    found: list[tuple[Column, NDArray[Any]]] = []
    for k in range(columns):
        if k % 2:
            found.append((Column(f"c{k}", categories), rng.integers(0, 30, rows)))
        else:
            found.append((Column(f"c{k}"), rng.normal(size=rows) * (1 + k % 7)))
    return found


def test_columns_are_reported_the_worst_first() -> None:
    real = table(5, rows=500)
    sampled = [(column, values) for column, values in table(5, rows=500, seed=1)]
    sampled[2] = (real[2][0], real[2][1] + 9)
    found = compare_tables(real, sampled)
    distances = [column.distance for column in found.columns]
    assert found.columns[0].name == "c2"
    assert distances == sorted(distances, reverse=True)
    assert (found.real_rows, found.sampled_rows, found.total_columns) == (500, 500, 5)


def test_the_pairs_of_a_report_stand_row_by_row_below_the_diagonal() -> None:
    real, sampled = table(4), table(4, seed=1)
    found = compare_tables(real, sampled).associations
    places = [(1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2)]
    assert list(found.real) == [
        pytest.approx(association(real[i], real[j]), abs=1e-4) for i, j in places
    ]
    assert found.are_numeric == (True, False, True, False)


def test_a_column_that_samples_lack_is_not_compared() -> None:
    found = compare_tables(table(3), table(3)[1:])
    assert {column.name for column in found.columns} == {"c1", "c2"}


def test_the_report_on_thousands_of_columns_is_a_small_file(tmp_path: Path) -> None:
    found = compare_tables(table(5000), table(5000, seed=1))
    assert len(found.columns) == MOST_COLUMNS
    assert len(found.associations.names) == MOST_PAIRED
    assert found.total_columns == 5000
    write_table_report(tmp_path / "table.json", found)
    assert (tmp_path / "table.json").stat().st_size < 100_000


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    found = replace(compare_tables(table(9), table(9, seed=1)), step=300)
    write_table_report(tmp_path / "table.json", found)
    assert read_table_report(tmp_path / "table.json") == found
    assert [path.name for path in tmp_path.iterdir()] == ["table.json"]


def drawn(found: dict[str, Any]) -> dict[str, Any]:
    """The first histogram of a report."""
    return next(c["histogram"] for c in found["columns"] if c["histogram"])


def plain(tmp_path: Path, report: TableReport) -> dict[str, Any]:
    write_table_report(tmp_path / "table.json", report)
    return dict(json.loads((tmp_path / "table.json").read_text()))


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found.update(step="300"),
        lambda found: found["columns"][0].update(distance=7.0),
        lambda found: found["associations"]["real"].pop(),
        lambda found: found["associations"].update(names=["a"] * 31),
        lambda found: found.update(columns=found["columns"] * 50),
        lambda found: drawn(found)["real"].pop(),
        lambda found: drawn(found).update(edges=[1.0, 0.5], real=[0.0], sampled=[0.0]),
        lambda found: drawn(found).update(
            edges=[-1.0, 2.0], real=[0.0], sampled=[0.0], scale="logarithmic"
        ),
        lambda found: found["columns"][0].update(
            bars=[{"name": "x", "kind": "value", "real": 0.0, "sampled": 0.0}] * (MOST_BARS + 1)
        ),
        lambda found: found["columns"][0].update(name="x" * 2_000_000),
    ],
)
def test_a_file_that_is_no_report_is_refused_by_name(tmp_path: Path, change: Any) -> None:
    found = plain(tmp_path, compare_tables(table(9), table(9, seed=1)))
    change(found)
    (tmp_path / "table.json").write_text(json.dumps(found))
    with pytest.raises(CheckpointError, match=r"unreadable table report, .*table\.json"):
        read_table_report(tmp_path / "table.json")


def test_a_link_instead_of_a_report_is_not_followed(tmp_path: Path) -> None:
    write_table_report(tmp_path / "other.json", compare_tables(table(2), table(2)))
    (tmp_path / "table.json").symlink_to(tmp_path / "other.json")
    with pytest.raises(CheckpointError, match="unreadable table report"):
        read_table_report(tmp_path / "table.json")


@pytest.mark.parametrize(("step", "stays"), [(1, False), (2, True), (3, True)])
def test_a_report_after_the_step_of_a_resume_is_dropped(
    tmp_path: Path, step: int, stays: bool
) -> None:
    folder = RunFolder(tmp_path)
    write_table_report(folder.table, replace(compare_tables(table(2), table(2)), step=2))
    rewind(folder, step)
    assert folder.table.exists() == stays
