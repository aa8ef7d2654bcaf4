"""A checkpoint under its final name is whole; whatever is not is refused, named and passed over."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import pickle
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from gan_runner.data import Space
from gan_runner.errors import CheckpointError, MachineError
from gan_runner.storage import checkpoint
from gan_runner.storage.checkpoint import (
    newest,
    prune,
    read,
    read_pointer,
    remove_partial_files,
    select,
    steps,
    write,
)
from gan_runner.storage.facts import Facts, StateFacts
from gan_runner.storage.tensors import write_tensors
from gan_runner.system.machine import Fingerprint


def tensors(step: int = 0) -> dict[str, Tensor]:
    stream = torch.Generator().manual_seed(step)
    return {
        "generator.0.weight": torch.randn(4, 3, generator=stream),
        "generator.1.weight": torch.randn(2, 3, 4, 4, generator=stream),
        "generator.1.num_batches_tracked": torch.tensor(step),
        "sums.loss": torch.randn(2, generator=stream, dtype=torch.float64),
        "half": torch.randn(3, generator=stream).bfloat16(),
        "empty": torch.empty(0, 5),
    }


def facts(step: int) -> Facts:
    state = StateFacts(
        step=step,
        seconds=12.345,
        rate_factor=1.0,
        rollbacks=(2,),
        counts={"loss/discriminator,logits/real": 3},
        rng={"latent": "AAECAwQ=", "penalty": "BQYHCAk="},
    )
    return Facts(
        state=state,
        classes=("a", "b"),
        config="0123abcd",
        data="4567ef",
        space=Space("vectors", (2,), (0.1, 1e-300), (1.0, 2.0)),
        fingerprint=Fingerprint({"torch": "2.13.0"}, "cpu", 1),
    )


def save(folder: Path, *saved: int) -> Path:
    """Writes the checkpoints of these steps; the file of the last one."""
    for step in saved:
        path = write(folder, tensors(step), facts(step))
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def refusal(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        read(path)
    assert path.name in str(caught.value)
    return str(caught.value)


def modify(path: Path, change: Callable[[bytes], bytes]) -> Path:
    path.write_bytes(change(path.read_bytes()))
    return path


# ---------------------------------------------------------------- round trip


def test_a_checkpoint_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = save(tmp_path, 500)
    found = read(path)
    assert path == found.path == tmp_path / "step_00000500.safetensors"
    assert found.facts == facts(500)
    expected = tensors(500)
    assert found.tensors.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(found.tensors[name], value)
        assert found.tensors[name].dtype == value.dtype


def test_a_tensor_of_any_layout_keeps_its_values(tmp_path: Path) -> None:
    last = torch.randn(2, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    given = {"last": last, "turned": torch.randn(3, 5).T, "part": torch.randn(9)[::3]}
    found = read(write(tmp_path, given, facts(1))).tensors
    assert all(torch.equal(found[name], value) for name, value in given.items())


def test_the_same_state_gives_the_same_file(tmp_path: Path) -> None:
    first = save(tmp_path, 7).read_bytes()
    assert save(tmp_path, 7).read_bytes() == first


def test_last_json_points_to_the_file_and_its_digest(tmp_path: Path) -> None:
    path = save(tmp_path, 1, 20)
    assert json.loads((tmp_path / "last.json").read_text()) == {
        "file": "step_00000020.safetensors",
        "step": 20,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    assert names(tmp_path) == [
        "last.json",
        "step_00000001.safetensors",
        "step_00000020.safetensors",
    ]


def test_checkpoints_are_listed_newest_first_and_nothing_else_is(tmp_path: Path) -> None:
    save(tmp_path, 5, 300_000_000, 40)
    for other in ("step_5.safetensors", "step_00000006.pt", ".step_00000009.safetensors.partial"):
        (tmp_path / other).touch()
    assert list(steps(tmp_path)) == [300_000_000, 40, 5]
    assert steps(tmp_path / "missing") == {}


# ---------------------------------------------------------------- damage


@pytest.mark.parametrize("bit", [0x01, 0x80])
def test_damage_of_any_byte_is_detected(tmp_path: Path, bit: int) -> None:
    path = save(tmp_path, 3)
    whole = path.read_bytes()
    for place in [*range(0, len(whole), 7), len(whole) - 1]:
        damaged = bytearray(whole)
        damaged[place] ^= bit
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError):
            read(path)
    path.write_bytes(whole)
    read(path)


def test_every_fact_is_under_the_digest(tmp_path: Path) -> None:
    path = save(tmp_path, 3)
    for old, new in ((b"12.345", b"12.346"), (b"AAECAwQ=", b"AAECAwR="), (b"0123ab", b"0123ac")):
        whole = path.read_bytes()
        assert whole.count(old) == 1
        modify(path, lambda content, old=old, new=new: content.replace(old, new))
        assert "Its digest is wrong" in refusal(path)
        path.write_bytes(whole)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(tmp_path: Path, share: float) -> None:
    path = modify(save(tmp_path, 3), lambda content: content[: int(share * len(content))])
    assert "not a checkpoint of gan-runner" in refusal(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text\n" * 100,
        b"\0" * 1000,
        b"\xff" * 1000,
        pickle.dumps({"generator": [1, 2, 3]}),
        b"PK\x03\x04" + b"\0" * 100,
        (8).to_bytes(8, "little") + b"{}      ",
        (2**63).to_bytes(8, "little") + b"{}",
    ],
    ids=["empty", "text", "zeros", "ones", "pickle", "zip", "no metadata", "endless header"],
)
def test_a_file_that_is_not_a_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "step_00000003.safetensors"
    path.write_bytes(content)
    assert "not a checkpoint of gan-runner" in refusal(path)


def test_a_pickle_in_the_place_of_a_checkpoint_is_never_run(tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.mkdir, (tmp_path / "made",))

    path = tmp_path / "step_00000003.safetensors"
    torch.save({"weights": Hostile()}, path)
    assert "not a checkpoint of gan-runner" in refusal(path)
    path.write_bytes(pickle.dumps(Hostile()))
    refusal(path)
    assert not (tmp_path / "made").exists()


def test_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "step_00000003.safetensors"
    assert refusal(folder).startswith("no such checkpoint, ")
    folder.mkdir()
    assert "not a checkpoint of gan-runner" in refusal(folder)


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {"other": "{}"},
        {"gan_runner": ""},
        {"gan_runner": "[]"},
        {"gan_runner": "5"},
        {"gan_runner": '"text"'},
        {"gan_runner": "null"},
        {"gan_runner": "{}"},
        {"gan_runner": '{"format": 1, "sha256": "0"}'},
        {"gan_runner": '{"format": 1, "sha256": "0", "step": "x"}'},
        {"gan_runner": "[" * 100_000},
    ],
    ids=lambda metadata: str(metadata)[:40],
)
def test_tensors_of_another_program_are_refused(
    tmp_path: Path, metadata: dict[str, str] | None
) -> None:
    path = tmp_path / "step_00000003.safetensors"
    save_file(tensors(), path, metadata=metadata)
    assert "not a checkpoint of gan-runner" in refusal(path)


@pytest.mark.parametrize("version", [0, 2, "1", None, [1]])
def test_another_format_is_refused_by_its_number(tmp_path: Path, version: Any) -> None:
    path = tmp_path / "step_00000003.safetensors"
    described = json.dumps({"format": version, "sha256": "0", **facts(3).plain()})
    save_file(tensors(), path, metadata={"gan_runner": described})
    assert f"format {version}. This version of gan-runner reads format 1." in refusal(path)


# ---------------------------------------------------------------- the newest


def test_the_newest_valid_checkpoint_is_found(tmp_path: Path) -> None:
    save(tmp_path, 10, 20, 30)
    found, warnings = newest(tmp_path)
    assert found is not None
    assert (found.step, warnings) == (30, [])


def test_a_damaged_checkpoint_is_passed_over_and_both_are_named(tmp_path: Path) -> None:
    save(tmp_path, 10, 20, 30)
    for step, size in ((30, 0), (20, 100)):
        modify(steps(tmp_path)[step], lambda content, size=size: content[:size])
    found, warnings = newest(tmp_path)
    assert found is not None
    assert found.step == 10
    assert len(warnings) == 2
    for warning, step in zip(warnings, (30, 20), strict=True):
        assert f"step_000000{step}.safetensors" in warning
        assert warning.endswith("Using step_00000010.safetensors instead.")


def test_where_all_are_damaged_every_one_is_named(tmp_path: Path) -> None:
    save(tmp_path, 10, 20)
    for path in steps(tmp_path).values():
        modify(path, lambda content: content[:-1])
    with pytest.raises(CheckpointError) as caught:
        newest(tmp_path)
    lines = str(caught.value).splitlines()
    assert lines[0] == "no valid checkpoint is left:"
    assert "step_00000020.safetensors" in lines[1]
    assert "step_00000010.safetensors" in lines[2]


def test_where_there_is_none_none_is_found(tmp_path: Path) -> None:
    assert newest(tmp_path) == (None, [])
    assert newest(tmp_path / "missing") == (None, [])


# ---------------------------------------------------------------- by name


def test_a_checkpoint_is_selected_by_last_best_and_step(tmp_path: Path) -> None:
    save(tmp_path, 10, 20, 30)
    checkpoint.write_pointer(tmp_path / "best.json", steps(tmp_path)[20], 20)
    found = [select(tmp_path, which).step for which in ("last", "best", "10", "00000030")]
    assert found == [30, 20, 10, 30]


def test_the_newest_becomes_the_best_without_being_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, 10)
    path = save(tmp_path, 20)
    read_files: list[Path] = []
    monkeypatch.setattr(checkpoint, "file_digest", lambda path: read_files.append(path) or "0")
    checkpoint.make_best(tmp_path, 20)
    assert (tmp_path / "best.json").read_bytes() == (tmp_path / "last.json").read_bytes()
    assert read_files == []
    checkpoint.make_best(tmp_path, 10)
    assert read_files == [path.with_name("step_00000010.safetensors")]


@pytest.mark.parametrize("which", ["11", "-1", "latest", "", "../last", "1e1", "²", "\x1b[2J"])
def test_another_name_is_answered_with_the_steps_that_there_are(tmp_path: Path, which: str) -> None:
    save(tmp_path, 10, 20)
    with pytest.raises(CheckpointError, match=r"last, best or one of the steps: 20, 10\.$") as got:
        select(tmp_path, which)
    assert str(got.value).isprintable()


def test_before_the_first_save_there_is_no_last(tmp_path: Path) -> None:
    for which in "last", "best":
        with pytest.raises(CheckpointError, match=r"^no checkpoint yet, "):
            select(tmp_path, which)


@pytest.mark.parametrize(
    "name",
    [
        "../step_00000010.safetensors",
        "/etc/passwd",
        "a/step_00000010.safetensors",
        "..",
        "",
        "step_00000010.safetensors\n",
        "step_00000010.pt",
        "..\\step_00000010.safetensors",
        None,
        5,
        ["step_00000010.safetensors"],
    ],
)
def test_a_pointer_cannot_lead_out_of_its_folder(tmp_path: Path, name: Any) -> None:
    (tmp_path / "last.json").write_text(json.dumps({"file": name, "step": 10, "sha256": "0"}))
    with pytest.raises(CheckpointError, match=r"^not a pointer, "):
        read_pointer(tmp_path, "last.json")


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"5", b"null", b"{}", b"\xff\xfe", b"[" * 100_000]
)
def test_a_file_that_is_not_a_pointer_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "last.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"^not a pointer, "):
        read_pointer(tmp_path, "last.json")


# ---------------------------------------------------------------- pruning


@pytest.mark.parametrize(
    ("keep", "expected"),
    [(0, [50, 20]), (1, [50, 40, 20]), (2, [50, 40, 30, 20]), (9, [50, 40, 30, 20, 10])],
)
def test_last_best_and_the_newest_of_the_others_are_kept(
    tmp_path: Path, keep: int, expected: list[int]
) -> None:
    save(tmp_path, 10, 20, 30, 40, 50)
    checkpoint.write_pointer(tmp_path / "best.json", steps(tmp_path)[20], 20)
    prune(tmp_path, keep=keep)
    assert list(steps(tmp_path)) == expected
    assert select(tmp_path, "best").step == 20


def test_without_a_best_only_last_is_protected(tmp_path: Path) -> None:
    save(tmp_path, 10, 20, 30)
    prune(tmp_path, keep=0)
    assert names(tmp_path) == ["last.json", "step_00000030.safetensors"]


def test_only_checkpoints_are_ever_deleted(tmp_path: Path) -> None:
    save(tmp_path, 10, 20)
    others = ["notes.txt", "step_00000005.pt", "generator.safetensors"]
    for other in others:
        (tmp_path / other).touch()
    prune(tmp_path, keep=0)
    assert set(others) < set(names(tmp_path))


def test_what_a_killed_save_left_is_swept_up_and_nothing_else(tmp_path: Path) -> None:
    save(tmp_path, 10)
    before = [*names(tmp_path), "notes.partial", ".hidden"]
    for other in (*before[-2:], ".step_00000020.safetensors.partial", ".last.json.partial"):
        (tmp_path / other).touch()
    remove_partial_files(tmp_path)
    assert names(tmp_path) == sorted(before)
    remove_partial_files(tmp_path / "missing")


# ---------------------------------------------------------------- a disk that refuses


def assert_untouched(folder: Path, before: dict[str, bytes]) -> None:
    """The old files are as they were and nothing partial is left."""
    assert {name: (folder / name).read_bytes() for name in before} == before
    assert not [name for name in names(folder) if name.endswith(".partial")]
    assert select(folder, "last").step == 10
    found, warnings = newest(folder)
    assert found is not None
    assert warnings == []


def sync_well(descriptor: int) -> None: ...


def full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("call", [1, 2, 3, 4])
def test_a_disk_that_is_full_at_any_sync_leaves_the_old_checkpoints(
    tmp_path: Path, call: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, 10)
    before = {name: (tmp_path / name).read_bytes() for name in names(tmp_path)}
    sync, calls = os.fsync, iter([sync_well] * (call - 1) + [full])

    def fsync(descriptor: int) -> None:
        next(calls)(descriptor)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(MachineError, match="No space left on device"):
        save(tmp_path, 20)
    assert next(calls, None) is None
    assert_untouched(tmp_path, before)


def test_a_disk_that_is_full_at_the_first_byte_leaves_the_old_checkpoints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, 10)
    before = {name: (tmp_path / name).read_bytes() for name in names(tmp_path)}
    monkeypatch.setattr("gan_runner.storage.tensors.save_file", full)
    with pytest.raises(MachineError, match=r"can't save a checkpoint, .*step_00000020"):
        save(tmp_path, 20)
    assert_untouched(tmp_path, before)
    assert list(steps(tmp_path)) == [10]


@pytest.mark.parametrize("limit", [0, 50, 200_000])
def test_a_write_that_the_system_cuts_off_leaves_the_old_checkpoints(
    tmp_path: Path, limit: int
) -> None:
    save(tmp_path, 10)
    before = {name: (tmp_path / name).read_bytes() for name in names(tmp_path)}
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, unlimited[1]))  # bytes of a file
    try:
        with pytest.raises(MachineError, match="can't save a checkpoint, "):
            write(tmp_path, {"weights": torch.zeros(100_000)}, facts(20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert_untouched(tmp_path, before)
    assert list(steps(tmp_path)) == [10]


def test_a_missing_folder_is_a_fault_of_the_machine(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="can't save a checkpoint"):
        save(tmp_path / "missing", 10)


def test_the_umask_decides_who_may_read_a_checkpoint(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_tensors(
            tmp_path / "a.safetensors", {"x": torch.ones(3)}, {}, temporary=tmp_path / ".a"
        )
        (tmp_path / "b").touch()
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"a.safetensors": 0o640, "b": 0o640}
