"""InfoGAN: codes are part of the latent point, reach G, are predicted by D, and are measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Answer, small_run
from network_pairs import build_pair

from gan_runner.cli.hydra.composer import compose, parse_config
from gan_runner.data import Space
from gan_runner.errors import ConfigError
from gan_runner.evaluation.metrics.agreement import matched_accuracy
from gan_runner.models.codes import Code, CodeDiscriminator
from gan_runner.sampling.latents import draw_latents
from gan_runner.training.build import build

Here = Callable[..., Answer]
MODELS = ("mlp", "simple_conv", "dcgan", "infogan", "resnet")
IMAGES = Space("images", (1, 16, 16))
CODE = Code(categorical=(10, 3), continuous=2, weight=0.5)
CODED = ("model.code.categorical=[10,3]", "model.code.continuous=2", "model.code.weight=0.5")


def test_codes_are_uniform_whatever_the_columns_are_drawn_from() -> None:
    columns = draw_latents(20_000, 4, seed=1)
    ten, three, *continuous = CODE.values(columns)
    assert torch.allclose(ten.bincount() / 20_000, torch.full((10,), 0.1), atol=0.01)
    assert torch.allclose(three.bincount() / 20_000, torch.full((3,), 1 / 3), atol=0.015)
    for values in continuous:
        assert -1 <= values.min() < -0.99 and 0.99 < values.max() <= 1
        assert values.var().item() == pytest.approx(1 / 3, abs=0.01)


def test_the_farthest_column_is_still_a_value_of_the_code() -> None:
    far = torch.tensor([[-40.0] * 4, [40.0] * 4])
    assert CODE.values(far)[0].tolist() == [0, 9]
    assert CODE.values(far)[2].tolist() == [-1.0, 1.0]


@pytest.mark.parametrize("name", CODE.names)
def test_a_column_goes_through_the_range_of_its_code(name: str) -> None:
    index = CODE.names.index(name)
    columns = torch.zeros(6, 4)
    columns[:, index] = CODE.traverse(name, 6)
    found = CODE.values(columns)[index]
    if name == "categorical.0":
        assert found.tolist() == [0, 1, 2, 3, 4, 5]
    elif name == "categorical.1":
        assert found.tolist() == [0, 1, 2, 0, 1, 2]
    else:
        assert torch.allclose(found, torch.linspace(-5 / 6, 5 / 6, 6), atol=1e-6)


@pytest.mark.parametrize("option", MODELS)
def test_every_model_has_codes(option: str) -> None:
    lines = [f"model={option}", *CODED, "model.discriminator.norm=none"]
    model = build(parse_config(compose(lines))).model
    networks = build_pair(model, IMAGES)
    networks.generator.eval()
    latent = torch.randn(1, model.latent_dims).repeat(2, 1)
    latent[1, -4] = 3.0 if latent[0, -4] < 0 else -3.0
    made = networks.generator(latent)
    assert made.shape == (2, 1, 16, 16)
    assert not torch.allclose(made[0], made[1], atol=1e-6)
    assert networks.discriminator(made).logits.shape == (2,)


def test_the_loss_of_predicting_codes_is_their_weighted_negative_log_likelihood() -> None:
    model = build(parse_config(compose([*CODED, "model.discriminator.norm=none"]))).model
    torch.manual_seed(0)
    discriminator = build_pair(model, IMAGES).discriminator
    assert isinstance(discriminator, CodeDiscriminator)
    features = discriminator(torch.randn(5, 1, 16, 16)).features
    columns = torch.randn(5, 4)
    predicted = discriminator.teller(features.flatten(1))
    ten, three, one, two = CODE.values(columns)
    expected = torch.stack(
        [
            -predicted[i, :10].log_softmax(0)[ten[i]]
            - predicted[i, 10:13].log_softmax(0)[three[i]]
            + (predicted[i, 13] - one[i]) ** 2 / 2
            + (predicted[i, 14] - two[i]) ** 2 / 2
            for i in range(5)
        ]
    )
    found = discriminator.auxiliary_losses(features, labels=None, codes=columns)
    assert torch.allclose(found["information"], 0.5 * expected, atol=1e-5)
    assert discriminator.auxiliary_losses(features, labels=None, codes=None) == {}


@pytest.mark.parametrize("loss", ["hinge", "wgan_gp", "r3gan", "softplus_r1"])
def test_codes_train_with_every_kind_of_loss(here: Here, loss: str) -> None:
    asked = (f"loss={loss}", *CODED, "train.steps=2", "train.log_every=1")
    assert here("gan-train", *small_run(Path("run"), *asked)).code == 0
    row = json.loads(Path("run/metrics.jsonl").read_text().splitlines()[-1])
    assert row["information/discriminator"] > 0 and row["information/generator"] > 0


@pytest.mark.calibration
def test_the_information_between_codes_and_samples_grows(here: Here) -> None:
    asked = ("model.code.categorical=[4]", "loss=non_saturating", "train.log_every=20")
    lines = small_run(Path("run"), *asked, "train.steps=200", "train.sample_every=0")
    assert here("gan-train", *lines).code == 0
    rows = [json.loads(line) for line in Path("run/metrics.jsonl").read_text().splitlines()]
    # log 4 = 1.39 is what knowing nothing costs
    assert rows[-1]["information/generator"] < 0.5


# ---------------------------------------------------------------- agreement


def test_agreement_is_that_of_the_best_pairing() -> None:
    codes = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 2])
    assert matched_accuracy(codes, torch.tensor([2, 2, 2, 0, 0, 0, 1, 1, 1])) == 1.0
    assert matched_accuracy(codes, torch.tensor([2, 2, 0, 0, 0, 0, 1, 1, 0])) == pytest.approx(
        7 / 9
    )
    assert matched_accuracy(codes, torch.zeros(9, dtype=torch.int64)) == pytest.approx(1 / 3)


def test_agreement_with_the_labels_is_measured(run_with_codes: Path, here: Here) -> None:
    assert here("gan-evaluate", str(run_with_codes), "--out", "numbers.json").code == 0
    (found,) = json.loads(Path("numbers.json").read_text())["evaluations"]
    assert 0.1 <= found["results"]["code_accuracy"]["value"] <= 1


# ---------------------------------------------------------------- samples


@pytest.fixture(scope="module")
def run_with_codes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from conftest import call_command

    path = tmp_path_factory.mktemp("coded") / "run"
    assert call_command("gan-train", *small_run(path, *CODED, "train.steps=3")) == 0
    return path


def test_arrays_say_the_codes_of_each_sample(run_with_codes: Path, here: Here) -> None:
    assert here("gan-sample", str(run_with_codes), "--num", "20", "--out", "x.npz").code == 0
    with np.load("x.npz") as found:
        assert found["samples"].shape == (20, 8, 8, 1)
        assert found["codes"].shape == (20, 4)
        assert set(found["codes"][:, 0]) <= set(range(10))
        assert np.abs(found["codes"][:, 2:]).max() <= 1


@pytest.mark.parametrize(("name", "columns"), [("code.continuous.1", 10), ("categorical.1", 3)])
def test_a_traversal_changes_one_code_along_each_row(
    run_with_codes: Path, here: Here, name: str, columns: int
) -> None:
    asked = ("--traverse", name, "--num", "4", "--out")
    assert here("gan-sample", str(run_with_codes), *asked, "x.npz").code == 0
    with np.load("x.npz") as found:
        codes = found["codes"].reshape(4, -1, 4)
        assert found["samples"].shape[0] == 4 * codes.shape[1]
    changing = CODE.names.index(name.removeprefix("code."))
    for index in range(4):
        differs = (codes[:, :, index] != codes[:, :1, index]).any()
        assert differs == (index == changing)
    assert len(np.unique(codes[0, :, changing])) == columns
    assert here("gan-sample", str(run_with_codes), *asked, "x.png").code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--traverse", "code.continuous.2"], "Did you mean"),
        (["--traverse", "x", "--interpolate", "4"], "--interpolate and --traverse"),
    ],
)
def test_a_code_that_there_is_not_is_refused(
    run_with_codes: Path, here: Here, arguments: list[str], message: str
) -> None:
    answer = here("gan-sample", str(run_with_codes), *arguments)
    assert answer.code == 2
    assert message in answer.err


def test_a_run_without_codes_says_how_to_get_them(here: Here) -> None:
    assert here("gan-train", *small_run(Path("run"), "train.steps=1")).code == 0
    answer = here("gan-sample", "run", "--traverse", "code.continuous.0")
    assert answer.code == 2
    assert "model.code.continuous=2" in answer.err


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["model.code.categorical=[0]"], "model.code.categorical.0=0"),
        (["model.code.categorical=[1]"], "at least 2"),
        (["model.code.continuous=-1"], "model.code.continuous=-1"),
        (["model.code.categorical=[10]", "model.conditioning=concat"], "without labels"),
    ],
)
def test_codes_that_can_not_be_are_refused(lines: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(parse_config(compose(lines)))
    assert message in str(caught.value)
