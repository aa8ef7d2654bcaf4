"""Health in a run: verdicts reach the user once, may end the run, and probes leave no trace."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import call_command, left_behind
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

from gan_runner.storage import checkpoint

SMALL = (
    "train.eval_every=0",
    "train.sample_every=0",
    "dataset=ring",
    "dataset.count=2000",
    "model.generator.hidden=[16]",
    "model.discriminator.hidden=[16]",
    "train.batch_size=32",
    "train.log_every=10",
    "train.save_every=100",
    "health.samples.every=20",
    "health.samples.count=64",
    "device=cpu",
    "threads=1",
)
STEPS = 200
NEVER_LEARNS = (
    *("optimizer.discriminator.lr=1e-9", "health.discriminator_useless.span=50"),
    "seed=1",  # whose samples leave the ring soonest
)
USELESS = (*NEVER_LEARNS, f"train.steps={STEPS}")
VERDICT = "discriminator_useless"


def train_run(path: Path, *overrides: str) -> Path:
    assert call_command("gan-train", *SMALL, f"hydra.run.dir={path}", *overrides) == 0
    return path


def status(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "status.json").read_text())
    return found


def rows(run: Path) -> list[dict[str, Any]]:
    """The rows of training."""
    found = lines(run / "metrics.jsonl")
    return [row for row in found if "loss/generator" in row]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def useless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_run(tmp_path_factory.mktemp("useless") / "run", *USELESS)


def test_a_verdict_is_reported_once_everywhere(useless: Path) -> None:
    (verdict,) = [v for v in status(useless)["verdicts"] if v["name"] == VERDICT]
    assert verdict["step"] < STEPS
    assert verdict["evidence"] and "optimizer.discriminator.lr=" in verdict["advice"]
    events = [e for e in lines(useless / "events.jsonl") if e["kind"] == "verdict"]
    assert [e["step"] for e in events if VERDICT in e["text"]] == [verdict["step"]]
    assert (useless / "train.log").read_text().count(f"verdict at step {verdict['step']}") == 1
    (file,) = (useless / useless.name).glob("events*")
    tags = {
        (value.tag, event.step)
        for event in LegacyEventFileLoader(str(file)).Load()
        for value in event.summary.value
    }
    assert ("verdicts/text_summary", verdict["step"]) in tags


def probed_steps(run: Path) -> list[int]:
    """The steps at which samples were compared with reals."""
    return [row["step"] for row in lines(run / "metrics.jsonl") if "health/diversity" in row]


def test_samples_are_compared_with_reals_as_often_as_asked(useless: Path) -> None:
    assert probed_steps(useless) == list(range(20, STEPS + 1, 20))


UNEVEN = (  # probes between rows, and a verdict that only probes give
    "train.log_every=50",
    "health.samples.every=30",
    "health.mode_collapse.diversity=1.0",
    "health.mode_collapse.span=60",
    "model.generator.init=normal",
)


@pytest.fixture(scope="module")
def uneven_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_run(tmp_path_factory.mktemp("uneven") / "run", *UNEVEN, "train.steps=200")


def test_samples_are_compared_at_steps_without_a_row_as_well(uneven_run: Path) -> None:
    assert probed_steps(uneven_run) == [30, 60, 90, 120, 150, 180]
    assert [row["step"] for row in rows(uneven_run)] == [50, 100, 150, 200]
    (shared,) = [row for row in lines(uneven_run / "metrics.jsonl") if row["step"] == 150]
    assert {"loss/generator", "health/diversity"} <= set(shared)
    found = [(name, row["step"]) for row in lines(uneven_run / "metrics.jsonl") for name in row]
    assert len(set(found)) == len(found)


def test_a_probe_between_rows_can_give_a_verdict(uneven_run: Path) -> None:
    (verdict,) = [v for v in status(uneven_run)["verdicts"] if v["name"] == "mode_collapse"]
    assert verdict["step"] == 90


def test_probes_do_not_change_the_rows_of_training(tmp_path: Path, uneven_run: Path) -> None:
    run = train_run(tmp_path / "run", *UNEVEN, "train.steps=200", "health.samples.every=1000")
    assert probed_steps(run) == []

    def numbers(found: Path) -> list[dict[str, Any]]:
        times = ("seconds", "speed/images_per_second")
        return [
            {k: v for k, v in row.items() if not k.startswith("health/") and k not in times}
            for row in rows(found)
        ]

    assert numbers(run) == numbers(uneven_run)


@pytest.mark.parametrize("steps", [100, 150])
def test_a_resumed_run_has_the_same_probes(tmp_path: Path, uneven_run: Path, steps: int) -> None:
    run = train_run(tmp_path / "run", *UNEVEN, f"train.steps={steps}")
    assert call_command("gan-train", f"resume={run}", "train.steps=200") == 0
    one, other = left_behind(run), left_behind(uneven_run)
    assert one["rows"] == other["rows"]
    assert one["tensors"] == other["tensors"]
    assert status(run)["verdicts"] == status(uneven_run)["verdicts"]


def test_a_run_can_be_probed_without_any_other_row(tmp_path: Path) -> None:
    run = train_run(tmp_path / "run", "train.log_every=0", "train.steps=50")
    assert probed_steps(run) == [20, 40]
    assert [row["step"] for row in rows(run)] == [50]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stopped") / "run"
    return train_run(path, *USELESS, f"health.action.{VERDICT}=stop")


def test_a_verdict_can_end_the_run_with_its_state_kept(stopped: Path) -> None:
    ended = status(stopped)
    assert ended["state"] == "stopped"
    assert ended["exit_code"] == 0
    assert ended["reason"].startswith(f"stopped: {VERDICT}")
    assert ended["step"] < STEPS
    assert checkpoint.select(stopped / "checkpoints", "last").step == ended["step"]


def test_a_stopped_run_goes_on_when_it_is_resumed(
    tmp_path: Path, stopped: Path, useless: Path
) -> None:
    run = shutil.copytree(stopped, tmp_path / "run")
    assert call_command("gan-train", f"resume={run}") == 0
    assert status(run)["state"] == "completed"
    one, other = left_behind(run), left_behind(useless)
    assert one["tensors"] == other["tensors"]
    assert one["rows"] == other["rows"]


def test_a_resumed_run_comes_to_the_same_verdicts(tmp_path: Path, useless: Path) -> None:
    last = status(useless)["verdicts"][-1]["step"]
    run = train_run(tmp_path / "run", *NEVER_LEARNS, f"train.steps={last - 20}")
    assert call_command("gan-train", f"resume={run}", f"train.steps={STEPS}") == 0
    assert status(run)["verdicts"] == status(useless)["verdicts"]
    assert left_behind(run)["rows"] == left_behind(useless)["rows"]


def test_probes_leave_the_training_untouched(tmp_path: Path) -> None:
    often = train_run(tmp_path / "often", "train.steps=40", "train.ema=0")
    never = train_run(
        tmp_path / "never", "train.steps=40", "train.ema=0", "health.samples.every=1000"
    )
    one = checkpoint.select(often / "checkpoints", "last").tensors
    other = checkpoint.select(never / "checkpoints", "last").tensors
    weights = [name for name in one if not name.startswith("sums.")]
    assert all(torch.equal(one[name], other[name]) for name in weights)


def test_patience_ends_a_run_whose_best_lies_back(tmp_path: Path) -> None:
    frozen = ("optimizer.generator.lr=1e-12", "optimizer.discriminator.lr=1e-12")
    measured = ("train.eval_every=20", "evaluation.metrics=[sliced_wasserstein]")
    measured += ("evaluation.best.metric=sliced_wasserstein", "evaluation.num=100")
    run = train_run(
        tmp_path / "run",
        *frozen,
        *measured,
        "train.steps=200",
        "train.ema=0",
        "health.patience=60",
    )
    assert status(run)["state"] == "stopped"
    assert "health.patience=60" in status(run)["reason"]
    assert status(run)["step"] < 200


def test_rows_that_are_not_ours_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train_run(tmp_path / "run", "train.steps=20")
    metrics = run / "metrics.jsonl"
    metrics.write_text('{"step": 10, "loss/discriminator": "x"}\n')
    assert call_command("gan-train", f"resume={run}", "train.steps=30") == 6
    assert "metrics.jsonl" in capsys.readouterr().err


# ---------------------------------------------------------------- rollback

MEASURED = (
    "train.eval_every=50",
    "evaluation.metrics=[sliced_wasserstein]",
    "evaluation.best.metric=sliced_wasserstein",
    "evaluation.num=100",
)
ILL = (  # by thresholds that every young generator is beyond
    *MEASURED,
    "health.action.mode_collapse=rollback",
    "health.mode_collapse.diversity=1.0",
    "health.mode_collapse.span=40",
    "model.generator.init=normal",
    "train.save_every=20",  # at the steps of verdicts, and between
    "train.keep=100",
)


def rollbacks(run: Path) -> list[tuple[int, str]]:
    events = lines(run / "events.jsonl")
    return [(event["step"], event["text"]) for event in events if event["kind"] == "rollback"]


@pytest.fixture(scope="module")
def rolled_back(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rolled_back") / "run"
    return train_run(path, *ILL, "train.steps=300")


def test_a_rollback_takes_the_best_weights_and_slows_down(rolled_back: Path) -> None:
    (first, text), *others = rollbacks(rolled_back)
    best = [row for row in lines(rolled_back / "evaluations.jsonl") if row["step"] <= first]
    step = min(best, key=lambda row: row["best"])["step"]
    assert text == f"went back to the weights of step {step}, learning rates times 0.5"
    rates = {r["step"]: r.get("learning_rate/generator") for r in rows(rolled_back)}
    assert rates[first] == 0.001
    assert rates[first + 10] == 0.0005
    assert len(others) <= 2


def test_steps_never_go_back(rolled_back: Path) -> None:
    steps = [row["step"] for row in rows(rolled_back)]
    assert steps == sorted(set(steps))


def test_when_rollbacks_are_used_up_the_verdict_stops_the_run(rolled_back: Path) -> None:
    assert len(rollbacks(rolled_back)) == 3
    assert status(rolled_back)["state"] == "stopped"
    assert status(rolled_back)["reason"].startswith("stopped: mode_collapse")


@pytest.mark.parametrize("later", [-20, 0, 20])
def test_a_run_killed_around_a_rollback_resumes_bit_for_bit(
    tmp_path: Path, rolled_back: Path, later: int
) -> None:
    run = shutil.copytree(rolled_back, tmp_path / "run")
    last = rollbacks(rolled_back)[1][0] + later
    for step, path in checkpoint.steps(run / "checkpoints").items():
        if step > last:
            path.unlink()
    assert call_command("gan-train", f"resume={run}") == 0
    assert left_behind(run) == left_behind(rolled_back)
    assert rollbacks(run)[-1] == rollbacks(rolled_back)[-1]


def test_a_rollback_before_any_evaluation_is_none(tmp_path: Path) -> None:
    run = train_run(tmp_path / "run", *ILL, "train.steps=90", "train.eval_every=80")
    assert rollbacks(run) == []
    assert any("no best to go back to" in warning for warning in status(run)["warnings"])
    assert status(run)["state"] == "completed"


def test_a_rollback_without_evaluations_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("health.action.divergence=rollback", f"hydra.run.dir={tmp_path / 'run'}")
    assert call_command("gan-train", *SMALL, *asked) == 2
    assert "health.action.divergence=rollback with train.eval_every=0" in capsys.readouterr().err
