"""Samples of a table keep its constraints: columns that others give, and rows drawn again."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Answer, call_command

import gan_runner
from gan_runner.runs.open import load_generator

Here = Callable[..., Answer]
CONSTRAINTS = ("city -> state", "total = a + b", "start <= end")
SMALL = (
    *("dataset=table", "dataset.label=null", "model.generator.hidden=[16]"),
    *("model.discriminator.hidden=[16]", "model.latent_size=24", "threads=1", "device=cpu"),
    *("train.batch_size=16", "train.steps=5", "train.eval_every=0", "train.sample_every=0"),
)


def write_table(path: Path, *, broken: bool = False) -> Path:
    """Towns with their states, a sum, and an order, which `broken` isn't kept in one row."""
    rng = np.random.default_rng(0)
    towns = {"Bonn": "NW", "Essen": "NW", "Kiel": "SH", "Ulm": "BW"}
    lines = ["city,state,a,b,total,start,end"]
    for row in range(120):
        city = list(towns)[row % 4]
        a, b, start = rng.integers(1, 900), rng.integers(1, 900), rng.integers(0, 500)
        end = start + rng.integers(0, 400)
        if broken and row == 60:
            start, end = end + 1, start
        lines.append(f"{city},{towns[city]},{a},{b},{a + b},{start},{end}")
    path.write_text("\n".join(lines) + "\n")
    return path


def setting(*constraints: str) -> str:
    return "dataset.constraints=[" + ",".join(f'"{text}"' for text in constraints) + "]"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept")
    table = write_table(folder / "table.csv")
    words = [*SMALL, f"dataset.path={table}", setting(*CONSTRAINTS), f"cache={folder}"]
    assert call_command("gan-train", *words, f"hydra.run.dir={folder / 'run'}") == 0
    return folder / "run"


def test_every_sampled_row_keeps_them(here: Here, run: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.csv"
    answer = here("gan-sample", str(run), "--num", "300", "--out", str(out))
    assert answer.code == 0, answer.err
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 300 and list(rows[0]) == [
        "city",
        "state",
        "a",
        "b",
        "total",
        "start",
        "end",
    ]
    states = {"Bonn": "NW", "Essen": "NW", "Kiel": "SH", "Ulm": "BW"}
    assert all(row["state"] == states[row["city"]] for row in rows)
    assert all(int(row["total"]) == int(row["a"]) + int(row["b"]) for row in rows)
    assert all(int(row["start"]) <= int(row["end"]) for row in rows)
    assert len({row["total"] for row in rows}) > 20
    # those that an untrained generator breaks were drawn again
    assert "accepted" in answer.out and "those that keep the constraints" in answer.out
    assert "accepted 100" not in answer.out


def test_the_python_face_gives_the_same_rows(run: Path, here: Here, tmp_path: Path) -> None:
    out = tmp_path / "rows.csv"
    assert here("gan-sample", str(run), "--num", "50", "--out", str(out)).code == 0
    with out.open() as file:
        totals = [int(row["total"]) for row in csv.DictReader(file)]
    assert gan_runner.open(run).sample(50)["total"].tolist() == totals


def test_columns_that_others_give_are_not_learned(run: Path) -> None:
    columns = load_generator(run, which="last", raw=False, device="cpu").sampler.space.columns
    assert columns is not None
    assert [c.name for c in columns.columns if c.given] == ["state", "total", "end"]
    assert all(column.width == 0 for column in columns.columns if column.given)


def test_a_table_that_breaks_one_is_refused_with_its_line(here: Here, tmp_path: Path) -> None:
    table = write_table(tmp_path / "table.csv", broken=True)
    answer = here("gan-train", *SMALL, f"dataset.path={table}", setting("start <= end"))
    assert answer.code == 3
    assert "1 of 120 rows break a constraint" in answer.err and "Line 62" in answer.err


def test_what_is_no_constraint_is_a_fault_of_the_setting(here: Here, tmp_path: Path) -> None:
    table = write_table(tmp_path / "table.csv")
    answer = here("gan-train", *SMALL, f"dataset.path={table}", setting("strat <= end"))
    assert answer.code == 2
    assert "dataset.constraints" in answer.err and "start" in answer.err


def test_rules_that_hold_are_offered_by_the_report(here: Here, tmp_path: Path) -> None:
    table = write_table(tmp_path / "table.csv")
    answer = here("gan-data", "dataset=table", f"dataset.path={table}", "dataset.label=null")
    assert answer.code == 0, answer.err
    assert "city -> state" in answer.out and "start <= end" in answer.out


def test_rows_that_are_not_drawn_again_are_counted(here: Here, run: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.csv"
    answer = here("gan-sample", str(run), "--seeds", "0-99", "--out", str(out))
    assert answer.code == 0, answer.err
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert not any(int(row["start"]) > int(row["end"]) for row in rows)  # by construction
    with (run.parent / "table.csv").open() as file:
        known = [int(row["total"]) for row in csv.DictReader(file)]
    broken = sum(not min(known) <= int(row["total"]) <= max(known) for row in rows)
    found = re.search(r"(\d+) of 100 rows break a constraint", answer.out)
    assert found is not None and int(found[1]) >= broken > 0
