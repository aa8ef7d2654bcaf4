"""Orders between columns, `start <= end`, hold in whatever a generator makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from conftest import EVERY_DATASET
from numpy.typing import NDArray

from gan_runner.config.component import build_component
from gan_runner.config.groups import conf_folder
from gan_runner.data import Columns, Data
from gan_runner.data.dates import DateForm
from gan_runner.datasets import Tabular
from gan_runner.logs.terminal import Terminal

ROWS = 120
Numbers = dict[str, NDArray[Any]]


def load(folder: Path, cells: dict[str, list[str]], *constraints: str, **values: Any) -> Data:
    settings = yaml.safe_load((conf_folder() / "dataset" / "table.yaml").read_text())["dataset"]
    path = folder / "table.csv"
    rows = [";".join(row) for row in zip(*cells.values(), strict=True)]
    path.write_text("\n".join([";".join(cells), *rows]) + "\n")
    given = {"path": str(path), "label": None, "constraints": list(constraints)}
    node = EVERY_DATASET | settings | given | values
    table = build_component(node, Tabular, where="dataset")
    return table.load(folder, Terminal().track)


def columns_of(data: Data) -> Columns:
    assert data.space.columns is not None
    return data.space.columns


def real(data: Data) -> Numbers:
    examples = data.in_memory
    return {c.name: v for c, v in columns_of(data).values(examples, None, data.space.origin)}


def sampled(data: Data, count: int = 2000) -> Numbers:
    """Rows of a generator that knows nothing."""
    columns = columns_of(data)
    rng = torch.Generator().manual_seed(0)
    noise = torch.rand(count, columns.encoded_width, generator=rng) * 2.4 - 1.2
    examples = columns.discretize(columns.decode(noise))
    return {c.name: v for c, v in columns.values(examples, None, data.space.origin)}


def stocks() -> dict[str, list[str]]:
    rng = np.random.default_rng(0)
    low, up = rng.uniform(90, 110, ROWS).round(2), rng.uniform(0, 6, (3, ROWS)).round(2)
    opened, closed = low + up[0], low + up[1]
    high = np.maximum(opened, closed) + up[2]
    numbers = {"high": high, "low": low, "open": opened, "close": closed}
    return {name: [f"{each:.2f}" for each in values] for name, values in numbers.items()}


STOCKS = ("low <= open <= high", "low <= close", "high >= close")


def test_columns_above_several_others_are_above_each_in_every_sample(tmp_path: Path) -> None:
    data = load(tmp_path, stocks(), *STOCKS)
    found = sampled(data)
    assert list(found) == ["high", "low", "open", "close"]
    assert (found["low"] <= found["open"]).all() and (found["low"] <= found["close"]).all()
    assert (np.maximum(found["open"], found["close"]) <= found["high"]).all()
    assert not columns_of(data).keeper.may_break
    assert not any(mask.any() for mask in columns_of(data).keeper.broken(found))
    assert len(np.unique(found["high"])) > 500


def test_samples_stay_in_the_range_without_gathering_at_its_ends(tmp_path: Path) -> None:
    cells = stocks()
    found = sampled(load(tmp_path, cells, *STOCKS))
    for name in "open", "close", "high":
        known = [float(cell) for cell in cells[name]]
        assert found[name].min() >= min(known) and found[name].max() <= max(known)
        assert (found[name] == max(known)).mean() < 0.01


def test_real_rows_come_back_as_they_were(tmp_path: Path) -> None:
    cells = stocks()
    data = load(tmp_path, cells, *STOCKS, test_ratio=0)
    for name, values in real(data).items():
        assert [f"{value:.2f}" for value in values.tolist()] == cells[name]


def test_a_strict_order_of_whole_numbers_is_strict(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    start = rng.integers(0, 500, ROWS)
    end = start + 1 + rng.integers(0, 4, ROWS)
    cells = {"start": [*map(str, start)], "end": [*map(str, end)]}
    data = load(tmp_path, cells, "end > start")
    found = sampled(data)
    assert (found["start"] < found["end"]).all() and found["end"].dtype == np.int64
    assert (found["end"] == found["start"] + 1).mean() > 0.1
    assert [column.name for column in columns_of(data).columns if column.width] == [
        "start",
        "end - start",
    ]


def test_dates_are_in_order_and_written_as_they_were(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    start = 18_262 + rng.integers(0, 300, ROWS)
    end = start + rng.integers(0, 40, ROWS)
    forms = DateForm("%Y-%m-%d"), DateForm("%d.%m.%Y")
    cells = {
        "start": forms[0].cells(start.astype(np.float64)),
        "end": forms[1].cells(end.astype(np.float64)),
    }
    data = load(tmp_path, cells, "start <= end", test_ratio=0)
    names, *rows = columns_of(data).rows(data.in_memory, None, data.space.origin)
    assert names == ["start", "end"]
    assert [list(row) for row in zip(*rows, strict=True)] == list(cells.values())
    found = sampled(data)
    assert (found["start"] <= found["end"]).all()


def test_real_numbers_without_a_number_of_decimals_are_in_order(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    low = rng.normal(size=ROWS)
    high = low + rng.exponential(size=ROWS)
    cells = {"low": [*map(repr, low.tolist())], "high": [*map(repr, high.tolist())]}
    data = load(tmp_path, cells, "low <= high", number_encoding="plain")
    rows = list(columns_of(data).rows(data.in_memory, None, data.space.origin))[1:]
    assert all(float(low) <= float(high) for low, high in rows)
    assert max(len(cell) for row in rows for cell in row) < 16  # no noise of float64
    found = sampled(data)
    assert (found["low"] <= found["high"]).all()


@pytest.mark.parametrize(
    ("settings", "constraints", "why"),
    [
        ({}, ["open <= holes"], "values of holes are missing"),
        ({}, ["low <= open", "open <= low or open > low"], ""),
        ({}, ["low <= rough"], "low has more decimals than rough"),
        ({"columns": {"open": {"spikes": [99]}}}, ["low <= open"], "spikes of open are set"),
        ({}, ["twice = low + low", "low <= twice"], "another constraint gives twice"),
    ],
)
def test_the_report_says_why_rows_are_drawn_again(
    settings: dict[str, Any], constraints: list[str], why: str, tmp_path: Path
) -> None:
    cells = stocks()
    cells["holes"] = ["" if row % 9 == 0 else "200.5" for row in range(ROWS)]
    cells["holes"][1] = "201"
    cells["rough"] = [str(200 + row % 50) for row in range(ROWS)]
    cells["twice"] = [f"{2 * float(cell):.2f}" for cell in cells["low"]]
    data = load(tmp_path, cells, *constraints, **settings)
    texts = [decision.text for decision in data.reading.decisions]
    said = [text for text in texts if "are drawn again" in text]
    assert (f"since {why}" in said[-1]) if why else said == []
    assert columns_of(data).keeper.may_break


def test_orders_in_a_circle_are_drawn_again(tmp_path: Path) -> None:
    cells = stocks()
    cells["same"] = cells["low"]
    data = load(tmp_path, cells, "low <= same", "same <= low")
    texts = [decision.text for decision in data.reading.decisions]
    assert "rows that break same <= low are drawn again, since same is computed of low" in texts


def test_bounds_of_the_larger_column_are_kept(tmp_path: Path) -> None:
    data = load(tmp_path, stocks(), "low <= open", columns={"open": {"bounds": [80, 130]}})
    found = sampled(data)
    assert found["open"].min() >= 80 and found["open"].max() <= 130
    assert (found["low"] <= found["open"]).all()
