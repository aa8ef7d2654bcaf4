"""An interrupted run ends as the one that was never interrupted, bit for bit."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest
from conftest import Answer, argv, call_command, left_behind, small_run
from forked_commands import ForkedProcess

from gan_runner.runs import resume
from gan_runner.storage import tensors
from gan_runner.storage.checkpoint import file_name
from gan_runner.training.run import Run

Here = Callable[..., Answer]
Popen = Callable[..., ForkedProcess]
LENGTH = ("train.steps=20", "train.save_every=5", "train.keep=1")  # logs at 7, 14 and 20


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "run"
    assert call_command("gan-train", *small_run(path, *LENGTH)) == 0
    return path


def resume_run(path: Path, *overrides: str) -> dict[str, object]:
    """The files that a run leaves when it's continued to its end."""
    assert call_command("gan-train", f"resume={path}", *overrides) == 0
    return left_behind(path)


def kill_run(arguments: list[str], *, after: str, moment: int) -> bool:
    """Run gan-train in a process that dies before it does its nth change of the disk from a
    certain function on; whether it came to that."""
    process = os.fork()
    if process == 0:
        code = 1
        try:
            signal.alarm(60)
            _die_at(after, moment)
            code = call_command("gan-train", *arguments)
        finally:
            os._exit(code)
    _, end = os.waitpid(process, 0)
    assert end in (0, signal.SIGKILL)
    return end == signal.SIGKILL


def _die_at(after: str, moment: int) -> None:
    changes = count(1)
    begun = False

    def begin(whole: Callable[..., Any]) -> Callable[..., Any]:
        def first(*args: Any, **kwargs: Any) -> Any:
            nonlocal begun
            begun = begun or after != "last save" or args[0].state.step == 20
            return whole(*args, **kwargs)

        return first

    def mortal(whole: Callable[..., Any]) -> Callable[..., Any]:
        def change(*args: Any, **kwargs: Any) -> Any:
            if begun and next(changes) == moment:
                os.kill(os.getpid(), signal.SIGKILL)
            return whole(*args, **kwargs)

        return change

    if after == "reopen":
        resume.reopen = begin(resume.reopen)
    else:
        Run.save = begin(Run.save)  # type: ignore[method-assign]
    Path.replace = mortal(Path.replace)  # type: ignore[method-assign]
    Path.unlink = mortal(Path.unlink)  # type: ignore[method-assign]
    tensors.save_file = mortal(tensors.save_file)


# ---------------------------------------------------------------- killed


@pytest.fixture(scope="module")
def killed_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has done its last step and was killed before it saved that."""
    path = tmp_path_factory.mktemp("killed") / "run"
    assert kill_run(small_run(path, *LENGTH), after="last save", moment=1)
    return path


def test_a_run_killed_at_any_moment_of_a_save_resumes_bit_for_bit(
    tmp_path: Path, whole_run: Path, killed_run: Path
) -> None:
    expected = left_behind(whole_run)
    for moment in count(1):
        path = shutil.copytree(killed_run, tmp_path / str(moment))
        if not kill_run([f"resume={path}"], after="last save", moment=moment):
            break
        assert resume_run(path) == expected, f"killed at moment {moment}"
        assert list((path / "checkpoints").glob(".*")) == []
    assert moment > 5


def test_a_run_killed_while_it_is_resumed_resumes_bit_for_bit(
    tmp_path: Path, whole_run: Path, killed_run: Path
) -> None:
    expected = left_behind(whole_run)
    for moment in range(1, 9):
        path = shutil.copytree(killed_run, tmp_path / str(moment))
        assert kill_run([f"resume={path}"], after="reopen", moment=moment)
        assert resume_run(path) == expected, f"killed at moment {moment}"


def test_a_run_killed_before_its_first_save_begins_again(tmp_path: Path, whole_run: Path) -> None:
    assert kill_run(small_run(tmp_path / "run", *LENGTH), after="first save", moment=1)
    assert not list((tmp_path / "run" / "checkpoints").iterdir())
    assert resume_run(tmp_path / "run") == left_behind(whole_run)


@pytest.mark.parametrize(
    "settings",
    [
        ["loss=wgan_gp", "loss/penalty=drift", "train.batch_size=64"],
        ["loss=wgan", "optimizer=rmsprop", "train.ema=0"],
        ["loss=r3gan", "optimizer=adamw", "dataset.flip=true"],
        ["loss=hinge", "optimizer=sgd", "model.discriminator.norm=spectral"],
        ["optimizer.generator.schedule.shape=cosine", "precision=bf16"],
        ["loss=minimax", "loss/penalty=[lecam,consistency,label_smoothing]"],
        ["loss=hinge", "loss/penalty=[feature_matching,historical_averaging]", "model.packing=2"],
        ["augment=[ada,instance_noise]", "augment.ada.interval=2", "augment.ada.images=200"],
        ["augment=[diffaugment]", "model.code.categorical=[4]", "model.code.continuous=1"],
    ],
)
def test_every_part_of_a_state_is_resumed(tmp_path: Path, settings: list[str]) -> None:
    # from a checkpoint between two rows on
    plan = ("train.steps=8", "train.save_every=4", "train.log_every=3", "train.sample_every=3")
    whole = tmp_path / "whole"
    assert call_command("gan-train", *small_run(whole, *plan, *settings)) == 0
    broken = shutil.copytree(whole, tmp_path / "broken")
    (broken / "checkpoints" / file_name(8)).unlink()
    assert resume_run(broken) == left_behind(whole)


def test_a_process_that_is_killed_leaves_a_run_that_another_one_resumes(
    tmp_path: Path, whole_run: Path
) -> None:
    path = tmp_path / "run"
    process = subprocess.Popen(argv("gan-train", *small_run(path, *LENGTH)))
    while not (path / "checkpoints" / file_name(5)).exists() and process.poll() is None:
        time.sleep(0.002)
    process.kill()
    process.wait()
    assert resume_run(path) == left_behind(whole_run)


def test_a_signal_saves_the_step_and_says_how_to_go_on(
    popen: Popen, tmp_path: Path, whole_run: Path
) -> None:
    path = tmp_path / "run"
    command = argv("gan-train", *small_run(path, *LENGTH))
    process = popen(command, stdout=PIPE, stderr=PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert (process.returncode, err) == (130, "")
    assert out.endswith(f"Continue with:\ngan-train resume={path}\n")
    assert resume_run(path) == left_behind(whole_run)


# ---------------------------------------------------------------- damaged


def damage_file(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_behind_a_damaged_checkpoint_the_one_before_it_is_used(
    here: Here, tmp_path: Path, whole_run: Path
) -> None:
    path = shutil.copytree(whole_run, tmp_path / "run")
    damage_file(path / "checkpoints" / file_name(20))
    answer = here("gan-train", "resume=run")
    assert answer.code == 0
    (warning,) = [line for line in answer.out.splitlines() if line.startswith("warning: ")]
    assert file_name(20) in warning
    assert f"Using {file_name(15)} instead." in warning
    assert left_behind(path) == left_behind(whole_run)


@pytest.mark.parametrize("content", [None, b"{", b'{"file": "step_00000015.safetensors"}'])
def test_the_pointer_to_the_last_checkpoint_is_set_right(
    tmp_path: Path, whole_run: Path, content: bytes | None
) -> None:
    path = shutil.copytree(whole_run, tmp_path / "run")
    pointer = path / "checkpoints" / "last.json"
    pointer.unlink() if content is None else pointer.write_bytes(content)
    assert resume_run(path) == left_behind(whole_run)


def test_what_was_logged_after_the_checkpoint_is_logged_once(
    tmp_path: Path, whole_run: Path
) -> None:
    path = shutil.copytree(whole_run, tmp_path / "run")
    (path / "checkpoints" / file_name(20)).unlink()
    with (path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 25, "loss/generator": 1.0}\n{"step": 2')
    (path / "samples" / "step_00000025.png").write_bytes(b"")
    assert resume_run(path) == left_behind(whole_run)


def test_what_a_killed_save_left_is_swept_up(tmp_path: Path, whole_run: Path) -> None:
    path = shutil.copytree(whole_run, tmp_path / "run")
    for name in (".tmpAb12Cd", f".{file_name(25)}.partial", ".last.json.partial"):
        (path / "checkpoints" / name).write_bytes(b"a part")
    resume_run(path, "train.steps=21")
    assert list((path / "checkpoints").glob(".*")) == []


# ---------------------------------------------------------------- changed


def test_a_run_made_longer_ends_as_one_that_was_as_long_from_the_start(tmp_path: Path) -> None:
    lengths = [f"optimizer.{n}.schedule.steps=40" for n in ("generator", "discriminator")]
    shapes = [f"optimizer.{n}.schedule.shape=linear" for n in ("generator", "discriminator")]
    # every second step has a picture: the first tenth of the longer run has one, too
    both = [*lengths, *shapes, "train.log_every=10", "train.sample_every=2"]
    for name, lasting in (("long", ("steps=40", "keep=5")), ("short", ("steps=20",))):
        train = (f"train.{setting}" for setting in lasting)
        assert call_command("gan-train", *small_run(tmp_path / name, *both, *train)) == 0
    found = resume_run(tmp_path / "short", "train.steps=40", "train.keep=5")
    assert found == left_behind(tmp_path / "long")


def test_the_length_of_a_schedule_is_that_of_the_run_when_it_was_made(
    tmp_path: Path, whole_run: Path
) -> None:
    path = shutil.copytree(whole_run, tmp_path / "run")
    resume_run(path, "train.steps=30")
    assert (path / "config.yaml").read_text().count("      steps: 20\n") == 2


def test_another_number_of_threads_is_reported_as_inexact(
    here: Here, tmp_path: Path, whole_run: Path
) -> None:
    shutil.copytree(whole_run, tmp_path / "run")
    answer = here("gan-train", "resume=run", "train.steps=21", "threads=2")
    assert answer.code == 0
    assert "warning: the resumed run will not be bit-identical here: threads 1 -> 2." in answer.out
