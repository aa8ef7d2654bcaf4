"""When things happen, and how a training ends."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from gan_runner.config.schema import Config
from gan_runner.errors import NumbersError
from gan_runner.logs.terminal import Terminal
from gan_runner.runs.finish import train_to_end
from gan_runner.runs.open import create
from gan_runner.storage import checkpoint
from gan_runner.storage.checkpoint import steps
from gan_runner.system.signals import Interrupted
from gan_runner.training import run as training_run
from gan_runner.training.loop import is_due
from gan_runner.training.run import Run

TINY = (
    "dataset=ring",
    "dataset.count=50",
    "model.latent_size=3",
    "model.generator.hidden=[8]",
    "model.discriminator.hidden=[8]",
    "train.batch_size=5",
)


@pytest.fixture
def new_run(tmp_path: Path, configured: Callable[..., Config]) -> Callable[..., Run]:
    """A tiny run that has not begun."""

    def make(*overrides: str) -> Run:
        path = tmp_path / "run"
        path.mkdir()
        return create(configured(*TINY, *overrides), path, Terminal())

    return make


def finish(run: Run) -> int:
    return train_to_end(run)


def rows(run: Run) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run.folder.metrics.read_text().splitlines()]


def row_steps(run: Run) -> list[int]:
    return [row["step"] for row in rows(run)]


def picture_steps(run: Run) -> list[int]:
    return [int(path.stem.removeprefix("step_")) for path in sorted(run.folder.samples.iterdir())]


def checkpoint_steps(run: Run) -> list[int]:
    return sorted(steps(run.folder.checkpoints))


# ---------------------------------------------------------------- when


@pytest.mark.parametrize(
    ("every", "expected"),
    [(1, [1, 2, 3, 4, 5, 6, 7]), (3, [3, 6, 7]), (7, [7]), (10, [7]), (0, [7])],
)
def test_something_is_due_every_so_many_steps_and_at_the_last(
    every: int, expected: list[int]
) -> None:
    assert [step for step in range(1, 8) if is_due(step, every, 7)] == expected


def test_rows_pictures_and_checkpoints_come_when_they_are_due(new_run: Callable[..., Run]) -> None:
    run = new_run(
        "train.steps=7",
        "train.log_every=2",
        "train.sample_every=3",
        "train.save_every=5",
        "train.keep=9",
    )
    assert finish(run) == 0
    assert row_steps(run) == [2, 4, 6, 7]
    assert picture_steps(run) == [0, 3, 6, 7]
    assert checkpoint_steps(run) == [5, 7]


def test_with_all_intervals_of_0_everything_comes_once_at_the_end(
    new_run: Callable[..., Run],
) -> None:
    intervals = ("train.log_every=0", "train.sample_every=0", "train.save_every=0")
    run = new_run("train.steps=3", *intervals)
    assert finish(run) == 0
    assert row_steps(run) == picture_steps(run) == checkpoint_steps(run) == [3]


def test_a_picture_comes_at_step_0_and_at_the_first_tenth(new_run: Callable[..., Run]) -> None:
    run = new_run("train.steps=20", "train.sample_every=15")
    assert finish(run) == 0
    assert picture_steps(run) == [0, 2, 15, 20]


def test_a_row_comes_before_the_picture_and_the_picture_before_the_checkpoint(
    new_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    every = [f"train.{what}_every=2" for what in ("log", "sample", "save")]
    run, order = new_run("train.steps=4", *every), []
    for name in "row", "sample", "save":
        own = getattr(run, name)

        def noted(name: str = name, own: Callable[[], None] = own) -> None:
            order.append((name, run.state.step))
            own()

        monkeypatch.setattr(run, name, noted)
    assert finish(run) == 0
    each = [(name, step) for step in (2, 4) for name in ("row", "sample", "save")]
    assert order == [("sample", 0), *each, ("save", 4)]


def test_a_checkpoint_holds_the_sums_of_the_row_that_is_open(new_run: Callable[..., Run]) -> None:
    run = new_run("train.steps=6", "train.log_every=4", "train.save_every=2", "train.keep=9")
    assert finish(run) == 0
    counts = {
        step: max(checkpoint.read(path).facts.state.counts.values(), default=0)
        for step, path in steps(run.folder.checkpoints).items()
    }
    assert counts == {2: 2, 4: 0, 6: 0}


def test_steps_of_0_write_the_checkpoint_of_step_0(new_run: Callable[..., Run]) -> None:
    run = new_run("train.steps=0")
    assert finish(run) == 0
    assert checkpoint_steps(run) == [0]
    assert checkpoint.select(run.folder.checkpoints, "last").step == 0
    assert (row_steps(run), picture_steps(run)) == ([], [0])
    status = run.folder.status()
    assert (status.state, status.step, status.exit_code) == ("completed", 0, 0)


def test_a_signal_ends_what_prepares_the_evaluation_and_leaves_a_run_that_can_go_on(
    new_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(*_: Any, **__: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        pytest.fail("the classifier is trained on")

    monkeypatch.setattr(training_run, "Evaluator", endless)
    run = new_run("train.steps=3", "train.eval_every=3")
    with pytest.raises(Interrupted):
        finish(run)
    assert checkpoint_steps(run) == [0]
    assert run.recorder.status.exit_code == 130


def test_a_row_has_the_rate_and_the_time_of_its_step(new_run: Callable[..., Run]) -> None:
    schedule = "optimizer.generator.schedule"
    run = new_run("train.steps=4", "train.log_every=1", f"{schedule}.shape=linear")
    assert finish(run) == 0
    rates = [row["learning_rate/generator"] for row in rows(run)]
    assert rates == pytest.approx([0.001, 0.00075, 0.0005, 0.00025])
    seconds = [row["seconds"] for row in rows(run)]
    assert seconds == sorted(seconds)
    assert all(row["speed/images_per_second"] > 0 for row in rows(run))


# ---------------------------------------------------------------- how long


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["train.epochs=2"], 20),
        (["train.epochs=2", "train.batch_size=7"], 14),
        (["train.epochs=1", "loss=wgan_gp"], 2),
        (["train.epochs=1", "loss=wgan_gp", "loss.d_steps=3"], 4),
        (["train.epochs=null", "train.steps=6"], 6),
    ],
)
def test_epochs_are_settled_to_as_many_steps_as_take_all_their_batches(
    new_run: Callable[..., Run], overrides: list[str], expected: int
) -> None:
    run = new_run(*overrides)
    assert run.config.train.steps == expected
    assert run.config.train.epochs is None
    run.folder.release()


def test_the_length_of_a_schedule_is_settled_when_the_run_is_made(
    new_run: Callable[..., Run],
) -> None:
    run = new_run("train.epochs=1", "optimizer.discriminator.schedule.steps=5", "threads=null")
    saved = yaml.safe_load(run.folder.config.read_text())
    assert saved == run.config.plain()
    assert saved["optimizer"]["generator"]["schedule"]["steps"] == 10
    assert saved["optimizer"]["discriminator"]["schedule"]["steps"] == 5
    assert saved["threads"] == torch.get_num_threads()
    assert run.experiment.optimizers.generator.schedule.steps == 10
    run.folder.release()


# ---------------------------------------------------------------- what trains


# all of them, step by step: tests/training/test_adversarial.py
@pytest.mark.parametrize("loss", ["non_saturating", "wgan", "wgan_gp", "r3gan", "fgan_kl"])
def test_losses_of_each_kind_train_with_finite_numbers(
    new_run: Callable[..., Run], loss: str
) -> None:
    run = new_run(f"loss={loss}", "train.steps=3", "train.log_every=1", "train.ema=0.5")
    assert finish(run) == 0
    assert row_steps(run) == [1, 2, 3]
    for row in rows(run):
        assert {f"penalty/{name}" for name in run.experiment.method.objective.penalties} <= set(row)
    last = checkpoint.select(run.folder.checkpoints, "last")
    assert all(t.isfinite().all() for t in last.tensors.values())


# ---------------------------------------------------------------- numbers that run away


def test_a_rate_beyond_all_measure_ends_with_code_5_and_the_last_finite_checkpoint(
    new_run: Callable[..., Run], capsys: pytest.CaptureFixture[str]
) -> None:
    run = new_run(
        "optimizer.generator.lr=1e30", "train.steps=9", "train.save_every=1", "train.log_every=1"
    )
    assert finish(run) == NumbersError.exit_code == 5
    status = run.folder.status()
    assert (status.state, status.exit_code) == ("failed", 5)
    last = checkpoint.select(run.folder.checkpoints, "last")
    assert status.checkpoint == last.path.name
    assert last.step == run.checkpoints.saved_step < 9
    assert all(t.isfinite().all() for t in last.tensors.values())
    assert all(step <= last.step + 1 for step in row_steps(run))
    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert f"The last good checkpoint is step {run.checkpoints.saved_step}." in message
    assert len(message.splitlines()) <= 12


@pytest.mark.parametrize("part", ["generator", "discriminator", "ema"])
def test_a_weight_of_nan_is_never_saved(new_run: Callable[..., Run], part: str) -> None:
    run = new_run("train.steps=9", "train.save_every=2", "train.log_every=0", "train.ema=0.9")
    own = run.save

    def spoiled() -> None:
        if run.state.step == 4:
            next(getattr(run.state, part).parameters()).data.view(-1)[0] = float("nan")
        own()

    run.save = spoiled  # type: ignore[method-assign]
    assert finish(run) == 5
    assert checkpoint_steps(run) == [2]


def test_before_the_first_checkpoint_the_run_folder_is_named(
    new_run: Callable[..., Run], capsys: pytest.CaptureFixture[str]
) -> None:
    run = new_run("optimizer.generator.lr=1e30", "train.steps=9", "train.log_every=1")
    assert finish(run) == 5
    assert checkpoint_steps(run) == []
    assert f"No checkpoint was saved yet. The run folder is {run.path}." in capsys.readouterr().err
