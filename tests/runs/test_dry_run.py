"""A dry run says what a run would take, and leaves nothing."""

from __future__ import annotations

import json
import re
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import DEVNULL

import pytest
import yaml
from conftest import Answer, argv, environment, small_run
from forked_commands import ForkedProcess

from gan_runner.cli.hydra.composer import compose, parse_config
from gan_runner.logs.terminal import Terminal
from gan_runner.runs import dry_run
from gan_runner.training import evaluation_plan
from gan_runner.training.build import build

Here = Callable[..., Answer]


@pytest.fixture
def answer(here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Answer:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    found = here("gan-train", *small_run(Path("run"), "train.steps=40", "dry_run=true"))
    assert found.code == 0, found.err
    return found


def test_nothing_is_left(answer: Answer, tmp_path: Path) -> None:
    assert not Path("run").exists()
    assert not list((tmp_path / "temporary").glob("gan-runner-*"))
    assert answer.out.endswith("dry run: no files were written. Remove dry_run=true to train.\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_when_it_is_interrupted(
    popen: Callable[..., ForkedProcess], tmp_path: Path, number: int
) -> None:
    (tmp_path / "temporary").mkdir()
    endless = ["dry_run=true", "dataset=ring", "loss.d_steps=1000000000", "device=cpu", "threads=1"]
    temporary = environment(TMPDIR=str(tmp_path / "temporary"))
    process = popen(argv("gan-train", *endless), cwd=tmp_path, env=temporary, stdout=DEVNULL)
    while not list((tmp_path / "temporary").glob("gan-runner-*/run/config.yaml")):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    assert process.wait() == 128 + number
    assert [path.name for path in tmp_path.rglob("*")] == ["temporary"]


def test_the_first_lines_say_what_it_takes(answer: Answer) -> None:
    lines = answer.out.partition("\n\n")[0].splitlines()
    assert len(lines) <= 9
    assert lines[0].startswith("parameters, ") and lines[-1].startswith("on the disk then ")


def test_the_time_of_evaluations_is_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = build(parse_config(compose(["train.steps=100", "train.eval_every=30"])))
    data = experiment.dataset.training(Path(), Terminal(quiet=True).track)
    monkeypatch.setattr(evaluation_plan, "_seconds", lambda *_: 7.0)
    assert evaluation_plan.evaluation_cost(experiment, data) == (4, 28.0)
    none = build(parse_config(compose(["train.eval_every=0"])))
    assert evaluation_plan.evaluation_cost(none, data) == (0, 0.0)


def test_the_configuration_is_shown_where_it_is_asked_for(here: Here) -> None:
    words = small_run(Path("run"), "train.steps=40")
    shown = here("gan-train", *words, "dry_run=true", "--cfg", "job").out
    printed = yaml.safe_load("seed: " + shown.partition("\nseed: ")[2].partition("\n\ndry run")[0])
    assert here("gan-train", *words).code == 0
    assert printed == yaml.safe_load(Path("run/config.yaml").read_text())
    assert printed["choices"]["dataset"] == "digits"


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets a step take so many seconds, without one being done."""

    def take(seconds: float) -> None:
        monkeypatch.setattr(dry_run, "_measure_step", lambda run: seconds)

    monkeypatch.setattr(dry_run, "_disk_space", lambda run, plan: (1000, "made up"))
    return take


RING = ("dataset=ring", "threads=1", "device=cpu")


def test_a_long_run_is_warned_of_with_lines_that_are_shorter(
    here: Here, made_up: Callable[[float], None]
) -> None:
    made_up(1.0)
    found = here("gan-train", *RING, "train.steps=9000", "dry_run=true").out
    assert "2 h 30 min on this device (cpu), more than an hour. Shorter:" in found
    assert "  gan-train dataset=ring threads=1 device=cpu quick=true    # " in found
    assert "  gan-train dataset=ring threads=1 device=cpu train.steps=3600    # about an" in found


def test_a_short_run_is_not_warned_of(here: Here, made_up: Callable[[float], None]) -> None:
    made_up(0.1)
    assert "Shorter" not in here("gan-train", *RING, "train.steps=9000", "dry_run=true").out


def test_a_sweep_says_its_jobs_time_and_room(
    here: Here, made_up: Callable[[float], None], tmp_path: Path
) -> None:
    made_up(1.0)
    asked = ["loss=hinge,wgan_gp", "seed=0,1,2", "train.steps=600", "hydra.launcher.n_jobs=2"]
    found = here("gan-train", "-m", *RING, *asked, "dry_run=true")
    assert found.code == 0, found.err
    lines = dict(re.findall(r"^([a-z][a-z ,]+?)  +(.*)$", found.out, re.MULTILINE))
    assert lines["jobs left"] == "6"
    assert lines["to the end"].startswith("30 min")
    assert lines["all, one by one"].startswith("1 h")
    assert lines["on the disk then"] == "6 kB"
    assert "each of 2 kinds" in lines["measured"]
    assert not (tmp_path / "outputs").exists()


def test_jobs_on_several_devices_are_tried_in_one_process_and_share_the_machine(
    here: Here, made_up: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    made_up(1.0)
    monkeypatch.setattr("gan_runner.sweeps.shares.visible_cores", lambda: 4)
    asked = ["seed=0,1,2,3", "devices=2", "train.steps=600", "hydra.launcher.n_jobs=4"]
    found = here("gan-train", "-m", *RING, *asked, "dry_run=true")
    assert found.code == 0, found.err
    lines = dict(re.findall(r"^([a-z][a-z ,]+?)  +(.*)$", found.out, re.MULTILINE))
    assert lines["at a time"].startswith("2 ")
    assert lines["to the end"].startswith("20 min")
    assert lines["measured"].endswith(", those on several devices in one process")


def test_a_long_sweep_is_warned_of(here: Here, made_up: Callable[[float], None]) -> None:
    made_up(1.0)
    found = here("gan-train", "-m", *RING, "seed=0,1", "train.steps=6000", "dry_run=true").out
    assert "3 h 20 min on this device (cpu), more than an hour. Shorter:" in found
    assert "  gan-train dataset=ring threads=1 device=cpu seed=0,1 -m quick=true    # " in found


def test_a_tuned_comparison_counts_all_its_jobs(
    here: Here, made_up: Callable[[float], None]
) -> None:
    made_up(0.01)
    tuned = ["hydra/sweeper=tuned", "hydra.sweeper.samples=2", "hydra.sweeper.repeats=2"]
    drawn = "optimizer.generator.lr=interval(1e-4,1e-3)"
    found = here("gan-train", "-m", *RING, *tuned, drawn, "train.eval_every=10", "dry_run=true")
    assert found.code == 0, found.err
    assert re.search(r"^jobs left +4$", found.out, re.MULTILINE)


def test_the_sizes_are_those_of_the_run(answer: Answer, here: Here) -> None:
    assert here("gan-train", *small_run(Path("run"), "train.steps=40")).code == 0
    status = json.loads(Path("run/status.json").read_text())
    for name, size in status["parameters"].items():
        assert re.search(rf"parameters, {name} +{size:,}\n", answer.out)
    checkpoints = [path.stat().st_size for path in Path("run/checkpoints").glob("*.safetensors")]
    count, size = re.findall(r": (\d+) checkpoints of ([\d.]+) kB", answer.out)[0]
    assert int(count) == len(checkpoints)
    assert float(size) * 1000 == pytest.approx(checkpoints[0], rel=0.05)
    written = sum(path.stat().st_size for path in Path("run").rglob("*") if path.is_file())
    (whole,) = re.findall(r"on the disk then +([\d.]+) kB", answer.out)
    assert float(whole) * 1000 == pytest.approx(written, rel=0.3)


def test_the_checkpoints_of_evaluations_are_counted(here: Here) -> None:
    asked = ["train.steps=30", "train.save_every=100", "train.eval_every=10", "train.keep=5"]
    asked += ["evaluation.num=64", "evaluation.metrics=[frechet]"]
    message = here("gan-train", *small_run(Path("run"), *asked, "dry_run=true")).out
    assert here("gan-train", *small_run(Path("run"), *asked)).code == 0
    assert 1 < len(list(Path("run/checkpoints").glob("*.safetensors"))) <= 3  # some were the best
    assert ": up to 3 checkpoints of " in message
    many = ["train.steps=10000000000", "train.save_every=1", "train.eval_every=1", "train.keep=2"]
    message = here("gan-train", *small_run(Path("run2"), *asked, *many, "dry_run=true")).out
    assert ": up to 4 checkpoints of " in message  # the last, the two before it, the best


def test_the_time_is_that_of_all_steps(here: Here) -> None:
    settings = ["dataset=ring", "threads=1", "device=cpu", "train.steps=10000000000"]
    answer = here("gan-train", *settings, "dry_run=true")
    (step,) = re.findall(r"a step +([\d.e-]+) s", answer.out)
    pattern = r"to the end +(\d+) d (?:(\d+) h )?for 10,000,000,000 steps"
    ((days, hours),) = re.findall(pattern, answer.out)
    seconds = 86_400 * int(days) + 3600 * int(hours or 0)
    assert seconds == pytest.approx(1e10 * float(step), abs=3600 + 0.01 * seconds)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["--info", "config"], "dry_run=true can't be combined with --info config."),
        (["resume=elsewhere"], "resume=elsewhere can't be combined with dry_run=true."),
        (["loss=hinge", "model=vae"], "Use loss=elbo or model=vae_gan method=vae_gan"),
        (["train.batch_size=5000"], "train.batch_size=5000"),
    ],
)
def test_what_can_not_be_is_refused(here: Here, asked: list[str], message: str) -> None:
    answer = here("gan-train", "dry_run=true", *asked)
    assert answer.code == 2
    assert message in answer.err


def test_an_autoencoder_is_tried_out_as_well(here: Here) -> None:
    answer = here("gan-train", "model=vae", "dry_run=true", "threads=1")
    assert answer.code == 0, answer.err
    assert "parameters, encoder" in answer.out


@pytest.mark.parametrize("asked", ["dry_run=yes", "dry_run=1", "dry_run=null", "~dry_run"])
def test_a_dry_run_that_is_misspelled_trains_nothing(here: Here, asked: str) -> None:
    answer = here("gan-train", *small_run(Path("run"), asked))
    assert (answer.code, Path("run").exists()) == (2, False)
    assert f"not true or false, {asked}. Use dry_run=true or remove it." in answer.err


def test_a_dry_run_that_is_not_asked_for_is_a_run(here: Here) -> None:
    assert here("gan-train", *small_run(Path("run"), "train.steps=1", "dry_run=false")).code == 0
    assert Path("run/status.json").exists()
