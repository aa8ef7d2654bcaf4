"""Each (name, step) is logged once, whatever was killed and rewound in between."""

from __future__ import annotations

import io
import json
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from event_files import events, sessions
from tensorboard.plugins.hparams.metadata import SESSION_END_INFO_TAG, SESSION_START_INFO_TAG

from gan_runner.errors import NumbersError
from gan_runner.logs import tensorboard
from gan_runner.logs.log import Log, picture_name, rewind
from gan_runner.logs.loggers import TensorBoard
from gan_runner.logs.terminal import Terminal
from gan_runner.logs.trackers import RunFacts
from gan_runner.storage.run_folder import RunFolder

PICTURE = np.zeros((8, 8, 1), dtype=np.uint8)
LOGGERS = {"tensorboard": TensorBoard()}
SETTINGS = {"seed": 0, "train.ema": 0.9, "precision": "fp32", "deterministic": False}


def values(step: int) -> dict[str, float]:
    return {
        "loss/discriminator": 0.5 + step,
        "loss/generator": 1.5 + step,
        "speed/images_per_second": 100.0,
    }


TAGS = {tensorboard.tag(name) for name in values(0)}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path)


@pytest.fixture
def open_log(folder: RunFolder) -> Callable[[], Log]:
    return lambda: Log(folder, Terminal(), LOGGERS)


def log_steps(log: Log, steps: range) -> None:
    """A row at each step and a picture at every second one."""
    for step in steps:
        log.row(step, step / 10, values(step))
        if step % 2 == 0:
            log.picture(step, PICTURE)
    log.flush()


def rows(folder: RunFolder) -> list[int]:
    return [json.loads(line)["step"] for line in folder.metrics.read_text().splitlines()]


def pictures(folder: RunFolder) -> list[str]:
    return sorted(path.name for path in folder.samples.iterdir())


def series(folder: RunFolder) -> Counter[tuple[str, int]]:
    """The count of each (tag, step) in the event files."""
    return Counter((v.tag, event.step) for event in events(folder) for v in event.summary.value)


def expected_series(last: int) -> set[tuple[str, int]]:
    scalars = {(tag, step) for tag in TAGS for step in range(1, last + 1)}
    return scalars | {("Samples/fake", step) for step in range(2, last + 1, 2)}


# ---------------------------------------------------------------- rows


def test_a_row_is_one_line_of_json_with_its_step_and_seconds(
    folder: RunFolder, open_log: Callable[[], Log]
) -> None:
    log = open_log()
    log.row(50, 12.34567, values(50))
    log.flush()
    (line,) = folder.metrics.read_text().splitlines()
    assert json.loads(line) == {"step": 50, "seconds": 12.346, **values(50)}
    log.close(success=True)


def test_names_and_numbers_in_tensorboard_are_those_of_the_row(
    folder: RunFolder, open_log: Callable[[], Log]
) -> None:
    log = open_log()
    log_steps(log, range(1, 4))
    log.close(success=True)
    found = {
        (value.tag, event.step): value.simple_value
        for event in events(folder)
        for value in event.summary.value
        if value.tag in TAGS
    }
    assert found == {
        (tensorboard.tag(name), s): n for s in (1, 2, 3) for name, n in values(s).items()
    }


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_row_with_a_number_that_is_not_finite_is_refused_and_not_written(
    folder: RunFolder, open_log: Callable[[], Log], number: float
) -> None:
    log = open_log()
    log.row(1, 0.1, values(1))
    with pytest.raises(NumbersError, match=rf"at step 2, penalty/r1={number}\."):
        log.row(2, 0.2, {**values(2), "penalty/r1": number})
    log.close(success=False)
    assert rows(folder) == [1]
    assert {step for name, step in series(folder) if name in TAGS} == {1}


def test_after_a_flush_another_process_reads_every_row(
    folder: RunFolder, open_log: Callable[[], Log]
) -> None:
    log = open_log()
    log_steps(log, range(1, 4))
    assert rows(folder) == [1, 2, 3]
    assert expected_series(3) <= set(series(folder))
    log.close(success=True)


# ---------------------------------------------------------------- pictures


def test_a_picture_is_a_file_and_stands_in_tensorboard(
    folder: RunFolder, open_log: Callable[[], Log]
) -> None:
    log = open_log()
    log.picture(500, PICTURE)
    log.reals(PICTURE)
    log.close(success=True)
    assert pictures(folder) == ["step_00000500.png"]
    assert folder.real.is_file()
    assert {("Samples/fake", 500), ("Samples/real", 0)} <= set(series(folder))


# ---------------------------------------------------------------- rewinding


@pytest.mark.parametrize("step", [0, 1, 4, 5, 9])
def test_what_was_logged_after_the_step_is_dropped(
    folder: RunFolder, open_log: Callable[[], Log], step: int
) -> None:
    log = open_log()
    log.begin(0, RunFacts("run", "seed: 0", SETTINGS))
    log.reals(PICTURE)
    log_steps(log, range(1, 8))
    log.close(success=False)
    rewind(folder, step)
    last = min(step, 7)
    assert rows(folder) == list(range(1, last + 1))
    assert pictures(folder) == [picture_name(s) for s in range(2, last + 1, 2)]
    found = series(folder)
    assert {key for key in found if key[1] > 0} == expected_series(last)
    assert ("Samples/real", 0) in found


def test_every_row_stands_once_after_any_number_of_rewinds(
    folder: RunFolder, open_log: Callable[[], Log]
) -> None:
    log = open_log()
    log.begin(0, RunFacts("run", "seed: 0", SETTINGS))
    log_steps(log, range(1, 6))
    log.flush()  # killed here
    for step in (4, 4, 2, 6):
        rewind(folder, step)
        log = open_log()
        log_steps(log, range(step + 1, step + 4))
        log.flush()  # and here
    rewind(folder, 9)
    assert rows(folder) == [1, 2, 3, 4, 5, *range(7, 10)]
    found = series(folder)
    assert set(found.values()) == {1}
    assert {key for key in found if key[1] > 0} == expected_series(9) - {
        (name, 6) for name in ("Samples/fake", *TAGS)
    }


def test_before_the_first_checkpoint_everything_is_dropped(
    folder: RunFolder, open_log: Callable[[], Log]
) -> None:
    log = open_log()
    log.begin(0, RunFacts("run", "seed: 0", SETTINGS))
    log.reals(PICTURE)
    log_steps(log, range(1, 5))
    log.picture(0, PICTURE)
    log.close(success=False)
    rewind(folder, -1)
    assert rows(folder) == pictures(folder) == []
    assert not series(folder)


def test_a_rewound_log_is_the_same_as_one_that_never_went_on(tmp_path: Path) -> None:
    contents = []
    for last in (4, 7):
        folder = RunFolder(tmp_path / str(last))
        folder.path.mkdir()
        log = Log(folder, Terminal(), LOGGERS)
        log_steps(log, range(1, last + 1))
        log.flush()
        rewind(folder, 4)
        found = [(e.step, e.summary.SerializeToString(deterministic=True)) for e in events(folder)]
        contents.append((folder.metrics.read_bytes(), pictures(folder), found))
    assert contents[0] == contents[1]


def test_a_folder_without_a_log_is_rewound_to_nothing(folder: RunFolder) -> None:
    rewind(folder, 5)
    assert list(folder.path.iterdir()) == []


@pytest.mark.parametrize(
    "tail",
    [
        b'{"step": 4, "sec',
        b'{"step": 4}',
        b"\0" * 50,
        b"\0" * 50 + b"\n",
        b'{"step": 4, "sec\xff\n',
        b"[]\n",
        b"5\n",
        b'{"seconds": 1}\n',
        b'{"step": "four"}\n',
        b"[" * 10_000 + b"\n",
    ],
    ids=repr,
)
def test_a_row_that_is_not_whole_is_dropped(
    folder: RunFolder, open_log: Callable[[], Log], tail: bytes
) -> None:
    log = open_log()
    log_steps(log, range(1, 4))
    log.close(success=False)
    with folder.metrics.open("ab") as file:
        file.write(tail)
    rewind(folder, 5)
    assert rows(folder) == [1, 2, 3]


def test_the_part_of_a_picture_that_a_kill_left_is_swept_up_and_other_files_are_not(
    folder: RunFolder, open_log: Callable[[], Log]
) -> None:
    log = open_log()
    log.picture(2, PICTURE)
    log.close(success=False)
    for name in (".step_00000004.png.partial", "zebra.png", "notes.txt"):
        (folder.samples / name).touch()
    rewind(folder, 2)
    assert pictures(folder) == ["notes.txt", "step_00000002.png", "zebra.png"]


# ---------------------------------------------------------------- event files


def test_all_event_files_become_one(folder: RunFolder, open_log: Callable[[], Log]) -> None:
    for step in (1, 2, 3):
        log = open_log()
        log.row(step, 0.1, values(step))
        log.close(success=False)
    before = sorted(path.name for path in folder.tensorboard.iterdir())
    assert len(before) == 3
    rewind(folder, 2)
    (merged,) = folder.tensorboard.iterdir()
    assert merged.name <= before[0]
    assert {step for name, step in series(folder) if name in TAGS} == {1, 2}


@pytest.mark.parametrize("ahead", [0, 1, 864_000])
def test_a_resumed_part_is_read_after_what_was_logged_before_even_if_the_clock_was_set_back(
    folder: RunFolder, open_log: Callable[[], Log], ahead: int
) -> None:
    log = open_log()
    log_steps(log, range(1, 4))
    log.close(success=None)
    (path,) = folder.tensorboard.iterdir()
    second = path.name.split(".")[3]
    later = path.name.replace(second, str(int(second) + ahead), 1)
    path.rename(path.with_name(later.replace(f".{os.getpid()}.", ".99999999.")))
    rewind(folder, 3)
    log = open_log()
    log_steps(log, range(4, 7))
    log.close(success=True)
    tags = {"Loss/generator"}
    steps = [e.step for e in events(folder) if tags & {value.tag for value in e.summary.value}]
    assert steps == [1, 2, 3, 4, 5, 6]


def test_a_kill_between_the_new_file_and_the_old_ones_loses_and_doubles_nothing(
    folder: RunFolder, open_log: Callable[[], Log]
) -> None:
    for first in (1, 4):
        log = open_log()
        log_steps(log, range(first, first + 3))
        log.close(success=False)
    second = sorted(folder.tensorboard.iterdir())[1]
    last = second.read_bytes()
    rewind(folder, 6)
    second.write_bytes(last)  # as if the kill had come before it was deleted
    rewind(folder, 6)
    found = series(folder)
    assert expected_series(6) <= set(found)
    assert set(found.values()) == {1}


def test_a_resumed_run_of_an_earlier_version_has_one_tag_for_each_curve(
    folder: RunFolder, open_log: Callable[[], Log], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(tensorboard, "tag", lambda name: name)
        log = open_log()
        log_steps(log, range(1, 5))
        log.close(success=None)
    assert ("loss/generator", 4) in series(folder)
    rewind(folder, 4)
    assert {key for key in series(folder) if key[1] > 0} == expected_series(4)


def test_a_truncated_event_file_keeps_its_whole_records(
    folder: RunFolder, open_log: Callable[[], Log]
) -> None:
    log = open_log()
    log_steps(log, range(1, 6))
    log.close(success=True)
    (path,) = folder.tensorboard.iterdir()
    whole = path.read_bytes()
    counts = []
    for size in (len(whole) - 1, len(whole) // 2, 40, 10, 0):
        (path,) = folder.tensorboard.iterdir()
        path.write_bytes(whole[:size])
        rewind(folder, 5)
        counts.append(sum(series(folder).values()))
        assert set(series(folder).values()) <= {1}
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == len(expected_series(5))  # only the end of the session is cut off
    assert counts[-1] == 0


def test_damage_in_an_event_file_keeps_the_records_before_it(
    folder: RunFolder, open_log: Callable[[], Log]
) -> None:
    log = open_log()
    log_steps(log, range(1, 6))
    log.close(success=True)
    (path,) = folder.tensorboard.iterdir()
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    rewind(folder, 5)
    found = series(folder)
    assert ("Loss/discriminator", 1) in found
    assert set(found) < expected_series(5)


# ---------------------------------------------------------------- the session


def test_failures_in_other_threads_are_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[str] = []

    def report(failure: threading.ExceptHookArgs) -> None:
        reported.append(str(failure.exc_value))

    monkeypatch.setattr(threading, "excepthook", report)
    logs = [tensorboard.TensorBoardLog(tmp_path) for _ in range(2)]

    def fail() -> None:
        raise ValueError("of another thread")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    for one in logs:
        one.close(success=None)
    assert reported == ["of another thread"]


def test_the_session_has_every_setting_in_its_own_kind(
    folder: RunFolder, open_log: Callable[[], Log]
) -> None:
    log = open_log()
    log.begin(0, RunFacts("digits", "seed: 0", {**SETTINGS, "threads": None, "betas": [0.0, 0.9]}))
    log.close(success=True)
    (start,) = (s.session_start_info for s in sessions(folder, SESSION_START_INFO_TAG))
    assert start.group_name == "digits"
    assert {key: value.WhichOneof("kind") for key, value in start.hparams.items()} == {
        "seed": "number_value",
        "train.ema": "number_value",
        "precision": "string_value",
        "deterministic": "bool_value",
        "betas": "string_value",
        "threads": "string_value",
    }
    assert start.hparams["train.ema"].number_value == 0.9
    assert start.hparams["betas"].string_value == "[0.0, 0.9]"
    assert start.hparams["threads"].string_value == "null"


def test_a_session_begins_and_ends_once_after_any_number_of_resumes(
    folder: RunFolder, open_log: Callable[[], Log]
) -> None:
    log = open_log()
    log.begin(0, RunFacts("run", "seed: 0", SETTINGS))
    log_steps(log, range(1, 3))
    log.close(success=False)
    for step in (2, 3):
        rewind(folder, step)
        log = open_log()
        log.begin(0, RunFacts("run", "seed: 0", {**SETTINGS, "train.steps": step}))
        log_steps(log, range(step + 1, step + 2))
        log.close(success=step == 3)
    (start,) = (s.session_start_info for s in sessions(folder, SESSION_START_INFO_TAG))
    assert start.hparams["train.steps"].number_value == 3  # as it is now
    (end,) = (s.session_end_info for s in sessions(folder, SESSION_END_INFO_TAG))
    assert end.status == 1  # success
    assert series(folder)[("config/text_summary", 0)] == 1
    assert series(folder)[("custom_scalars__config__", 0)] == 1


def test_a_session_that_will_go_on_has_not_ended(
    folder: RunFolder, open_log: Callable[[], Log]
) -> None:
    log = open_log()
    log.begin(0, RunFacts("run", "seed: 0", SETTINGS))
    log.close(success=None)
    assert sessions(folder, SESSION_START_INFO_TAG)
    assert not sessions(folder, SESSION_END_INFO_TAG)


# ---------------------------------------------------------------- words


def test_what_happened_is_one_line_of_json_each(
    folder: RunFolder, open_log: Callable[[], Log]
) -> None:
    log = open_log()
    log.event("warning", 7, "größer\nas \x1b[31m")
    log.event("end", 9, "completed")
    log.close(success=True)
    found = [json.loads(line) for line in folder.events.read_text().splitlines()]
    assert [(e["kind"], e["step"], e["text"]) for e in found] == [
        ("warning", 7, "größer\nas \x1b[31m"),
        ("end", 9, "completed"),
    ]
    assert "\x1b" not in folder.events.read_text()


def test_what_is_said_is_harmless_on_the_terminal_and_in_train_log(
    folder: RunFolder, open_log: Callable[[], Log], capsys: pytest.CaptureFixture[str]
) -> None:
    log = open_log()
    log.say("saved \x1b[31mstep 5\nsecond line")
    log.close(success=True)
    said = capsys.readouterr().out
    assert said == "saved \\x1b[31mstep 5\nsecond line\n"
    assert folder.train_log.read_text().endswith(said)


def test_letters_that_the_locale_lacks_are_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    Terminal().say("labels    column größe")
    assert written.getvalue() == b"labels    column gr\\xf6\\xdfe\n"
