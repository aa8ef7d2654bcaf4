"""A search that stops early, on real jobs: exact, continued after any kill, and told in the end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Answer, left_behind, run_here
from sweep_runs import TINY, marks

from gan_runner.sweeps import processes
from gan_runner.sweeps.job import run_job
from gan_runner.sweeps.jobs import Job

pytestmark = pytest.mark.usefixtures("blank_pictures")

Here = Callable[..., Answer]
LR = "optimizer.generator.lr"
SETTINGS = (
    *(*TINY, "train.steps=9", "train.save_every=0", "train.eval_every=1", "logger=csv"),
    *("evaluation.num=32", "evaluation.metrics=[frechet]", "evaluation.best.metric=frechet"),
)
SEARCH = (
    *(*SETTINGS, "-m", "hydra/sweeper=halving", f"{LR}=tag(log,interval(1e-4,1e-1))"),
    *("hydra.sweeper.samples=4", "hydra.sweeper.repeats=1"),
)


class Killed(BaseException):
    """Stands for a sweep whose process is gone."""


def record(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "halving.json").read_text())  # type: ignore[no-any-return]


def evaluations(run: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (run / "evaluations.jsonl").read_text().splitlines()]
    return [{"step": row["step"], "best": row["best"]} for row in rows]


def cut(job: Job, step: int) -> None:
    """Leave a job as one that a kill cut short on its way."""
    job.prepare()
    assert run_job(replace(job, pause_at=step)) == 0
    path = job.path / "status.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "state": "running"}))


def kill_after(count: int, step: int) -> Callable[..., None]:
    """A runner whose process is gone after so many jobs, with the next one at a step on its way."""

    def carry(jobs: Iterable[Job], **how: Any) -> None:
        source = iter(jobs)
        for _ in range(count):
            run_here([next(source)], **how)
        job = next(source)
        assert step < (job.pause_at or 9) < 3 * step + 3
        cut(job, step)
        raise Killed

    return carry


def test_a_search_that_was_killed_at_each_rung_ends_as_one_that_wasnt_and_as_single_runs(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for count, step in ((1, 2), (1, 6), (1, 0)):  # on the way to the second, last and first rung
        monkeypatch.setattr(processes, "run_in_processes", kill_after(count, step))
        with pytest.raises(Killed):
            here("gan-train", *SEARCH, "sweep=killed")
    monkeypatch.setattr(processes, "run_in_processes", run_here)
    for name in ("killed", "whole"):
        answer = here("gan-train", *SEARCH, f"sweep={name}")
        assert answer.code == 0, answer.err
        assert "halving: 3 to step 1, 2 to step 3, 2 to step 9" in answer.out
    sweeps = tmp_path / "outputs/sweeps"
    found = record(sweeps / "whole")
    assert record(sweeps / "killed") == found
    assert sorted(job["step"] for job in found["jobs"]) == [1, 1, 9, 9]
    ended = [job for job in found["jobs"] if job["state"] == "completed"]
    assert found["winner"] == min(ended, key=lambda job: job["values"][-1])["name"]
    lr = next(job["settings"][LR] for job in ended if job["name"] == found["winner"])
    assert here("gan-train", *SETTINGS, f"{LR}={lr}", "hydra.run.dir=alone").code == 0
    alone = tmp_path / "alone"
    for name in ("killed", "whole"):
        run = sweeps / name / found["winner"]
        assert left_behind(run) == left_behind(alone)
        assert evaluations(run) == evaluations(alone)
    before = marks(sweeps / "whole" / found["winner"])
    assert here("gan-train", *SEARCH, "sweep=whole").code == 0
    assert marks(sweeps / "whole" / found["winner"]) == before
