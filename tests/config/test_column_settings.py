"""Settings of a table's columns: from a file of names, from the command line, and both."""

from __future__ import annotations

from pathlib import Path

import pytest

from gan_runner.cli.hydra.composer import compose, parse_config
from gan_runner.config.column_settings import ColumnSettings, complete_columns
from gan_runner.config.component import parse_settings
from gan_runner.config.schema import read, write
from gan_runner.errors import ConfigError

TABLE = ("dataset=table", "dataset.path=x.csv", "dataset.label_as=column")


def columns(*lines: str) -> object:
    return parse_config(compose([*TABLE, *lines])).dataset["columns"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "columns.yaml"
    path.write_text("age: {kind: number, bounds: [0, 120]}\n'sepal length (cm)': {kind: number}\n")
    return path


def test_the_content_of_a_file_is_copied_into_the_configuration(file: Path, tmp_path: Path) -> None:
    config = parse_config(compose([*TABLE, f"dataset.columns={file}"]))
    file.unlink()
    write(tmp_path / "config.yaml", config)
    assert read(tmp_path / "config.yaml").dataset["columns"] == {
        "age": {"kind": "number", "bounds": [0, 120]},
        "sepal length (cm)": {"kind": "number"},
    }


def test_a_single_column_is_set_on_the_command_line(file: Path) -> None:
    assert columns("dataset.columns.hours-per-week.kind=category") == {
        "hours-per-week": {"kind": "category"}
    }
    assert columns('dataset.columns.day.format="%d/%m/%Y"') == {"day": {"format": "%d/%m/%Y"}}


def test_a_setting_of_the_command_line_wins_over_the_file(file: Path) -> None:
    both = columns(f"dataset.columns={file}", "dataset.columns.age.bounds=none")
    assert isinstance(both, dict)
    assert both["age"] == {"kind": "number", "bounds": "none"}
    assert both["sepal length (cm)"] == {"kind": "number"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("age:\n  kin: number\n", r"columns\.yaml: age\.kin=.*kind"),
        ("age:\n  kind: numeric\n", r"columns\.yaml: age\.kind=\"numeric\".*'number'"),
        ("age:\n  bounds: [9, 1]\n", r"columns\.yaml: age\.bounds=.*first bound is below"),
        ("age:\n  kind: ordinal\n", r"columns\.yaml: age.*needs its order"),
        ("age:\n  rare: 2\n", r"columns\.yaml: age\.rare=2.*below 1"),
        ("age: number\n", r"not settings, .*columns\.yaml: age\."),
        ("true:\n  kind: number\n", r"True in .*columns\.yaml\. Put it in quotes"),
        ("- age\n", r"no names of columns, dataset\.columns=.*columns\.yaml"),
        ("a: [\n", r"unreadable, dataset\.columns=.*columns\.yaml"),
    ],
)
def test_a_fault_of_a_file_names_file_column_and_key(
    text: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "columns.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        complete_columns(str(path))


def test_a_missing_file_says_what_writes_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no such file.*--write-columns"):
        columns(f"dataset.columns={tmp_path / 'nowhere.yaml'}")


def test_names_and_orders_may_look_like_numbers(tmp_path: Path) -> None:
    path = tmp_path / "columns.yaml"
    path.write_text("2020:\n  kind: ordinal\n  order: [1, 2, 3]\n")
    found = complete_columns(str(path))
    assert found == {"2020": {"kind": "ordinal", "order": ["1", "2", "3"]}}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "category", "bounds": "none"}, "bounds needs kind: number"),
        ({"kind": "number", "format": "%Y"}, "A format needs kind: date"),
        ({"kind": "date", "spikes": [1.0]}, "of dates are found"),
        ({"kind": "number", "rare": 0.1}, "rare needs kind: category"),
        ({"kind": "ordinal", "order": ["a", "a"]}, "comes twice"),
    ],
)
def test_settings_that_do_not_fit_each_other_are_refused(
    settings: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_settings(settings, ColumnSettings)
