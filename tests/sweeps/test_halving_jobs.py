"""A search that stops early, on real jobs: exact, continued after any kill, and told in the end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Answer, left_behind, run_here
from sweep_runs import TINY

from gan_runner.config import schema as configuration
from gan_runner.sweeps import processes
from gan_runner.sweeps.job import run_job
from gan_runner.sweeps.jobs import Job, JobResult

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


def test_jobs_of_a_search_that_was_killed_at_each_rung_end_as_runs_that_never_paused(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for count, step in ((1, 2), (1, 6), (1, 0)):  # on the way to the second, last and first rung
        monkeypatch.setattr(processes, "run_in_processes", kill_after(count, step))
        with pytest.raises(Killed):
            here("gan-train", *SEARCH, "sweep=killed")
    monkeypatch.setattr(processes, "run_in_processes", run_here)
    answer = here("gan-train", *SEARCH, "sweep=killed")
    assert answer.code == 0, answer.err
    assert "halving: 3 to step 1, 2 to step 3, 2 to step 9" in answer.out
    sweep = tmp_path / "outputs/sweeps/killed"
    found = record(sweep)
    assert sorted(job["step"] for job in found["jobs"]) == [1, 1, 9, 9]
    ended = [job for job in found["jobs"] if job["state"] == "completed"]
    assert found["winner"] == min(ended, key=lambda job: job["values"][-1])["name"]
    assert len(found["repeats"]) == 1 and found["repeats"][0] not in ended[0]["values"]
    for job in ended:
        lr = job["settings"][LR]
        assert here("gan-train", *SETTINGS, f"{LR}={lr}", f"hydra.run.dir=alone{lr}").code == 0
        ours, alone = sweep / job["name"], tmp_path / f"alone{lr}"
        assert left_behind(ours) == left_behind(alone)
        assert evaluations(ours) == evaluations(alone)


# ---------------------------------------------------------------- with made-up results


Result = Callable[[Job], tuple[str, int, float | None, list[dict[str, Any]]]]


def made_up(jobs: Iterable[Job], result: Result, carried: list[str], on_end: Any) -> None:
    """Brings jobs to their ends without training: the state, exit code, value and verdicts of each
    are those of `result`."""
    for job in jobs:
        carried.append(job.name)
        state, code, value, verdicts = result(job)
        step = 0 if value is None else job.pause_at or job.config.train.steps
        job.prepare()
        job.folder.config.write_text(configuration.text(job.config))
        if value is not None:
            with job.folder.evaluations.open("a") as file:
                file.write(json.dumps({"step": step, "best": value}) + "\n")
        plain = {"format": 1, "state": state, "exit_code": code, "step": step, "reason": "made up"}
        plain |= {"verdicts": verdicts, "started": "2026-11-30T12:00:00+00:00"}
        (job.path / "status.json").write_text(json.dumps(plain))
        on_end(job, JobResult(state, code, step, 1.0, "made up"))


@pytest.fixture
def outcome(monkeypatch: pytest.MonkeyPatch) -> Callable[[Result], list[str]]:
    """Has sweeps end as a function says; the names of the jobs that were carried out."""

    def have(result: Result) -> list[str]:
        carried: list[str] = []

        def carry(jobs: Iterable[Job], *, on_end: Any, **how: Any) -> None:
            made_up(jobs, result, carried, on_end)

        monkeypatch.setattr(processes, "run_in_processes", carry)
        return carried

    return have


MADE_UP = (*SEARCH, "sweep=s", "hydra.sweeper.repeats=0")


def usual_state(job: Job) -> str:
    return "completed" if job.pause_at is None else "paused"


def test_settings_that_diverge_are_a_finding_and_arent_tried_again(
    here: Here, tmp_path: Path, outcome: Callable[[Result], list[str]]
) -> None:
    def result(job: Job) -> tuple[str, int, float | None, list[dict[str, Any]]]:
        if job.name.startswith("lr"):
            return "failed", 5, None, []
        return usual_state(job), 0, 1.0, []

    carried = outcome(result)
    answer = here("gan-train", *MADE_UP)
    assert answer.code == 0, answer.err
    assert "search: seed=0 is the best, frechet 1.000; 4 jobs, 1 to the end" in answer.out
    count = len(carried)
    assert here("gan-train", *MADE_UP).code == 0 and len(carried) == count


def test_a_job_that_failed_otherwise_is_tried_again_by_the_same_command(
    here: Here, tmp_path: Path, outcome: Callable[[Result], list[str]]
) -> None:
    failing = [True]

    def result(job: Job) -> tuple[str, int, float | None, list[dict[str, Any]]]:
        if job.name == "seed=0" and failing[0]:
            return "failed", 137, None, []
        return usual_state(job), 0, 2.0 if job.name.startswith("lr") else 1.0, []

    carried = outcome(result)
    assert here("gan-train", *MADE_UP).code == 8
    failing[0] = False
    del carried[:]
    answer = here("gan-train", *MADE_UP)
    assert answer.code == 0 and set(carried) == {"seed=0"}
    assert "search: seed=0 is the best" in answer.out


def test_a_verdict_of_collapse_gives_the_place_away_and_any_other_doesnt(
    here: Here, tmp_path: Path, outcome: Callable[[Result], list[str]]
) -> None:
    def result(job: Job) -> tuple[str, int, float | None, list[dict[str, Any]]]:
        rate = job.config.optimizer["generator"]["lr"]
        name = "mode_collapse" if job.name == "seed=0" else "oscillation"
        verdict = {"name": name, "step": 1, "evidence": "e", "advice": "a"}
        return usual_state(job), 0, 0.0 if job.name == "seed=0" else rate, [verdict]

    carried = outcome(result)
    assert here("gan-train", *MADE_UP).code == 0
    assert carried.count("seed=0") == 1  # though its value was the best
    found = record(tmp_path / "outputs/sweeps/s")
    assert found["jobs"][0]["ill_from"] == 1 and found["jobs"][1]["ill_from"] is None


def test_settings_of_one_value_hold_for_every_job_beside_a_group_that_is_drawn(
    here: Here, tmp_path: Path, outcome: Callable[[Result], list[str]]
) -> None:
    outcome(lambda job: (usual_state(job), 0, 1.0, []))
    assert here("gan-train", *MADE_UP, "loss=hinge,lsgan,wgan").code == 0
    configs = [*(tmp_path / "outputs/sweeps/s").glob("*/config.yaml")]
    plain = [yaml.safe_load(path.read_text()) for path in configs]
    assert len(plain) == 4 and all(each["model"]["generator"]["hidden"] == [4] for each in plain)
    assert len({each["choices"]["loss"] for each in plain}) > 1
    assert "hidden" not in "".join(path.parent.name for path in configs)


def test_more_samples_and_more_steps_go_on_from_what_is_done(
    here: Here, tmp_path: Path, outcome: Callable[[Result], list[str]]
) -> None:
    carried = outcome(lambda job: (usual_state(job), 0, 1.0, []))
    assert here("gan-train", *MADE_UP).code == 0
    first = set(carried)
    del carried[:]
    assert here("gan-train", *MADE_UP, "hydra.sweeper.samples=7").code == 0
    assert len(set(carried) - first) == 3 and len(carried) <= 6


@pytest.mark.parametrize(
    ("settings", "note"),
    [
        (["train.steps=27"], "the rungs were 1, 3, 9, now they are 3, 9, 27"),
        (["hydra.sweeper.rungs=2"], "the rungs were 1, 3, 9, now they are 3, 9"),
        (["hydra.sweeper.brackets=1"], "jobs are first compared at other rungs than before"),
        (["hydra.sweeper.samples=3"], "1 job of an earlier command is left out"),
        (["hydra.sweeper.seed=5"], "3 jobs of an earlier command are left out"),
        (["hydra.sweeper.samples=5"], None),
    ],
)
def test_a_search_that_goes_on_with_another_plan_says_so(
    here: Here, outcome: Callable[[Result], list[str]], settings: list[str], note: str | None
) -> None:
    outcome(lambda job: (usual_state(job), 0, 1.0, []))
    assert here("gan-train", *MADE_UP).code == 0
    answer = here("gan-train", *MADE_UP, *settings)
    assert answer.code == 0, answer.err
    assert [line for line in answer.out.splitlines() if line.startswith("note: the")] == (
        []
        if note is None or "rungs were" not in note
        else [f"note: {note}: jobs go on from where they are"]
    )
    assert note is None or f"note: {note}" in answer.out


@pytest.mark.parametrize(
    ("every", "settings", "message"),
    [
        ("auto", ["train.steps=27"], "before and 3 now, as of seed=0. Use train.eval_every=1"),
        ("1", ["train.eval_every=2", "train.steps=18"], "train.eval_every=1 before and 2 now"),
        ("1", ["hydra.sweeper.rungs=2", "train.steps=6"], "is at step 9 already, train.steps=6"),
    ],
)
def test_jobs_of_a_search_that_cant_be_compared_with_new_ones_are_refused(
    here: Here,
    outcome: Callable[[Result], list[str]],
    every: str,
    settings: list[str],
    message: str,
) -> None:
    carried = outcome(lambda job: (usual_state(job), 0, 1.0, []))
    words = [word for word in MADE_UP if not word.startswith("train.eval_every")]
    assert here("gan-train", *words, f"train.eval_every={every}").code == 0
    del carried[:]
    answer = here("gan-train", *words, f"train.eval_every={every}", *settings)
    assert (answer.code, carried) == (2, []), answer.out
    assert message in answer.err


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["train.eval_every=0"], "train.eval_every=auto"),
        (["seed=0,1"], "Use seed=N and hydra.sweeper.repeats=K"),
        (["train.steps=90,900"], "all jobs of a search have one train.steps"),
        (["train.eval_every=9"], "train.eval_every=1"),
        (["train.steps=8"], "train.steps=9"),
        (["hydra.sweeper.brackets=4"], "hydra.sweeper.brackets=3"),
        ([f"{LR}=0.1"], "nothing to search"),
    ],
)
def test_a_search_that_cant_be_meant_is_refused(
    here: Here, tmp_path: Path, settings: list[str], message: str
) -> None:
    answer = here("gan-train", *SEARCH, *settings)
    assert answer.code == 2 and message in answer.err
    assert list(tmp_path.iterdir()) == []
