"""Sweeps survive: no job stops another, nothing complete is run twice, and all are exact."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import DEVNULL, PIPE
from types import SimpleNamespace

import pytest
from conftest import Answer, argv, left_behind, run_here
from event_files import sessions
from forked_commands import ForkedProcess
from sweep_runs import TINY, marks, status
from tensorboard.plugins.hparams.metadata import SESSION_END_INFO_TAG, SESSION_START_INFO_TAG

from gan_runner.storage.run_folder import RunFolder
from gan_runner.sweeps import processes

Here = Callable[..., Answer]
Popen = Callable[..., ForkedProcess]
# a job's process that ends at step 3 in the way that its seed means
SICK = """
import os, signal, sys
sys.path[:] = {path!r}
from gan_runner.training.methods import Adversarial
from gan_runner.sweeps.job import main

whole, ending = Adversarial.step, sys.argv[1][-1]
def step(self, state, batches):
    if state.step == 3 and ending == "0":
        raise RuntimeError("a defect")
    if state.step == 3 and ending == "1":
        os._exit(9)
    if state.step == 3 and ending == "2":
        os.kill(os.getpid(), signal.SIGKILL)
    whole(self, state, batches)

Adversarial.step = step
main()
"""


def ends_in_tensorboard(run: Path) -> set[int]:
    """The status of the run's session in its event files."""
    ends = sessions(RunFolder(run), SESSION_END_INFO_TAG)
    assert sessions(RunFolder(run), SESSION_START_INFO_TAG)
    return {found.session_end_info.status for found in ends}


def test_no_job_stops_another_and_the_same_command_runs_what_is_missing(
    here: Here, popen: Popen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = [*TINY, "-m", "seed=0,1,2,3", "sweep=s", "hydra.launcher.n_jobs=2"]
    sick = ("-c", SICK.format(path=sys.path))
    monkeypatch.setattr(processes, "python_program", lambda function: sick)
    forking = SimpleNamespace(**vars(subprocess) | {"Popen": popen})
    monkeypatch.setattr(processes, "subprocess", forking)
    first = here("gan-train", *settings)
    assert first.code == 8
    runs = [tmp_path / "outputs" / "sweeps" / "s" / f"seed={seed}" for seed in range(4)]
    saved = [(status(run)["state"], status(run)["exit_code"]) for run in runs]
    assert saved == [("failed", 1), ("failed", 9), ("failed", 137), ("completed", 0)]
    assert "a defect" in (runs[0] / "train.log").read_text()
    assert "SIGKILL" in str(status(runs[2])["reason"])
    assert "error: ended with exit code 9\n" in (runs[1] / "train.log").read_text()
    assert "error: killed by SIGKILL" in (runs[2] / "train.log").read_text()
    assert [ends_in_tensorboard(run) for run in runs] == [{2}, {2}, {2}, {1}]  # of failure, success
    table = first.out[first.out.index("\njob") :]
    assert [line.split()[:2] for line in table.splitlines()[2:6]] == [
        *(["seed=0", "failed"], ["seed=1", "failed"]),
        *(["seed=2", "failed"], ["seed=3", "completed"]),
    ]
    monkeypatch.setattr(processes, "run_in_processes", run_here)
    complete = marks(runs[3])
    again = here("gan-train", *settings)
    assert again.code == 0
    assert "already complete: outputs/sweeps/s/seed=3" in again.out
    assert marks(runs[3]) == complete
    assert [status(run)["state"] for run in runs] == ["completed"] * 4
    assert [ends_in_tensorboard(run) for run in runs] == [{1}] * 4
    assert here("gan-train", *TINY, "seed=2", "hydra.run.dir=alone").code == 0
    assert left_behind(runs[2]) == left_behind(tmp_path / "alone")


def await_checkpoints(runs: list[Path]) -> None:
    deadline = time.monotonic() + 60
    while not all((run / "checkpoints" / "last.json").exists() for run in runs):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def await_end(runs: list[Path]) -> None:
    """Until no process holds a run any more."""
    deadline = time.monotonic() + 30
    while any(RunFolder(run).is_held() for run in runs):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_killed_sweep_stops_its_jobs_at_saved_steps_and_goes_on_exactly(
    here: Here, popen: Popen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = [*TINY, "-m", "seed=0,1", "sweep=s", "hydra.launcher.n_jobs=2"]
    runs = [tmp_path / "outputs" / "sweeps" / "s" / f"seed={seed}" for seed in range(2)]
    sweep = popen(argv("gan-train", *settings, "train.steps=1000000"), stdout=DEVNULL)
    await_checkpoints(runs)
    sweep.kill()
    sweep.wait()
    await_end(runs)
    assert [status(run)["state"] for run in runs] == ["interrupted"] * 2
    assert [ends_in_tensorboard(run) for run in runs] == [set(), set()]
    monkeypatch.setattr(processes, "run_in_processes", run_here)
    total = max(int(str(status(run)["step"])) for run in runs) + 3
    assert here("gan-train", *settings, f"train.steps={total}").code == 0
    assert [status(run)["step"] for run in runs] == [total, total]
    alone = [*TINY, "seed=1", f"train.steps={total}", "hydra.run.dir=alone"]
    assert here("gan-train", *alone).code == 0
    ours, single = left_behind(runs[1]), left_behind(tmp_path / "alone")
    assert (ours["tensors"], ours["rows"]) == (single["tensors"], single["rows"])


def test_ctrl_c_stops_a_sweep_at_a_saved_step_and_says_how_to_go_on(
    popen: Popen, tmp_path: Path
) -> None:
    command = argv("gan-train", *TINY, "-m", "seed=0,1", "sweep=s", "train.steps=1000000")
    sweep = popen(command, cwd=tmp_path, stdout=PIPE, stderr=PIPE)
    run = tmp_path / "outputs" / "sweeps" / "s" / "seed=0"
    await_checkpoints([run])
    sweep.send_signal(signal.SIGINT)
    out, err = sweep.communicate()
    assert (sweep.returncode, err) == (130, "")
    assert "Continue with:\n  gan-train " in out
    assert "seed=0,1 sweep=s train.steps=1000000 -m" in out
    assert (status(run)["state"], status(run)["exit_code"]) == ("interrupted", 130)
    assert (
        status(run)["step"] == json.loads((run / "checkpoints" / "last.json").read_text())["step"]
    )
    assert not (run.parent / "seed=1").exists()
