"""A configuration goes one way: composed once, validated once and once more as it was written, and
built once, for every kind of run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Answer, small_run
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from sweep_runs import TINY

from gan_runner.config import schema
from gan_runner.config.schema import Config, parse
from gan_runner.runs import dry_run, resume
from gan_runner.runs import open as opened
from gan_runner.storage.run_folder import RunFolder
from gan_runner.sweeps import job, sweep
from gan_runner.sweeps.jobs import Job
from gan_runner.training import build as building

Here = Callable[..., Answer]
BUILDERS = (dry_run, opened, resume, job, sweep)
SHORT = ("train.steps=2", "train.save_every=1")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """The times that a configuration was composed, validated and built since the last clear."""
    counted: Counter[str] = Counter()

    def counting(name: str, whole: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            counted[name] += 1
            return whole(*args, **kwargs)

        return call

    load = counting("composed", ConfigLoaderImpl.load_configuration)
    monkeypatch.setattr(ConfigLoaderImpl, "load_configuration", load)
    # by its only way from plain data; those of components have classes of their own
    monkeypatch.setattr(schema, "parse_settings", counting("validated", schema.parse_settings))
    build, counted_build = building.build, counting("built", building.build)
    for module in [building, *BUILDERS]:
        if getattr(module, "build", None) is build:
            monkeypatch.setattr(module, "build", counted_build)
    return counted


def interrupt(run: Path) -> None:
    """Let a completed run stand as one that was interrupted."""
    status = json.loads((run / "status.json").read_text())
    (run / "status.json").write_text(json.dumps({**status, "state": "interrupted"}))


def test_a_new_run_is_validated_twice_and_built_once(here: Here, calls: Counter[str]) -> None:
    assert here("gan-train", *small_run(Path("run"), *SHORT)).code == 0
    assert calls == {"composed": 1, "validated": 2, "built": 1}


def test_a_dry_run_is_as_a_new_run(here: Here, calls: Counter[str]) -> None:
    assert here("gan-train", *small_run(Path("run"), *SHORT, "dry_run=true")).code == 0
    assert calls == {"composed": 1, "validated": 2, "built": 1}


def test_a_resumed_run_is_validated_and_built_once(here: Here, calls: Counter[str]) -> None:
    assert here("gan-train", *small_run(Path("run"), *SHORT)).code == 0
    interrupt(Path("run"))
    calls.clear()
    assert here("gan-train", "resume=run").code == 0
    assert calls == {"validated": 1, "built": 1}


@pytest.mark.parametrize(
    "changes", [["train.steps=3"], ["train.steps=3", "model.discriminator.norm=auto"]]
)
def test_a_resumed_run_with_changes_is_validated_twice_and_built_once(
    here: Here, calls: Counter[str], changes: list[str]
) -> None:
    assert here("gan-train", *small_run(Path("run"), *SHORT)).code == 0
    calls.clear()
    assert here("gan-train", "resume=run", *changes).code == 0
    assert calls == {"composed": 1, "validated": 2, "built": 1}


@pytest.mark.parametrize("steps", [2, 3], ids=["new", "resumed"])
def test_the_process_of_a_job_validates_twice_and_builds_once(
    tmp_path: Path, calls: Counter[str], configured: Callable[..., Config], steps: int
) -> None:
    order = configured(*TINY, "train.steps=2").plain()
    path = tmp_path / "job"
    if steps == 3:
        assert job.run_job(Job("job", path, parse(order))) == 0
    order["train"]["steps"] = steps
    calls.clear()
    assert job.run_job(Job("job", path, parse(order))) == 0
    assert calls == {"validated": 2, "built": 1}
    assert RunFolder(path).status().step == steps


def test_a_sweep_composes_and_checks_each_job_once(
    here: Here, calls: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gan_runner.sweeps.processes.run_in_processes", lambda jobs, **how: None)
    assert here("gan-train", *TINY, "-m", "seed=0,1,2", "sweep=s").code == 0
    assert calls == {"composed": 1 + 3, "validated": 3, "built": 3}
