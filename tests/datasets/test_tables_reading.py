"""What the reading of a wild table says: each file here would be learned as something else."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from conftest import EVERY_DATASET

from gan_runner.cli.hydra.command_line import read_command_line
from gan_runner.config.component import build_component
from gan_runner.config.groups import conf_folder
from gan_runner.data import Data, LeftOut, Reading
from gan_runner.datasets import Table, Tabular
from gan_runner.datasets.bundled import IRIS
from gan_runner.datasets.readers.notations import find_notation
from gan_runner.datasets.readers.numbers import find_form
from gan_runner.errors import ConfigError, DataError
from gan_runner.logs.terminal import Terminal

Load = Callable[..., Data]
ROWS = 200


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads a table of this text; settings are typed as a message prints them."""
    settings = yaml.safe_load((conf_folder() / "dataset" / "table.yaml").read_text())["dataset"]

    def call(text: str | bytes, typed: str = "", **values: Any) -> Data:
        path = tmp_path / "table.csv"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        overrides = read_command_line(shlex.split(typed)).overrides if typed else ()
        asked = {o.key_or_group.removeprefix("dataset."): o.value() for o in overrides}
        node = EVERY_DATASET | settings | {"path": str(path), "label": None} | values | asked
        table = build_component(node, Tabular, where="dataset")
        return table.load(tmp_path, Terminal().track)

    return call


def table(names: str, *cells: Callable[[int], object], rows: int = ROWS, sep: str = ",") -> str:
    lines = [sep.join(str(cell(row)) for cell in cells) for row in range(rows)]
    return "\n".join([names, *lines]) + "\n"


def number(row: int) -> str:
    """Different numbers with two decimals."""
    return f"{np.sin(row) * 9:.2f}"


def one_of(*texts: object) -> Callable[[int], object]:
    return lambda row: texts[(row * 2654435761 >> 9) % len(texts)]


def remedies(text: str) -> Iterator[str]:
    """The settings in a text, quotes included."""
    setting = r"""(?:'dataset\.[^']*'|dataset\.\w+=[\w.]+\w)"""
    yield from re.findall(rf"{setting}(?: {setting})*", text)


def doubts(reading: Reading) -> str:
    return "\n".join(reading.warnings)


# ---------------------------------------------------------------- missing values


@pytest.mark.parametrize("cell", ["None", "<NA>", "NaT", "#N/A", "NULL", r"\N", "-nan", "?", "NA"])
def test_what_other_programs_write_for_a_missing_value_is_one(cell: str, load: Load) -> None:
    text = table("a,color", number, one_of(cell, "red", "blue"))
    with pytest.raises(DataError, match=r"missing values in .* rows.*color") as found:
        load(text, "dataset.missing=error")
    assert cell in str(found.value)
    dropped = load(text, "dataset.missing=drop", test_ratio=0)
    columns = dropped.space.columns
    assert columns is not None and set(columns.columns[1].categories) == {"red", "blue"}


@pytest.mark.parametrize("cell", ["-", "--", ".", "unknown", "Missing", "n.a."])
def test_what_may_be_a_missing_value_is_doubtful_and_its_remedy_works(
    cell: str, load: Load
) -> None:
    text = table("a,color", number, one_of(cell, "red", "blue"))
    reading = load(text).reading
    assert f"'{cell}' in color" in doubts(reading)
    again = load(text, next(remedies(doubts(reading))))
    assert f"'{cell}' in color" not in doubts(again.reading)
    assert again.reading.columns[1].missing > 0 and not again.reading.left_out


@pytest.mark.parametrize(
    ("cell", "others"),
    [
        ("-999", number),
        ("99", lambda row: 18 + row % 25),
        ("-1", lambda row: row),
        ("9999", number),
        ("-200", lambda row: 400 + row * 11 % 2003),
        ("0", lambda row: 60 + row % 40),
    ],
)
def test_a_number_far_from_all_others_is_doubtful_and_its_remedy_works(
    cell: str, others: Callable[[int], object], load: Load
) -> None:
    text = table("a,k", lambda row: others(row) if row % 7 else cell, one_of("u", "v"))
    reading = load(text).reading
    assert f"{cell} in a" in doubts(reading)
    remedy = next(each for each in remedies(doubts(reading)) if "missing_values" in each)
    assert load(text, remedy).reading.columns[0].missing == 29


@pytest.mark.parametrize("cells", [lambda row: row % 100, lambda row: row - 100, number])
def test_numbers_beside_others_like_them_are_not_doubtful(
    cells: Callable[[int], object], load: Load
) -> None:
    assert "far from" not in doubts(load(table("a,k", cells, one_of("u", "v"))).reading)


def test_a_missing_number_is_missing_however_it_is_written(load: Load) -> None:
    text = table("a,k", one_of("-999", "-999.0", "1.5", "2.5"), one_of("u", "v"))
    data = load(text, missing_values=[-999], missing="drop", test_ratio=0)
    assert data.examples[:, 0].min() == 1.5


def test_many_dropped_rows_are_said_loudly_with_the_column_that_costs_them(load: Load) -> None:
    text = table("a,alley,k", number, lambda row: "" if row % 8 else "x", one_of("u", "v"))
    reading = load(text, "dataset.missing=drop").reading
    assert reading.left_out == (LeftOut(175, 200, "rows", "missing values: alley 175 (empty)"),)
    assert "175 of 200 rows are left out" in doubts(reading)
    assert "'dataset.ignore=[alley]' keeps 200 rows" in doubts(reading)


def test_na_among_codes_of_countries_may_be_namibia(load: Load) -> None:
    text = table("a,country", number, one_of("NA", "DE", "FR"))
    assert "Namibia" in doubts(load(text, "dataset.missing=drop").reading)
    kept = load(text, """'dataset.missing_values=[""]'""").space.columns
    assert kept is not None and "NA" in kept.columns[1].categories


# ---------------------------------------------------------------- the label


@pytest.mark.parametrize(("name", "classes", "rows"), [("label", 26, 800), ("Class", 10, 60)])
def test_a_column_of_numbers_that_is_called_label_is_doubtful_and_its_remedy_works(
    name: str, classes: int, rows: int, load: Load
) -> None:
    text = table(f"a,{name}", number, lambda row: row * 7 % classes, rows=rows)
    reading = load(text, label="auto").reading
    assert "taken for a measurement and not for the label" in doubts(reading)
    label, numbers = remedies(doubts(reading))
    assert load(text, label).classes == classes
    assert doubts(load(text, numbers, label="auto").reading) == ""


def test_a_label_that_was_guessed_by_its_place_is_doubtful(load: Load) -> None:
    text = table("a,city", number, one_of("Ulm", "Bonn"))
    reading = load(text, label="auto").reading
    assert reading.labels == "column city, found as the last categorical column"
    assert "the last column, city, is taken for the label" in doubts(reading)
    for remedy in remedies(doubts(reading)):
        assert doubts(load(text, remedy).reading) == ""


def test_a_class_of_one_row_is_said_to_be_of_a_guessed_label(load: Load) -> None:
    text = table("a,city", number, lambda row: "Gera" if row == 7 else "Ulm")
    with pytest.raises(DataError, match=r"class Gera .* city was taken for .*=null") as found:
        load(text, label="auto")
    assert load(text, next(r for r in remedies(str(found.value)) if "label" in r)).classes == 0


# ---------------------------------------------------------------- numbers as files write them


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["12%", "3.5%"], [12, 3.5]),
        (["$1,200.50", "-$3"], [1200.5, -3]),
        (["€ 3", "€ 4"], [3, 4]),
        (["5 kg", "180 kg"], [5, 180]),
        (["1,234,567", "32,921"], [1234567, 32921]),
        (["1 234", "5"], [1234, 5]),
        (["1\u202f234", "5"], [1234, 5]),
        (["1'234.5", "5"], [1234.5, 5]),
        (["\u22125", "3"], [-5, 3]),
    ],
)
def test_signs_around_and_inside_numbers_are_taken_off(
    cells: list[str], values: list[float]
) -> None:
    form = find_form(cells, decimal=".", thousands=None).form
    assert form is not None
    assert [float(form.plain(cell)) for cell in cells] == values


@pytest.mark.parametrize(
    "cells",
    [["12%", "3"], ["5 kg", "3 g"], ["A1", "A2"], ["2020-01-02"], ["01:30"], ["1,23", "4.56,7"]],
)
def test_texts_with_digits_are_not_numbers(cells: list[str]) -> None:
    assert find_form(cells, decimal=".", thousands=None).problem == "text"


def test_what_was_taken_off_is_said(load: Load) -> None:
    reading = load(table("p,k", lambda row: f"{number(row)}%", one_of("u", "v"))).reading
    assert reading.columns[0].note == "without '%'"
    assert any("without '%'" in decision.text for decision in reading.decisions)


@pytest.mark.parametrize(
    ("decimal", "cell", "value"), [(".", "32,{:03}", 32_000), (",", "8.{:03}", 8_000)]
)
def test_thousands_that_may_be_decimals_are_refused_and_both_remedies_work(
    decimal: str, cell: str, value: int, load: Load
) -> None:
    text = table("n;k", cell.format, one_of("u", "v"), sep=";")
    with pytest.raises(DataError, match="may be a decimal or a thousands sign") as found:
        load(text, decimal=decimal)
    thousands, decimals = remedies(str(found.value))
    assert load(text, thousands, decimal=decimal).examples[:, 0].min() >= value
    other = load(text, decimals, decimal=decimal)
    assert other.examples[:, 0].max() < 100


def test_three_digits_behind_a_point_beside_small_whole_numbers_may_be_thousands(
    load: Load,
) -> None:
    text = table("n;k", lambda row: row if row % 2 else f"8.{row:03}", one_of("u", "v"), sep=";")
    reading = load(text).reading
    assert "three digits behind each '.'" in doubts(reading)
    remedy = next(each for each in remedies(doubts(reading)) if "thousands" in each)
    assert load(text, remedy).examples[:, 0].max() > 8000


def test_numbers_that_begin_with_zero_keep_it(load: Load) -> None:
    data = load(table("zip,k", lambda row: f"{500 + row % 20:05}", one_of("u", "v")))
    columns = data.space.columns
    assert columns is not None and columns.columns[0].categories[0] == "00500"


# ---------------------------------------------------------------- what isn't a measurement


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (table("id,a", lambda row: row + 1, number), "column id has a number of its own"),
        (table(",a", lambda row: row, number), "column Unnamed: 0 has a number of its own"),
        (table("t,a", lambda row: 20200100 + row % 28 + 1, number), "looks like dates"),
        (table("town,a", lambda row: f"t{row % 90}", number), "90 categories with 2.2 rows"),
    ],
)
def test_a_column_that_is_no_measurement_is_doubtful_and_can_be_left_out(
    text: str, said: str, load: Load
) -> None:
    reading = load(text).reading
    assert said in doubts(reading)
    remedy = next(each for each in remedies(doubts(reading)) if "ignore" in each)
    left = load(text, remedy).reading
    assert doubts(left) == ""
    assert left.columns[0].role == "ignored" and left.left_out[0].count == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (table("k,n", one_of("u", "v"), number) + "Total,5\n", "'Total' in column k"),
        ("n\n" + "".join(f"{row}.5\n" for row in range(50)) + "1250\n", "the sum of the others"),
        (table("a,k", number, one_of("Yes", "yes", "no")), "differ only in capitals"),
        (table("39,State", number, one_of("State", "Private")), "State also comes as a value"),
    ],
)
def test_rows_and_categories_that_look_wrong_are_doubtful(text: str, said: str, load: Load) -> None:
    assert said in doubts(load(text, delimiter="," if "," in text else "tab", test_ratio=0).reading)


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (lambda row: f"{1800 + row % 150}-Q1", "150 categories"),
        (lambda row: f"{row} {'kg' if row % 2 else 'g'}", "different units"),
    ],
)
def test_too_many_categories_say_what_they_look_like(
    cells: Callable[[int], str], kind: str, load: Load
) -> None:
    with pytest.raises(DataError, match=kind):
        load(table("t,a", cells, number))


# ---------------------------------------------------------------- many columns


def test_a_remedy_for_thousands_of_columns_is_one_short_pattern(load: Load) -> None:
    names = ",".join(f"ENSG{k}" for k in range(300)) + ",tissue"
    text = table(names, *[one_of(0, 1, 2)] * 300, one_of("liver", "lung"), rows=60)
    warning = load(text).reading.warnings[0]
    assert len(warning) < 300
    numeric, categorical = remedies(warning)
    for remedy, role in (numeric, "numeric"), (categorical, "categorical"):
        reading = load(text, remedy).reading
        assert {column.role for column in reading.columns[:-1]} == {role}
        assert not any("few whole" in each for each in reading.warnings)


def test_a_remedy_keeps_what_is_set_by_now(load: Load) -> None:
    text = table("id,b,a", lambda row: row, number, number)
    reading = load(text, ignore=["b"]).reading
    assert "'dataset.ignore=[b,id]'" in doubts(reading)


def test_a_name_wins_over_a_pattern_and_two_patterns_are_refused(load: Load) -> None:
    text = table("n1,n2,x", one_of(0, 1), one_of(0, 1), number)
    columns = load(text, numeric=["n*"], categorical=["n2"]).reading.columns
    assert [column.role for column in columns] == ["numeric", "categorical", "numeric"]
    with pytest.raises(ConfigError, match="column n2 is named twice"):
        load(text, numeric=["n*"], ignore=["?2"])


def test_names_that_hydra_reads_as_numbers_are_names(load: Load) -> None:
    text = table("2020,1,k", number, one_of("u", "v"), one_of("r", "s"))
    reading = load(text, ignore=[2020], label=1).reading
    assert [column.role for column in reading.columns] == ["ignored", "label", "categorical"]


# ---------------------------------------------------------------- odd files


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "sep=,\n" + text,
        lambda text: "# made by x\n# 2020, y\n" + text + "# end\n",
        lambda text: text.replace("\n", ",\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: text.encode("utf-16"),
        lambda text: text.encode("utf-8-sig"),
    ],
)
def test_odd_files_hold_the_same_table(change: Callable[[str], str | bytes], load: Load) -> None:
    text = table("größe,k", number, one_of("ü", "v"))
    plain, odd = load(text), load(change(text))
    assert odd.examples.equal(plain.examples)
    assert [c.name for c in odd.reading.columns][:2] == ["größe", "k"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (table("größe,k", number, one_of("ü", "v")).encode("cp1252"), "dataset.encoding=cp1252"),
        (table("a  b", number, one_of("u", "v"), sep="   "), "dataset.delimiter=space"),
        (b"PK\x03\x04....", "an Excel workbook"),
    ],
)
def test_other_files_are_refused_with_the_setting_that_reads_them(
    content: str | bytes, said: str, load: Load
) -> None:
    with pytest.raises(DataError, match=re.escape(said)) as found:
        load(content)
    for remedy in remedies(str(found.value)):
        if "path" not in remedy:
            assert len(load(content, remedy).reading.columns) == 2


# ---------------------------------------------------------------- the notes


def test_every_column_of_the_file_has_its_note(load: Load) -> None:
    text = table("a,b,c,k", number, lambda row: 5.5, one_of("", "x", "y"), one_of("u", "v"))
    reading = load(text, "dataset.missing=drop dataset.label=k", ignore=["b"]).reading
    found = [(c.name, c.role, c.missing > 0, c.digits) for c in reading.columns]
    assert found == [
        ("a", "numeric", False, 3),
        ("b", "ignored", False, 0),
        ("c", "categorical", True, 0),
        ("k", "label", False, 0),
    ]
    assert "UTF-8, ',' between cells" in reading.source
    assert (reading.stored, reading.labels) == ("200 rows, 4 columns", "column k, by dataset.label")


def test_constant_and_equal_columns_and_repeated_rows_are_noted(load: Load) -> None:
    reading = load(table("a,b,c", lambda row: 5.5, number, number)).reading
    assert "constant" in reading.columns[0].note
    assert reading.columns[2].note == "the same as b"
    doubled = table("a,k", number, one_of("u", "v"), rows=100)
    again = doubled + doubled.partition("\n")[2]
    assert "101 of 200 rows repeat others" in doubts(load(again).reading)


def test_a_label_that_is_a_condition_is_noted_as_one(load: Load) -> None:
    text = table("a,k", number, one_of("u", "v"))
    reading = load(text, label="k", label_as="class").reading
    assert reading.columns[1].role == "condition"


def test_a_bundled_table_has_its_notes(tmp_path: Path) -> None:
    plain = yaml.safe_load((conf_folder() / "dataset" / "iris.yaml").read_text())["dataset"]
    data = build_component(EVERY_DATASET | plain, Tabular, where="dataset").load(
        tmp_path, Terminal().track
    )
    reading = data.reading
    assert reading.source == "iris.csv of scikit-learn" and reading.labels == "column species"
    assert [column.name for column in reading.columns] == [*IRIS.features, "species"]
    assert [column.digits for column in reading.columns] == [2, 2, 2, 2, 0]


def test_thousands_of_long_names_are_read(load: Load) -> None:
    names = [f"a_measurement_of_the_gene_ENSG{k:011}" for k in range(4000)]
    rows = "".join(",".join(f"{row + k}.5" for k in range(4000)) + "\n" for row in range(3))
    assert len(load(",".join(names) + "\n" + rows, test_ratio=0).reading.columns) == 4000


def test_a_title_above_the_names_is_called_that(load: Load) -> None:
    text = "Sales report 2023,,\n\ntown,units,price\n" + "Ulm,3,2.5\nBonn,4,3.5\n" * 9
    with pytest.raises(
        DataError, match=r"line 1 looks like a title, Sales .* in line 3\."
    ) as fault:
        load(text)
    (remedy,) = remedies(str(fault.value))
    assert [column.name for column in load(text, remedy).reading.columns] == [
        "town",
        "units",
        "price",
    ]


# ---------------------------------------------------------------- lines that are no rows, and names


@pytest.mark.parametrize(
    "units", ["kg,m,", "[kg],(m),[-]", "kg/m^3,m s-1,x", "unitless,°C,-", "K,,"]
)
def test_a_row_of_units_is_called_that_with_the_setting_that_leaves_it_out(
    units: str, load: Load
) -> None:
    whole = table("a,b,k", number, lambda row: number(row + 1), one_of("u", "v"))
    names, _, rows = whole.partition("\n")
    with pytest.raises(DataError, match="line 2 looks like a row of units") as fault:
        load(f"{names}\n{units}\n{rows}")
    (remedy,) = remedies(str(fault.value))
    odd = load(f"{names}\n{units}\n{rows}", remedy)
    assert odd.examples.equal(load(whole).examples)
    assert odd.reading.left_out == (
        LeftOut(1, ROWS + 2, "lines", "dataset.skip_lines", (f"line 2: {units}",)),
    )


@pytest.mark.parametrize("first", ["n/a,,u", "?,?,?", "NA,none,v", "1.5,m,u", "unknown,-,v"])
def test_other_first_rows_are_no_units(first: str, load: Load) -> None:
    names, _, rows = table("a,b,k", number, number, one_of("u", "v")).partition("\n")
    with pytest.raises(DataError) as fault:
        load(f"{names}\n{first}\n{rows}", "dataset.missing=error")
    assert "units" not in str(fault.value)


def test_one_odd_cell_in_the_first_row_can_be_left_out_with_its_line(load: Load) -> None:
    names, _, rows = table("a,k", number, one_of("u", "v")).partition("\n")
    with pytest.raises(DataError, match="a mixes numbers and text, furlongs in line 3") as fault:
        load(f"{names}\n\nfurlongs,u\n{rows}", skip_lines=[2])
    found = load(f"{names}\n\nfurlongs,u\n{rows}", next(remedies(str(fault.value))))
    assert len(found.reading.columns) == 2


@pytest.mark.parametrize(
    "above", ["% made by x\n% 2020, y\n%\n", "% made by x; 1,5;2,5\n", "# x\n% y\n"]
)
def test_lines_with_a_percent_sign_above_the_names_are_comments(above: str, load: Load) -> None:
    text = table("a,k", number, one_of("u", "%"))
    found = load(above + text)
    assert found.examples.equal(load(text).examples)
    assert sum(each.count for each in found.reading.left_out) == above.count("\n")


def test_names_may_begin_with_a_percent_sign(load: Load) -> None:
    text = table("% fat;age;k", lambda row: f"{row},5", number, one_of("u", "v"), sep=";")
    found = load(text, decimal=",", thousands="auto", numeric=[], ignore=["age"])
    assert [column.name for column in found.reading.columns] == ["% fat", "age", "k"]


@pytest.mark.parametrize("names", ["dataset.names=[x,2020,kind]", "'dataset.names=[\"c*\"]'"])
def test_a_file_without_names_takes_given_ones(names: str, load: Load) -> None:
    text = table("", number, lambda row: number(row + 1), one_of("u", "v")).lstrip()
    found = load(
        "# 1, 2, 3\n" + text, f"{names} 'dataset.label=\"{'c3' if '*' in names else 'kind'}\"'"
    )
    expected = ["c1", "c2", "c3"] if "*" in names else ["x", "2020", "kind"]
    assert [column.name for column in found.reading.columns] == expected
    assert found.reading.source.endswith("names by dataset.names")
    assert found.reading.stored == "200 rows, 3 columns"


def test_a_first_row_of_values_is_read_by_the_setting_that_is_proposed(load: Load) -> None:
    text = table("1.5,0.3,u", number, number, one_of("u", "v"))
    with pytest.raises(DataError, match="the first row has no names") as fault:
        load(text)
    (remedy,) = remedies(str(fault.value))
    assert load(text, remedy).reading.stored == "201 rows, 3 columns"
    said = doubts(load(table("x,u", number, one_of("u", "v"))).reading)
    assert "it has no names" in said and remedy in said


def test_names_and_lines_that_do_not_fit_the_file_are_refused(load: Load) -> None:
    text = table("1,2", number, number)
    with pytest.raises(ConfigError, match=r"3 names for 2 columns, dataset\.names=a, b, c\."):
        load(text, names=["a", "b", "c"])
    with pytest.raises(ConfigError, match=r"no line 999, .*\[2,999\].* has 201 lines"):
        load(text, skip_lines=[999, 2])
    with pytest.raises(DataError, match="two columns are called a"):
        load(text, names=["a", "a"])


def test_names_of_the_file_that_are_given_other_ones_are_left_out_by_their_line(load: Load) -> None:
    text = table("a,k", number, one_of("u", "v"))
    with pytest.raises(DataError, match="x mixes numbers and text, a in line 1") as fault:
        load(text, names=["x", "y"])
    found = load(text, next(remedies(str(fault.value))), names=["x", "y"])
    assert found.reading.stored == "200 rows, 2 columns"


# ---------------------------------------------------------------- numbers that mean something else


@pytest.mark.parametrize("cell", ["99999999", "-77777", "1e30"])
def test_a_number_that_comes_again_far_from_all_others_is_suspected(cell: str, load: Load) -> None:
    text = table("a,k", lambda row: number(row) if row % 19 else cell, one_of("u", "v"))
    said = doubts(load(text).reading)
    assert f"{cell} in a" in said
    remedy = next(each for each in remedies(said) if "missing_values" in each)
    assert load(text, remedy).reading.columns[0].missing == 11


def test_a_sentinel_that_is_a_value_elsewhere_is_said_to_be_one(load: Load) -> None:
    text = table("bp,children", lambda row: 60 + row % 40 if row % 19 else 0, lambda row: row % 12)
    said = doubts(load(text).reading)
    assert "0 in bp" in said and "takes them for missing ones in children, too" in said


def test_a_sentinel_in_german_numbers_is_suspected_and_its_remedy_works(load: Load) -> None:

    def cell(row: int) -> str:
        return number(row).replace(".", ",") if row % 19 else "-9.999,00"

    text = table("a;k", cell, one_of("u", "v"), sep=";")
    said = doubts(load(text, decimal=",").reading)
    assert "-9.999,00 in a" in said
    remedy = next(each for each in remedies(said) if "missing_values" in each)
    assert load(text, remedy, decimal=",").reading.columns[0].missing == 11


def test_seconds_since_1970_are_doubtful_unless_they_are_named_numeric(load: Load) -> None:
    text = table("a,t", number, lambda row: 1583000000 + row * row * 3600)
    said = doubts(load(text).reading)
    assert "column t (seconds since 1970, 2020-02-29 to 2024-09-" in said
    settings = list(remedies(said))
    assert load(text, settings[-1]).reading.warnings == ()


@pytest.mark.parametrize(
    ("cells", "units"),
    [
        (("5 kg", "300 g", "2 kg"), "different units (g, kg)"),
        (("$5", "€6", "£7"), "different units ($, £, €)"),
        (("1h", "30 min", "2h"), "different units (h, min)"),
        (("1.5M", "200K", "3M"), "different units (K, M)"),
        (("20°C", "68°F"), "different units (°C, °F)"),
        (("5 kg", "6 kg", "7 kg", "heavy"), "a unit (kg) beside other texts, as heavy"),
    ],
)
def test_numbers_with_different_units_are_doubtful_unless_they_are_named_categories(
    cells: tuple[str, ...], units: str, load: Load
) -> None:
    text = table("w,a", one_of(*cells), number)
    said = doubts(load(text).reading)
    assert f"column w has numbers with {units}, and is read as {len(cells)} categories" in said
    for typed in remedies(said):
        assert load(text, typed).reading.warnings == ()
    with pytest.raises(DataError, match="Write it as numbers in one unit"):
        load(text, numeric=["w"])


@pytest.mark.parametrize(
    "cells",
    [
        ("2A", "2B", "3C"),
        ("1st", "2nd", "3rd"),
        ("4WD", "2WD", "FWD"),
        ("10th", "11th", "Masters"),
        ("A4", "A6", "Q5"),
        ("S", "M", "L"),
    ],
)
def test_names_with_numbers_are_not_taken_for_units(cells: tuple[str, ...], load: Load) -> None:
    assert load(table("w,a", one_of(*cells), number)).reading.warnings == ()


def test_many_repeated_rows_are_doubtful_where_chance_does_not_explain_them(load: Load) -> None:
    rows = table("a,b,k", number, lambda row: f"{np.cos(row) * 7:.3f}", one_of("u", "v"))
    names, _, below = rows.partition("\n")
    some = "".join(f"{line}\n" for line in below.splitlines()[:40])
    assert "40 of 240 rows repeat others" in doubts(load(f"{names}\n{below}{some}").reading)
    few = "".join(f"{line}\n" for line in below.splitlines()[:5])
    assert "repeat" not in doubts(load(f"{names}\n{below}{few}").reading)
    rounded = table("a,b,k", one_of(*range(30)), lambda row: row % 3 / 2, one_of("u", "v"))
    reading = load(rounded).reading
    assert any("rows repeat others" in decision.text for decision in reading.decisions)
    assert "repeat" not in doubts(reading)


def test_the_sign_of_thousands_alone_is_refused_by_its_name(load: Load) -> None:
    text = table("a;b", lambda row: f"1.{row + 100},5", number, sep=";")
    with pytest.raises(ConfigError, match=r'invalid setting, dataset\.thousands="\."') as found:
        load(text, thousands=".")
    assert list(remedies(str(found.value))) == ["'dataset.decimal=\",\"'"]


def test_a_sign_that_other_columns_confirm_is_not_proposed_otherwise(load: Load) -> None:
    def confirming(row: int) -> str:
        return f"{row + 1}.234,56"

    text = table("a;b", confirming, lambda row: f"{row + 1}.500", sep=";")
    with pytest.raises(
        DataError, match="may be a decimal or a thousands sign in column b"
    ) as found:
        load(text, decimal=",")
    assert list(remedies(str(found.value))) == ["'dataset.thousands=\".\"'"]
    assert load(text, next(remedies(str(found.value))), decimal=",").reading.warnings == ()
    text = table("a;b", confirming, lambda row: f"{row + 1},500", sep=";")
    assert "three digits" not in doubts(load(text, decimal=",").reading)


@pytest.mark.parametrize("last", [("u", "v"), (1, 2, 3)])
def test_a_label_chosen_by_its_place_is_doubtful_on_every_table(
    last: tuple[object, ...], load: Load
) -> None:
    text = table("a,b", number, one_of(*last))
    said = doubts(load(text, label="auto").reading)
    assert "the last column, b, is taken for the label" in said
    for typed in remedies(said):
        assert "taken for the label" not in doubts(load(text, typed).reading)


# ---------------------------------------------------------------- numbers that aren't read as such

OTHER_NOTATIONS = {
    "(1,234.00)": "negative numbers in brackets",
    "(5%)": "negative numbers in brackets",
    "12-": "the sign behind them",
    "1.5D+02": "another exponent sign",
    "2 x 10^4": "another exponent sign",
    "0x1f": "hexadecimal",
    "<0.5": "limits",
    "2.5±0.1": "an uncertainty",
    "2.5(3)": "an uncertainty",
    "1,23,456": "as in India",
    "1 3/4": "fractions",
    "52°30'12\"N": "angles",
    "2h 30m": "durations",
    "'007": "text for Excel",
    '="007"': "text for Excel",
    "\uff11\uff12": "another script",
}


@pytest.mark.parametrize("cell", OTHER_NOTATIONS)
def test_numbers_in_a_notation_that_is_not_read_are_called_that(cell: str) -> None:
    cells = [cell, cell.replace("1", "3").replace("2", "4").replace("5", "6").replace("00", "02")]
    cells[1] = cells[1].replace("\uff11", "\uff13").replace("30^", "10^")
    assert OTHER_NOTATIONS[cell] in find_notation(cells)
    assert OTHER_NOTATIONS[cell] in find_notation([*cells, "17", "4.5"])


@pytest.mark.parametrize(
    "cells",
    [
        ("0-17", "18-34", "65+"),
        ("<10k", "10k-50k", ">50k"),
        ("B12", "B13", "C4"),
        ("1st", "2nd"),
        ("A1", "A2"),
        ("3D", "4D+"),
        ("5", "6"),
        ("2020-01-02", "2020-01-03"),
        ("I", "II"),
        ('18" screen', '20" screen'),
        ("1.234,50", "99,5"),
        ("yes", "no"),
    ],
)
def test_names_are_not_taken_for_a_notation(cells: tuple[str, ...]) -> None:
    assert find_notation(cells) == ""


def test_a_column_in_another_notation_is_doubtful_and_its_remedies_work(load: Load) -> None:
    text = table("x,debt", number, one_of("(5.00)", "(6.00)", "7.00x"))
    text = text.replace("7.00x", "(7.00)")
    warning = next(w for w in load(text).reading.warnings if "brackets" in w)
    for remedy in remedies(warning):
        assert "brackets" not in doubts(load(text, remedy).reading)


# ---------------------------------------------------------------- rows and columns of another kind


@pytest.mark.parametrize(
    ("names", "first"),
    [("null,1e5,kind", "1.5"), ("name,0.1,0.9", "a"), ("kind,0.5,2020", "b"), ("x,1e5,-3", "2")],
)
def test_a_name_may_look_like_a_number_beside_others_that_do_not(
    names: str, first: str, load: Load
) -> None:
    cells = one_of(first, first + "1") if first in "ab" else number
    text = table(names, cells, number, one_of("u", "v") if "kind" in names[4:] else number)
    data = load(text)
    assert [column.name for column in data.reading.columns] == names.split(",")


@pytest.mark.parametrize("names", ["1.5,-0.3,u", "NA,0.5,v", "0.1,0.2,0.3"])
def test_a_first_row_of_values_is_refused(names: str, load: Load) -> None:
    with pytest.raises(DataError, match="the first row has no names"):
        load(table(names, number, number, one_of("u", "v")))


def test_names_that_come_again_in_files_put_together_are_left_out_and_said(load: Load) -> None:
    part = table("x,kind", number, one_of("u", "v"), rows=40)
    reading = load(part + part).reading
    assert [str(each.count) + each.why for each in reading.left_out] == ["1the names again"]
    values = table("yes,no", one_of("yes", "no"), one_of("no", "yes"))
    assert load(values, "dataset.label=null").reading.left_out == ()


def test_a_column_that_is_all_empty_is_left_out_by_the_first_remedy(load: Load) -> None:
    text = table("x,empty,y", number, lambda row: "", number)
    with pytest.raises(DataError) as fault:
        load(text)
    (remedy,) = remedies(str(fault.value))
    assert load(text, remedy).reading.left_out[0].count == 1


MEANING_ELSE = {
    "phone": (lambda row: 4930_0000_000 + row * 7919, "numbers that name something"),
    "zip": (lambda row: 10000 + row * 211, "numbers that name something"),
    "month": (
        lambda row: 202001 + row % 12 + 100 * (row % 3),
        r"dates written as numbers \(202003",
    ),
    "stamp": (lambda row: 202003010000 + row % 24 * 100 + row % 60, r"numbers \(202003092359\)"),
    "julian": (lambda row: f"{2459000.5 + row / 8:.3f}", "Julian dates, 2020-05-31 to"),
    "far": (lambda row: "1e30" if row == 7 else number(row), "all others of their column"),
    "split": (one_of("train", "test", "val"), "which rows are for training"),
    "when": (one_of("2020-01-02", "3/4/2020", "Jan 5 2020"), "dates in 3 forms"),
}


@pytest.mark.parametrize("name", MEANING_ELSE)
def test_a_column_that_means_something_else_is_doubtful_and_can_be_left_out(
    name: str, load: Load
) -> None:
    cell, said = MEANING_ELSE[name]
    text = table(f"x,{name},y", number, cell, number)
    warning = next(w for w in load(text).reading.warnings if re.search(said, w))
    assert not re.search(said, doubts(load(text, next(remedies(warning))).reading))


def test_columns_in_one_hot_form_are_said_to_be_one_category(load: Load) -> None:
    text = table("c_red,c_blue,x", one_of(0, 1), one_of(1, 0), number)
    assert "columns c_red, c_blue are one category in one-hot form" in doubts(load(text).reading)
    text = table("c_red,c_blue,x", one_of(0, 1), one_of(1, 1, 0), number)
    assert "one-hot" not in doubts(load(text).reading)


def test_a_table_without_a_label_names_the_columns_that_can_be_one(load: Load) -> None:
    text = table("survived,fare", one_of(0, 1), number)
    said = [each.remedy for each in load(text, label="auto").reading.decisions]
    assert "If there is one: dataset.label=survived" in said


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid x\n", "git lfs pull"),
        (b"<!DOCTYPE html>\n<html></html>\n", "web page"),
        (b'\xef\xbb\xbf\n{"x": 1}\n{"x": 2}\n', "a JSON file"),
        (b"% comment\n@RELATION iris\n", "an ARFF file"),
        (b"BZh91AY", "bunzip2"),
        (b"\x93NUMPY\x01", "dataset=array"),
    ],
)
def test_a_file_of_another_kind_is_called_by_it(start: bytes, said: str, load: Load) -> None:
    with pytest.raises(DataError, match=said):
        load(start)


def test_a_file_is_read_once_for_training_and_held_out_rows(
    load: Load, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    load(table("x,y", number, number))
    settings = yaml.safe_load((conf_folder() / "dataset" / "table.yaml").read_text())["dataset"]
    node = EVERY_DATASET | settings | {"path": str(tmp_path / "table.csv")}
    read, plain = [], Table.contents
    monkeypatch.setattr(Table, "contents", lambda self: read.append(1) or plain(self))
    rows = build_component(node, Tabular, where="dataset")
    assert len(rows.training(tmp_path, Terminal().track)) == 140
    test = rows.test(tmp_path, Terminal().track)
    assert test is not None and len(test) == 60 and len(read) == 1


def test_a_line_of_another_length_can_be_left_out(load: Load) -> None:
    text = table("x,kind", number, one_of("a", "b")) + "\nSource: office of statistics\n"
    with pytest.raises(DataError, match="has 1 cell and the first 2") as error:
        load(text)
    remedy = error.value.args[0].rpartition("leave it out: ")[2]
    (left_out,) = load(text, remedy).reading.left_out
    assert (left_out.count, left_out.total) == (1, ROWS + 3)


def test_a_line_is_left_out_only_where_its_text_is_nowhere_else(load: Load) -> None:
    text = table("x,kind", lambda row: "<0.5" if row % 9 == 0 else number(row), one_of("a", "b"))
    with pytest.raises(DataError, match="mixes numbers and text") as error:
        load(text)
    assert "skip_lines" not in str(error.value)


@pytest.mark.parametrize(("decimal", "slip"), [(".", "0,53"), (",", "0.53")])
def test_a_number_with_another_decimal_sign_than_its_column_is_called_that(
    decimal: str, slip: str, load: Load
) -> None:
    def cell(row: int) -> str:
        return slip if row == 9 else number(row).replace(".", decimal)

    with pytest.raises(DataError, match=f"has numbers with '{re.escape(decimal)}' and others"):
        load(table("x;kind", cell, one_of("a", "b"), sep=";"), decimal=decimal)


def test_a_column_of_too_many_texts_for_categories_is_not_proposed_as_such(load: Load) -> None:
    def cell(row: int) -> str:
        return "-" if row % 9 == 0 else f"{row}.5"

    text = table("x,kind,y", cell, one_of("a", "b"), number)
    with pytest.raises(DataError, match="mixes numbers and text") as error:
        load(text)
    assert "'dataset.ignore=[x]' to leave the column out" in str(error.value)
    assert "dataset.categorical" not in str(error.value)
