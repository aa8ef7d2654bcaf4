"""A schedule has a length of its own: a run that becomes longer needs a decision."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Answer, call_command, left_behind, small_run

Here = Callable[..., Answer]

PARTS = ("generator", "discriminator")
CURVED = (
    "optimizer.generator.schedule.shape=linear",
    "optimizer.discriminator.schedule.shape=cosine",
    "train.log_every=1",
    "train.sample_every=0",
    "train.save_every=0",
)


def lengths(steps: int | str) -> list[str]:
    return [f"optimizer.{part}.schedule.steps={steps}" for part in PARTS]


def rates(run: Path) -> dict[str, list[float]]:
    """The learning rates of each step."""
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return {part: [row[f"learning_rate/{part}"] for row in rows] for part in PARTS}


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of six steps whose schedules were as long as it, and its output."""
    folder = tmp_path_factory.mktemp("ended")
    assert call_command("gan-train", *small_run(folder / "run", *CURVED, "train.steps=6")) == 0
    return folder / "run"


@pytest.fixture
def run(ended: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(ended, tmp_path / "run"))


def test_a_run_that_goes_on_beyond_its_schedules_is_refused_with_both_remedies(
    here: Here, run: Path
) -> None:
    before = left_behind(run)
    answer = here("gan-train", "resume=run", "train.steps=12")
    assert answer.code == 6
    stretch, stay = " ".join(lengths(12)), " ".join(lengths(6))
    assert f"train.steps=12. Add {stretch} to stretch the curve" in answer.err
    assert f"or {stay} to stay at its last value." in answer.err
    assert left_behind(run) == before


def test_a_longer_schedule_holds_from_the_saved_step_on_and_is_recorded(
    here: Here, run: Path
) -> None:
    first = rates(run)
    answer = here("gan-train", "resume=run", "train.steps=12", *lengths(12))
    assert answer.code == 0
    assert "optimizer.generator.schedule.steps: 6 -> 12, from step 6 on" in answer.out
    found = rates(run)
    assert {part: values[:6] for part, values in found.items()} == first
    peak = first["generator"][0]
    assert found["generator"][6:] == pytest.approx([peak * (1 - k / 12) for k in range(6, 12)])
    assert all(rate > 0 for values in found.values() for rate in values)
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    assert [e["text"] for e in events if e["kind"] == "change"] == [
        f"optimizer.{part}.schedule.steps: 6 -> 12, from step 6 on" for part in sorted(PARTS)
    ]
    assert (run / "config.yaml").read_text().count("      steps: 12\n") == 2


def test_a_run_with_a_longer_schedule_is_resumed_exactly(here: Here, run: Path) -> None:
    whole = Path(shutil.copytree(run, run.parent / "whole"))
    assert here("gan-train", "resume=whole", "train.steps=12", *lengths(12)).code == 0
    assert here("gan-train", "resume=run", "train.steps=9", *lengths(12)).code == 0
    assert here("gan-train", "resume=run", "train.steps=12").code == 0
    assert left_behind(run)["tensors"] == left_behind(whole)["tensors"]
    assert rates(run) == rates(whole)


def test_a_rate_that_stays_zero_is_warned_of(here: Here, run: Path) -> None:
    answer = here("gan-train", "resume=run", "train.steps=8", *lengths(6))
    assert answer.code == 0
    for part in PARTS:
        key = f"optimizer.{part}.schedule"
        assert (
            f"warning: the {part}'s learning rate is 0 from step 6 on, train.steps=8 with "
            f"{key}.steps=6. Use {key}.steps=8 or {key}.final above 0." in answer.out
        )
    again = here("gan-train", "resume=run", "train.steps=9")  # decided before
    assert again.code == 0


def test_a_new_run_whose_schedule_ends_before_it_is_warned_of(here: Here, tmp_path: Path) -> None:
    settings = small_run(tmp_path / "new", *CURVED, "train.steps=3", *lengths(2))
    settings.append("optimizer.discriminator.schedule.final=0.5")
    answer = here("gan-train", *settings)
    assert "the generator's learning rate is 0 from step 2 on" in answer.out
    assert "the discriminator's learning rate is 0" not in answer.out


def test_the_end_of_a_run_says_that_its_schedules_have_ended_and_how_to_go_on(
    here: Here, tmp_path: Path
) -> None:
    answer = here("gan-train", *small_run(tmp_path / "new", *CURVED, "train.steps=3"))
    assert "generator's learning rate: a linear schedule of 3 steps, at its end" in answer.out
    assert f"train.steps=6 {' '.join(lengths(6))}" in answer.out
    (line,) = (line for line in answer.out.splitlines() if line.startswith("  go on "))
    assert here(*line.split()[2:]).code == 0
    assert rates(tmp_path / "new")["generator"][-1] > 0


def test_a_constant_rate_needs_no_decision(here: Here, tmp_path: Path) -> None:
    assert here("gan-train", *small_run(tmp_path / "new", "train.steps=2")).code == 0
    assert here("gan-train", "resume=new", "train.steps=4").code == 0


def test_epochs_beyond_the_schedules_are_refused_too(here: Here, run: Path) -> None:
    answer = here("gan-train", "resume=run", "train.epochs=1")
    assert answer.code == 6
    assert "beyond the end of its learning rate's schedule, train.steps=" in answer.err


def test_a_sweep_that_is_to_be_longer_is_refused_before_its_first_job(
    here: Here, tmp_path: Path, carried: list[str]
) -> None:
    words = [word for word in small_run(tmp_path, *CURVED) if not word.startswith("hydra.")]
    sweep = ("gan-train", "-m", "sweep=s", "seed=0,1", *words)
    assert here(*sweep, "train.steps=2").code == 0
    carried.clear()
    answer = here(*sweep, "train.steps=4")
    assert answer.code == 6
    assert " ".join(lengths(4)) in answer.err
    assert carried == []
    assert here(*sweep, "train.steps=4", *lengths(4)).code == 0
    assert len(carried) == 2
