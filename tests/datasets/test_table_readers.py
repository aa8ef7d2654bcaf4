"""Tables in other files than CSV, and of Python's own: the same rows however they are stored."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml
from conftest import EVERY_DATASET
from pyarrow import parquet

import gan_runner
from gan_runner.api.table_file import save_table
from gan_runner.config.component import build_component
from gan_runner.config.groups import conf_folder
from gan_runner.data import Data
from gan_runner.datasets import Tabular
from gan_runner.datasets.readers.coded import code_cells
from gan_runner.errors import ConfigError, DataError
from gan_runner.logs.terminal import Terminal

Load = Callable[[Path], Data]
ROWS = 60
COLUMNS: dict[str, list[Any]] = {
    "x": [None if k % 7 == 0 else k * 0.25 for k in range(ROWS)],
    "n": [k * 37 % 41 for k in range(ROWS)],
    "when": [date(2020, 1 + k % 12, 1 + k % 28) for k in range(ROWS)],
    "kind": [("red", "blue, dark", None)[k % 3] for k in range(ROWS)],
    "ok": [k % 2 == 0 for k in range(ROWS)],
}


@pytest.fixture
def load(tmp_path: Path) -> Load:
    settings = yaml.safe_load((conf_folder() / "dataset" / "table.yaml").read_text())["dataset"]

    def call(path: Path) -> Data:
        node = EVERY_DATASET | settings | {"path": str(path), "label": None, "test_ratio": 0}
        return build_component(node, Tabular, where="dataset").load(tmp_path, Terminal().track)

    return call


def text(sep: str) -> str:
    lines = [sep.join(COLUMNS)]
    for row in zip(*COLUMNS.values(), strict=True):
        cells = ["" if cell is None else str(cell) for cell in row]
        lines.append(sep.join(f'"{cell}"' if sep in cell else cell for cell in cells))
    return "\n".join(lines) + "\n"


def rows(data: Data) -> list[list[str]]:
    assert data.space.columns is not None
    return list(data.space.columns.rows(data.in_memory, data.labels, data.space.origin))


def write_parquet(path: Path) -> Path:
    parquet.write_table(pa.table(COLUMNS), path)
    return path


@pytest.mark.parametrize("name", ["t.tsv", "t.csv.gz", "t.tsv.gz", "t.parquet", "frame"])
def test_the_same_table_is_read_from_every_file(name: str, load: Load, tmp_path: Path) -> None:
    path = tmp_path / "plain.csv"
    path.write_text(text(","))
    expected, path = rows(load(path)), tmp_path / name
    if name == "frame":
        arrays = {key: np.array(values, dtype=object) for key, values in COLUMNS.items()}
        path = save_table(arrays, tmp_path)
    elif name.endswith(".parquet"):
        write_parquet(path)
    else:
        content = text("\t" if ".tsv" in name else ",").encode()
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert rows(load(path)) == expected


def test_a_tab_divides_a_tsv_file_whatever_else_is_in_its_names(load: Load, tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_text("a,b,c\td\n" + "".join(f"{k * 5 % 17}\t{k * 7 % 13}.5\n" for k in range(30)))
    assert [column.name for column in load(path).reading.columns] == ["a,b,c", "d"]


def test_a_damaged_file_is_called_that(load: Load, tmp_path: Path) -> None:
    packed = tmp_path / "t.csv.gz"
    packed.write_bytes(gzip.compress(text(",").encode())[:-20])
    with pytest.raises(DataError, match=r"damaged gzip file.*dataset\.path=.*Copy it again"):
        load(packed)
    path = write_parquet(tmp_path / "t.parquet")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"damaged Parquet file.*Copy it again"):
        load(path)


def test_lists_in_parquet_are_refused_by_their_column(load: Load, tmp_path: Path) -> None:
    parquet.write_table(pa.table({"a": [1, 2], "tags": [["x"], ["y"]]}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match="column tags has list"):
        load(tmp_path / "t.parquet")


def test_numbers_of_32_bits_have_their_own_digits(load: Load, tmp_path: Path) -> None:
    values = np.float32([0.1, 0.2, 0.7] * 10)
    parquet.write_table(pa.table({"a": values, "b": np.arange(30) % 7}), tmp_path / "t.parquet")
    assert {row[0] for row in rows(load(tmp_path / "t.parquet"))[1:]} == {"0.1", "0.2", "0.7"}


def test_dates_and_times_of_arrays_are_dates(load: Load, tmp_path: Path) -> None:
    moments = [datetime(2020, 3, 1 + k % 28, k % 24, 30) for k in range(ROWS)]
    days = np.datetime64("2020-01-01") + np.arange(ROWS)
    table = {"a": np.array(moments, dtype="M8[ns]"), "b": days, "c": np.arange(ROWS) % 7}
    found = rows(load(save_table(table, tmp_path)))
    assert found[1][:2] == ["2020-03-01T00:30:00", "2020-01-01"]


def test_a_run_trains_on_a_mapping_and_reads_it_again(tmp_path: Path) -> None:
    settings = {
        **{"train.steps": 2, "train.batch_size": 8, "device": "cpu", "cache": tmp_path / "cache"},
        **{"hydra.run.dir": tmp_path / "run", "train.sample_every": 0},
    }
    table = {"x": np.arange(ROWS) % 11 + 0.5, "kind": np.array(["a", "b"])[np.arange(ROWS) % 2]}
    run = gan_runner.fit(settings, data=table, quiet=True)
    made = run.sample(5, seed=0)
    assert isinstance(made, dict) and set(made) == {"x", "kind"}
    (file,) = (tmp_path / "cache" / "tables").iterdir()
    assert str(file) in (tmp_path / "run" / "config.yaml").read_text()
    with pytest.raises(ConfigError, match="can't be combined with dataset=iris"):
        gan_runner.fit(["dataset=iris"], data=table)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([1, 2], "not a table, data=list"),
        ({"a": [1, 2], "b": [1]}, r"columns of \[1, 2\] rows"),
        ({"a": [[1], [2]]}, r"column a has the shape \[2, 1\]"),
        ({"a": np.array([{}, []], dtype=object)}, "column a has values that aren't plain"),
    ],
)
def test_what_is_no_table_is_refused(table: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        save_table(table, tmp_path)


def test_coded_cells_are_the_cells() -> None:
    cells = ["b", "a", "b", "c", "b"]
    coded = code_cells(cells)
    assert list(coded) == cells and coded[3] == "c" and coded.index("c") == 3
    assert coded.counts == {"b": 3, "a": 1, "c": 1}
    taken = coded.take(np.array([1, 3]))
    assert list(taken) == ["a", "c"] and taken.different == ["a", "c"]
    assert coded.rows_of({"a", "b"}).tolist() == [0, 1, 2, 4]


def test_a_data_frame_keeps_its_types(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    frame = pandas.DataFrame(
        {
            "count": rng.integers(0, 500, 80),
            "weight": np.where(np.arange(80) % 9, rng.normal(size=80).round(2), np.nan),
            "town": [("Bonn", "Kiel", None)[row % 3] for row in range(80)],
            "size": pandas.Categorical([("S", "M", "L")[row % 3] for row in range(80)]),
            "when": pandas.date_range("2021-01-01", periods=80, freq="3D"),
            "paid": rng.random(80) < 0.5,
        },
        index=[f"r{row}" for row in range(80)],
    )
    settings = ["dataset.label=null", "train.steps=2", "train.eval_every=0", "device=cpu"]
    settings += [f"cache={tmp_path}", f"hydra.run.dir={tmp_path / 'run'}", "train.batch_size=8"]
    rows = gan_runner.fit(settings, data=frame, quiet=True).sample(30)
    assert list(rows) == list(frame.columns)  # the index is no column
    assert rows["count"].dtype.kind == "i"
    assert {*rows["town"].tolist()} <= {"Bonn", "Kiel", ""}
    assert {*rows["size"].tolist()} <= {"S", "M", "L"}
    assert {*rows["paid"].tolist()} <= {"True", "False"}
    assert all(str(day).startswith("2021-") for day in rows["when"].tolist())
