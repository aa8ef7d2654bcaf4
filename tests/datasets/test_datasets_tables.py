"""Tables: those of scikit-learn, and CSV files of one's own with all that may be wrong in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from conftest import EVERY_DATASET

from gan_runner.cli.hydra.composer import compose, parse_config
from gan_runner.config.component import build_component
from gan_runner.config.groups import conf_folder
from gan_runner.data import Columns, Data
from gan_runner.datasets import Tabular
from gan_runner.errors import ConfigError, DataError, Fault
from gan_runner.logs.terminal import Terminal
from gan_runner.training.build import build

Load = Callable[..., Data]

ROWS = 40
GOOD = "age,color,ill\n" + "".join(
    f"{20 + i % 37},{'red' if i % 3 else 'blue'},{'yes' if i % 4 == 0 else 'no'}\n"
    for i in range(ROWS)
)


def dataset(*overrides: str) -> Tabular:
    made = build(parse_config(compose(list(overrides)))).dataset
    assert isinstance(made, Tabular)
    return made


def load_table(of: Tabular, tmp_path: Path) -> Data:
    return of.load(tmp_path, Terminal().track)


def columns_of(data: Data) -> Columns:
    assert data.space.columns is not None
    return data.space.columns


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads a table of this text with these settings, YAML as on the command line."""
    settings = yaml.safe_load((conf_folder() / "dataset" / "table.yaml").read_text())["dataset"]

    def call(text: str | bytes, *overrides: str) -> Data:
        path = tmp_path / "table.csv"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        asked = (override.removeprefix("dataset.").split("=", 1) for override in overrides)
        node = (
            EVERY_DATASET
            | settings
            | {"path": str(path)}
            | {k: yaml.safe_load(v) for k, v in asked}
        )
        return load_table(build_component(node, Tabular, where="dataset"), tmp_path)

    return call


def kinds(data: Data) -> dict[str, int]:
    """The number of categories of each column, 0 for numbers."""
    return {column.name: len(column.categories) for column in columns_of(data).columns}


# ---------------------------------------------------------------- scikit-learn's tables


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer"])
def test_a_bundled_table_is_scikit_learns_and_both_splits_together_are_all_of_it(
    name: str, tmp_path: Path
) -> None:
    from sklearn import datasets as theirs

    expected = getattr(theirs, f"load_{name}")()
    of = dataset(f"dataset={name}")
    train, test = load_table(of, tmp_path), of.held_out(tmp_path, Terminal().track)
    assert test is not None and train.labels is not None and test.labels is not None
    columns = columns_of(train).columns
    assert [c.name for c in columns[:-1]] == list(expected.feature_names)
    assert list(train.class_names) == list(expected.target_names)
    numbers = torch.cat([train.examples, test.examples])[:, : len(columns) - 1]
    labels = torch.cat([train.labels, test.labels])
    found = np.column_stack([numbers.numpy(), labels.numpy()])
    wanted = np.column_stack([expected.data.astype(np.float32), expected.target])
    assert np.array_equal(found[np.lexsort(found.T)], wanted[np.lexsort(wanted.T)])


def test_the_split_has_the_ratio_in_each_class(tmp_path: Path) -> None:
    of = dataset("dataset=iris", "dataset.test_ratio=0.2")
    test = of.held_out(tmp_path, Terminal().track)
    assert test is not None and test.labels is not None
    assert test.labels.bincount().tolist() == [10, 10, 10]
    assert load_table(of, tmp_path).labels.bincount().tolist() == [40, 40, 40]  # type: ignore[union-attr]


def test_the_split_belongs_to_its_seed(tmp_path: Path) -> None:
    digests = {load_table(dataset("dataset=iris", *o), tmp_path).digest for o in SEEDS}
    assert len(digests) == 2


SEEDS = (["dataset.seed=0"], ["dataset.seed=1"], ["dataset.seed=1", "seed=5"])


def test_numbers_are_scaled_by_the_training_rows_alone(tmp_path: Path) -> None:
    of = dataset("dataset=wine", "dataset.number_encoding=plain", "dataset.bounds=none")
    train, test = load_table(of, tmp_path), of.held_out(tmp_path, Terminal().track)
    assert test is not None and test.space == train.space
    numbers = train.space.encode(train.examples)[:, :13]
    assert torch.allclose(numbers.mean(0), torch.zeros(13), atol=1e-4)
    assert torch.allclose(numbers.std(0, correction=0), torch.ones(13), atol=1e-4)
    blocks = train.space.encode(train.examples)[:, 13:]
    assert torch.equal(blocks, train.examples[:, 13:])


def test_without_a_test_ratio_all_rows_are_for_training(tmp_path: Path) -> None:
    of = dataset("dataset=iris", "dataset.test_ratio=0")
    assert len(load_table(of, tmp_path)) == 150
    assert of.held_out(tmp_path, Terminal().track) is None


@pytest.mark.parametrize(
    ("overrides", "width", "condition"),
    [
        ([], 7, False),
        (["model.conditioning=concat"], 4, True),
        (["dataset.label_as=class"], 4, True),
    ],
)
def test_the_label_is_a_column_unless_the_model_is_conditioned_on_it(
    overrides: list[str], width: int, condition: bool, tmp_path: Path
) -> None:
    data = load_table(dataset("dataset=iris", *overrides), tmp_path)
    assert data.space.shape == (width,)
    label = columns_of(data).label
    assert label is not None and label.condition == condition
    assert data.classes == 3


def test_a_label_that_is_generated_and_a_condition_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"label_as=column with model\.conditioning=concat"):
        dataset("dataset=iris", "model.conditioning=concat", "dataset.label_as=column")


# ---------------------------------------------------------------- what is guessed


def test_a_table_of_ones_own_is_read_and_its_columns_guessed(load: Load) -> None:
    data = load(GOOD)
    assert kinds(data) == {"age": 0, "color": 2, "ill": 2}
    assert data.class_names == ("no", "yes")
    assert len(data) == 28
    assert data.labels is not None and data.labels.bincount().tolist() == [21, 7]
    row = data.examples[0].tolist()
    assert row[0] in range(20, 57) and sorted(row[1:]) == [0, 0, 1, 1]
    assert load(GOOD, "dataset.label=ill").reading.warnings == ()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_usual_delimiters_are_found(delimiter: str, load: Load) -> None:
    assert load(GOOD.replace(",", delimiter)).digest == load(GOOD).digest


@pytest.mark.parametrize(("cell", "setting"), [(":", ":"), (" ", " "), ("\t", "tab")])
def test_another_delimiter_can_be_named(cell: str, setting: str, load: Load) -> None:
    data = load(GOOD.replace(",", cell), f"dataset.delimiter='{setting}'")
    assert data.digest == load(GOOD).digest


def test_spaces_quotes_byte_order_marks_and_empty_lines_do_not_matter(load: Load) -> None:
    messy = "\ufeff" + GOOD.replace(",", ", ").replace("red", '"red"').replace("\n", "\r\n\r\n")
    assert load(messy.replace(', "red"', ',"red"')).digest == load(GOOD).digest


def test_a_quoted_cell_may_hold_anything(load: Load) -> None:
    data = load(GOOD.replace("red", '"red, ""dark""\nand deep"'))
    assert columns_of(data).columns[1].categories == ("blue", 'red, "dark"\nand deep')


def test_few_whole_numbers_are_taken_for_codes_and_it_is_said(load: Load) -> None:
    text = "stars,price\n" + "".join(f"{i % 5},{i}.5\n" for i in range(60))
    data = load(text)
    assert kinds(data) == {"stars": 5, "price": 0}
    assert "'dataset.numeric=[stars]'" in data.reading.warnings[0]
    other = load(text, "dataset.numeric=[stars]")
    assert kinds(other) == {"stars": 0, "price": 0}
    assert other.reading.warnings == ()
    assert load(text, "dataset.categorical=[stars]").reading.warnings == ()


def test_codes_come_in_the_order_of_their_numbers(load: Load) -> None:
    data = load("code,x\n" + "".join(f"{10 * (i % 3) + 2},{i}.5\n" for i in range(60)))
    assert columns_of(data).columns[0].categories == ("2", "12", "22")


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("class,x,z\n" + "a,1.5,u\nb,2.5,v\n" * 9, "class"),
        ("x,TARGET,z\n" + "1.5,a,u\n2.5,b,v\n" * 9, "TARGET"),
        ("x,z\n" + "1.5,u\n2.5,v\n" * 9, "z"),
        ("z,x\n" + "u,1.5\nv,2.5\n" * 9, None),
    ],
)
def test_the_label_is_found_by_its_name_or_its_place(
    text: str, label: str | None, load: Load
) -> None:
    found = columns_of(load(text)).label
    assert (found and found.name) == label


def test_any_column_can_be_the_label_or_none(load: Load) -> None:
    assert load(GOOD, "dataset.label=color").class_names == ("blue", "red")
    none = load(GOOD, "dataset.label=null")
    assert none.labels is None and columns_of(none).label is None


def test_ignored_columns_are_gone(load: Load) -> None:
    assert kinds(load(GOOD, "dataset.ignore=[color]")) == {"age": 0, "ill": 2}


def test_rows_with_missing_values_can_be_dropped(load: Load) -> None:
    text = GOOD.replace("21,", " ,").replace("22,", "N/A,")
    assert len(load(text, "dataset.missing=drop", "dataset.test_ratio=0")) == ROWS - 4


def test_what_stands_for_a_missing_value_can_be_named(load: Load) -> None:
    text = GOOD.replace("21,", "-99x,")
    asked = ["dataset.missing=drop", "dataset.missing_values=['-99x']", "dataset.test_ratio=0"]
    assert len(load(text, *asked)) == ROWS - 2


def test_a_decimal_comma_can_be_named(load: Load) -> None:
    text = "x;y\n" + "".join(f"{i},25;{'ab'[i % 2]}\n" for i in range(20))
    data = load(text, "dataset.decimal=','")
    assert columns_of(data).columns[0].decimals == 2
    assert 0.25 in data.examples[:, 0] or 1.25 in data.examples[:, 0]


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("21,", ","), r"missing values in 2 of 40 rows.*column age, line 3.*=drop"),
        (GOOD.replace("21,", "NaN,"), r"missing values in 2 of 40.*dataset\.missing=drop"),
        (GOOD.replace("21,", "old,"), r"age mixes numbers and text, old in line 3.*=\[age\]'"),
        (GOOD.replace("21,", "inf,"), r"age mixes numbers and text, inf in line 3"),
        (GOOD.replace("21,", "1_0,"), r"age mixes numbers and text, 1_0 in line 3"),
        (GOOD.replace(",", ":"), r"a single column, age:color:ill.*'dataset\.delimiter=\";\"'"),
        (GOOD + "1,red\n", r"line 42 has 2 cells and the first 3.*dataset\.skip_lines="),
        (GOOD + "30,red,maybe\n", r"class maybe has a single row.*dataset\.test_ratio=0\.3"),
        (GOOD.replace("age", "ill"), "two columns are called ill"),
        ("1,2\n3,4\n", r"no names \(1, 2\).*Put names above"),
        ("", "no rows below the names"),
        ("a,b\n", "no rows below the names"),
        ("a,b\n" + "".join(f"n{i % 20},{i}\n" for i in range(30)), r"20 categories.*ignore=\[a\]"),
        (
            "a;b\n" + "1,5;u\n2,5;v\n" * 9,
            "another decimal sign than.*column a.*dataset.decimal=",
        ),
        ("a,b\n" + "1e99,u\n2e99,v\n" * 9, r"too far apart for 32 bits in column a"),
        ('a,b\n"1,2\n3,4\n', "unreadable as CSV"),
        ("ä,b\nö,1\n".encode("latin-1"), "unreadable as CSV.*UTF-8"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "unreadable as CSV"),
    ],
)
def test_a_damaged_table_is_refused_with_its_place_and_a_remedy(
    text: str | bytes, message: str, load: Load
) -> None:
    with pytest.raises(DataError, match=message) as found:
        load(text, "dataset.missing=error")
    assert "dataset.path=" in str(found.value)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("dataset.label=il", r"no such column, dataset\.label=il\. Did you mean 'ill'"),
        ("dataset.ignore=[agee]", "Did you mean 'age'"),
        ("dataset.path=null", r"missing dataset\.path"),
        ("dataset.delimiter=ab", "a single character, tab, space or auto"),
        ("dataset.test_ratio=1", "below 1"),
        ("dataset.temperature=0", "above 0"),
    ],
)
def test_settings_that_can_not_be_meant_are_faults_of_the_configuration(
    override: str, message: str, load: Load
) -> None:
    with pytest.raises(ConfigError, match=message):
        load(GOOD, override)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["dataset.ignore=[age]", "dataset.numeric=[age]"], "named twice"),
        (["dataset.label=age"], r"37 categories in the 40 rows.*dataset\.label=null"),
        (["dataset.numeric=[color]"], r"color is to be numeric, blue in line 2"),
        (["dataset.ignore=[age,color]", "dataset.label_as=class"], "no column to generate"),
        (["dataset.missing=drop", "dataset.missing_values=[red,blue]"], "No row is left"),
        (["dataset.path=/"], "not a file"),
        (["dataset.path=/nowhere.csv"], "missing /nowhere.csv"),
    ],
)
def test_columns_that_are_not_what_they_are_said_to_be_are_refused(
    overrides: list[str], message: str, load: Load
) -> None:
    with pytest.raises(Fault, match=message):
        load(GOOD, *overrides)


def test_names_from_strangers_are_harmless_on_a_terminal(load: Load) -> None:
    with pytest.raises(DataError) as found:
        load(GOOD.replace("age", "\x1b[31mage").replace("21,", "\x07,"))
    assert "\x1b" not in str(found.value) and "\x07" not in str(found.value)
