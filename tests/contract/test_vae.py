"""Variational autoencoders are siblings of GANs: the same loop, run folder, resume and commands."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from conftest import Answer, call_command, left_behind
from torch import Tensor

from gan_runner.cli.hydra.composer import compose, parse_config
from gan_runner.data import Space
from gan_runner.data.batches import Batch
from gan_runner.errors import ConfigError
from gan_runner.models.autoencoder import as_decoder
from gan_runner.objectives.elbo import ELBO
from gan_runner.runs.open import load_generator
from gan_runner.storage import checkpoint
from gan_runner.training.build import build
from gan_runner.training.experiment import Experiment
from gan_runner.training.methods import VAE, VAEGAN
from gan_runner.training.state import TrainState, fresh_state

Here = Callable[..., Answer]
IMAGES = Space("images", (1, 8, 8))
MODELS = ("vae", "conv_vae", "infogan_vae", "vae_gan")
every_model = pytest.mark.parametrize("option", MODELS)
BATCH = 6


def small(option: str) -> list[str]:
    """Settings of a small network."""
    parts = ["generator", "encoder", *(["discriminator"] if option == "vae_gan" else [])]
    key = "hidden=[16]" if option == "vae" else "width=4"
    return [f"model={option}", "model.latent_size=4", *(f"model.{part}.{key}" for part in parts)]


def experiment(*overrides: str) -> Experiment:
    return build(parse_config(compose(list(overrides))))


def run_of(path: Path, option: str, *overrides: str) -> list[str]:
    lengths = ("train.steps=20", "train.log_every=7", "train.save_every=10", "train.sample_every=5")
    where = ("train.batch_size=16", "train.samples=9", "threads=1", "device=cpu")
    return [*small(option), *lengths, *where, f"hydra.run.dir={path}", *overrides]


def rows(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def fresh(made: Experiment, seed: int = 0) -> TrainState:
    return fresh_state(
        made.model, made.optimizers, IMAGES, seed=seed, with_ema=True, device=torch.device("cpu")
    )


def reals(step: int = 0) -> Iterator[Batch]:
    stream = torch.Generator().manual_seed(step)
    return (Batch(torch.rand(BATCH, 1, 8, 8, generator=stream) * 2 - 1) for _ in repeat(None))


def weights(state: TrainState, part: str) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in state.networks[part].parameters()]


def sgd(option: str, *overrides: str) -> Experiment:
    """Steps that are the gradient itself, so that a step tells it."""
    return experiment(*small(option), "optimizer=sgd", "optimizer.generator.lr=1", *overrides)


# ---------------------------------------------------------------- what fits


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model=vae", "loss=hinge"], "Use loss=elbo or model=vae_gan method=vae_gan"),
        (["loss=wgan_gp", "model=conv_vae"], "Use loss=elbo or model=vae_gan method=vae_gan"),
        (["model=dcgan", "loss=elbo"], "is for variational autoencoders, .* or model=vae"),
        (["loss=elbo", "dataset=ring"], "is for variational autoencoders, .* or model=vae"),
        (
            ["model=vae_gan", "loss=elbo"],
            "adversarial loss.* Use model=vae_gan loss=non_saturating or",
        ),
        (["model=vae", "dataset=ring"], "loss.likelihood=bernoulli. Use loss.likelihood=gaussian"),
        (["model=conv_vae", "loss.likelihood=gaussian", "dataset=ring"], "Use model=vae"),
        (["model=vae_gan", "dataset=ring"], "Use model=vae"),
        (["model=vae", "model.encoder.norm=instance"], "model.encoder.norm=instance"),
        (["model=conv_vae", "model.encoder.norm=batch", "train.batch_size=1"], "model.encoder"),
        (["model=vae", "loss.scale=0"], "loss.scale=0"),
        (["model=vae", "loss/penalty=r1"], "loss.penalty"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_does(overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        experiment(*overrides)


def test_the_refusal_says_what_the_command_line_said_and_leaves_nothing(
    here: Here, tmp_path: Path
) -> None:
    answer = here("gan-train", "model=vae", "loss=hinge", "hydra.run.dir=run")
    assert answer.code == 2
    assert "model=vae with loss=hinge" in answer.err
    assert not (tmp_path / "run").exists()


def test_an_autoencoder_brings_its_loss_and_the_users_choice_wins() -> None:
    assert isinstance(experiment("model=vae").method.objective, ELBO)
    assert isinstance(experiment("model=conv_vae").method.objective, ELBO)
    made = experiment("model=vae_gan")
    assert isinstance(made.method, VAEGAN)
    assert type(made.method.objective.loss).__name__ == "NonSaturating"
    assert type(experiment("loss=hinge", "model=vae_gan").method.objective.loss).__name__ == "Hinge"
    vectors = experiment("dataset=ring", "model=vae", "loss.likelihood=gaussian")
    assert isinstance(vectors.method, VAE)


def test_only_the_ema_of_a_vae_is_off_by_itself() -> None:
    assert experiment("model=vae").config.train.ema == 0
    assert experiment("model=vae", "train.ema=0.9").config.train.ema == 0.9
    assert experiment("model=vae_gan").config.train.ema == 0.999


# ---------------------------------------------------------------- networks


@every_model
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 28, 28), (1, 5, 7)])
def test_decoders_and_encoders_have_the_shapes_of_the_data(
    option: str, shape: tuple[int, int, int]
) -> None:
    networks = experiment(*small(option)).model.build_networks(Space("images", shape))
    made = networks["generator"](torch.randn(2, 4))
    assert made.shape == (2, *shape)
    assert made.abs().max() <= 1
    mean, log_variance = networks["encoder"](made)
    assert mean.shape == log_variance.shape == (2, 4)


@pytest.mark.parametrize(("kind", "shape"), [("vectors", (2,)), ("sequences", (6, 2))])
def test_a_decoder_of_vectors_or_sequences_is_unbounded_and_its_encoder_sees_them_as_they_are(
    kind: Literal["vectors", "sequences"], shape: tuple[int, ...]
) -> None:
    made = experiment(*small("vae"), "loss.likelihood=gaussian").model
    networks = made.build_networks(Space(kind, shape, (0, 0), (1, 1)))
    decoder, latent = as_decoder(networks["generator"]), 100 * torch.randn(3, 4)
    examples = decoder(latent)
    assert examples.shape == (3, *shape)
    assert examples.abs().max() > 1
    assert torch.equal(examples, decoder.unbounded_outputs(latent))
    plain = networks["encoder"].network(examples).chunk(2, dim=1)
    assert all(map(torch.equal, networks["encoder"](examples), plain))


def test_a_vae_learns_sequences_beyond_one(tmp_path: Path) -> None:
    sines = ["dataset=sines", "dataset.length=8", "dataset.frequencies=[[1,1]]", "dataset.noise=0"]
    sines += ["dataset.amplitude=[3,3]", "dataset.count=500", "dataset.standardize=false"]
    sines += ["dataset.dimensions=1", "health.samples.every=1000"]
    settings = [*sines, "loss.likelihood=gaussian", "loss.scale=1", "train.steps=200"]
    settings += ["optimizer.generator.lr=0.01", "train.save_every=200", "train.sample_every=0"]
    run = tmp_path / "run"
    assert call_command("gan-train", *run_of(run, "vae", *settings)) == 0
    trained = load_generator(run, which="last", raw=False, device="cpu")
    made = trained.sampler.sample(200, seed=0)
    assert made.amax(1).median() > 1.5  # 2.8 of a sine of amplitude 3 at 8 steps


# ---------------------------------------------------------------- steps


def test_a_step_of_a_vae_follows_the_gradient_of_its_elbo() -> None:
    made = sgd("vae", "loss.beta=2")
    state, other = fresh(made), fresh(made)
    made.method.step(state, reals())
    x = next(reals()).examples
    mean, log_variance = other.encoder(x)
    noise = torch.randn(mean.shape, generator=other.rng.latent)
    outputs = as_decoder(other.generator).unbounded_outputs(mean + (log_variance / 2).exp() * noise)
    p, gray = outputs.sigmoid(), (x + 1) / 2
    reconstruction = -(gray * p.log() + (1 - gray) * (1 - p).log()).sum() / BATCH
    divergence = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum() / BATCH
    (reconstruction + 2 * divergence).backward()
    for part in ("generator", "encoder"):
        for after, before in zip(
            weights(state, part), other.networks[part].parameters(), strict=True
        ):
            torch.testing.assert_close(after, before.detach() - before.grad)
    terms = state.sums.means()
    assert terms["elbo/reconstruction"] == pytest.approx(reconstruction.item(), rel=1e-5)
    assert terms["elbo/divergence"] == pytest.approx(divergence.item(), rel=1e-4)
    assert terms["elbo"] == pytest.approx(-(reconstruction + divergence).item(), rel=1e-5)
    assert (state.step, state.encoder.training) == (1, True)


def test_the_three_losses_of_a_vae_gan_are_those_of_the_paper() -> None:
    made = sgd(
        *("vae_gan", "method.gamma=0.5", "method.scale=0.5", "train.batch_size=6"),
        "optimizer.discriminator.lr=1e-30",  # D stays
    )
    state, other = fresh(made), fresh(made)
    made.method.step(state, reals())
    x = next(reals()).examples
    mean, log_variance = other.encoder(x)
    noise, prior = (torch.randn(mean.shape, generator=other.rng.latent) for _ in range(2))
    latent = mean + (log_variance / 2).exp() * noise
    fakes = other.generator(torch.cat((prior, latent)))
    discriminator = other.discriminator
    body, head = discriminator.body, discriminator.head
    with torch.no_grad():
        wanted = body(x)
    like = (body(fakes[BATCH:]) - wanted).square().sum() * 4 / 2 / BATCH
    divergence = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum() / BATCH
    fooled = torch.nn.functional.softplus(-head(body(fakes))).mean()
    for part, loss in (("encoder", divergence + like), ("generator", 0.5 * like + fooled)):
        parameters = list(other.networks[part].parameters())
        gradients = torch.autograd.grad(loss, parameters, retain_graph=True)
        for after, before, gradient in zip(
            weights(state, part), parameters, gradients, strict=True
        ):
            torch.testing.assert_close(after, before.detach() - gradient, rtol=1e-4, atol=1e-5)
    terms = state.sums.means()
    assert terms["elbo/reconstruction"] == pytest.approx(like.item(), rel=1e-4)
    assert terms["loss/generator"] == pytest.approx(fooled.item(), rel=1e-4)
    logits = discriminator(x).logits, discriminator(fakes).logits
    expected = torch.nn.functional.softplus(-logits[0]).mean()
    expected = expected + torch.nn.functional.softplus(logits[1]).mean()
    assert terms["loss/discriminator"] == pytest.approx(expected.item(), rel=1e-4)


@pytest.mark.parametrize(
    "overrides", [["loss=rahinge"], ["loss=r3gan"], ["loss=wgan_gp", "precision=bf16"]]
)
def test_a_vae_gan_plays_with_any_adversarial_loss(overrides: list[str]) -> None:
    made = experiment(*small("vae_gan"), *overrides, "method.scale=1", "method.gamma=0.1")
    state = fresh(made)
    before = {part: weights(state, part) for part in state.networks}
    for _ in range(2):
        made.method.step(state, reals(state.step))
    for part, old in before.items():
        assert any(not torch.equal(a, b) for a, b in zip(old, weights(state, part), strict=True))
    assert state.weights_are_finite()
    assert all(p.grad is None for n in state.networks.values() for p in n.parameters())


# ---------------------------------------------------------------- runs


@pytest.mark.parametrize(
    ("option", "settings"),
    [
        ("vae", ["train.ema=0.9", "optimizer.generator.schedule.shape=cosine"]),
        ("conv_vae", ["loss.likelihood=gaussian", "model.encoder.norm=batch", "precision=bf16"]),
        ("vae_gan", ["loss=hinge", "loss/penalty=r1", "loss.d_steps=2"]),
    ],
)
def test_an_autoencoder_is_resumed_bit_for_bit(
    tmp_path: Path, option: str, settings: list[str]
) -> None:
    schedule = "optimizer.generator.schedule.steps=20"
    assert call_command("gan-train", *run_of(tmp_path / "whole", option, schedule, *settings)) == 0
    path = tmp_path / "broken"
    arguments = run_of(path, option, schedule, *settings)
    assert call_command("gan-train", *arguments) == 0
    (path / "checkpoints" / "step_00000020.safetensors").unlink()
    assert call_command("gan-train", f"resume={path}") == 0
    assert left_behind(path) == left_behind(tmp_path / "whole")
    names = checkpoint.select(path / "checkpoints", "last").tensors
    parts = {name.split(".")[0] for name in names}
    for part in ("generator", "encoder", *(["discriminator"] if option == "vae_gan" else [])):
        assert {part, f"{part}_optimizer"} <= parts
    assert ("discriminator" in parts) == (option == "vae_gan")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A VAE that has learned the digits a little, measured twice."""
    path = tmp_path_factory.mktemp("vae") / "run"
    settings = ["train.steps=400", "train.log_every=50", "train.eval_every=200"]
    settings += ["model.generator.hidden=[64]", "model.encoder.hidden=[64]", "train.batch_size=64"]
    settings += ["evaluation.metrics=[likelihood]", "evaluation.space=random"]
    settings += ["evaluation.num=500", "evaluation.importance_samples=10"]
    settings += ["evaluation.best.metric=elbo", "evaluation.best.direction=max"]
    settings += ["optimizer.generator.lr=0.003", "train.sample_every=200", "train.save_every=200"]
    assert call_command("gan-train", *run_of(path, "vae", *settings)) == 0
    return path


def test_a_vae_learns_the_digits(run: Path) -> None:
    first, *_, last = (row for row in rows(run) if "elbo" in row)
    assert last["elbo"] > first["elbo"] + 5  # 28 nats are learned at once: the mean digit
    assert last["elbo"] > -27
    assert last["elbo/divergence"] > 1  # the code is used
    trained = load_generator(run, which="last", raw=False, device="cpu")
    fakes = trained.sampler.sample(64, seed=0)
    assert fakes.float().std(0).mean() > 20  # of 255: the samples differ


def test_the_terms_add_up_in_every_row_and_nothing_is_said_of_a_discriminator(run: Path) -> None:
    found = [row for row in rows(run) if "elbo" in row]
    for row in found:
        terms = row["elbo/reconstruction"] + row["elbo/divergence"]
        assert row["elbo"] == pytest.approx(-terms, rel=1e-6)
        assert not any("discriminator" in name or "logits" in name for name in row)
        assert row["learning_rate/encoder"] == row["learning_rate/generator"] == 0.003
    assert json.loads((run / "status.json").read_text())["verdicts"] == []


def test_an_evaluation_has_the_bounds_with_their_protocol(run: Path) -> None:
    lines = (run / "evaluations.jsonl").read_text().splitlines()
    for results in (json.loads(line)["results"] for line in lines):
        assert results["log_likelihood"]["value"] > results["elbo"]["value"]
        assert 0 < results["elbo"]["error"] < 1
        protocol = results["elbo"]["protocol"]
        counts = (protocol["split"], protocol["n_real"], protocol["n_fake"])
        assert counts == ("train", 500, 0)
        assert protocol["parameters"] == {
            "importance_samples": 10,
            "likelihood": "bernoulli",
            "scale": 1.0,
        }
    best = checkpoint.select(run / "checkpoints", "best")
    assert best.step == 400


def test_gan_evaluate_gives_the_likelihood_of_the_training(
    run: Path, tmp_path: Path, here: Here
) -> None:
    out = tmp_path / "numbers.json"
    answer = here("gan-evaluate", str(run), "--out", str(out), "--device", "cpu")
    assert answer.code == 0, answer.err
    (found,) = json.loads(out.read_text())["evaluations"]
    lines = (run / "evaluations.jsonl").read_text().splitlines()
    assert found["results"] == json.loads(lines[-1])["results"]
    more = ["--importance-samples", "40", "--out", str(out)]
    assert here("gan-evaluate", str(run), *more).code == 0
    (weighted,) = json.loads(out.read_text())["evaluations"]
    name = "log_likelihood"
    assert weighted["results"][name]["value"] > found["results"][name]["value"]


def test_gan_sample_draws_from_the_decoder(run: Path, tmp_path: Path, here: Here) -> None:
    assert here("gan-sample", str(run), "--num", "5", "--out", "a.npz").code == 0
    made = np.load(tmp_path / "a.npz")["samples"]
    trained = load_generator(run, which="last", raw=False, device="cpu")
    fakes = trained.sampler.sample(5, seed=0)
    assert np.array_equal(made[..., 0], fakes[:, 0].numpy())


def test_reconstructions_are_shown_beside_the_samples(run: Path) -> None:
    names = {path.name for path in (run / "samples").iterdir()}
    for step in (200, 400):
        assert {f"step_{step:08d}.png", f"reconstructions_{step:08d}.png"} <= names


def test_a_vae_of_vectors_is_trained_with_a_gaussian_likelihood(tmp_path: Path) -> None:
    settings = ["dataset=ring", "dataset.count=500", "loss.likelihood=gaussian", "loss.scale=0.1"]
    assert call_command("gan-train", *run_of(tmp_path / "run", "vae", *settings)) == 0
    assert not list((tmp_path / "run" / "samples").glob("reconstructions*"))


def test_the_weights_of_a_vae_start_another_and_no_gan(
    tmp_path: Path, here: Here, run: Path
) -> None:
    sizes = ["model.generator.hidden=[64]", "model.encoder.hidden=[64]", f"init_from={run}"]
    short = ["train.steps=0", *sizes]
    assert here("gan-train", *run_of(tmp_path / "one", "vae", *short)).code == 0
    one = checkpoint.select(tmp_path / "one" / "checkpoints", "last").tensors
    two = checkpoint.select(run / "checkpoints", "last").tensors
    assert all(torch.equal(value, two[name]) for name, value in one.items())
    answer = here("gan-train", f"init_from={run}", "hydra.run.dir=gan")
    assert (answer.code, "the networks differ" in answer.err) == (6, True)


def forms(plain: dict[str, Any]) -> set[str]:
    return {name for name in plain if name.startswith(("elbo", "loss/"))}


def test_a_vae_gan_logs_the_terms_of_both(tmp_path: Path) -> None:
    assert call_command("gan-train", *run_of(tmp_path / "run", "vae_gan")) == 0
    assert forms(rows(tmp_path / "run")[-1]) == {
        *("loss/discriminator", "loss/generator", "elbo/reconstruction", "elbo/divergence")
    }
