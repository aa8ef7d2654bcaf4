"""The best checkpoint of a run that gan-evaluate measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import pytest

from gan_runner.storage.best import best_measured_step
from gan_runner.storage.run_folder import RunFolder


def row(step: int, value: object, protocol: str = "a", weights: str = "ema") -> dict[str, Any]:
    result = {"metric": "frechet", "protocol": {"id": protocol, "weights": weights}}
    return {"step": step, "best": value, "results": {"frechet_classifier": result}}


@pytest.mark.parametrize(
    ("rows", "direction", "step"),
    [
        ([], "min", None),
        ([row(1, 5.0), row(2, 3.0), row(3, 4.0)], "min", 2),
        ([row(1, 5.0), row(2, 3.0), row(3, 4.0)], "max", 1),
        ([row(1, 5.0), row(2, 5.0), row(3, 5.0)], "min", 1),
        ([row(3, 4.0)], "min", None),
        ([row(1, 5.0), row(2, 3.0), row(3, 4.0, "b")], "min", None),
        ([row(1, 5.0), row(2, 3.0), row(3, 4.0), row(4, 1.0)], "min", 2),
        ([row(1, 5.0), row(2, 3.0), row(3, 4.0), row(2, 9.0)], "min", 3),
        ([row(s, s, "a") for s in (1, 2, 3)] + [row(s, -s, "b") for s in (1, 2, 3)], "min", 3),
        ([row(s, s, weights="raw") for s in (1, 2, 3)], "min", None),
        ([row(1, 5.0), row(2, None), row(3, float("nan"))], "min", None),
        ([row(1, 5.0), row(2, "x"), {"step": 3, "best": 1.0, "results": []}], "min", None),
    ],
)
def test_the_best_is_the_best_of_all_that_are_kept_measured_in_the_same_way(
    tmp_path: Path, rows: list[Any], direction: Literal["min", "max"], step: int | None
) -> None:
    lines = "".join(json.dumps(each) + "\n" for each in rows)
    (tmp_path / "later_evaluations.jsonl").write_text(lines)
    folder = RunFolder(tmp_path)
    settings = {"metric": "frechet", "weights": "ema"}
    assert best_measured_step(folder, (3, 2, 1), direction=direction, **settings) == step


def test_a_run_that_nothing_was_measured_of_has_no_best(tmp_path: Path) -> None:
    found = best_measured_step(
        RunFolder(tmp_path), (1,), metric="frechet", direction="min", weights="ema"
    )
    assert found is None
