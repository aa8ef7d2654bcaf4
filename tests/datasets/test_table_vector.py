"""The columns of a conditional vector, by the setting that names them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gan_runner.cli.hydra.composer import compose, parse_config
from gan_runner.data import Columns, Data
from gan_runner.errors import ConfigError
from gan_runner.logs.terminal import Terminal
from gan_runner.training.build import build

ROWS = "age,color,ill,place\n" + "".join(
    f"{20 + k % 37}.5,{'red' if k % 4 else 'blue'},{'no' if k % 3 else 'yes'},{'xyz'[k % 3]}\n"
    for k in range(120)
)


def load(tmp_path: Path, *overrides: str) -> Data:
    path = tmp_path / "table.csv"
    path.write_text(ROWS)
    asked = ["dataset=table", f"dataset.path={path}", "dataset.label=ill", *overrides]
    return build(parse_config(compose(asked))).dataset.load(tmp_path, Terminal().track)


def columns_of(data: Data) -> Columns:
    assert data.space.columns is not None
    return data.space.columns


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("[color]", ["color"]),
        ("['*']", ["color", "ill", "place"]),
        ("['*l*']", ["color", "ill", "place"]),
        ("[ill, 'c*']", ["color", "ill"]),
    ],
)
def test_columns_are_named_or_fit_a_pattern(asked: str, found: list[str], tmp_path: Path) -> None:
    columns = columns_of(load(tmp_path, f"dataset.conditional_vector={asked}"))
    assert [column.name for column in columns.columns if column.shares] == found


def test_shares_are_those_of_the_training_rows(tmp_path: Path) -> None:
    data = load(tmp_path, "dataset.conditional_vector=[ill]", "dataset.label_as=column")
    ill = next(column for column in columns_of(data).columns if column.name == "ill")
    assert ill.shares == pytest.approx((2 / 3, 1 / 3), abs=0.01)
    assert data.labels is not None
    counts = data.labels.bincount().double()
    assert ill.shares == pytest.approx((counts / counts.sum()).tolist())


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        (["dataset.conditional_vector=[age]"], "column age has numbers, dataset.conditional_vec"),
        (["dataset.conditional_vector=[colour]"], r"no such column of categories.*mean 'color'\?"),
        (
            ["dataset.conditional_vector=[place]", "dataset.constraints=['ill -> place']"],
            "1.*break a constraint",
        ),
        (
            ["dataset.conditional_vector=[ill]", "dataset.label_as=class"],
            "column ill is the condition of the model already",
        ),
    ],
)
def test_what_cannot_be_part_of_it_is_refused(
    settings: list[str], fault: str, tmp_path: Path
) -> None:
    with pytest.raises(Exception, match=fault):
        load(tmp_path, *settings)


@pytest.mark.parametrize(
    ("setting", "fault"),
    [
        ("model.conditioning=concat", "either on the classes or on the conditional vector"),
        ("model.packing=2", r"packing and latent codes.*model\.packing=2"),
        ("model.code.continuous=1", r"packing and latent codes.*model\.code"),
    ],
)
def test_what_cannot_be_combined_with_it_is_refused(
    setting: str, fault: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=fault):
        load(tmp_path, "dataset.conditional_vector=[ill]", setting)


def test_a_column_that_others_say_is_left_out_by_a_pattern_and_refused_by_name(
    tmp_path: Path,
) -> None:
    rows = ROWS.replace("place", "note").splitlines()
    path = tmp_path / "table.csv"
    text = [rows[0], *(",".join([*r.split(",")[:3], "A" if "yes" in r else "B"]) for r in rows[1:])]
    path.write_text("\n".join(text))
    asked = ["dataset=table", f"dataset.path={path}", "dataset.constraints=['ill -> note']"]

    def named(vector: str) -> list[str]:
        settings = [*asked, f"dataset.conditional_vector={vector}", "dataset.label=ill"]
        data = build(parse_config(compose(settings))).dataset.load(tmp_path, Terminal().track)
        return [column.name for column in columns_of(data).columns if column.shares]

    assert named("['*']") == ["color", "ill"]
    with pytest.raises(ConfigError, match="column note is computed from others"):
        named("[note]")
