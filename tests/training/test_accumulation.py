"""Micro-batches do together what one pass with the whole batch does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import repeat
from pathlib import Path
from typing import Any
from weakref import ReferenceType, ref

import pytest
import torch
from golden.trajectories import CASES
from torch import Tensor, nn
from trajectories_of_ranks import states

from gan_runner.cli.hydra.composer import compose, parse_config
from gan_runner.config.component import find_classes
from gan_runner.data import Space
from gan_runner.data.batches import Batch
from gan_runner.errors import ConfigError, PluginError
from gan_runner.objectives.losses import Loss
from gan_runner.objectives.penalties import Penalty
from gan_runner.system import ranks
from gan_runner.system.micro_batches import MicroBatches
from gan_runner.training.build import build
from gan_runner.training.experiment import Experiment
from gan_runner.training.independence import check_independence
from gan_runner.training.state import TrainState, fresh_state

LAYER = ("model.generator.norm=layer", "model.discriminator.norm=layer")
OF_VAE_GAN = (*LAYER, "model.encoder.norm=layer", "model.discriminator.norm=none")
WITHOUT_DROPOUT = ("model.generator.dropout=0", "model.discriminator.dropout=0")
AVERAGING = ("loss/penalty=[historical_averaging,lecam]",)
WITHOUT_LAYER = (*LAYER, "model.discriminator.minibatch=none")
CHANGES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("vae", "conv_vae", "r3gan", "sequences"), ()),
    **dict.fromkeys(("vae_gan", "double_vae_gan"), OF_VAE_GAN),
    "embedding_stddev": WITHOUT_LAYER,
    **dict.fromkeys(("hinge_resnet_spectral", "double_resnet_spectral"), LAYER[:1]),
    "unpaired": (*WITHOUT_DROPOUT, "method.pool=24", *AVERAGING),
    "double_cut": (),
}
"""What makes a recorded run one that micro-batches can have; `LAYER` for any other."""

SPREAD = (
    *("wgan_gp_mlp", "ralsgan", "rahinge_packed", "dragan", "vae"),
    *("hinge_resnet_spectral", "lsgan_matching", "codes", "projection", "vae_gan"),
    *("unpaired", "double_cut"),
    *("auxiliary_clipped_norm", "ada_lecam_consistency", "double_evaluated_table"),
)
LEFT_OUT = ("bf16", "table_conditional")  # rounded by design; read as float32 in any case
EVERY = tuple(name for name in CASES if name not in LEFT_OUT)
VECTORS = Space("vectors", (2,), (0.0,) * 2, (1.0,) * 2)
RING = ("dataset=ring", "model=mlp", "train.batch_size=8")


def difference(folder: Path, name: str, *changes: str, parts: int, steps: int) -> float:
    """The most that a number of the state after one pass a batch and after several differ."""
    changes = (*CHANGES.get(name, LAYER), *changes)
    ((_, whole, _),) = states(folder, (name,), steps=steps, changes=changes)
    ((_, shared, _),) = states(folder, (f"{name}:{parts}",), steps=steps, changes=changes)
    assert whole.keys() == shared.keys()
    return max(
        float((value - shared[key]).abs().max() / max(1.0, float(value.abs().max())))
        for key, value in whole.items()
        if value.numel()
    )


@pytest.mark.parametrize("name", SPREAD)
def test_micro_batches_end_where_the_whole_batch_ends(tmp_path: Path, name: str) -> None:
    assert difference(tmp_path, name, parts=4, steps=2) < 1e-8


@pytest.mark.parametrize("name", ["ralsgan", "wgan_gp_mlp"])
def test_simultaneous_updates_end_where_those_of_the_whole_batch_end(
    tmp_path: Path, name: str
) -> None:
    assert difference(tmp_path, name, "train.updates=simultaneous", parts=2, steps=3) < 1e-8


@pytest.mark.calibration
@pytest.mark.parametrize("updates", ["alternating", "simultaneous"])
@pytest.mark.parametrize("name", EVERY)
def test_every_run_ends_where_it_ends_without_micro_batches(
    tmp_path: Path, name: str, updates: str
) -> None:
    if updates == "simultaneous" and any(of in name for of in ("vae", "cut")):
        pytest.skip("autoencoders and translators are updated in one way")
    found = difference(tmp_path, name, f"train.updates={updates}", parts=2, steps=20)
    assert found < 1e-8


def experiment_of(*words: str) -> Experiment:
    return build(parse_config(compose([*RING, "loss=hinge", *words])))


def state_of(experiment: Experiment) -> TrainState:
    return fresh_state(
        experiment.model,
        experiment.optimizers,
        VECTORS,
        seed=0,
        with_ema=True,
        device=torch.device("cpu"),
    )


def reals() -> Iterator[Batch]:
    return repeat(Batch(torch.linspace(-1, 1, 16).view(8, 2)))


def test_no_pass_takes_more_than_a_micro_batch() -> None:
    experiment = experiment_of("train.accumulate=4", "loss.d_steps=2")
    state, seen = state_of(experiment), []
    for network in state.networks.values():
        network.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    experiment.method.step(state, reals())
    assert max(seen) == 4  # two reals and two fakes go through D as one
    assert state.step == 1


@pytest.mark.parametrize("couples", [True, False])
def test_nothing_of_a_micro_batch_is_kept_until_the_next(couples: bool) -> None:
    experiment = experiment_of("train.accumulate=4")
    left: list[ReferenceType[Tensor]] = []

    def work(batch: Batch) -> Tensor:
        assert all(made() is None for made in left)
        made = batch.examples.exp()
        left.append(ref(made))
        return made

    batch = next(reals())
    last = experiment.method.accumulate(state_of(experiment), work, batch, couples=couples)
    assert last.equal(batch.examples[-2:].exp())
    assert len(left) == (8 if couples else 4)


@pytest.mark.parametrize("words", [("loss=ralsgan",), ("augment=instance_noise",)])
def test_a_run_in_micro_batches_resumes_bit_for_bit(words: tuple[str, ...]) -> None:
    experiment = experiment_of("train.accumulate=2", *words)
    through, before, resumed = (state_of(experiment) for _ in range(3))
    for _ in range(4):
        experiment.method.step(through, reals())
    for _ in range(2):
        experiment.method.step(before, reals())
    saved = {name: value.detach().clone() for name, value in before.tensors().items()}
    resumed.load(saved, before.facts())
    for _ in range(2):
        experiment.method.step(resumed, reals())
    expected = through.tensors()
    assert all(value.equal(expected[name]) for name, value in resumed.tensors().items())
    assert resumed.facts() == through.facts()


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("model=dcgan", "dataset=digits"), "batch norm needs the whole batch at once"),
        (("model=vae_gan", "dataset=digits"), "batch norm needs the whole batch at once"),
        (("model.discriminator.minibatch=stddev",), "a minibatch layer needs the whole batch"),
        (("model.discriminator.minibatch=discrimination",), "a minibatch layer needs the whole"),
        (("train.batch_size=10",), "can't be shared alike, train.batch_size=10 with train.acc"),
        (("model.packing=4",), "train.accumulate=4 with model.packing=4"),
        (("devices=3",), "on devices=3 with train.accumulate=4"),
    ],
)
def test_a_refusal_has_a_remedy_that_works(words: tuple[str, ...], problem: str) -> None:
    words = ("train.accumulate=4", *words)
    with pytest.raises(ConfigError, match=problem) as refused:
        experiment_of(*words)
    for remedy in re.split(r" or ", str(refused.value).partition("Use ")[2]):
        experiment_of(*words, *remedy.split())


def test_a_method_that_says_nothing_of_micro_batches_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gan_runner.training.methods.adversarial.Adversarial.accumulates", False)
    with pytest.raises(ConfigError, match=r"at once, train\.accumulate=2 with method"):
        experiment_of("train.accumulate=2")


class Centered(nn.Module):
    def forward(self, inputs: Tensor, labels: Tensor | None = None) -> Tensor:
        return inputs - inputs.mean(0)


@pytest.mark.parametrize("network", [nn.BatchNorm1d(64), nn.Dropout(), Centered()])
def test_a_network_that_couples_examples_is_refused(network: nn.Module) -> None:
    experiment = experiment_of("train.accumulate=2", "model.latent_size=64")
    networks = state_of(experiment).networks
    of_run = (experiment.config, experiment.method)
    check_independence(*of_run, networks, VECTORS, classes=0)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(ConfigError, match="the generator treats an example by the others"):
        check_independence(*of_run, {**networks, "generator": network}, VECTORS, classes=0)
    assert all(value.equal(before[name]) for name, value in network.state_dict().items())


def test_numbers_that_a_plugin_draws_for_a_part_of_the_batch_are_refused() -> None:
    stream = torch.Generator().manual_seed(0)
    options: Mapping[str, Any] = {"generator": stream}
    parts = MicroBatches(2)
    with parts.turn(0, [stream], rehearses=False):
        assert ranks.draw(torch.rand, (2,), **options).shape == (2,)
    with (
        pytest.raises(PluginError, match=r"for a part of the batch alone, train\.accumulate"),
        parts.turn(1, [stream], rehearses=False),
    ):
        torch.rand(2, generator=stream)
    with (
        pytest.raises(PluginError, match="for a part of the batch alone"),
        parts.turn(1, [stream], rehearses=False),
    ):
        torch.rand(2, generator=stream)
        ranks.draw(torch.rand, (2,), **options)
    assert ranks.shares() == 1  # also after an error


@pytest.mark.parametrize("name", find_classes(Loss))
def test_losses_that_couple_examples_say_so(name: str) -> None:
    kind = find_classes(Loss)[name]
    values = {"margin": 1.0, "generator_loss": "exact"}
    values |= {"fake_target": 0.0, "real_target": 1.0, "generator_target": 1.0}
    fields = {key: value for key, value in values.items() if key in kind.model_fields}
    loss = kind.model_validate(fields)
    real, fake = torch.linspace(-2, 1, 6), torch.linspace(3, 0, 6)
    halves = [
        (loss.discriminator(r, f), loss.generator(f, r))
        for r, f in zip(real.chunk(2), fake.chunk(2), strict=True)
    ]
    whole = loss.discriminator(real, fake), loss.generator(fake, real)
    joined = (torch.cat(parts) for parts in zip(*halves, strict=True))
    is_alone = all(a.allclose(b) for a, b in zip(whole, joined, strict=True))
    assert is_alone is not kind.couples_examples


def test_a_loss_or_penalty_that_says_nothing_is_taken_to_couple_examples() -> None:
    assert Loss.couples_examples
    assert Penalty.couples_examples
    alone = {name for name, kind in find_classes(Penalty).items() if not kind.couples_examples}
    assert find_classes(Penalty).keys() - alone == {"DRAGAN", "LeCam"}
