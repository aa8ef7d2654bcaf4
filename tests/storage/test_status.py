"""A status is read as it was written; what a stranger wrote is refused or left out."""

from __future__ import annotations

import json
import os
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from gan_runner.errors import CheckpointError
from gan_runner.storage.run_folder import RunFolder
from gan_runner.storage.status import Status, Verdict, read_status, write_status

STATUS = Status(
    state="failed",
    exit_code=5,
    step=20,
    checkpoint="step_00000020.safetensors",
    reason="a weight is NaN",
    warnings=("größer", "less"),
    verdicts=(Verdict("divergence", 10, "the loss is 1e9", "Lower the rate."),),
    started="2026-11-20T17:32:40+00:00",
    ended="2026-11-20T17:35:00+00:00",
    versions={"torch": "2.13.0"},
    device="cpu",
    machine="EPYC, 2 cores, 8 GB, Linux 6",
    threads=2,
    devices=2,
    git={"commit": "0123abcd", "changed": False},
    parameters={"generator": 100, "discriminator": 50},
    examples=1797,
    peak_memory=390_000_000,
    privacy={"epsilon": 2.99, "delta": 4e-6},
)
KEYS = (
    *("format", "state", "exit_code", "step", "checkpoint", "reason", "warnings", "verdicts"),
    *("started", "ended", "versions", "device", "machine", "threads"),
    *("devices", "reuses_memory", "git"),
    *("parameters", "examples", "peak_memory", "privacy"),
)


def plain(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "status.json"


def test_a_status_is_read_as_it_was_written(path: Path) -> None:
    for status in STATUS, Status(), Status(state="running", exit_code=None, step=5):
        write_status(path, status)
        assert read_status(path) == status
    assert [file.name for file in path.parent.iterdir()] == ["status.json"]


def test_a_run_folder_reads_and_writes_the_same_file(path: Path) -> None:
    folder = RunFolder(path.parent)
    assert folder.status() == Status()
    folder.write_status(STATUS)
    assert folder.status() == read_status(path) == STATUS


def test_every_key_is_written_and_one_that_is_not_known_yet_is_null(path: Path) -> None:
    write_status(path, STATUS)
    assert tuple(plain(path)) == KEYS
    assert plain(path)["format"] == 1
    assert plain(path)["verdicts"][0]["evidence"] == "the loss is 1e9"
    write_status(path, Status(state="running"))
    assert tuple(plain(path)) == KEYS
    assert plain(path)["exit_code"] is plain(path)["checkpoint"] is None
    assert plain(path)["warnings"] == []


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b" " * (1 << 23)])
def test_a_status_that_cannot_be_read_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"unreadable status, .*status\.json"):
        read_status(path)


@pytest.mark.parametrize(
    "content",
    [
        *("[]", "5", "null", '"text"', '{"warnings": 5}', '{"verdicts": {}}'),
        *('{"verdicts": ["x"]}', '{"verdicts": [{"step": 1}]}', '{"verdicts": [{"name": [1]}]}'),
    ],
)
def test_a_status_of_another_form_is_refused(path: Path, content: str) -> None:
    path.write_text(content)
    with pytest.raises(CheckpointError, match=r"unreadable status, .*status\.json"):
        read_status(path)


def test_a_status_of_another_format_is_refused(path: Path) -> None:
    path.write_text('{"format": 99, "state": "completed"}')
    with pytest.raises(CheckpointError, match=r"status of another format, .* format 99"):
        read_status(path)


@pytest.mark.parametrize("odd", [[[[]]], {"a": []}, True, -1, 1.5, 10**400, float("nan"), "\0"])
def test_a_value_of_another_type_counts_as_not_said(path: Path, odd: object) -> None:
    write_status(path, STATUS)
    lists = ("format", "warnings", "verdicts")
    path.write_text(json.dumps({**plain(path), **{k: odd for k in KEYS if k not in lists}}))
    status = read_status(path)
    assert (status.state, status.exit_code, status.step, status.threads) == (None,) * 4
    assert (status.examples, status.peak_memory) == (None, None)
    assert status.git in (None, odd)
    for text in (status.checkpoint, status.reason, status.started, status.ended, status.device):
        assert text is None or text == odd
    assert (status.parameters, status.versions) == ({}, {})
    assert (status.warnings, status.verdicts) == (STATUS.warnings, STATUS.verdicts)


def test_members_of_another_type_are_left_out(path: Path) -> None:
    content = {
        "warnings": ["text", 5, None],
        "parameters": {"generator": 10**400, "discriminator": [1], "encoder": 7},
        "versions": {"torch": 2, "numpy": "2.4"},
        "verdicts": [{"name": "x", "step": [5], "evidence": 5, "advice": {}}],
    }
    path.write_text(json.dumps(content))
    status = read_status(path)
    assert status.warnings == ("text",)
    assert status.parameters == {"encoder": 7}
    assert status.versions == {"numpy": "2.4"}
    assert status.verdicts == (Verdict("x", 0, "", ""),)


def test_keys_of_another_version_are_written_back_as_they_were(path: Path) -> None:
    path.write_text('{"state": "running", "from_the_future": [{"a": 1}]}')
    write_status(path, replace(read_status(path), state="completed"))
    assert plain(path)["from_the_future"] == [{"a": 1}]
    assert plain(path)["state"] == "completed"


def test_a_status_cannot_be_changed_in_its_place() -> None:
    for each in fields(Status):
        with pytest.raises(AttributeError):
            setattr(STATUS, each.name, None)


def test_a_status_that_cannot_be_written_leaves_the_old_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_status(path, Status(step=1))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            write_status(path, Status(step=2))
    assert read_status(path) == Status(step=1)
    assert [file.name for file in path.parent.iterdir()] == ["status.json"]
