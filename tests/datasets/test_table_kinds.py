"""Columns as they are: dates, identifiers, constants; what is learned of them, and written back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from conftest import EVERY_DATASET

from gan_runner.config.column_settings import complete_columns
from gan_runner.config.component import build_component
from gan_runner.config.groups import conf_folder
from gan_runner.data import Column, Data
from gan_runner.data.dates import DateForm
from gan_runner.datasets import Tabular
from gan_runner.datasets.readers.dates import find_dates
from gan_runner.errors import ConfigError, DataError
from gan_runner.logs.terminal import Terminal

Load = Callable[..., Data]
ROWS = 60


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads a table of these columns, each a function of the row, all of it for training."""
    settings = yaml.safe_load((conf_folder() / "dataset" / "table.yaml").read_text())["dataset"]

    def call(cells: dict[str, Callable[[int], object]], /, **values: Any) -> Data:
        path = tmp_path / "table.csv"
        rows = [";".join(str(cell(row)) for cell in cells.values()) for row in range(ROWS)]
        path.write_text("\n".join([";".join(cells), *rows]) + "\n")
        node = EVERY_DATASET | settings | {"path": str(path), "label": None, "test_ratio": 0}
        table = build_component(node | values, Tabular, where="dataset")
        return table.load(tmp_path, Terminal().track)

    return call


def number(row: int) -> str:
    """Different numbers with two decimals."""
    return f"{np.sin(row) * 9:.2f}"


def column(data: Data, name: str) -> Column:
    assert data.space.columns is not None
    return next(each for each in data.space.columns.columns if each.name == name)


def written(data: Data, name: str) -> list[str]:
    """The cells of a column as samples that are the training rows have them."""
    assert data.space.columns is not None
    names, *rows = data.space.columns.rows(data.in_memory, data.labels, data.space.origin)
    return [row[names.index(name)] for row in rows]


def role(data: Data, name: str) -> str:
    return next(each.role for each in data.reading.columns if each.name == name)


# ---------------------------------------------------------------- dates


def day(row: int, pattern: str) -> str:
    return DateForm(pattern).cells(np.array([18_262.0 + 13 * row]))[0]


def minute(row: int, pattern: str) -> str:
    return DateForm(pattern, "minutes").cells(np.array([26_297_280.0 + 1_733 * row]))[0]


@pytest.mark.parametrize(
    "pattern",
    [
        *("%Y-%m-%d", "%d.%m.%Y", "%-d.%-m.%Y", "%m/%d/%Y", "%-m/%-d/%y", "%Y/%m/%d"),
        *("%-d %B %Y", "%b %-d, %Y", "%d-%^b-%y", "%B %d, %Y", "%d.%m.%y"),
    ],
)
def test_many_dates_are_days_and_written_back_as_they_were(pattern: str, load: Load) -> None:
    cells = {"when": lambda row: day(row, pattern), "x": number}
    data = load(cells)
    assert role(data, "when") == "date"
    assert written(data, "when") == [day(row, pattern) for row in range(ROWS)]
    assert np.ptp(data.in_memory[:, 0].numpy()) == 13 * (ROWS - 1)


@pytest.mark.parametrize(
    "pattern",
    [
        *("%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%SZ", "%d.%m.%Y %H:%M", "%-m/%-d/%Y %-I:%M %p"),
        *("%Y-%m-%dT%H:%M:%S+01:00", "%d %b %Y %H:%M:%S"),
    ],
)
def test_dates_with_times_keep_their_minutes(pattern: str, load: Load) -> None:
    data = load({"when": lambda row: minute(row, pattern), "x": number})
    assert written(data, "when") == [minute(row, pattern) for row in range(ROWS)]
    assert column(data, "when").dates == DateForm(pattern, "minutes")


def test_seconds_months_and_times_of_day_have_units_of_their_own(load: Load) -> None:
    cells = {
        "second": lambda row: f"2020-03-01 12:{row:02}:{row * 7 % 60:02}",
        "fraction": lambda row: f"2020-03-01 12:00:{row:02}.{row % 10}",
        "month": lambda row: f"{2015 + row // 12}-{row % 12 + 1:02}",
        "clock": lambda row: f"{row % 24:02}:{row:02}",
    }
    data = load(cells)
    forms = [column(data, name).dates for name in cells]
    assert [form.unit for form in forms if form] == ["seconds", "seconds", "months", "minutes"]
    for name, cell in cells.items():
        assert written(data, name) == [cell(row) for row in range(ROWS)]


def test_three_spellings_are_one_column_in_the_most_frequent_one(load: Load) -> None:
    patterns = ["%Y-%m-%d", "%d.%m.%Y", "%Y-%m-%d", "%b %-d, %Y"]
    data = load({"when": lambda row: day(row, patterns[row % 4]), "x": number})
    assert written(data, "when") == [day(row, "%Y-%m-%d") for row in range(ROWS)]
    (warning,) = data.reading.warnings
    assert "dates in 3 forms, as 2020-01-01 (30 rows), " in warning
    assert "ignore=[when]" in warning


def test_a_day_that_may_be_a_month_is_said_with_the_setting_that_decides(load: Load) -> None:
    cells = {"when": lambda row: f"{row % 12 + 1:02}/{row % 11 + 1:02}/2020", "x": number}
    (warning,) = load(cells).reading.warnings
    assert "is read as %m/%d/%Y" in warning
    assert "'dataset.columns.when.format=\"%d/%m/%Y\"'" in warning
    cells["when"] = lambda row: f"{row % 12 + 1:02}/{row % 28 + 1:02}/2020"
    assert not load(cells).reading.warnings


def test_a_missing_date_is_missing_in_samples(load: Load) -> None:
    cells = {"when": lambda row: day(row, "%d.%m.%Y") if row % 5 else "NA", "x": number}
    data = load(cells)
    assert [cell == "" for cell in written(data, "when")] == [row % 5 == 0 for row in range(ROWS)]


def test_a_text_among_dates_is_named_with_its_line(load: Load) -> None:
    with pytest.raises(DataError, match=r"dates, as %Y-%m-%d, but soon in line 9.*soon"):
        load({"when": lambda row: "soon" if row == 7 else day(row, "%Y-%m-%d"), "x": number})


def test_a_day_that_no_month_has_is_no_date() -> None:
    assert np.isnan(DateForm("%Y-%m-%d").numbers(["2021-02-29", "2020-13-01", "x"])).all()
    assert DateForm("%Y-%m-%d").numbers(["2020-02-29"]) == [18_321]


@pytest.mark.parametrize("cell", ["192.168.1.1", "2020-Q1", "1-2-3", "20200303", "A4", "3/4"])
def test_other_texts_with_digits_are_no_dates(cell: str) -> None:
    assert find_dates({cell: 1}) is None


def test_a_pattern_that_is_none_is_refused_by_its_directive() -> None:
    with pytest.raises(ValueError, match="%Q isn't read"):
        DateForm("%Y-%Q")
    with pytest.raises(ValueError, match="A date has a year"):
        DateForm("%d")


def test_bounds_of_dates_are_dates(load: Load) -> None:
    cells = {"when": lambda row: day(row, "%d.%m.%Y"), "x": number}
    asked = {"columns": {"when": {"bounds": ["2020-01-01", "31.12.2023"]}}}
    encoding = column(load(cells, **asked), "when").encoding
    assert encoding is not None
    known = encoding.modes[0].knots
    assert known[-1] - known[0] == 365 * 4 + 1 - 1
    for bounds, fault in (
        (["2020-02-01", "2023-01-01"], "dates outside of the bounds of column when"),
        (["2023-01-01", "2020-02-01"], "the first bound isn't before the second"),
        (["soon", "2020-02-01"], "bounds of column when that aren't dates"),
    ):
        with pytest.raises((ConfigError, DataError), match=fault):
            load(cells, columns={"when": {"bounds": bounds}})
    with pytest.raises(ConfigError, match="bounds of numbers aren't texts"):
        load(cells, columns={"x": {"bounds": ["2020-02-01", "2020-03-01"]}})


# ---------------------------------------------------------------- identifiers and constants


@pytest.mark.parametrize(
    ("cell", "first"),
    [
        (lambda row: row + 1, "61"),
        (lambda row: f"A-{row:04}", "A-0060"),
        (lambda row: f"u{row}@x.org", "u60@x.org"),
        (lambda row: f"{row * 7919 % 997}-{row * 31 % 89}-{row}b{row * 3}", "key 1"),
    ],
)
def test_identifiers_are_not_learned_and_samples_have_new_ones(
    cell: Callable[[int], object], first: str, load: Load
) -> None:
    data = load({"key": cell, "x": number})
    assert data.space.shape == (1,)
    assert role(data, "key") == "identifier"
    assert written(data, "key")[0] == first
    assert len({*written(data, "key")} | {str(cell(row)) for row in range(ROWS)}) == 2 * ROWS
    assert "column key has a number of its own in each row" in "\n".join(data.reading.warnings)


def test_an_identifier_that_is_named_numeric_is_learned(load: Load) -> None:
    data = load({"key": lambda row: row, "x": number}, numeric=["key"])
    assert written(data, "key") == [str(row) for row in range(ROWS)]
    assert not data.reading.warnings


def test_a_constant_is_not_learned_and_written_as_it_was(load: Load) -> None:
    data = load({"unit": lambda row: "5.50 kg", "n": lambda row: "007", "x": number})
    assert data.space.shape == (1,)
    assert [role(data, name) for name in ("unit", "n")] == ["constant", "constant"]
    assert set(written(data, "unit")) == {"5.50 kg"} and set(written(data, "n")) == {"007"}


def test_a_column_of_one_value_and_missing_ones_is_no_constant(load: Load) -> None:
    data = load({"k": lambda row: "5" if row % 3 else "", "x": number})
    assert written(data, "k") == ["5" if row % 3 else "" for row in range(ROWS)]


# ---------------------------------------------------------------- settings of single columns


def grade(row: int) -> str:
    return ("low", "high", "middle")[row % 3]


def test_an_ordinal_has_the_order_of_its_settings(load: Load) -> None:
    columns = {"k": {"kind": "ordinal", "order": ["low", "middle", "high"]}}
    data = load({"k": grade, "x": number}, columns=columns)
    assert column(data, "k").categories == ("low", "middle", "high")
    assert role(data, "k") == "ordinal"
    columns["k"]["order"] = ["low", "high"]
    with pytest.raises(DataError, match="order of column k lacks, middle"):
        load({"k": grade, "x": number}, columns=columns)


def test_a_format_decides_which_number_is_the_day(load: Load) -> None:
    cells = {"when": lambda row: f"{row % 12 + 1:02}/{row % 11 + 1:02}/2020", "x": number}
    for pattern in ("%d/%m/%Y", "%m/%d/%Y"):
        data = load(cells, columns={"when": {"format": pattern}})
        form = column(data, "when").dates
        assert form is not None and form.pattern == pattern
        assert not data.reading.warnings
    with pytest.raises(DataError, match="dates, as %Y-%m, but 01/01/2020 in line 2 and"):
        load(cells, columns={"when": {"format": "%Y-%m"}})


def test_bounds_that_are_numbers_reach_beyond_the_data_and_spikes_are_choices(load: Load) -> None:
    settings = {"bounds": [-50, 200], "spikes": [3, 5]}
    data = load({"n": lambda row: row % 41 + 1, "x": number}, columns={"n": settings})
    encoding = column(data, "n").encoding
    assert encoding is not None and encoding.spikes == (3, 5)
    ends = encoding.modes[0].knots
    assert (ends[0], ends[-1]) == (-50, 200)
    with pytest.raises(DataError, match="2 numbers outside of the bounds of column n, the"):
        load({"n": lambda row: row % 41 + 1, "x": number}, columns={"n": {"bounds": [2, 50]}})


def test_encodings_are_those_of_the_column(load: Load) -> None:
    cells = {"n": lambda row: row * row, "x": number}
    columns = {"n": {"encoding": "plain", "bounds": "none", "spikes": []}}
    data = load(cells, columns=columns)
    assert column(data, "n").encoding is None
    encoding = column(data, "x").encoding
    assert encoding is not None and len(encoding.modes[0].knots) > 2


def test_rare_categories_are_merged_only_when_asked(load: Load) -> None:
    cells = {"k": lambda row: f"t{row % 40 if row % 2 else 0}", "x": number}
    with pytest.raises(DataError, match=r"merge those with .*: dataset\.columns\.k\.rare=0\.02"):
        load({"k": lambda row: f"t{row if row % 3 else 0}", "x": number})
    assert len(column(load(cells), "k").categories) == 21
    data = load(cells, columns={"k": {"rare": 0.1}})
    assert column(data, "k").categories == ("t0", "(other)")
    assert "20 categories of column k with less than 10 %" in data.reading.decisions[0].text


def test_settings_of_another_kind_are_refused(load: Load) -> None:
    with pytest.raises(ConfigError, match=r"k is read as categories, dataset\.columns\.k\.bounds"):
        load({"k": grade, "x": number}, columns={"k": {"bounds": "none"}})
    with pytest.raises(ConfigError, match=r"no such column, dataset\.columns\.y\. .*x"):
        load({"k": grade, "x": number}, columns={"y": {"kind": "number"}})
    with pytest.raises(ConfigError, match="named twice"):
        load({"k": grade, "x": number}, columns={"k": {"kind": "ignore"}}, numeric=["k"])
    with pytest.raises(ConfigError, match=r"columns\.k.*An ordinal needs its order"):
        load({"k": grade, "x": number}, columns={"k": {"kind": "ordinal"}})


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("number", "numeric"),
        ("category", "categorical"),
        ("identifier", "identifier"),
        ("ignore", "ignored"),
    ],
)
def test_a_kind_that_is_set_is_the_one_that_is_read(kind: str, found: str, load: Load) -> None:
    data = load({"k": lambda row: row % 7, "x": number}, columns={"k": {"kind": kind}})
    assert role(data, "k") == found


def test_a_column_that_its_own_settings_ignore_is_told_so(load: Load) -> None:
    data = load(
        {"k": grade, "x": number, "y": number}, columns={"k": {"kind": "ignore"}}, ignore=["y"]
    )
    found = {each.why: each.names for each in data.reading.left_out}
    assert found == {"dataset.columns, kind: ignore": ("k",), "dataset.ignore": ("y",)}


@pytest.mark.parametrize(
    ("settings", "warns"),
    [
        ({"bounds": "none", "number_encoding": "modes"}, True),
        ({"bounds": "none", "columns": {"x": {"encoding": "quantile"}}}, True),
        ({"number_encoding": "modes", "columns": {"x": {"bounds": "none"}}}, True),
        ({"bounds": "none"}, False),
        ({"bounds": "none", "number_encoding": "plain"}, False),
        ({"number_encoding": "modes"}, False),
    ],
)
def test_an_encoding_that_numbers_without_bounds_have_not_is_a_warning(
    settings: dict[str, Any], warns: bool, load: Load
) -> None:
    warnings = load({"x": number, "k": grade}, **settings).reading.warnings
    assert any("standardized, without another encoding: x" in each for each in warnings) is warns


def test_yaml_reads_bounds_as_dates_and_they_stay_texts(tmp_path: Path) -> None:
    file = tmp_path / "columns.yaml"
    file.write_text("when:\n  bounds: [2020-01-01, 2023-12-31]\n")
    assert complete_columns(str(file)) == {"when": {"bounds": ["2020-01-01", "2023-12-31"]}}


@pytest.mark.parametrize(
    ("answers", "is_told"), [("yn", True), ("01", True), (["Yes", "No"], True), ("ab", False)]
)
def test_a_column_of_two_answers_is_told_to_be_yes_or_no(
    answers: Sequence[str], is_told: bool, load: Load
) -> None:
    data = load({"k": lambda row: answers[row % 2], "x": number}, columns={"k": {"kind": "yes_no"}})
    note = next(each.note for each in data.reading.columns if each.name == "k")
    assert ("yes/no" in note) is is_told
    assert len(column(data, "k").categories) == 2
    with pytest.raises(DataError, match="3 different answers in column k"):
        load({"k": lambda row: row % 3, "x": number}, columns={"k": {"kind": "yes_no"}})
