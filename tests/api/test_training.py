"""fit and compose do from Python what gan-train does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import gan_runner
from gan_runner.api.training import Overrides

QUICK = {
    **{"model.generator.width": 8, "model.discriminator.width": 8, "model.latent_size": 16},
    **{"train.steps": 2, "train.batch_size": 16, "train.sample_every": 0, "train.samples": 4},
    **{"device": "cpu", "threads": 1},
}


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_run_is_trained_and_opened(tmp_path: Path) -> None:
    run = gan_runner.fit({**QUICK, "loss": "hinge", "hydra.run.dir": tmp_path / "run"}, quiet=True)
    assert (run.path, run.step) == (tmp_path / "run", 2)
    assert run.config["loss"]["name"] == "Hinge"
    assert yaml.safe_load((run.path / "config.yaml").read_text()) == run.config
    assert [row["step"] for row in run.metrics()] == [2]
    assert (run.path / "run").is_dir()
    assert (run.path / ".hydra" / "overrides.yaml").is_file()


def test_two_runs_at_once_have_folders_of_their_own() -> None:
    first, second = (gan_runner.fit({**QUICK, "train.steps": 0}, quiet=True) for _ in range(2))
    assert first.path != second.path


def test_a_quiet_run_prints_nothing_and_another_says_what_gan_train_does(
    capfd: pytest.CaptureFixture[str],
) -> None:
    gan_runner.fit({**QUICK, "loss": "wgan"}, quiet=True)  # which has a warning
    assert tuple(capfd.readouterr()) == ("", "")
    gan_runner.fit(QUICK)
    out, err = capfd.readouterr()
    assert ("completed 2 steps" in out, err) == (True, "")


def test_the_threads_of_the_program_stay_and_the_next_run_chooses_from_all() -> None:
    torch.set_num_threads(3)
    runs = [gan_runner.fit({**QUICK, "threads": asked}, quiet=True) for asked in ("auto", None)]
    assert [run.config["threads"] for run in runs] == [1, 3]  # the first is little work
    assert torch.get_num_threads() == 3


def test_a_run_is_trained_in_another_thread() -> None:
    runs: list[gan_runner.TrainedRun] = []
    thread = threading.Thread(target=lambda: runs.append(gan_runner.fit(QUICK, quiet=True)))
    thread.start()
    thread.join()
    assert [run.step for run in runs] == [2]


def test_words_and_a_mapping_mean_the_same() -> None:
    words = ["loss=hinge", "loss/penalty=[r1,drift]", "train.ema=0.5", "threads=null"]
    mapping = {"loss": "hinge", "loss/penalty": ["r1", "drift"], "train.ema": 0.5, "threads": None}
    assert gan_runner.compose(words) == gan_runner.compose(mapping)
    assert gan_runner.compose(mapping)["loss"]["penalty"].keys() == {"r1", "drift"}
    nested = gan_runner.compose({"model.code": {"categorical": [10], "continuous": 2, "weight": 1}})
    assert nested["model"]["code"] == {"categorical": [10], "continuous": 2, "weight": 1}


@pytest.mark.parametrize(
    "text",
    [
        "/a b, c=1",
        "/it's",
        "/x\\",
        "/a\\'b",
        "/null",
        "/{a:1}",
        "/[1",
        "/ü ñ",
        "/a'",
        "/a#b",
        "/a%2",
        "/${oc.env:HOME}",
        "/a${train.steps}'b",
        r"/\${seed}",
        r"/\\${seed}\\",
        "/${",
        "/${a:${b}",
    ],
)
def test_a_text_in_a_mapping_is_taken_as_it_is(text: str) -> None:
    assert gan_runner.compose({"cache": text})["cache"] == text


@pytest.mark.parametrize("text", ["null", "true", "1", "1e5", "nan"])
def test_a_text_in_a_mapping_stays_a_text(text: str) -> None:
    with pytest.raises(gan_runner.ConfigError, match=rf'train.steps="{text}"'):
        gan_runner.compose({"train.steps": text})


def test_what_is_composed_is_plain_data_and_leaves_nothing(tmp_path: Path) -> None:
    composed = gan_runner.compose(["dataset=ring"])
    assert composed["model"]["name"] == "MLP"
    assert yaml.safe_load(yaml.safe_dump(composed)) == composed
    assert list(tmp_path.iterdir()) == []


FAULTS: list[tuple[Any, str]] = [
    (["loss=hing"], "unknown loss, loss=hing. Did you mean 'hinge'"),
    ({"train.step": 3}, "unknown setting, train.step=3. Did you mean: train.steps=3"),
    ({"train.steps": -1}, "invalid setting, train.steps=-1"),
    ("loss=hinge", r"not a list, overrides=loss=hinge. Write each in a list: \['loss=hinge'\]"),
    (None, r"not a list, overrides=None. Write each in a list: \['loss=hinge'\]"),
    (3, "not a list, overrides=3"),
    ([3], r"not setting=value, overrides=\[3\]"),
    ({3: 4}, "not a setting, 3. Name it"),
    ({"": 4}, "not a setting, ''. Name it"),
    ({"model.code": {"a b": 1}}, "not a setting, 'a b' in model.code. Name it"),
    ({"model.code": {"${seed}": 1}}, r"not a setting, '\$\{seed\}' in model.code. Name it"),
    ({"loss.d_steps": 1j}, r"not plain data, loss.d_steps=1j. Use numbers"),
    (["loss.penalty.r1.weight=abc"], r'invalid setting, loss.penalty.r1.weight="abc"'),
    ({"optimizer.generator.lr": -1}, "invalid setting, optimizer.generator.lr=-1"),
    (["evaluation.metrics=[fit]"], "Unknown metric fit"),
    (["health.patience=x"], "invalid setting, health.patience="),
    (["model.generator.norm=spectrum"], "invalid setting, model.generator.norm="),
    (["method=vae"], "a GAN has no encoder, model=dcgan with method=vae"),
    (["model=rnn", "dataset=ring"], r"rnn can't build examples of shape \[2\]"),
    (["-m", "seed=0,1"], "can't be combined with -m. Use gan-train"),
    (["seed=0,1"], "can't be combined with a list of values"),
    (["dry_run=true"], "can't be combined with dry_run=true"),
    (["resume=x"], "can't be combined with resume"),
    (["--cfg", "job"], "can't be combined with --cfg"),
]


@pytest.mark.parametrize("do", [gan_runner.fit, gan_runner.compose])
@pytest.mark.parametrize(("overrides", "message"), FAULTS)
def test_faults_are_exceptions(
    do: Callable[[Overrides], object], overrides: Overrides, message: str, tmp_path: Path
) -> None:
    with pytest.raises(gan_runner.ConfigError, match=message):
        do(overrides)
    assert list(tmp_path.iterdir()) == []


def test_a_plugin_by_itself_is_not_taken_for_a_list_of_letters() -> None:
    with pytest.raises(
        gan_runner.ConfigError, match=r"plugins=my_ideas.py. Write plugins=\[FILE\]"
    ):
        gan_runner.fit(QUICK, plugins="my_ideas.py")


def test_missing_data_is_a_data_error_and_leaves_no_folder(tmp_path: Path) -> None:
    data = {"dataset": "image_folder", "dataset.root": tmp_path / "none"}
    with pytest.raises(gan_runner.DataError, match="none"):
        gan_runner.fit({**QUICK, **data}, quiet=True)
    assert not [path for path in tmp_path.rglob("*") if path.name == "config.yaml"]


def test_numbers_that_are_not_finite_end_a_run_with_its_checkpoint_named() -> None:
    diverging = {"loss": "lsgan", "train.steps": 20, "optimizer.discriminator.lr": 1e30}
    with pytest.raises(gan_runner.NumbersError, match=r"The run folder is|gan-train resume="):
        gan_runner.fit({**QUICK, **diverging}, quiet=True)
