"""A run of which a rank is gone says that it ended, and why."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from torch.distributed import HashStore

from gan_runner.config.schema import Config
from gan_runner.errors import DataError, MachineError
from gan_runner.runs import ranks as following
from gan_runner.runs.finish import as_fault
from gan_runner.storage.run_folder import RunFolder
from gan_runner.storage.status import Status
from gan_runner.system import ranks
from gan_runner.system.launcher import end_with_launcher
from gan_runner.system.processes import has_ended
from gan_runner.system.signals import SIGNALS


def made_up_watch(me: int, store: HashStore, processes: dict[str, int]) -> ranks._Watch:
    watch = object.__new__(ranks._Watch)
    watch._store, watch._me, watch._others = store, str(me), list(processes)
    watch._processes = {of: f"{platform.node()} {number}" for of, number in processes.items()}
    return watch


@pytest.fixture(autouse=True)
def _signals_as_before() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def ended() -> int:
    """The number of a process that was here."""
    process = subprocess.Popen([sys.executable, "-S", "-E", "-c", ""])
    process.wait()
    return process.pid


def test_the_fault_of_a_rank_is_that_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    store = HashStore()
    follower = made_up_watch(1, store, {"0": os.getpid()})
    monkeypatch.setattr(ranks, "_watches", [follower])
    assert ranks.leave_word(DataError("rank 1: no such file, dataset.path=x. Name another."))
    leader = made_up_watch(0, store, {"1": os.getpid(), "2": os.getpid()})
    monkeypatch.setattr(ranks, "_watches", [leader])
    monkeypatch.setattr(ranks, "count", lambda: 3)
    fault = as_fault(RuntimeError("Connection closed by peer [127.0.0.1]:1"))
    assert isinstance(fault, DataError)
    assert str(fault) == "rank 1: no such file, dataset.path=x. Name another."


def test_a_rank_that_was_killed_is_named(monkeypatch: pytest.MonkeyPatch, ended: int) -> None:
    leader = made_up_watch(0, HashStore(), {"1": os.getpid(), "2": ended})
    monkeypatch.setattr(ranks, "_watches", [leader])
    assert str(ranks.explain_loss()).startswith("rank 2 of the run was killed, as the machine does")


def test_a_loss_that_nobody_can_explain_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks, "_DYING", 0.0)
    leader = made_up_watch(0, HashStore(), {"1": os.getpid()})
    monkeypatch.setattr(ranks, "_watches", [leader])
    assert str(ranks.explain_loss()).startswith(ranks.LOSS)


def test_the_launcher_of_ranks_cant_keep_one_from_recording_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ranks, "_watches", [])
    ranks.explain_loss()
    os.kill(os.getpid(), signal.SIGTERM)  # would end the tests
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN


def test_a_process_has_ended_or_not(ended: int) -> None:
    assert has_ended(ended)
    assert not has_ended(os.getpid())


def test_a_silent_rank_ends_the_run_once_that_is_recorded(
    monkeypatch: pytest.MonkeyPatch, ended: int, capsys: pytest.CaptureFixture[str]
) -> None:
    said: list[object] = []
    monkeypatch.setattr(os, "_exit", said.append)
    watch = made_up_watch(0, HashStore(), {"1": ended})
    monkeypatch.setattr(ranks, "_watches", [watch])
    ranks.on_silence(said.append)
    watch._end_without("1")
    reason = "rank 1 of the run gives no sign of life, so the run ends."
    assert said == [reason, MachineError.exit_code]
    assert capsys.readouterr().err == f"error: {reason}\n"


def test_a_follower_records_the_end_of_a_run_whose_rank_0_is_gone(tmp_path: Path) -> None:
    folder, config = RunFolder(tmp_path), Config.model_construct(logger={})
    folder.config.write_text("seed: 0\n")
    folder.write_status(Status(state="running", step=7))
    following._record_loss(folder, config, "rank 0 gives no sign of life")
    found = folder.status()
    assert (found.state, found.exit_code, found.step) == ("failed", 4, 7)
    assert found.reason == "rank 0 gives no sign of life"
    assert found.ended


def test_a_follower_leaves_what_rank_0_has_recorded_or_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "_PATIENCE", 0.0)
    folder, config = RunFolder(tmp_path), Config.model_construct(logger={})
    folder.config.write_text("seed: 0\n")
    for state in (Status(state="interrupted", exit_code=130), Status(state="failed", exit_code=5)):
        folder.write_status(state)
        following._record_loss(folder, config, "rank 0 is gone")
        assert folder.status() == state
    folder.write_status(Status(state="running"))
    holder = RunFolder(tmp_path)
    holder.lock()
    following._record_loss(folder, config, "rank 0 is gone")
    assert folder.status().state == "running"
    holder.release()


def test_a_rank_whose_launcher_is_gone_is_asked_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    threads = SimpleNamespace(
        Thread=lambda target, daemon: SimpleNamespace(start=target)  # at once
    )
    monkeypatch.setattr("gan_runner.system.launcher.threading", threads)
    monkeypatch.setattr(os, "kill", lambda *what: asked.append(what))
    end_with_launcher()
    assert asked == []
    monkeypatch.setenv("GAN_RUNNER_LAUNCHED", "1234567890")
    end_with_launcher()
    assert asked == [(os.getpid(), signal.SIGTERM)]
