"""What gan-evaluate measures stays in the run, and comparisons find it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Answer, call_command
from sweep_runs import TINY

from gan_runner.comparison.record import find_records
from gan_runner.storage.summary import summarize

Here = Callable[..., Answer]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    path = tmp_path / "run"
    settings = (*TINY, "train.keep=3", "evaluation.metrics=[frechet]", f"hydra.run.dir={path}")
    assert call_command("gan-train", *settings) == 0
    return path


def test_all_kept_checkpoints_are_measured_recorded_and_compared(here: Here, run: Path) -> None:
    before = (run / "evaluations.jsonl").exists()
    answer = here("gan-evaluate", str(run), "--checkpoint", "all", "--metrics", "frechet")
    assert (answer.code, before) == (0, False)
    assert "kept in the run, for gan-compare and gan-report" in answer.out
    rows = [json.loads(r) for r in (run / "later_evaluations.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 4, 6]
    (record,) = find_records([run])
    (measured,) = record.measured.items()
    assert list(measured[1]) == [2, 4, 6]
    assert measured[0].metric == "frechet"
    assert record.protocols[measured[0].protocol]["n_fake"] == 64
    best = summarize(run).best
    assert best is not None and best.step in (2, 4, 6)
    compared = here("gan-compare", str(run))
    assert compared.code == 0 and "frechet_identity" in compared.out


def test_the_newest_number_of_a_step_counts_and_that_of_the_training_before_it(
    here: Here, run: Path
) -> None:
    for _ in range(2):
        assert here("gan-evaluate", str(run), "--metrics", "frechet").code == 0
    row = json.loads((run / "later_evaluations.jsonl").read_text().splitlines()[-1])
    for value, name in ((5.0, "later_evaluations.jsonl"), (7.0, "evaluations.jsonl")):
        row["results"]["frechet_identity"]["value"] = value
        with (run / name).open("a") as file:
            file.write(json.dumps(row) + "\n")
        (record,) = find_records([run])
        assert [list(series.values()) for series in record.measured.values()] == [[value]]


def test_numbers_of_a_run_that_cant_be_written_are_shown_all_the_same(
    here: Here, run: Path
) -> None:
    (run / "later_evaluations.jsonl").mkdir()
    answer = here("gan-evaluate", str(run), "--metrics", "frechet")
    assert answer.code == 0
    assert "frechet_identity" in answer.out and f"warning: not kept in {run}" in answer.out
