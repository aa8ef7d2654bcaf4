"""A signal ends a command cleanly wherever it comes: nothing left, or a run that can go on."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE

import pytest
from conftest import Answer, argv, small_run
from forked_commands import ForkedProcess
from PIL import Image

from gan_runner.system.signals import SIGNALS, end_at_once

Here = Callable[..., Answer]
Popen = Callable[..., ForkedProcess]

# gan-train with pauses, in which it says where it is
COMMAND = """
import sys, time
from gan_runner.train import main

def pausing(module, name):
    whole = getattr(module, name)
    def pause(*args, **kwargs):
        print("in", name, flush=True)
        time.sleep(0.4)
        return whole(*args, **kwargs)
    setattr(module, name, pause)

{pauses}
main()
"""
IN_DATA = "from gan_runner.decoding import processes; pausing(processes, 'try_decode')"
IN_SAVES = "from gan_runner.storage import tensors; pausing(tensors, 'publish')"


IN_TERMINAL = """
import fcntl, signal, termios
from gan_runner.train import main

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it would be ignored
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # whose end is ours
main()
"""


@pytest.fixture
def start(popen: Popen, tmp_path: Path) -> Popen:
    def call(*arguments: str, pauses: str) -> ForkedProcess:
        command = [sys.executable, "-c", COMMAND.format(pauses=pauses), *arguments]
        return popen(command, cwd=tmp_path, stdout=PIPE, stderr=PIPE)

    return call


def await_line(process: ForkedProcess, text: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return
    raise AssertionError(f"no {text!r} in the output")


def status(run: Path) -> tuple[str, int, int]:
    saved = json.loads((run / "status.json").read_text())
    return saved["state"], saved["exit_code"], saved["step"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_torch_is_imported_leaves_nothing(tmp_path: Path, number: int) -> None:
    command = argv("gan-train", "train.steps=1")
    process = subprocess.Popen(command, cwd=tmp_path, stdout=PIPE, stderr=PIPE, text=True)
    while not list(tmp_path.glob("outputs/*/*/.hydra")) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(number)
    _, err = process.communicate()
    said = f"interrupted by {signal.Signals(number).name}\n"
    assert (process.returncode, err) == (128 + number, said)
    assert list(tmp_path.iterdir()) == []


def test_a_signal_while_data_is_read_leaves_nothing(start: Popen, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "pictures" / "one.png")
    settings = ["dataset=image_folder", "dataset.root=pictures", "cache=cache"]
    process = start(*settings, pauses=IN_DATA)
    await_line(process, "in try_decode")
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate()
    assert (process.returncode, err) == (143, "interrupted by SIGTERM\n")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["cache", "one.png", "pictures"]


def test_a_save_is_finished_before_the_end(start: Popen, tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = start(*small_run(run, "train.save_every=1"), pauses=IN_SAVES)
    await_line(process, "in publish")
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate()
    assert (process.returncode, err) == (143, "")
    assert status(run) == ("interrupted", 143, 1)
    left = sorted(path.name for path in (run / "checkpoints").iterdir())
    assert left == ["last.json", "step_00000001.safetensors"]


def test_a_terminal_that_is_closed_ends_a_run_at_a_saved_step(popen: Popen, tmp_path: Path) -> None:
    run = tmp_path / "run"
    terminal, side = pty.openpty()
    process = popen(
        [sys.executable, "-c", IN_TERMINAL, *small_run(run, "train.steps=1000000")],
        stdin=side,
        stdout=side,
        stderr=side,
        start_new_session=True,
    )
    os.close(side)
    while not (run / "checkpoints" / "last.json").exists():
        assert process.poll() is None
        if select.select([terminal], [], [], 0.02)[0]:
            os.read(terminal, 1 << 16)
    os.close(terminal)
    assert process.wait(60) == 129
    assert status(run)[:2] == ("interrupted", 129)


def test_a_hangup_that_is_ignored_stays_so() -> None:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
        end_at_once()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is not before[signal.SIGTERM]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_second_signal_does_not_wait(here: Here, start: Popen, tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = start(*small_run(run, "train.save_every=1"), pauses=IN_SAVES)
    await_line(process, "in publish")
    process.send_signal(signal.SIGINT)
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert (process.returncode, err) == (130, "")
    assert status(run)[:2] == ("interrupted", 130)
    assert list((run / "checkpoints").glob("step_*")) == []
    assert here("gan-train", f"resume={run}", "train.steps=2").code == 0
    assert [path.name for path in (run / "checkpoints").glob(".*")] == []
