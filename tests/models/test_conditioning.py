"""Class-conditional models: labels reach both networks, every way, and come out in the samples."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Answer, call_command, left_behind, small_run
from network_pairs import build_pair
from torch import Tensor, nn

from gan_runner.cli.hydra.composer import compose, parse_config
from gan_runner.config.schema import Config
from gan_runner.data import Data, Space
from gan_runner.data.batches import Batch, batches
from gan_runner.logs.terminal import Terminal
from gan_runner.models import Model
from gan_runner.runs.open import create, load_generator
from gan_runner.training.build import build
from gan_runner.training.loop import train
from gan_runner.training.methods import Adversarial

Here = Callable[..., Answer]
WAYS = ("concat", "embedding", "projection", "auxiliary")
MODELS = ("mlp", "simple_conv", "dcgan", "infogan", "resnet")
IMAGES = Space("images", (1, 16, 16))
every_way = pytest.mark.parametrize("way", WAYS)


def model(option: str, way: str, *overrides: str) -> Model:
    norm = "layer" if option == "mlp" else "batch"
    asked = (f"model={option}", f"model.conditioning={way}", f"model.generator.norm={norm}")
    return build(composed_once(*asked, *overrides)).model


@cache
def composed_once(*overrides: str) -> Config:
    return parse_config(compose(overrides))


def pair(option: str, way: str, classes: int = 3) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    generator, discriminator = build_pair(model(option, way), IMAGES, classes)
    return generator.eval(), discriminator.eval()


# ---------------------------------------------------------------- networks


@every_way
@pytest.mark.parametrize("option", MODELS)
def test_the_class_changes_what_g_makes(option: str, way: str) -> None:
    generator, _ = pair(option, way)
    if way == "projection":  # all classes begin alike, as batch norm does
        for name, parameter in generator.named_parameters():
            if "shift" in name:
                nn.init.normal_(parameter)
    latent = torch.randn(1, model(option, way).latent_size).repeat(3, 1)
    made = generator(latent, torch.arange(3))
    assert made.shape == (3, 1, 16, 16)
    assert not torch.allclose(made[0], made[1], atol=1e-6)
    assert torch.allclose(made[0], generator(latent[:1], torch.tensor([0]))[0], atol=1e-5)


@every_way
@pytest.mark.parametrize("option", MODELS)
def test_the_class_changes_what_d_says_but_for_an_auxiliary_classifier(
    option: str, way: str
) -> None:
    _, discriminator = pair(option, way)
    examples = torch.randn(1, 1, 16, 16).repeat(3, 1, 1, 1)
    logits = discriminator(examples, torch.arange(3)).logits
    assert logits.shape == (3,)
    assert torch.allclose(logits[0], logits[1], atol=1e-6) == (way == "auxiliary")


def test_only_an_auxiliary_classifier_has_a_loss_of_its_own() -> None:
    examples, labels = torch.randn(5, 1, 16, 16), torch.tensor([0, 1, 2, 0, 1])
    for way in WAYS:
        discriminator = pair("dcgan", way)[1]
        features = discriminator(examples, labels).features
        losses = discriminator.auxiliary_losses(features, labels=labels, codes=None)
        assert set(losses) == ({"auxiliary"} if way == "auxiliary" else set())


def test_the_auxiliary_loss_is_the_weighted_cross_entropy_of_the_class() -> None:
    torch.manual_seed(0)
    made = model("dcgan", "auxiliary", "model.auxiliary_weight=0.5")
    discriminator: Any = build_pair(made, IMAGES, 3).discriminator.eval()
    examples, labels = torch.randn(4, 1, 16, 16), torch.tensor([2, 0, 1, 1])
    scores = discriminator.classifier(discriminator.body(examples).flatten(1))
    right = scores.softmax(1)[torch.arange(4), labels]
    features = discriminator.body(examples)
    found = discriminator.auxiliary_losses(features, labels=labels, codes=None)
    assert torch.allclose(found["auxiliary"], -0.5 * right.log(), atol=1e-5)


def test_projection_adds_the_inner_product_with_the_vector_of_the_class() -> None:
    discriminator: Any = pair("dcgan", "projection")[1]
    examples, labels = torch.randn(4, 1, 16, 16), torch.tensor([2, 0, 1, 1])
    features = discriminator.body(examples)
    plain = discriminator.head(features).flatten()
    vectors = discriminator.vectors.weight[labels]
    expected = plain + (vectors * features.flatten(1)).sum(1)
    assert torch.allclose(discriminator(examples, labels).logits, expected, atol=1e-5)


def test_spectral_norm_holds_the_vectors_of_the_classes_too() -> None:
    made = model("resnet", "projection", "model.discriminator.norm=spectral")
    discriminator: Any = build_pair(made, IMAGES, 3).discriminator
    for _ in range(30):  # an iteration of the power method each
        discriminator(torch.randn(2, 1, 16, 16), torch.tensor([0, 1]))
    norm = torch.linalg.matrix_norm(discriminator.vectors.weight, 2)
    assert norm.item() == pytest.approx(1.0, abs=0.02)


# ---------------------------------------------------------------- batches and steps


def test_labels_come_with_their_examples() -> None:
    examples = torch.arange(20, dtype=torch.uint8)[:, None, None, None].expand(-1, 1, 4, 4)
    data = Data(examples, Space("images", (1, 4, 4)), torch.arange(20) % 5)
    stream = batches(
        data, size=6, seed=0, start=0, flip=True, with_labels=True, device=torch.device("cpu")
    )
    for _ in range(5):
        batch = next(stream)
        assert batch.labels is not None
        drawn = data.space.decode(batch.examples)[:, 0, 0, 0]
        assert torch.equal(drawn.long() % 5, batch.labels)


def test_fakes_are_of_the_classes_of_the_reals_beside_them(
    configured: Callable[..., Config], tmp_path: Path
) -> None:
    asked = ("dataset=ring", "model.conditioning=concat", "loss=wgan_gp", "train.batch_size=8")
    (tmp_path / "run").mkdir()
    run = create(configured(*asked, "dataset.count=64"), tmp_path / "run", Terminal())
    given: dict[str, list[Tensor]] = {"generator": [], "discriminator": []}
    for name, labels_given in given.items():
        run.state.networks[name].register_forward_pre_hook(
            lambda _, args, labels_given=labels_given: labels_given.append(args[1])
        )
    assert isinstance(run.experiment.method, Adversarial)
    method = replace(run.experiment.method, generates_together=True, discriminates_together=True)
    labels = [torch.full((8,), value) for value in range(5)]

    def reals() -> Iterator[Batch]:
        for of in labels:
            yield Batch(torch.randn(8, 2), of)

    method.step(run.state, reals())
    run.folder.release()
    assert torch.equal(torch.cat(given["generator"]), torch.cat(labels))
    per_update = [int(of[0]) for of in given["discriminator"][:-1]]
    # each update scores real and fake examples together, then the mixtures of the penalty
    assert per_update == [value for value in range(5) for _ in repeat(None, 2)]


@every_way
@pytest.mark.parametrize("loss", ["hinge", "wgan_gp", "r3gan", "softplus_r1"])
def test_every_way_trains_with_every_kind_of_loss(here: Here, way: str, loss: str) -> None:
    asked = (f"model.conditioning={way}", f"loss={loss}", "train.steps=2")
    run = Path("run")
    assert here("gan-train", *small_run(run, *asked)).code == 0
    row = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert ("auxiliary/discriminator" in row) == (way == "auxiliary")
    assert ("auxiliary/generator" in row) == (way == "auxiliary")


@every_way
def test_a_conditional_run_resumes_bit_for_bit(tmp_path: Path, way: str) -> None:
    asked = (f"model.conditioning={way}", "model.discriminator.norm=spectral")
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    assert call_command("gan-train", *small_run(whole, *asked, "train.steps=4")) == 0
    assert call_command("gan-train", *small_run(parted, *asked, "train.steps=2")) == 0
    assert call_command("gan-train", f"resume={parted}", "train.steps=4") == 0
    assert left_behind(whole)["tensors"] == left_behind(parted)["tensors"]


@pytest.mark.calibration
@pytest.mark.usefixtures("blank_pictures")
@pytest.mark.parametrize("way", ["concat", "embedding"])
def test_a_class_becomes_what_was_asked_for(
    configured: Callable[..., Config], tmp_path: Path, way: str
) -> None:
    asked = ("experiment=ring_r3gan", f"model.conditioning={way}", "train.steps=200")
    (tmp_path / "run").mkdir()
    run = create(configured(*asked, "train.ema=0.97"), tmp_path / "run", Terminal())
    train(run)
    run.close(state="completed", exit_code=0, reason="test")
    labels = torch.arange(800) % 8
    made = run.sampler.sample(800, labels=labels, seed=3)
    centers: Tensor = run.experiment.dataset.centers  # type: ignore[attr-defined]
    nearest = torch.cdist(made, centers).argmin(1)
    assert (nearest == labels).float().mean() > 0.9


# ---------------------------------------------------------------- commands


@pytest.fixture(scope="module")
def conditional(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("conditional") / "run"
    asked = ("model.conditioning=concat", "train.steps=2")
    assert call_command("gan-train", *small_run(run, *asked)) == 0
    return run


@pytest.mark.parametrize(
    ("arguments", "labels"),
    [
        (["--num", "12", "--balanced"], [*range(10), 0, 1]),
        (["--label", "3", "--num", "4"], [3] * 4),
        (["--label", "3", "--label", "7", "--num", "4"], [3, 7, 3, 7]),
        (["--per-class", "2"], [*range(10), *range(10)]),
        (["--label", "5", "--per-class", "3"], [5] * 3),
        (["--label", "1", "--label", "2", "--interpolate", "3", "--num", "2"], [1, 1, 1, 2, 2, 2]),
    ],
)
def test_samples_have_the_labels_that_were_asked_for(
    conditional: Path, here: Here, arguments: list[str], labels: list[int]
) -> None:
    assert here("gan-sample", str(conditional), *arguments, "--out", "x.npz").code == 0
    found = np.load("x.npz")
    assert found["labels"].tolist() == labels
    assert len(found["samples"]) == len(labels)
    if "--interpolate" not in arguments:
        trained = load_generator(conditional, which="last", raw=False, device="cpu")
        made = trained.sampler.sample(len(labels), labels=labels, seed=0)
        assert np.array_equal(found["samples"][..., 0], made[:, 0].numpy())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--label", "eleven"], "--label=eleven"),
        (["--label", "10"], "--label=10"),
        (["--per-class", "2", "--num", "3"], "--num and --per-class"),
    ],
)
def test_a_class_that_there_is_not_is_refused(
    conditional: Path, here: Here, arguments: list[str], message: str
) -> None:
    answer = here("gan-sample", str(conditional), *arguments)
    assert answer.code == 2
    assert message in answer.err


def test_an_unconditional_run_has_no_classes_to_ask_for(here: Here) -> None:
    assert here("gan-train", *small_run(Path("run"), "train.steps=1")).code == 0
    answer = here("gan-sample", "run", "--label", "3")
    assert answer.code == 2
    assert "model.conditioning" in answer.err


def test_data_without_labels_is_refused_before_training(here: Here, tmp_path: Path) -> None:
    np.save("images.npy", np.zeros((40, 8, 8), dtype=np.uint8))
    asked = ("dataset=array", "dataset.path=images.npy", "model.conditioning=concat")
    answer = here("gan-train", *small_run(tmp_path / "run", *asked))
    assert answer.code == 2
    assert "no labels" in answer.err and "model.conditioning=none" in answer.err
    assert not (tmp_path / "run").exists()


def test_a_generator_without_norms_has_nothing_to_project(here: Here) -> None:
    asked = ("model.conditioning=projection", "model.generator.norm=none")
    answer = here("gan-train", *small_run(Path("run"), *asked))
    assert answer.code == 2
    assert "model.generator.norm=none" in answer.err


def test_evaluation_tells_how_often_a_class_is_what_was_asked_for(
    conditional: Path, here: Here
) -> None:
    arguments = ("--metrics", "label_accuracy,frechet", "--out", "numbers.json")
    assert here("gan-evaluate", str(conditional), *arguments).code == 0
    (found,) = json.loads(Path("numbers.json").read_text())["evaluations"]
    assert 0 <= found["results"]["label_accuracy"]["value"] <= 1
    by_class = [numbers["label_accuracy"] for numbers in found["classes"].values()]
    assert len(by_class) == 10
    asked_for = {"share_real", "share_fake", "label_accuracy", "frechet_classifier"}
    assert all(set(numbers) == asked_for for numbers in found["classes"].values())
    counts = [numbers["share_real"] for numbers in found["classes"].values()]
    mean = float(np.dot(by_class, counts))
    assert found["results"]["label_accuracy"]["value"] == pytest.approx(mean, abs=1e-6)


@pytest.fixture(scope="module")
def of_numbers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on classes that are called 1, 2 and 5."""
    folder = tmp_path_factory.mktemp("numbers")
    labels = np.array([1, 2, 5] * 20)
    images = np.random.default_rng(0).integers(0, 255, (60, 8, 8), dtype=np.uint8)
    np.savez(folder / "x.npz", images=images, labels=labels)
    data = ("dataset=array", f"dataset.path={folder / 'x.npz'}", "model.conditioning=concat")
    assert call_command("gan-train", *small_run(folder / "run", *data, "train.steps=1")) == 0
    return folder / "run"


def test_labels_of_samples_are_those_of_the_data(of_numbers: Path, here: Here) -> None:
    assert here("gan-sample", str(of_numbers), "--per-class", "2", "--out", "x.npz").code == 0
    with np.load("x.npz") as found:
        assert sorted(set(found["labels"].tolist())) == [1, 2, 5]
    assert here("gan-sample", str(of_numbers), "--label", "5", "--out", "x.npz").code == 0
    with np.load("x.npz") as found:
        assert set(found["labels"].tolist()) == {5}


def test_a_place_is_not_taken_for_a_class_that_is_a_number(of_numbers: Path, here: Here) -> None:
    answer = here("gan-sample", str(of_numbers), "--label", "0")
    assert answer.code == 2
    assert "Choose one of: 1, 2, 5." in answer.err


@pytest.mark.parametrize(
    ("labels", "message", "code"),
    [
        ([-1, *[0, 1] * 10], "label -1 of sample 0 is out of range", 3),
        ([1000000, *[0, 1] * 10], "class 1000000 has a single example", 2),
    ],
)
def test_labels_that_can_not_be_meant_are_refused(
    here: Here, labels: list[int], message: str, code: int
) -> None:
    np.savez("x.npz", images=np.zeros((21, 8, 8), dtype=np.uint8), labels=np.array(labels))
    asked = ("dataset=array", "dataset.path=x.npz", "model.conditioning=concat")
    answer = here("gan-train", *small_run(Path("run"), *asked))
    assert (answer.code, Path("run").exists()) == (code, False)
    assert message in answer.err


def test_a_metric_that_can_not_be_computed_is_refused(conditional: Path, here: Here) -> None:
    answer = here("gan-evaluate", str(conditional), "--metrics", "code_accuracy")
    assert answer.code == 2
    assert "code_accuracy" in answer.err
    answer = here("gan-evaluate", str(conditional), "--metrics", "code_accuracy,frechet")
    assert answer.code == 0
    assert "code_accuracy can't be computed" in answer.out + answer.err
