"""gan-runs: every run that is there, as it stands, whatever is in the folders."""

from __future__ import annotations

import fcntl
import json
import math
import os
import shutil
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from conftest import Answer, argv, call_command, small_run
from forked_commands import ForkedProcess

from gan_runner.config import schema as config
from gan_runner.storage import run_folder as folder
from gan_runner.storage.run_folder import RunFolder

Here = Callable[..., Answer]

SETTINGS: dict[str, Any] = {
    "seed": 0,
    "precision": "fp32",
    "deterministic": False,
    "init_from": None,
    "train": {"steps": 100, "batch_size": 64},
    "loss": {"name": "Hinge", "penalty": {}},
    "optimizer": {"generator": {"lr": 0.0001, "betas": [0.0, 0.99]}},
    "evaluation": {"best": {"metric": "frechet", "direction": "min"}},
    "choices": {"loss": "hinge", "loss/penalty": "r1"},
}


def ago(**span: float) -> str:
    moment = datetime.now(timezone.utc) - timedelta(**span)
    return moment.isoformat(timespec="seconds")


def fake(path: Path, **changes: Any) -> Path:
    """A run folder by hand: a completed run of 100 steps that ended an hour ago, with changes."""
    status = {"state": "completed", "step": 100, "warnings": [], "verdicts": []}
    status |= {"started": ago(hours=2), "ended": ago(hours=1)}
    path.mkdir(parents=True)
    (path / "config.yaml").write_text(json.dumps(SETTINGS))  # JSON is YAML
    (path / "status.json").write_text(json.dumps({**status, **changes}))
    return path


def set_config(run: Path, **changes: Any) -> None:
    (run / "config.yaml").write_text(json.dumps({**SETTINGS, **changes}))


def add_evaluations(
    run: Path,
    *values: object,
    name: str = "frechet_random",
    metric: str = "frechet",
    id_: str = "aa",
) -> Path:
    """Gives a run an evaluation at each tenth step."""
    result = {"metric": metric, "space": "random", "protocol": {"id": id_}}
    lines = [
        {"step": 10 * n, "best": v, "results": {name: {"value": v, **result}}}
        for n, v in enumerate(values, start=1)
    ]
    (run / "evaluations.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return run


@pytest.fixture
def listing(here: Here) -> Callable[..., list[dict[str, Any]]]:
    """The answer of gan-runs about `runs`, as plain data."""

    def call(*options: str) -> list[dict[str, Any]]:
        answer = here("gan-runs", "runs", "--json", *options)
        assert (answer.code, answer.err) == (0, ""), answer
        found: list[dict[str, Any]] = json.loads(answer.out)
        return found

    return call


Listed = Callable[..., list[dict[str, Any]]]


def names(found: list[dict[str, Any]]) -> list[str]:
    return [run["run"] for run in found]


# ---------------------------------------------------------------- what is found


def test_a_real_run_is_listed_as_it_ended(tmp_path: Path, listing: Listed) -> None:
    run = tmp_path / "runs" / "real"
    ring = ("dataset=ring", "dataset.count=200", "train.steps=4", "device=cpu", "threads=1")
    measured = ("train.eval_every=2", "evaluation.metrics=[sliced_wasserstein]")
    measured += ("evaluation.best.metric=sliced_wasserstein", "evaluation.projections=8")
    assert call_command("gan-train", *ring, *measured, f"hydra.run.dir={run}") == 0
    (found,) = listing()
    rows = [json.loads(line) for line in (run / "evaluations.jsonl").read_text().splitlines()]
    best = min(rows, key=lambda row: row["best"])
    result = best["results"][found["best"]["metric"]]
    assert (found["run"], found["path"], found["state"]) == ("real", "runs/real", "completed")
    assert (found["step"], found["steps"], found["verdicts"]) == (4, 4, [])
    assert (found["best"]["value"], found["best"]["step"]) == (best["best"], best["step"])
    assert found["best"]["protocol"] == result["protocol"]["id"]
    assert found["started"] == json.loads((run / "status.json").read_text())["started"]
    assert 0 <= found["age"] < 60
    assert found["size"] == sum(p.stat().st_size for p in run.rglob("*") if p.is_file())


def test_runs_are_found_at_any_depth_but_not_within_a_run(tmp_path: Path, listing: Listed) -> None:
    for name in ("a", "2026/b", "sweeps/s/x=1/c", "a/checkpoints/within", ".hidden/d"):
        fake(tmp_path / "runs" / name)
    (tmp_path / "runs" / "empty").mkdir()
    shutil.copytree(tmp_path / "runs" / "a", tmp_path / "runs" / "unsaid")
    (tmp_path / "runs" / "unsaid" / "status.json").unlink()
    assert names(listing()) == ["2026/b", "a", "sweeps/s/x=1/c", "unsaid/checkpoints/within"]


def test_a_run_folder_itself_may_be_named(tmp_path: Path, listing: Listed) -> None:
    fake(tmp_path / "runs")
    assert names(listing()) == ["."]


def test_links_are_not_followed(tmp_path: Path, listing: Listed) -> None:
    fake(tmp_path / "elsewhere" / "run")
    run = fake(tmp_path / "runs" / "a")
    (tmp_path / "runs" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "runs" / "circle").symlink_to(tmp_path / "runs")
    (run / "large").symlink_to(tmp_path / "elsewhere")
    linked = fake(tmp_path / "runs" / "linked")
    (linked / "status.json").rename(tmp_path / "status.json")
    (linked / "status.json").symlink_to(tmp_path / "status.json")
    (found,) = listing()
    files = [run / "config.yaml", run / "status.json"]
    assert (found["run"], found["size"]) == ("a", sum(file.stat().st_size for file in files))


def test_a_pipe_in_a_run_folder_stops_nobody(tmp_path: Path, listing: Listed) -> None:
    run = fake(tmp_path / "runs" / "a", state="running", ended=None)
    for name in ("evaluations.jsonl", "metrics.jsonl"):
        os.mkfifo(run / name)
    holder = RunFolder(run)
    holder.lock()
    (found,) = listing()
    assert (found["state"], found["step"], found["best"]) == ("running", 100, None)
    holder.release()
    (run / ".lock").unlink()
    os.mkfifo(run / ".lock")
    assert [run["state"] for run in listing()] == ["died"]


# ---------------------------------------------------------------- how they stand


@pytest.mark.parametrize(
    "content",
    [
        *("", "{", "[]", "null", "5", "[" * 100_000, "\xff", "{}", '{"state": "completed"}'),
        *('{"state": "fine", "step": 1}', '{"state": ["completed"], "step": 1}'),
        *('{"state": "completed", "step": "1"}', '{"state": "completed", "step": true}'),
        *('{"state": "completed", "step": -1}', '{"state": "completed", "step": 1e999}'),
        '{"state": "completed", "step": 1' + "0" * 5000 + "}",
        *('{"state": "completed", "step": 1, "verdicts": 5}',),
        *('{"state": "completed", "step": 1, "verdicts": ["x"]}',),
    ],
)
def test_a_status_that_is_not_ours_is_listed_as_unreadable(
    tmp_path: Path, listing: Listed, here: Here, content: str
) -> None:
    run = fake(tmp_path / "runs" / "a")
    (run / "status.json").write_text(content, encoding="latin-1")
    fake(tmp_path / "runs" / "b")
    foreign, ours = listing()
    assert (foreign["state"], foreign["step"], foreign["verdicts"]) == ("unreadable", None, [])
    assert foreign["steps"] == 100
    assert ours["state"] == "completed"
    assert here("gan-runs", "runs").out.splitlines()[1].split()[:2] == ["a", "unreadable"]


@pytest.mark.parametrize("content", ["", "[", "a: &a [x]\nb: *a", "!!python/name:os.system", "5"])
def test_a_run_is_listed_without_what_its_configuration_would_say(
    tmp_path: Path, listing: Listed, content: str
) -> None:
    run = add_evaluations(fake(tmp_path / "runs" / "a"), 1.0)
    (run / "config.yaml").write_text(content)
    (found,) = listing()
    assert (found["state"], found["step"]) == ("completed", 100)
    assert (found["steps"], found["best"]) == (None, None)


def test_a_run_that_says_running_has_died_unless_somebody_holds_its_folder(
    tmp_path: Path, listing: Listed
) -> None:
    for name in ("held", "left", "without"):
        fake(tmp_path / "runs" / name, state="running", ended=None)
    (tmp_path / "runs" / "left" / ".lock").touch()
    holder = RunFolder(tmp_path / "runs" / "held")
    holder.lock()
    states = {run["run"]: run["state"] for run in listing()}
    assert states == {"held": "running", "left": "died", "without": "died"}
    assert sorted(p.name for p in (tmp_path / "runs" / "without").iterdir()) == [
        *("config.yaml", "status.json")
    ]
    holder.release()
    assert [run["state"] for run in listing()] == ["died", "died", "died"]


def test_a_run_that_ends_between_two_looks_has_not_died(
    tmp_path: Path, listing: Listed, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = fake(tmp_path / "runs" / "a", state="running", ended=None)

    def end(self: RunFolder) -> bool:
        shutil.rmtree(run)
        fake(run)
        return False

    monkeypatch.setattr(RunFolder, "is_held", end)
    assert [run["state"] for run in listing()] == ["completed"]


def test_asking_whether_a_folder_is_held_takes_it_from_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, looking = RunFolder(tmp_path), os.open(tmp_path / ".lock", os.O_RDONLY | os.O_CREAT)
    fcntl.flock(looking, fcntl.LOCK_SH)
    monkeypatch.setattr(folder.time, "sleep", lambda _: os.close(looking))
    ours.lock()
    assert RunFolder(tmp_path).is_held()
    ours.release()
    assert not RunFolder(tmp_path).is_held()


def test_the_process_of_a_killed_run_holds_nothing(
    popen: Callable[..., ForkedProcess], tmp_path: Path, listing: Listed
) -> None:
    run = tmp_path / "runs" / "a"
    long = ("train.steps=1000000", "train.log_every=1", "train.save_every=0")
    process = popen(argv("gan-train", *small_run(run, *long)))
    metrics = run / "metrics.jsonl"
    while process.poll() is None and not (metrics.exists() and metrics.stat().st_size):
        time.sleep(0.05)
    (alive,) = listing()
    assert (alive["state"], alive["steps"]) == ("running", 1_000_000)
    assert alive["step"] > 0  # before any save
    process.kill()
    process.wait()
    (dead,) = listing()
    assert (dead["state"], dead["step"]) == ("died", 0)


def test_the_step_of_a_running_run_is_that_of_its_newest_whole_row(
    tmp_path: Path, listing: Listed
) -> None:
    run = fake(tmp_path / "runs" / "a", state="running", step=10, ended=None)
    (run / "metrics.jsonl").write_text('{"step": 20}\n' * 9999 + '{"step": 30}\n{"step": 4')
    holder = RunFolder(run)
    holder.lock()
    assert [run["step"] for run in listing()] == [30]
    holder.release()
    assert [run["step"] for run in listing()] == [10]  # from which it would go on


def test_the_best_evaluation_is_that_of_the_runs_own_direction(
    tmp_path: Path, listing: Listed
) -> None:
    low = add_evaluations(fake(tmp_path / "runs" / "low"), 3.0, 0.1 + 0.2, 5.0)
    coverage = {"name": "coverage_random", "metric": "coverage"}
    high = add_evaluations(fake(tmp_path / "runs" / "high"), 3.0, 5.0, 5.0, **coverage)
    set_config(high, evaluation={"best": {"metric": "coverage", "direction": "max"}})
    with (low / "evaluations.jsonl").open("a") as file:
        file.write('{"step": 40, "best": null}\n{"step": 50, "best": NaN}\n[]\n{"step": 60, "be')
    highest, lowest = (run["best"] for run in listing())
    assert lowest == {
        **{"metric": "frechet_random", "value": 0.30000000000000004, "step": 20},
        **{"direction": "min", "protocol": "aa"},
    }
    assert (highest["metric"], highest["value"], highest["step"]) == ("coverage_random", 5.0, 20)


def test_a_value_that_another_metric_shares_is_not_taken_for_its_own(
    tmp_path: Path, listing: Listed
) -> None:
    run = fake(tmp_path / "runs" / "a")
    results = {
        name: {"metric": metric, "value": 1.0, "protocol": {"id": id_}}
        for name, metric, id_ in (
            ("coverage_random", "coverage", "aa"),
            ("fid", "frechet", "bb"),
            ("frechet_random", "elsewhere", "cc"),
        )
    }
    row = {"step": 1, "best": 1.0, "results": results}
    (run / "evaluations.jsonl").write_text(json.dumps(row) + "\n")
    (found,) = listing()
    assert (found["best"]["metric"], found["best"]["protocol"]) == ("fid", "bb")


def test_each_verdict_is_named_once(tmp_path: Path, listing: Listed) -> None:
    verdicts = [{"name": name, "step": 1} for name in ("divergence", "oscillation", "divergence")]
    fake(tmp_path / "runs" / "a", verdicts=verdicts)
    assert [run["verdicts"] for run in listing()] == [["divergence", "oscillation"]]


def test_the_age_counts_from_the_end_and_without_one_from_the_newest_file(
    tmp_path: Path, listing: Listed
) -> None:
    fake(tmp_path / "runs" / "ended", ended=ago(days=3))
    for name, end in (("died", None), ("odd", "yesterday"), ("unzoned", "2020-01-01T00:00:00")):
        run = fake(tmp_path / "runs" / name, state="failed", ended=end)
        for path in run.iterdir():
            os.utime(path, (0, time.time() - 7200))
        (run / "train.log").touch()
        os.utime(run / "train.log", (0, time.time() - 3600))
    ages = {run["run"]: run["age"] for run in listing()}
    assert ages.pop("ended") == pytest.approx(3 * 86_400, abs=60)
    assert list(ages.values()) == [pytest.approx(3600, abs=60)] * 3


# ---------------------------------------------------------------- options


def test_states_choose(tmp_path: Path, listing: Listed) -> None:
    for state in ("completed", "stopped", "failed", "interrupted"):
        fake(tmp_path / "runs" / state, state=state)
    fake(tmp_path / "runs" / "died", state="running")
    assert names(listing("--state", "failed,died")) == ["died", "failed"]
    assert names(listing("--state", "running")) == []


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (["loss.name=Hinge"], ["a", "b"]),
        (["loss.name=hinge"], []),
        (["loss=hinge"], ["a", "b"]),
        (["loss/penalty=r1"], ["a", "b"]),
        (["train.batch_size=64"], ["a", "c"]),
        (["train.batch_size=64.0", "loss.name=Hinge"], ["a"]),
        (["optimizer.generator.lr=1e-4"], ["a", "b", "c"]),
        (["optimizer.generator.betas=[0.0, 0.99]"], ["a", "b", "c"]),
        (["deterministic=false"], ["a", "b", "c"]),
        (["deterministic=0"], []),
        (["init_from=null"], ["a", "b", "c"]),
        (["newer=x=y"], ["c"]),
    ],
)
def test_settings_choose(
    tmp_path: Path, listing: Listed, settings: list[str], expected: list[str]
) -> None:
    for name in "abc":
        fake(tmp_path / "runs" / name)
    set_config(tmp_path / "runs" / "b", train={"steps": 100, "batch_size": 8})
    other = {"name": "LeastSquares"}
    set_config(tmp_path / "runs" / "c", loss=other, choices={"loss": "lsgan"}, newer="x=y")
    where = [part for setting in settings for part in ("--where", setting)]
    assert names(listing(*where)) == expected


def test_spans_and_dates_choose(tmp_path: Path, listing: Listed) -> None:
    fake(tmp_path / "runs" / "days", ended=ago(days=3))
    fake(tmp_path / "runs" / "hours", ended=ago(hours=5))
    assert names(listing("--since", "6h")) == ["hours"]
    assert names(listing("--since", "60m")) == []
    assert names(listing("--since", "1w")) == ["days", "hours"]
    today = datetime.now().astimezone()
    assert names(listing("--since", (today - timedelta(days=2)).date().isoformat())) == ["hours"]
    assert names(listing("--since", (today - timedelta(days=4)).date().isoformat())) == [
        *("days", "hours")
    ]


def test_runs_are_sorted_as_asked_and_those_without_come_last(
    tmp_path: Path, listing: Listed
) -> None:
    runs = tmp_path / "runs"
    add_evaluations(fake(runs / "a", step=5, ended=ago(days=1)), 2.0)
    add_evaluations(fake(runs / "b", step=90, ended=ago(days=2)), 1.0)
    fake(runs / "c", step=7, ended=ago(minutes=1))
    (runs / "c" / "checkpoint").write_bytes(bytes(5000))
    foreign = fake(runs / "d", ended=ago(days=9))
    (foreign / "status.json").write_text("{")
    os.utime(foreign / "status.json", (0, 0))
    os.utime(foreign / "config.yaml", (0, 0))
    assert names(listing("--sort", "name")) == names(listing()) == ["a", "b", "c", "d"]
    assert names(listing("--sort", "step")) == ["b", "c", "a", "d"]
    assert names(listing("--sort", "best")) == ["b", "a", "c", "d"]
    assert names(listing("--sort", "age")) == ["c", "a", "b", "d"]
    assert names(listing("--sort", "size"))[0] == "c"


def test_values_are_ordered_only_within_a_metric_and_a_protocol(
    tmp_path: Path, listing: Listed
) -> None:
    runs = tmp_path / "runs"
    add_evaluations(fake(runs / "a"), 9.0, id_="aa")
    add_evaluations(fake(runs / "b"), 1.0, id_="bb")
    add_evaluations(fake(runs / "c"), 8.0, id_="aa")
    for name, value in (("d", 0.1), ("e", 0.7)):
        add_evaluations(fake(runs / name), value, name="coverage_random", metric="coverage")
        best = {"metric": "coverage", "direction": "max"}
        set_config(runs / name, evaluation={"best": best})
    assert names(listing("--sort", "best")) == ["e", "d", "c", "a", "b"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "no such folder, DIR=nowhere. Name the one"),
        (["file"], "no such folder, DIR=file."),
        ([], "no such folder, DIR=outputs."),
        (["no\x1bwhere"], r"DIR=no\x1bwhere."),
        (["runs", "more"], "more"),
        (["runs", "--state", "complete"], "complete is not a state. Did you mean 'completed'?"),
        (["runs", "--state", ""], "--state"),
        (["runs", "--where", "loss.name"], "loss.name is not a setting and its value"),
        (["runs", "--where", "loss.nam=Hinge"], "Did you mean 'loss.name'?"),
        (["runs", "--since", "yesterday"], "yesterday is not a span or a date"),
        (["runs", "--since", "2026-13-01"], "2026-13-01"),
        (["runs", "--since", "9999999d"], "9999999d"),
        (["runs", "--sort", "speed"], "--sort"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_remedy(
    tmp_path: Path, here: Here, arguments: list[str], message: str
) -> None:
    fake(tmp_path / "runs" / "a")
    (tmp_path / "file").touch()
    answer = here("gan-runs", *arguments, "--json")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("error: ")
    assert message in answer.err
    assert len(answer.err.splitlines()) == 1


# ---------------------------------------------------------------- what is shown


def test_a_folder_without_runs_is_reported_and_is_not_a_fault(tmp_path: Path, here: Here) -> None:
    (tmp_path / "runs").mkdir()
    assert here("gan-runs", "runs") == (0, "no runs in runs\n", "")
    assert here("gan-runs", "runs", "--where", "loss.name=Hinge").code == 0
    assert here("gan-runs", "runs", "--json") == (0, "[]\n", "")
    fake(tmp_path / "runs" / "a")
    none = "no run matches the filter: 1 in runs\n"
    assert here("gan-runs", "runs", "--state", "failed") == (0, none, "")
    assert here("gan-runs", "runs", "--state", "failed", "--json") == (0, "[]\n", "")


def test_a_failed_run_says_why(tmp_path: Path, here: Here, listing: Listed) -> None:
    fake(tmp_path / "runs" / "a", reason="all steps done")
    assert "reason" not in here("gan-runs", "runs").out
    why = "rank 1 of the run gives no sign of life, so the run ends."
    fake(tmp_path / "runs" / "b", state="failed", reason=f"{why}\nMore of it.")
    heads, first, second = here("gan-runs", "runs").out.splitlines()
    assert heads.split()[-1] == "reason"
    assert first.split()[-1] == "-"
    assert second.endswith(f"  {why}")
    assert [run["reason"] for run in listing()] == ["all steps done", f"{why}\nMore of it."]


def test_outputs_are_listed_by_default_in_aligned_lines(tmp_path: Path, here: Here) -> None:
    run = fake(tmp_path / "outputs" / "long" / "name", verdicts=[{"name": "divergence"}])
    add_evaluations(run, 12.345678)
    fake(tmp_path / "outputs" / "z", state="failed", step=3, ended=ago(days=2, hours=3))
    heads, *lines = here("gan-runs").out.splitlines()
    assert heads.split() == [
        *("run", "state", "step", "best", "protocol"),
        "verdicts",
        "age",
        "size",
    ]
    starts = [heads.index(head) for head in heads.split()]
    spans = list(zip(starts, [*starts[1:], None], strict=True))
    columns = [[line[start:end].strip() for start, end in spans] for line in lines]
    size = sum(path.stat().st_size for path in run.iterdir())
    assert columns == [
        [
            *("long/name", "completed", "100/100", "frechet_random 12.35", "aa", "divergence"),
            *("1 h", f"{size / 1000:.3g} kB" if size >= 1000 else f"{size} B"),
        ],
        ["z", "failed", "3/100", "-", "-", "-", "2 d 3 h", columns[1][-1]],
    ]


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (999, "999 B"),
        (1000, "1 kB"),
        (999_499, "999 kB"),
        (999_600, "1 MB"),
        (12_345_678, "12.3 MB"),
    ],
)
def test_sizes_have_three_digits(tmp_path: Path, here: Here, size: int, shown: str) -> None:
    run = fake(tmp_path / "runs" / "a")
    written = sum(path.stat().st_size for path in run.iterdir())
    with (run / "checkpoint").open("wb") as file:
        file.truncate(size - written)
    assert here("gan-runs", "runs").out.splitlines()[1].endswith(f"  {shown}")


def test_a_terminal_shows_names_as_they_are(
    tmp_path: Path, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path / "runs" / ":bug: [red]a")
    monkeypatch.setenv("FORCE_COLOR", "1")  # which rich takes for a terminal
    assert ":bug: [red]a  completed" in here("gan-runs", "runs").out
    assert names(json.loads(here("gan-runs", "runs", "--json").out)) == [":bug: [red]a"]


def test_names_from_outside_are_escaped(tmp_path: Path, here: Here, listing: Listed) -> None:
    verdict = {"name": "bad\x1b[31m"}
    run = fake(tmp_path / "runs" / "r\x1b[31m\nerror: fooled", verdicts=[verdict])
    add_evaluations(run, 1.0, name="frechet\x1b", id_="id\x1b")
    answer = here("gan-runs", "runs")
    assert answer.out.count("\n") == 2
    assert all(line.isprintable() for line in answer.out.splitlines())
    assert r"r\x1b[31m\nerror: fooled" in answer.out
    assert "\x1b" not in here("gan-runs", "runs", "--json").out
    assert names(listing()) == ["r\x1b[31m\nerror: fooled"]


def test_numbers_in_json_have_all_their_digits(tmp_path: Path, listing: Listed) -> None:
    add_evaluations(fake(tmp_path / "runs" / "a"), math.pi * 1e-7)
    (found,) = listing()
    assert found["best"]["value"] == math.pi * 1e-7
    assert isinstance(found["size"], int)


def test_a_folder_that_cannot_be_listed_is_reported(
    tmp_path: Path, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path / "runs" / "a")
    (tmp_path / "runs" / "closed").mkdir()
    scandir = os.scandir

    def refuse(path: Path) -> Any:
        if path.name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", refuse)
        answer = here("gan-runs", "runs", "--json")
    assert names(json.loads(answer.out)) == ["a"]
    assert answer.err == "warning: can't list runs/closed: Permission denied.\n"


def test_listing_leaves_everything_as_it_was(tmp_path: Path, here: Here) -> None:
    add_evaluations(fake(tmp_path / "runs" / "a", state="running"), 1.0)
    (tmp_path / "runs" / "a" / ".lock").touch()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert here("gan-runs", "runs").code == 0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_settings_of_another_version_can_still_be_read(tmp_path: Path) -> None:
    run = fake(tmp_path / "a")
    set_config(run, from_the_future=1)
    assert config.read_plain(run / "config.yaml")["from_the_future"] == 1
