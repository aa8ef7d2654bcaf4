"""Sequences from the command line: trained, resumed, sampled, measured, refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Answer, call_command, left_behind
from PIL import Image

from gan_runner.config.schema import Config
from gan_runner.data import Data, Space
from gan_runner.evaluation.metrics.kernels import mmd
from gan_runner.health.diversity import Reals
from gan_runner.logs.terminal import Terminal
from gan_runner.runs.open import create
from gan_runner.training.loop import train

Here = Callable[..., Answer]


def small(path: Path | str, *overrides: str) -> list[str]:
    """Arguments of a small run on sines into a folder."""
    return [
        *("dataset=sines", "dataset.length=6", "dataset.count=200", "device=cpu"),
        *("dataset.frequencies=[[0.5,1],[2,3]]", "model.latent_size=12"),
        "model.generator.latent=per_step",
        *("model.generator.hidden=8", "model.discriminator.hidden=8"),
        *("train.batch_size=16", "train.samples=9", "train.log_every=7", "train.steps=2"),
        *(f"hydra.run.dir={path}", f"cache={Path(path).parent / 'cache'}", *overrides),
    ]


def last_row(run: str) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(Path(run, "metrics.jsonl").read_text().splitlines()[-1])
    return row


# ---------------------------------------------------------------- training


def test_sines_bring_their_model_and_their_metric(here: Here) -> None:
    out = here("gan-train", "--cfg", "job", "dataset=sines").out
    assert "name: RNN" in out
    assert "metric: mmd" in out


@pytest.mark.usefixtures("blank_pictures")
@pytest.mark.parametrize(
    ("loss", "setting"),
    [
        *((loss, "cell=lstm") for loss in ("hinge", "wgan", "wgan_div", "dragan", "ragan")),
        *(
            (loss, setting)
            for loss in ("wgan_gp", "r3gan")
            for setting in ("cell=lstm", "cell=gru", "reads=last", "layers=2")
        ),
    ],
)
def test_every_kind_of_loss_trains(here: Here, loss: str, setting: str) -> None:
    asked = (f"loss={loss}", f"model.discriminator.{setting}")
    assert here("gan-train", *small("run", *asked)).code == 0
    assert np.isfinite(last_row("run")["loss/discriminator"])


@pytest.mark.usefixtures("blank_pictures")
@pytest.mark.parametrize("way", ["concat", "embedding", "auxiliary"])
@pytest.mark.parametrize("loss", ["wgan_gp", "r3gan"])
def test_every_way_of_conditioning_trains(here: Here, way: str, loss: str) -> None:
    asked = (f"model.conditioning={way}", f"loss={loss}")
    assert here("gan-train", *small("run", *asked)).code == 0
    assert ("auxiliary/generator" in last_row("run")) == (way == "auxiliary")


@pytest.mark.usefixtures("blank_pictures")
def test_bf16_trains(here: Here) -> None:
    assert here("gan-train", *small("run", "precision=bf16", "loss=wgan_gp")).code == 0


@pytest.mark.parametrize("cell", ["gru", pytest.param("lstm", marks=pytest.mark.calibration)])
def test_a_run_on_sequences_resumes_bit_for_bit(tmp_path: Path, cell: str) -> None:
    asked = (
        *("model.conditioning=concat", f"model.generator.cell={cell}", "train.sample_every=2"),
        *(f"model.discriminator.cell={cell}", "train.eval_every=2", "health.samples.every=2"),
        "train.log_every=2",
    )
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    assert call_command("gan-train", *small(whole, *asked, "train.steps=4")) == 0
    assert call_command("gan-train", *small(parted, *asked, "train.steps=2")) == 0
    assert call_command("gan-train", f"resume={parted}", "train.steps=4") == 0
    found, expected = left_behind(parted), left_behind(whole)
    drawn = {"step_00000000.png", "step_00000002.png", "step_00000004.png"}
    assert found["pictures"].keys() >= drawn  # type: ignore[attr-defined]
    assert all(found[part] == expected[part] for part in ("tensors", "rows", "pictures"))


@pytest.mark.calibration
@pytest.mark.usefixtures("blank_pictures")
def test_sines_are_learned(configured: Callable[..., Config], tmp_path: Path) -> None:
    asked = (
        *("dataset=sines", "dataset.length=8", "dataset.dimensions=1", "dataset.noise=0"),
        *("dataset.frequencies=[[1,1]]", "dataset.amplitude=[0.8,0.8]", "dataset.count=2000"),
        *("model.latent_size=4", "model.generator.hidden=32", "model.discriminator.hidden=32"),
        *("loss.penalty.r1.every=4", "loss.penalty.r1.weight=0.1", "train.ema=0.98"),
        *("optimizer.generator.lr=0.003", "optimizer.discriminator.lr=0.003", "train.steps=300"),
    )
    (tmp_path / "run").mkdir()
    run = create(configured(*asked), tmp_path / "run", Terminal())
    distances = []
    for learns in False, True:
        if learns:
            train(run)
        made = run.sampler.sample(1000, seed=3)
        distances.append(mmd(run.data.examples[:1000].flatten(1), made.flatten(1)))
    run.close(state="completed", exit_code=0, reason="test")
    assert distances[1] < distances[0] / 10
    spectrum = torch.fft.rfft(made[..., 0], dim=1).abs()
    assert (spectrum.argmax(1) == 1).float().mean() > 0.9


# ---------------------------------------------------------------- samples


@pytest.fixture(scope="module")
def trained_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("sequences") / "run"
    asked = ("model.conditioning=concat", "dataset.standardize=true", "dataset.dimensions=3")
    assert call_command("gan-train", *small(run, *asked)) == 0
    return run


def test_samples_are_in_the_datas_own_units(trained_run: Path, here: Here) -> None:
    assert here("gan-sample", str(trained_run), "--per-class", "4", "--out", "x.npz").code == 0
    found = np.load("x.npz")
    assert found["samples"].shape == (8, 6, 3)
    assert found["samples"].dtype == np.float32
    assert found["labels"].tolist() == [0, 1] * 4


def test_samples_are_drawn_as_curves(trained_run: Path, here: Here) -> None:
    assert here("gan-sample", str(trained_run), "--num", "16", "--out", "x.png").code == 0
    with Image.open("x.png") as picture:
        assert picture.mode == "RGB"
        assert len(np.unique(np.asarray(picture).reshape(-1, 3), axis=0)) > 10
    pictures = sorted(path.name for path in (trained_run / "samples").iterdir())
    assert pictures == ["step_00000000.png", "step_00000002.png"]


def test_an_interpolation_goes_from_one_sequence_to_another(trained_run: Path, here: Here) -> None:
    arguments = ("--interpolate", "5", "--num", "2", "--label", "1")
    assert here("gan-sample", str(trained_run), *arguments, "--out", "x.npz").code == 0
    assert here("gan-sample", str(trained_run), *arguments, "--out", "x.png").code == 0
    found = np.load("x.npz")["samples"]
    assert found.shape == (10, 6, 3)
    steps = np.abs(np.diff(found[:5], axis=0)).max((1, 2))
    assert steps.max() < np.abs(found[4] - found[0]).max()


@pytest.mark.parametrize("out", ["folder", "x.gif"])
def test_a_gif_or_a_folder_of_sequences_is_refused(trained_run: Path, here: Here, out: str) -> None:
    answer = here("gan-sample", str(trained_run), "--interpolate", "3", "--out", out)
    assert answer.code == 2
    assert "needs image data, and the run has sequences" in answer.err and ".npz" in answer.err


# ---------------------------------------------------------------- what is measured


def test_sequences_are_measured_flattened_and_by_what_can_be_learned_from_them(
    trained_run: Path, here: Here
) -> None:
    assert here("gan-evaluate", str(trained_run), "--out", "numbers.json").code == 0
    (found,) = json.loads(Path("numbers.json").read_text())["evaluations"]
    results = found["results"]
    assert {"mmd_identity", "memorization_identity", "sliced_wasserstein"} <= set(results)
    assert results["trtr_accuracy"]["value"] > 0.9
    assert 0 <= results["tstr_accuracy"]["value"] <= results["trtr_accuracy"]["value"]


@pytest.mark.usefixtures("blank_pictures")
def test_without_labels_nothing_is_learned_from_samples(here: Here) -> None:
    asked = ("train.eval_every=2", "evaluation.metrics=[mmd,tstr]")
    assert here("gan-train", *small("run", *asked)).code == 0
    row = json.loads(Path("run", "evaluations.jsonl").read_text())
    assert set(row["results"]) == {"mmd_identity"}
    assert row["best"] == row["results"]["mmd_identity"]["value"]


def test_health_checks_sequences() -> None:
    rng = torch.Generator().manual_seed(0)
    examples = torch.randn(300, 6, 2, generator=rng)
    data = Data(examples, Space("sequences", (6, 2), (0.0, 0.0), (1.0, 1.0)))
    reals = Reals.of(data, count=128, neighbors=5)
    assert reals.compare(examples[:128])["health/diversity"] == pytest.approx(1, abs=0.1)
    collapsed = reals.compare(examples[:1].expand(128, -1, -1))
    assert collapsed["health/diversity"] < 0.01
    assert collapsed["health/duplicates"] > 0.9


# ---------------------------------------------------------------- arrays of one's own


@pytest.mark.usefixtures("blank_pictures")
def test_an_array_of_sequences_is_trained_on_and_sampled_in_its_units(here: Here) -> None:
    drawn = np.random.default_rng(0).normal((500, -3), (20, 0.1), (64, 10, 2))
    np.savez("own.npz", samples=drawn, labels=np.arange(64) % 2)
    asked = (
        *("dataset=array", "dataset.kind=sequences", "dataset.path=own.npz", "model=rnn"),
        *("model.conditioning=concat", "train.steps=1", "device=cpu"),
        *("train.batch_size=8", "hydra.run.dir=run", "cache=cache", "train.eval_every=1"),
    )
    assert here("gan-train", *asked).code == 0
    (row,) = map(json.loads, Path("run", "evaluations.jsonl").read_text().splitlines())
    assert row["results"]["tstr_accuracy"]["protocol"]["parameters"]["n_test"] == 32
    assert any("training examples" in doubt for doubt in row["doubts"])
    assert "frechet_identity" not in row["results"]  # of 20 numbers each, from 64 examples
    assert here("gan-sample", "run", "--num", "40", "--out", "x.npz").code == 0
    made = np.load("x.npz")["samples"]
    assert made.shape == (40, 10, 2)
    assert np.abs(made.mean((0, 1)) - (500, -3)).max() < 40
    assert abs(made[..., 1].mean() + 3) < 0.3


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["dataset.length=7"], "Use model.latent_size=14 or model.generator.latent=whole"),
        (["model.conditioning=projection"], "model.conditioning"),
        (["model.discriminator.norm=spectral"], "model.discriminator.norm"),
        (["model.generator.cell=rnn"], "model.generator.cell"),
        (["model.generator.layers=0"], "model.generator.layers=0"),
        (["dataset.frequencies=[[0.5,1]]", "model.conditioning=concat"], "a single class"),
        (["dataset.frequencies=[[0.5,4]]"], "dataset.length / 2 = 3 cycles"),
        (["evaluation.space=classifier"], "wrong space for sequences, evaluation.space=classifier"),
    ],
)
def test_what_cannot_be_is_refused_before_training(
    here: Here, asked: list[str], message: str
) -> None:
    answer = here("gan-train", *small("run", *asked))
    assert answer.code == 2
    assert message in " ".join(answer.err.split())
    assert not Path("run").exists()


def test_images_are_refused_as_sequences(here: Here) -> None:
    answer = here("gan-train", "model=rnn")
    assert answer.code == 2
    assert "rnn can't build examples of shape [1, 8, 8]" in answer.err
    assert "model=dcgan" in answer.err


@pytest.mark.parametrize(
    ("asked", "instead"),
    [
        (["model=dcgan"], "rnn"),
        (["model=infogan"], "rnn"),
        (["model=vae_gan"], "vae"),
        (["model=conv_vae", "loss.likelihood=gaussian"], "vae"),
        (["model=infogan_vae", "loss.likelihood=gaussian"], "vae"),
    ],
)
def test_sequences_are_refused_as_images(here: Here, asked: list[str], instead: str) -> None:
    answer = here("gan-train", "dataset=sines", *asked)
    assert answer.code == 2
    assert f"Use model={instead} for sequences" in " ".join(answer.err.split())
