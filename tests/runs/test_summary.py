"""The summary of a run says its last score, whether it is the best, and how to get one."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gan_runner.logs.terminal import Terminal
from gan_runner.runs.finish import _score
from gan_runner.storage.run_folder import RunFolder


@pytest.mark.parametrize(
    ("values", "direction", "said"),
    [
        ([3.14159265358979, 2.5], "min", "frechet 2.500 at step 2, the best"),
        ([2.5, 3.14159265358979], "min", "frechet 3.142 at step 2; the best was 2.500 at step 1"),
        ([2.5, 3.14159265358979], "max", "frechet 3.142 at step 2, the best"),
        ([2.5, None], "min", "frechet 2.500 at step 1, the best"),
    ],
)
def test_a_summary_has_the_last_score_in_four_digits_and_the_best(
    tmp_path: Path, values: list[float | None], direction: str, said: str
) -> None:
    lines = [json.dumps({"step": k, "best": value}) for k, value in enumerate(values, start=1)]
    (tmp_path / "evaluations.jsonl").write_text("\n".join(lines) + "\n")
    assert _score(made_run(tmp_path, direction)) == said


def test_a_run_without_an_evaluation_says_how_to_get_one(tmp_path: Path) -> None:
    assert _score(made_run(tmp_path, "min")) == f"none. Measure it: gan-evaluate {tmp_path}"


def made_run(path: Path, direction: str) -> Any:
    best = SimpleNamespace(metric="frechet", direction=direction)
    experiment = SimpleNamespace(evaluation=SimpleNamespace(best=best))
    folder = RunFolder(path)
    return SimpleNamespace(folder=folder, path=path, experiment=experiment, terminal=Terminal())
