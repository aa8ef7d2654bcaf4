"""The commands as a user calls them: what they take, what they leave, what they give back."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import PIPE

import numpy as np
import pytest
from conftest import SMALL, Answer, argv, environment, file_marks, small_run
from forked_commands import ForkedProcess
from PIL import Image

from gan_runner.cli.command import write_file
from gan_runner.storage.run_folder import RunFolder

Here = Callable[..., Answer]
Popen = Callable[..., ForkedProcess]


def status(run: Path) -> dict[str, object]:
    return dict(json.loads((run / "status.json").read_text()))


# ---------------------------------------------------------------- gan-train


def test_a_run_leaves_what_the_contract_promises(here: Here, tmp_path: Path) -> None:
    answer = here("gan-train", *SMALL, "train.steps=2", "threads=1", "device=cpu", "seed=3")
    assert (answer.code, answer.err) == (0, "")
    (run,) = tmp_path.glob("outputs/*/*_digits_*_softplus_r1*")
    assert sorted(path.name for path in run.iterdir() if path.name != RunFolder(run).name) == [
        *(".hydra", ".lock", "checkpoints", "config.yaml", "data.json", "events.jsonl"),
        *("metrics.jsonl", "real.png", "samples", "status.json", "train.log"),
    ]
    assert any((run / RunFolder(run).name).glob("events.out.tfevents.*"))
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == [
        *("last.json", "step_00000002.safetensors")
    ]
    assert sorted(path.name for path in (run / "samples").iterdir()) == [
        *("step_00000000.png", "step_00000002.png")
    ]
    saved = status(run)
    assert (saved["state"], saved["exit_code"], saved["step"]) == ("completed", 0, 2)
    assert saved["checkpoint"] == "step_00000002.safetensors"
    assert saved["format"] == 1
    assert f"saved step 2 {run}/checkpoints/step_00000002.safetensors" in answer.out


def test_zero_steps_write_the_checkpoint_of_step_0(here: Here, tmp_path: Path) -> None:
    answer = here("gan-train", *SMALL, "train.steps=0", "hydra.run.dir=run")
    assert answer.code == 0
    assert (tmp_path / "run" / "checkpoints" / "step_00000000.safetensors").is_file()
    assert here("gan-sample", "run").code == 0


def test_a_run_with_a_comma_in_its_path_goes_on_as_it_says(here: Here, tmp_path: Path) -> None:
    first = here("gan-train", *small_run(Path("'a,b'"), "train.steps=1"))
    assert first.code == 0, first.err
    (resume,) = re.findall(r"go on +gan-train (resume=\S+) train", first.out)
    assert here("gan-train", resume, "train.steps=2").code == 0
    assert json.loads((tmp_path / "a,b" / "status.json").read_text())["step"] == 2


def test_epochs_are_settled_as_steps(here: Here, tmp_path: Path) -> None:
    settings = ["train.batch_size=900", "train.epochs=2", "loss=wgan", "loss.d_steps=2"]
    answer = here("gan-train", *SMALL[:3], *settings, "hydra.run.dir=run")
    assert answer.code == 0
    assert status(tmp_path / "run")["step"] == 1
    assert "  steps: 1\n  epochs: null\n" in (tmp_path / "run" / "config.yaml").read_text()


@pytest.mark.parametrize("name", ["plain", "läufe/a b=(1),[2]", "it's", "~tilde", "-3"])
def test_the_command_that_is_printed_for_going_on_works(
    here: Here, tmp_path: Path, name: str
) -> None:
    made = here("gan-train", *SMALL, "train.steps=1", f"hydra.run.dir={tmp_path / name}")
    (line,) = [line for line in made.out.splitlines() if line.startswith("  go on ")]
    _, _, *command = shlex.split(line)
    assert here(*command).code == 0
    assert status(tmp_path / name)["step"] == 2


def test_flags_may_stand_anywhere_among_the_settings(here: Here, tmp_path: Path) -> None:
    answer = here("gan-train", "seed=4", "--cfg", "job", "train.steps=7")
    assert answer.code == 0
    assert "seed: 4\n" in answer.out
    assert "  steps: 7\n" in answer.out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--help"], "loss/penalty"),
        (["--cfg", "hydra"], "sweep:"),
        (["--info", "config"], "Config"),
        (["--hydra-help"], "Hydra"),
        (["--version"], "gan-runner 0."),
        (["-sc", "install=bash"], "complete"),
    ],
)
def test_flags_that_only_tell_leave_nothing(
    here: Here, tmp_path: Path, arguments: list[str], words: str
) -> None:
    answer = here("gan-train", *arguments)
    assert (answer.code, answer.err) == (0, "")
    assert words in answer.out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("gan-train loss=hi", {"loss=hinge"}),
        ("gan-train dataset=", {"dataset=digits", "dataset=ring"}),
        ("gan-train train.sa", {"train.save_every=", "train.samples=", "train.sample_every="}),
    ],
)
def test_the_shell_completes_options_and_settings(
    here: Here, monkeypatch: pytest.MonkeyPatch, line: str, offered: set[str]
) -> None:
    monkeypatch.setenv("COMP_LINE", line)
    monkeypatch.setenv("COMP_POINT", str(len(line)))
    answer = here("gan-train", "-sc", "query=bash")
    assert (answer.code, answer.err) == (0, "")
    assert offered <= set(answer.out.split())


@pytest.mark.parametrize(
    "name",
    [
        *("gan-train", "gan-sample", "gan-runs", "gan-augment", "gan-compare", "gan-report"),
        "gan-data",
    ],
)
def test_help_needs_no_torch(name: str) -> None:
    python, *rest = argv(name, "--help")
    command = [python, "-X", "importtime", *rest]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert f"usage: {name}" in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "argparse" in imported
    assert "torch" not in imported


def test_the_module_is_the_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gan_runner.train", "seed=-1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: invalid setting, seed=-1.")
    assert list(tmp_path.iterdir()) == []


def test_a_run_ends_well_without_anybody_to_tell(tmp_path: Path) -> None:
    line = shlex.join(argv("gan-train", *small_run(tmp_path / "run", "train.steps=3")))
    done = subprocess.run(["bash", "-c", f"{line} >&- 2>&- <&-"], check=False)
    assert done.returncode == 0
    assert status(tmp_path / "run")["state"] == "completed"


@pytest.mark.parametrize("taken", [0, 1])
def test_a_run_ends_well_when_its_reader_goes_away(
    popen: Popen, tmp_path: Path, taken: int
) -> None:
    command = argv("gan-train", *small_run(tmp_path / "run", "train.steps=3"))
    read_and_leave(popen(command, stdout=PIPE, stderr=PIPE), taken)
    assert status(tmp_path / "run")["state"] == "completed"


def read_and_leave(process: ForkedProcess, taken: int) -> None:
    """Take some lines and go away, as `| head` does; the command mustn't mind."""
    assert process.stdout is not None and process.stderr is not None
    for _ in range(taken):
        assert process.stdout.readline()
    process.stdout.close()
    assert (process.wait(), process.stderr.read()) == (0, "")


def test_a_fault_is_reported_without_a_home_folder_and_in_ascii(tmp_path: Path) -> None:
    bare = {k: v for k, v in environment(LC_ALL="C", PYTHONUTF8="0").items() if k != "HOME"}
    done = subprocess.run(
        argv("gan-train", "loss=größe", f"cache={tmp_path}"),
        env=bare,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(b"error: unknown loss, loss=gr")
    assert b"Traceback" not in done.stderr


def test_a_name_that_is_not_unicode_is_refused(here: Here, tmp_path: Path) -> None:
    answer = here("gan-train", *SMALL, "train.steps=1", "hydra.run.dir=bad\udcff")
    assert answer.code == 2
    assert "not UTF-8" in answer.err
    assert r"bad\udcff" in answer.err
    assert list(tmp_path.iterdir()) == []


def test_paths_are_kept_in_full(here: Here, tmp_path: Path) -> None:
    np.save(tmp_path / "data.npy", np.zeros((20, 8, 8), np.uint8))
    settings = ["dataset=array", "dataset.path=data.npy", "train.steps=1", "hydra.run.dir=run"]
    assert here("gan-train", *SMALL, *settings).code == 0
    kept = (tmp_path / "run" / "config.yaml").read_text()
    assert f"path: {tmp_path / 'data.npy'}\n" in kept
    assert f"cache: {Path('~/.cache/gan-runner').expanduser()}\n" in kept


# ---------------------------------------------------------------- resume=RUN


def test_a_completed_run_is_called_complete_and_not_touched(here: Here, tmp_path: Path) -> None:
    assert here("gan-train", *small_run(tmp_path / "run", "train.steps=2")).code == 0
    before = file_marks(tmp_path)
    answer = here("gan-train", "resume=run")
    assert (answer.code, answer.out) == (0, f"already complete: {tmp_path / 'run'}\n")
    assert file_marks(tmp_path) == before


def test_a_resumed_run_finds_moved_data_by_its_new_name(here: Here, tmp_path: Path) -> None:
    np.save(tmp_path / "old.npy", np.arange(20 * 64, dtype=np.uint8).reshape(20, 8, 8))
    settings = ["dataset=array", "dataset.path=old.npy", "train.steps=1", "hydra.run.dir=run"]
    assert here("gan-train", *SMALL, *settings).code == 0
    (tmp_path / "old.npy").rename(tmp_path / "new.npy")
    assert here("gan-train", "resume=run", "train.steps=2").code == 3
    assert here("gan-train", "resume=run", "train.steps=2", "dataset.path=new.npy").code == 0
    np.save(tmp_path / "new.npy", np.zeros((20, 8, 8), np.uint8))
    answer = here("gan-train", "resume=run", "train.steps=3")
    assert answer.code == 6
    assert "the data is not what the run began with" in answer.err


def test_only_one_process_at_a_time_works_in_a_run_folder(
    here: Here, popen: Popen, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    holder = popen(argv("gan-train", *small_run(run, "train.steps=100000")))
    while not (run / "checkpoints" / "last.json").exists() and holder.poll() is None:
        time.sleep(0.05)
    answer = here("gan-train", f"resume={run}")
    assert answer.code == 7
    assert answer.err.startswith(f"error: run folder in use by a live process, {run}.")
    assert here("gan-sample", str(run)).code == 0
    holder.kill()
    holder.wait()
    assert here("gan-train", f"resume={run}", "train.steps=1").code == 2


def test_a_new_run_can_begin_from_the_weights_of_another(here: Here, tmp_path: Path) -> None:
    assert here("gan-train", *SMALL, "train.steps=2", "hydra.run.dir=a").code == 0
    begun = ["init_from=a", "train.steps=0", "seed=9", "hydra.run.dir=b"]
    assert here("gan-train", *SMALL, *begun).code == 0
    for run in "ab":
        assert here("gan-sample", run, "--out", f"{run}.npz").code == 0
    samples = [np.load(tmp_path / f"{run}.npz")["samples"] for run in "ab"]
    assert np.array_equal(*samples)


# ---------------------------------------------------------------- gan-sample


@pytest.fixture
def sample_run(here: Here, tmp_path: Path) -> Callable[..., Path]:
    """Samples of a small run, with options; where they are."""
    assert here("gan-train", *SMALL, "train.steps=2", "hydra.run.dir=run", "seed=1").code == 0

    def sample(out: str, *options: str) -> Path:
        answer = here("gan-sample", "run", "--out", out, *options)
        assert (answer.code, answer.err) == (0, "")
        return tmp_path / out

    return sample


def test_samples_come_as_a_grid_as_arrays_or_as_files(sample_run: Callable[..., Path]) -> None:
    assert Image.open(sample_run("deep/grid.png", "--num", "9")).mode == "L"
    samples = np.load(sample_run("arrays.npz", "--num", "5"))["samples"]
    assert (samples.dtype, samples.shape) == (np.uint8, (5, 8, 8, 1))
    files = sorted(sample_run("each", "--num", "5").iterdir())
    assert [path.name for path in files] == [f"sample_{number:06d}.png" for number in range(5)]
    for path, image in zip(files, samples, strict=True):
        assert np.array_equal(np.asarray(Image.open(path)), image[..., 0])
    assert Image.open(sample_run("arc.gif", "--interpolate", "4", "--num", "2")).format == "GIF"


def test_samples_depend_on_the_seed_and_on_nothing_else(sample_run: Callable[..., Path]) -> None:
    first, again, other, raw = (
        np.load(sample_run(out, *options))["samples"]
        for out, options in (
            ("1.npz", ["--seed", "7"]),
            ("2.npz", ["--seed", "7", "--checkpoint", "2"]),
            ("3.npz", ["--seed", "8"]),
            ("4.npz", ["--seed", "7", "--raw"]),
        )
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, raw)


def test_each_of_several_seeds_gives_the_sample_or_the_row_that_it_gives_alone(
    sample_run: Callable[..., Path],
) -> None:
    for options in ([], ["--interpolate", "3"], ["--truncation", "0.5"]):
        many = np.load(sample_run("many.npz", "--seeds", "8,3-4", *options))["samples"]
        each = [
            np.load(sample_run("one.npz", "--seed", seed, "--num", "1", *options))["samples"]
            for seed in "834"
        ]
        assert np.array_equal(many, np.concatenate(each))


def test_vectors_are_sampled_in_the_units_of_the_data(here: Here, tmp_path: Path) -> None:
    points = np.random.default_rng(0).normal(1000.0, 50.0, (400, 3))
    np.save(tmp_path / "points.npy", points)
    settings = ["dataset=array", "dataset.path=points.npy", "model=mlp", "hydra.run.dir=run"]
    assert here("gan-train", *settings, "train.steps=0").code == 0
    assert here("gan-sample", "run", "--out", "s.npz", "--num", "50").code == 0
    samples = np.load(tmp_path / "s.npz")["samples"]
    assert (samples.dtype, samples.shape) == (np.float32, (50, 3))
    assert abs(samples.mean() - 1000) < 100


def test_a_reader_of_gan_sample_may_go_away(here: Here, popen: Popen, tmp_path: Path) -> None:
    assert here("gan-train", *SMALL, "train.steps=0", "hydra.run.dir=run").code == 0
    read_and_leave(popen(argv("gan-sample", "run"), stdout=PIPE, stderr=PIPE), 0)
    assert (tmp_path / "samples.png").is_file()


# ---------------------------------------------------------------- files that are asked for


def test_a_link_stays_and_a_pipe_is_written_to(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    link, pipe = tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(tmp_path / "deep" / "file")  # which isn't there yet
    for content in ("first", "second"):
        write_file(link, content, "--json")
        assert link.is_symlink() and (tmp_path / "deep" / "file").read_text() == content
    os.mkfifo(pipe)
    with ThreadPoolExecutor() as pool:
        found = pool.submit(pipe.read_bytes)
        write_file(pipe, b"into the pipe", "--out")
        assert found.result(10) == b"into the pipe"
    assert pipe.is_fifo()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["deep", "file", "link", "pipe"]


def test_every_command_writes_through_links(here: Here, tmp_path: Path) -> None:
    assert here("gan-train", *small_run(Path("run"), "train.steps=1")).code == 0
    asked = (
        ("gan-sample", "run", "--num", "4", "--out", "sample.png"),
        ("gan-evaluate", "run", "--num", "64", "--metrics", "mmd", "--out", "evaluate.json"),
        ("gan-compare", "run", "--csv", "compare.csv", "--json", "compare.json"),
    )
    for command in asked:
        names = [name for name in command if Path(name).suffix]
        for name in names:
            Path(name).symlink_to(f"real_{name}")
        answer = here(*command)
        assert answer.code == 0, answer.err
        for name in names:
            assert Path(name).is_symlink() and Path(f"real_{name}").stat().st_size > 0
