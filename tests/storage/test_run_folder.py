"""A run folder has one owner: made by one, held by one, and gone without a trace if unused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Barrier, Thread

import pytest

from gan_runner import __version__
from gan_runner.errors import CheckpointError, ConfigError, InUseError, MachineError
from gan_runner.storage.run_folder import RunFolder, claim, discard
from gan_runner.storage.status import Status


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


# ---------------------------------------------------------------- claiming


def test_a_generated_name_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    path = tmp_path / "12-00-00_digits"
    claimed = [claim(path, generated=True)[0].name for _ in range(4)]
    assert claimed == [path.name, *(f"{path.name}-{number}" for number in (2, 3, 4))]


def test_a_generated_name_passes_over_an_empty_folder_that_is_anothers(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    assert claim(tmp_path / "run", generated=True)[0] == tmp_path / "run-2"


def test_an_explicit_path_is_made_with_all_folders_above_it(tmp_path: Path) -> None:
    path, made = claim(tmp_path / "a" / "b" / "run", generated=False)
    assert path == tmp_path / "a" / "b" / "run"
    assert path.is_dir()
    assert made == [tmp_path / "a", tmp_path / "a" / "b", path]


def test_an_empty_folder_that_the_user_names_is_taken_and_was_not_made(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    assert claim(tmp_path / "run", generated=False) == (tmp_path / "run", [])


@pytest.mark.parametrize("content", ["notes.txt", ".hidden", "checkpoints"])
def test_a_folder_that_is_not_empty_is_refused_and_untouched(tmp_path: Path, content: str) -> None:
    path = tmp_path / "run"
    (path / content).mkdir(parents=True)
    (path / content / "step_00000001.safetensors").touch()
    before = tree(tmp_path)
    with pytest.raises(ConfigError, match=r"run folder exists .*hydra\.run\.dir=.*another one$"):
        claim(path, generated=False)
    assert tree(tmp_path) == before
    (path / "config.yaml").touch()
    with pytest.raises(ConfigError, match=rf"continue that run: gan-train resume={path}$"):
        claim(path, generated=False)


def test_an_explicit_path_is_claimed_once(tmp_path: Path) -> None:
    for path in (tmp_path / "new", tmp_path / "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        claim(path, generated=False)
        with pytest.raises(ConfigError, match="run folder exists"):
            claim(path, generated=False)


def test_a_relative_path_is_claimed_where_the_process_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert claim(Path("outputs/run"), generated=True)[0] == tmp_path / "outputs" / "run"


@pytest.mark.parametrize("beneath", ["", "run", "a/b/run"])
def test_a_file_in_the_place_of_a_folder_is_refused_and_untouched(
    tmp_path: Path, beneath: str
) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    file.chmod(0o400)
    with pytest.raises((MachineError, ConfigError), match=r"hydra\.run\.dir="):
        claim(file / beneath, generated=False)
    assert file.read_text() == "mine"
    assert tree(tmp_path) == ["file"]


def test_a_name_that_the_file_system_refuses_is_a_fault_of_the_machine(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"can't make the run folder, hydra\.run\.dir="):
        claim(tmp_path / "a" / ("x" * 300) / "run", generated=True)
    assert tree(tmp_path) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_folder_is_a_fault_of_the_machine(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(MachineError, match=r"can't make the run folder, hydra\.run\.dir="):
        claim(tmp_path / "run", generated=True)


def test_a_folder_that_cannot_be_listed_keeps_everything_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run"
    (path / "checkpoints").mkdir(parents=True)

    def refuse(_: Path) -> Iterator[Path]:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "iterdir", refuse)
        with pytest.raises(MachineError, match="Permission denied"):
            claim(path, generated=False)
    assert tree(tmp_path) == ["run", "run/checkpoints"]


CLAIMING = """
import sys
from pathlib import Path
from gan_runner.storage.run_folder import claim
sys.stdin.readline()
for _ in range(100):
    print(claim(Path(sys.argv[1]), generated=True)[0].name)
"""


def test_processes_that_race_for_a_name_never_share_a_folder(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CLAIMING, str(tmp_path / "run")]
    racing = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for process in racing:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    claimed = [name for process in racing for name in process.communicate()[0].split()]
    assert len(set(claimed)) == len(claimed) == 300


@pytest.mark.parametrize("exists", [False, True])
def test_of_all_that_race_for_an_explicit_path_one_gets_it(tmp_path: Path, exists: bool) -> None:
    for attempt in range(50):
        path, barrier = tmp_path / str(attempt), Barrier(4)
        won: list[Path] = []
        if exists:
            path.mkdir()

        def race(path: Path = path, barrier: Barrier = barrier, won: list[Path] = won) -> None:
            barrier.wait()
            try:
                won.append(claim(path, generated=False)[0])
            except ConfigError:
                return

        threads = [Thread(target=race) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert won == [path]


# ---------------------------------------------------------------- giving up


def fill(path: Path) -> None:
    """The files in a folder before the first step."""
    for name in (".hydra", RunFolder(path).name, "samples", "checkpoints", "wandb"):
        (path / name).mkdir()
        (
            path / name / ("file" if name != RunFolder(path).name else "events.out.tfevents.1")
        ).touch()
    for name in ("config.yaml", "data.json", "metrics.jsonl", "events.jsonl", "train.log", ".lock"):
        (path / name).touch()


def test_giving_up_leaves_nothing_of_a_run(tmp_path: Path) -> None:
    path, made = claim(tmp_path / "a" / "b" / "run", generated=True)
    fill(path)
    discard(path, made)
    assert tree(tmp_path) == []


def test_giving_up_leaves_the_folders_that_were_there(tmp_path: Path) -> None:
    (tmp_path / "a" / "run").mkdir(parents=True)
    path, made = claim(tmp_path / "a" / "run", generated=False)
    fill(path)
    discard(path, made)
    assert tree(tmp_path) == ["a", "a/run"]


def test_giving_up_leaves_what_others_put_there(tmp_path: Path) -> None:
    path, made = claim(tmp_path / "day" / "run", generated=True)
    other, _ = claim(tmp_path / "day" / "run", generated=True)
    fill(path)
    (path / "notes.txt").touch()
    discard(path, made)
    assert tree(tmp_path) == [
        "day",
        "day/run",
        f"day/{other.name}",
        f"day/{other.name}/.lock",
        "day/run/notes.txt",
    ]


def test_giving_up_twice_does_no_harm(tmp_path: Path) -> None:
    path, made = claim(tmp_path / "run", generated=True)
    discard(path, made)
    discard(path, made)
    assert tree(tmp_path) == []


# ---------------------------------------------------------------- the lock


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts a process that holds the folder until it is killed."""
    code = (
        "import sys, time; from pathlib import Path\n"
        "from gan_runner.storage.run_folder import RunFolder\n"
        "folder = RunFolder(Path(sys.argv[1])); folder.lock(); print('held', flush=True)\n"
        "time.sleep(60)"
    )
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", code, str(tmp_path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_folder_is_held_by_one_process_and_freed_when_it_is_killed(
    tmp_path: Path, holder: Callable[[], subprocess.Popen[str]]
) -> None:
    process, folder = holder(), RunFolder(tmp_path)
    with pytest.raises(InUseError, match="run folder in use by a live process"):
        folder.lock()
    process.send_signal(signal.SIGKILL)
    process.wait()
    folder.lock()
    folder.release()


def test_a_released_folder_can_be_held_by_another(tmp_path: Path) -> None:
    first, second = RunFolder(tmp_path), RunFolder(tmp_path)
    first.lock()
    with pytest.raises(InUseError):
        second.lock()
    first.release()
    second.lock()
    second.release()
    first.release()


def test_a_lock_that_was_left_behind_holds_nobody(tmp_path: Path) -> None:
    (tmp_path / ".lock").write_text("12345")
    folder = RunFolder(tmp_path)
    folder.lock()
    folder.release()


def test_a_folder_that_cannot_be_locked_is_a_fault_of_the_machine(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="can't lock"):
        RunFolder(tmp_path / "missing").lock()


# ---------------------------------------------------------------- links


def test_a_file_that_a_live_run_renames_meanwhile_is_no_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, renamed = tmp_path / "config.yaml", tmp_path / ".status.json.part"
    kept.touch()
    monkeypatch.setattr("gan_runner.storage.run_folder._walk", lambda folder: [kept, renamed])
    RunFolder(tmp_path).refuse_links()


def test_a_run_folder_with_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run" / "samples").mkdir(parents=True)
    folder = RunFolder(tmp_path / "run")
    folder.refuse_links()
    (tmp_path / "run" / "samples" / "step.png").symlink_to(tmp_path / "victim")
    with pytest.raises(CheckpointError, match=r"neither a file nor a folder, .*step\.png"):
        folder.refuse_links()


def test_a_run_of_another_version_says_which_one_it_is(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("seed: 0\nlater: 1\n")
    folder = RunFolder(tmp_path)
    with pytest.raises(CheckpointError) as ours:
        folder.saved_config()
    assert "made by gan-runner" not in str(ours.value)
    git = {"commit": "0123abcd", "changed": False}
    folder.write_status(Status(versions={"gan_runner": "9.1.0"}, git=git))
    with pytest.raises(CheckpointError) as theirs:
        folder.saved_config()
    assert str(theirs.value).startswith(str(ours.value))
    assert f"gan-runner 9.1.0 (commit 0123abcd), this is {__version__}." in str(theirs.value)
