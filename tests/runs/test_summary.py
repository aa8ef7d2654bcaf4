"""The summary of a run says its last score, whether it is the best, and how to get one."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gan_runner.config.plugins import find_plugins, load_plugins
from gan_runner.config.schema import UsedPlugin
from gan_runner.logs.loggers import CSV, Logger, TensorBoard
from gan_runner.logs.terminal import Terminal
from gan_runner.runs.finish import _curves, _resume_command, _score
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


@pytest.mark.parametrize(
    ("loggers", "command"),
    [
        ({"csv": CSV(), "tensorboard": TensorBoard()}, "tensorboard --logdir {}"),
        ({"csv": CSV()}, "gan-report {} --html run.html"),
        ({}, "gan-report {} --html run.html"),
    ],
)
def test_a_summary_names_the_command_that_shows_the_curves_of_its_loggers(
    tmp_path: Path, loggers: dict[str, Logger], command: str
) -> None:
    run = made_run(tmp_path, "min")
    run.experiment.loggers = loggers
    assert _curves(run) == command.format(tmp_path)


def test_a_command_on_a_run_with_classes_of_a_file_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "named_by_summary.py").write_text("")
    run, (plugin,) = made_run(tmp_path, "min"), find_plugins([Path("named_by_summary.py")])
    load_plugins([plugin])
    run.config.plugins = (UsedPlugin(name=plugin.name, version=None, sha256=plugin.sha256),)
    assert _resume_command(run) == f"gan-train resume={tmp_path} --plugin named_by_summary.py"
    assert _score(run).endswith("--plugin named_by_summary.py")
    del sys.modules[plugin.modules[0]]


def made_run(path: Path, direction: str) -> Any:
    best = SimpleNamespace(metric="frechet", direction=direction)
    experiment = SimpleNamespace(evaluation=SimpleNamespace(best=best))
    return SimpleNamespace(
        folder=RunFolder(path),
        path=path,
        experiment=experiment,
        config=SimpleNamespace(plugins=()),
        terminal=Terminal(),
    )
