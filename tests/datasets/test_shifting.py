"""Numbers keep their digits from a file through examples to a file: dates, times, identifiers."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from conftest import EVERY_DATASET, call_command, track
from numpy.typing import NDArray

import gan_runner
from gan_runner.config.component import build_component
from gan_runner.config.groups import conf_folder
from gan_runner.data import Data
from gan_runner.datasets import Dataset
from gan_runner.datasets.shifting import shift, shift_columns
from gan_runner.errors import DataError
from gan_runner.sampling.arrays import to_stored_array

ROWS = 200
RNG = np.random.default_rng(0)


def cells(start: float, spread: float, decimals: int) -> list[str]:
    return [f"{start + k:.{decimals}f}" for k in RNG.uniform(0, spread, ROWS)]


def counted(start: int, spread: int, step: int = 1) -> list[str]:
    return [str(start + step * int(k)) for k in RNG.integers(0, spread, ROWS)]


KEPT = {
    "days": [f"2020{month:02}{day:02}" for month in range(1, 11) for day in range(1, 21)],
    "unix seconds": counted(1_700_000_000, 86_400),
    "unix milliseconds": counted(1_700_000_000_000, 3_600_000),
    "whole seconds in milliseconds": counted(1_700_000_000_000, 3_600, 1000),
    "julian dates": cells(2_459_000.5, 0.05, 6),
    "julian dates with more decimals": cells(2_459_000.5, 0.05, 8),
    "degrees": cells(52.5, 0.1, 7),
    "prices": cells(1e6, 2000, 2),
    "negative": cells(-3e9, 1000, 1),
    "odd identifiers beyond float64": counted(9_007_199_254_740_993, 5000, 2),
    "the largest identifiers": counted(18_446_744_073_709_500_000, 50_000),
    "the lowest identifiers": counted(-(2**63), 50_000),
    "two values": ["20200309", "20200310"] * (ROWS // 2),
    "a constant": ["20200309"] * ROWS,
    "a long constant": ["2459000.123456789"] * ROWS,
    "a span of 25 bits": [str(int(x)) for x in np.linspace(1, 2**25 - 1, ROWS)],
}
ORDINARY = {
    "ages": counted(0, 90),
    "years": counted(2000, 30),
    "prices": cells(0, 1000, 2),
    "measured": cells(0, 1, 9),
    "exponents": [f"{x:.3e}" for x in RNG.uniform(0, 1e-3, ROWS)],
    "floats": [repr(float(x)) for x in RNG.normal(0, 100, ROWS)],
}
UNKEPT = {
    "nanoseconds of years": (counted(17 * 10**17, 3 * 10**17), "steps of 1: its last 11 digits"),
    "milliseconds of a year": (counted(17 * 10**11, 31 * 10**9), "steps of 1: its last 4 digits"),
    "zero for no time": ([*counted(1_700_000_000, 86_400)[20:], *["0"] * 20], "last 3 digits"),
    "digits beyond float64": (counted(918_446_744_073_709_500_000, 50_000), "not even 64 bits"),
    "too small": ([f"{x:.3e}" for x in RNG.normal(0, 1e-42, ROWS)], "too small for 32 bits"),
}


def load(path: Path, name: str, **changes: Any) -> Data:
    settings = {"kind": "auto", "range": "auto", "standardize": True, "flip": False}
    settings |= {"samples": "auto", "labels": "auto"}
    if name == "Table":
        file = conf_folder() / "dataset" / "table.yaml"
        settings = yaml.safe_load(file.read_text())["dataset"] | {"test_ratio": 0}
    node = {**EVERY_DATASET, **settings, "name": name, "path": str(path), **changes}
    return build_component(node, Dataset, where="dataset").load(Path("/nonexistent"), track)


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Data]:
    """Loads a table of this single column, whose numbers are standardized, beside one of two
    categories."""
    standardized = {"number_encoding": "plain", "bounds": "none", "spikes": False}

    def call(column: Sequence[str]) -> Data:
        path = tmp_path / "table.csv"
        rows = zip(column, ["u", "v"] * len(column), strict=False)
        path.write_text("".join(f"{a},{b}\n" for a, b in [("x", "kind"), *rows]))
        return load(path, "Table", label=None, numeric=["x"], **standardized)

    return call


def written(data: Data, examples: torch.Tensor) -> list[str]:
    space = data.space
    assert space.columns is not None
    return [row[0] for row in space.columns.rows(examples, data.labels, space.origin)][1:]


def digits_lost(data: Data, *, doubtful: bool | None = None) -> list[str]:
    """The notes on digits that can't be kept; of other doubts other tests speak."""
    return [
        f"{each.text}. {each.remedy}"
        for each in data.reading.decisions
        if re.search("digit|kept|too small|in its file|as one", each.text)
        if doubtful in (None, each.doubtful)
    ]


# ---------------------------------------------------------------- tables


@pytest.mark.parametrize("name", KEPT)
def test_a_column_comes_back_with_its_own_digits(name: str, table: Callable[..., Data]) -> None:
    data = table(KEPT[name])
    assert data.examples.dtype == torch.float32
    assert sorted(written(data, data.examples)) == sorted(KEPT[name])
    assert digits_lost(data, doubtful=True) == []
    seen = data.space.encode(data.examples)[:, 0]
    varies = len(set(KEPT[name])) > 1
    assert float(seen.mean()) == pytest.approx(0, abs=1e-3)
    assert float(seen.std(correction=0)) == pytest.approx(float(varies), abs=1e-3)
    if name != "a span of 25 bits":  # networks see 24 bits
        again = data.space.decode(data.space.encode(data.examples))
        assert written(data, again) == written(data, data.examples)


@pytest.mark.parametrize("name", ORDINARY)
def test_an_ordinary_column_is_held_as_it_is(name: str, table: Callable[..., Data]) -> None:
    data = table(ORDINARY[name])
    assert data.space.origin == ()
    expected = np.array(ORDINARY[name], np.float64).astype(np.float32)
    assert np.array_equal(np.sort(data.examples[:, 0].numpy()), np.sort(expected))
    assert digits_lost(data) == []


@pytest.mark.parametrize("name", UNKEPT)
def test_digits_that_cannot_be_kept_are_named(name: str, table: Callable[..., Data]) -> None:
    column, what = UNKEPT[name]
    (warning,) = digits_lost(table(column), doubtful=True)
    assert warning.startswith("column x ")
    assert what in warning
    assert warning.endswith("'dataset.ignore=[x]'")


def test_whole_numbers_written_with_a_zero_behind_the_point_lose_no_digit_of_it(
    table: Callable[..., Data],
) -> None:
    data = table([f"{10**15 + row % 9}.0" for row in range(ROWS)])
    assert digits_lost(data) == []


def test_numbers_of_many_orders_of_magnitude_are_said_to_be_learned_as_one(
    table: Callable[..., Data],
) -> None:
    (warning,) = digits_lost(table([f"1e-{row % 30}" for row in range(ROWS)]), doubtful=True)
    assert "learned as one. Save their logarithms" in warning
    assert digits_lost(table([f"{2 ** -(row % 9):.3e}" for row in range(ROWS)])) == []


def test_most_times_keep_their_digits_beside_zeros(table: Callable[..., Data]) -> None:
    column = UNKEPT["zero for no time"][0]
    data = table(column)
    found = sorted(written(data, data.examples))
    assert found[20:] == sorted(column)[20:]


def test_small_change_of_large_amounts_is_noted_without_a_warning(
    table: Callable[..., Data],
) -> None:
    data = table(cells(0, 1e6, 2))
    assert data.space.origin == ()
    assert digits_lost(data, doubtful=True) == []
    assert "its last digit can't be kept" in digits_lost(data)[0]


def test_numbers_around_zero_are_never_written_as_negative_zero(
    table: Callable[..., Data],
) -> None:
    data = table([f"{x:.2f}" for x in np.linspace(-1, 1, ROWS)])
    outputs = torch.tensor([[-1e-4, 0.0, 1.0], [-0.0, 0.0, 1.0]]) / data.space.scale[0]
    assert written(data, data.space.decode(outputs)) == ["0.00", "0.00"]
    assert written(data, torch.tensor([[-0.001, 0.0, 1.0]])) == ["0.00"]


# ---------------------------------------------------------------- arrays and sequences

ARRAYS: dict[str, NDArray[Any]] = {
    "days": np.array(KEPT["days"], np.float64),
    "days as integers": np.array(KEPT["days"], np.int32),
    "seconds": np.array(KEPT["unix seconds"], np.int64),
    "julian dates": np.array(KEPT["julian dates"], np.float64),
    "unsigned": np.array(KEPT["the largest identifiers"], np.uint64),
    "lowest": np.array(KEPT["the lowest identifiers"], np.int64),
    "a constant": np.full(ROWS, 20200309.0),
}


@pytest.mark.parametrize("kind", ["vectors", "sequences"])
@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_comes_back_with_its_own_digits(name: str, kind: str, tmp_path: Path) -> None:
    column = ARRAYS[name]
    array = np.stack([column, np.arange(ROWS).astype(column.dtype)], axis=1)
    if kind == "sequences":
        array = array.reshape(-1, 4, 2)
    np.save(tmp_path / "x.npy", array)
    data = load(tmp_path / "x.npy", "Array", kind=kind)
    assert data.space.origin[1] == 0
    assert digits_lost(data) == []
    stored = to_stored_array(data.examples, data.space)
    assert stored.dtype == np.float64
    again = to_stored_array(data.space.decode(data.space.encode(data.examples)), data.space)
    for found in (stored[..., 0], again[..., 0]):
        assert np.array_equal(np.round(found, 6 if name == "julian dates" else 0), array[..., 0])
    assert np.array_equal(stored[..., 1], array[..., 1])


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.int16, np.uint8, bool])
def test_an_ordinary_array_is_held_as_it_is(kind: type, tmp_path: Path) -> None:
    array = RNG.uniform(0, 2, (ROWS, 3)).astype(kind)
    np.save(tmp_path / "x.npy", array)
    data = load(tmp_path / "x.npy", "Array")
    assert data.space.origin == ()
    assert digits_lost(data) == []
    assert np.array_equal(data.examples.numpy(), array.astype(np.float32))
    assert to_stored_array(data.examples, data.space).dtype == np.float32


def test_floats_without_an_end_are_kept_to_a_small_part_of_their_deviation(tmp_path: Path) -> None:
    array = 1e9 + RNG.normal(0, 1, (ROWS, 1))
    np.save(tmp_path / "x.npy", array)
    data = load(tmp_path / "x.npy", "Array")
    assert data.space.origin == (1e9,)
    stored = to_stored_array(data.examples, data.space)
    assert np.abs(stored - array).max() < 1e-6
    assert digits_lost(data) == []


@pytest.mark.parametrize(
    ("array", "changes", "what"),
    [
        (1_700_000_000 + np.arange(ROWS), {"standardize": False}, "last 3 digits"),
        (1e9 + RNG.normal(0, 1, ROWS), {"standardize": False}, "kept in steps of 64"),
        (RNG.integers(0, 2**62, ROWS), {}, "digits can't be kept"),
        (np.float32(1_700_000_000 + 100 * np.arange(ROWS)), {}, "float32 in its file"),
        (np.float16(2048 + np.arange(ROWS)), {}, "float16 in its file"),
    ],
    ids=["unscaled", "unscaled floats", "spread", "float32", "float16"],
)
def test_digits_that_an_array_loses_are_named(
    array: NDArray[Any], changes: dict[str, Any], what: str, tmp_path: Path
) -> None:
    np.save(tmp_path / "x.npy", np.stack([np.zeros_like(array), array], axis=1))
    data = load(tmp_path / "x.npy", "Array", **changes)
    (warning,) = digits_lost(data, doubtful=True)
    assert warning.startswith("dimension 2 ")
    assert what in warning
    if changes:
        assert "dataset.standardize=true" in warning


@pytest.mark.parametrize("kind", ["datetime64[s]", "timedelta64[s]"])
def test_times_are_refused_with_the_code_that_makes_numbers_of_them(
    kind: str, tmp_path: Path
) -> None:
    np.save(tmp_path / "x.npy", np.zeros((8, 2), kind))
    with pytest.raises(DataError, match=r"an array of .*\. Save numbers: array"):
        load(tmp_path / "x.npy", "Array")


# ---------------------------------------------------------------- the numbers themselves


@pytest.mark.parametrize(
    ("values", "decimals", "origin"),
    [
        ([], 0, 0.0),
        ([5.0], 0, 0.0),
        ([1e300] * 3, None, 1e300),
        ([2**24 + 1] * 3, 0, 2.0**24 + 1),
        ([0.0, -0.0], 2, 0.0),
    ],
    ids=str,
)
def test_the_origin_of_few_numbers(
    values: list[float], decimals: int | None, origin: float
) -> None:
    found = shift(np.array(values, np.float64), decimals)
    assert (found.origin, found.lost) == (origin, None)
    assert np.array_equal(found.numbers.astype(np.float64) + found.origin, values)


def test_an_origin_is_a_number_of_the_columns_own_decimals() -> None:
    found = shift(np.array(KEPT["julian dates"], np.float64), 6)
    assert f"{found.origin:.6f}" in KEPT["julian dates"]


# ---------------------------------------------------------------- a run


def test_samples_of_a_run_have_the_digits_of_its_data(tmp_path: Path) -> None:
    names = ["days", "unix seconds", "julian dates", "odd identifiers beyond float64"]
    with (tmp_path / "t.csv").open("w", newline="") as file:
        csv.writer(file).writerows([names, *zip(*(KEPT[n] for n in names), strict=True)])
    run = gan_runner.fit(
        {
            **{"dataset": "table", "dataset.path": tmp_path / "t.csv", "train.steps": 2},
            **{"train.batch_size": 16, "train.samples": 4, "device": "cpu"},
            **{"train.sample_every": 0, "hydra.run.dir": tmp_path / "run"},
        },
        quiet=True,
    )
    rows = run.sample(50, seed=1)
    assert isinstance(rows, dict)
    assert [rows[name].dtype.name for name in names] == ["int64", "int64", "float64", "int64"]
    assert len(set(rows["days"] % 2)) == 2
    assert len(set(rows["unix seconds"] % 128)) > 10
    words = [str(run.path), "--num", "50", "--seed", "1", "--out", str(tmp_path / "x.csv")]
    assert call_command("gan-sample", *words) == 0
    with (tmp_path / "x.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    for name in names:
        assert np.array_equal(
            np.array([row[name] for row in written], rows[name].dtype), rows[name]
        )
    assert {len(row["julian dates"].partition(".")[2]) for row in written} == {6}
    words[-1] = str(tmp_path / "x.npz")
    assert call_command("gan-sample", *words) == 0
    samples = np.load(tmp_path / "x.npz")["samples"]
    assert np.array_equal(samples[:, :3], np.stack([rows[n] for n in names[:3]], axis=1))


def test_whole_numbers_beyond_53_bits_say_in_which_steps_their_samples_go() -> None:
    nanoseconds = 1_700_000_000_000_000_000 + np.arange(0, 10**7, 10**4)[:, None]
    lost = shift_columns(nanoseconds).lost[0]
    assert lost.text.endswith("go in steps of 256") and not lost.doubtful
    assert shift_columns(nanoseconds[:1] + np.arange(1000)[:, None]).lost[0].doubtful
    assert shift_columns(np.arange(100)[:, None] + 2**50).lost == {}
