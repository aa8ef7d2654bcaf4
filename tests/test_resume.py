"""An interrupted run ends as the one that was never interrupted, bit for bit."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from conftest import argv, left_behind, small_run

STEPS = "train.steps=40"


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    path = tmp_path_factory.mktemp("whole") / "run"
    done = subprocess.run(
        argv("gan-train", *small_run(path, STEPS)), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return left_behind(path)


def start(path: Path, *overrides: str) -> subprocess.Popen[str]:
    arguments = small_run(path, *overrides)
    return subprocess.Popen(
        argv("gan-train", *arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def resume(path: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv("gan-train", f"resume={path}", *overrides), capture_output=True, text=True, timeout=120
    )


def wait_for(path: Path, pattern: str, process: subprocess.Popen[str]) -> None:
    while not list(path.glob(pattern)) and process.poll() is None:
        time.sleep(0.002)


@pytest.mark.parametrize("delay", [0.0, 0.03, 0.11])
def test_a_killed_run_resumes_bit_for_bit(
    tmp_path: Path, uninterrupted: dict[str, object], delay: float
) -> None:
    path = tmp_path / "run"
    process = start(path, "train.steps=40")
    wait_for(path, "checkpoints/step_00000010.safetensors", process)
    time.sleep(delay)
    process.kill()
    process.wait()
    done = resume(path)
    assert done.returncode == 0, done.stderr
    assert left_behind(path) == uninterrupted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_the_step_and_says_how_to_go_on(
    tmp_path: Path, uninterrupted: dict[str, object], number: int
) -> None:
    path = tmp_path / "run"
    process = start(path, "train.steps=40")
    wait_for(path, "checkpoints/step_*", process)
    os.kill(process.pid, number)
    out, err = process.communicate()
    assert process.returncode == 128 + number, err
    assert f"gan-train resume={path}" in out
    done = resume(path)
    assert done.returncode == 0, done.stderr
    assert left_behind(path) == uninterrupted
