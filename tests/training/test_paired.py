"""Translation learned from pairs: its terms, its discriminator, its warm-up, exact resume."""

from __future__ import annotations

from typing import Any, cast

import pytest
import torch
from torch import Tensor
from translators import (
    batches_of,
    halved,
    identical,
    inverted,
    paired,
    state_of,
    train,
    unet,
    updates,
    upscaler,
)

from gan_runner.augmentations import Augmentation, Moment
from gan_runner.cli.hydra.composer import compose, parse_config
from gan_runner.config.component import build_component
from gan_runner.data.batches import Batch
from gan_runner.errors import ConfigError
from gan_runner.sampling.translation import Translation
from gan_runner.training.build import _warmup_warnings, build
from gan_runner.training.methods import Paired
from gan_runner.training.methods.base import DiscriminatorInput
from gan_runner.training.methods.paired import _check_terms
from gan_runner.training.methods.translation import pair
from gan_runner.training.state import TrainState

R1 = {"penalty": {"r1": {"name": "R1", "weight": 1.0, "every": 1}}}
GRADIENT = {"name": "GradientPenalty", "weight": 10.0, "every": 1, "target": 1.0}
PENALTIES: dict[str, dict[str, Any]] = {
    "gp": {**GRADIENT, "one_sided": False},
    "r1": {"name": "R1", "weight": 1.0, "every": 2},
    "r2": {"name": "R2", "weight": 1.0, "every": 1},
    "drift": {"name": "Drift", "weight": 0.1, "every": 1},
    "lecam": {"name": "LeCam", "weight": 0.1, "every": 1, "decay": 0.9},
    "smoothing": {"name": "LabelSmoothing", "weight": 0.1, "every": 1},
    "matching": {"name": "FeatureMatching", "weight": 0.1},
    "averaging": {"name": "HistoricalAveraging", "weight": 0.1},
    "consistency": {
        "name": "Consistency",
        "weight": 1.0,
        "every": 1,
        "balanced": True,
        "flip": True,
        "shift": 0.2,
        "noise": 0.0,
    },
}
LOSSES: dict[str, dict[str, Any]] = {
    "hinge": {"name": "Hinge", "margin": 1.0},
    "relativistic": {"name": "RelativisticPaired"},
    "average": {"name": "RelativisticAverage"},
    "wasserstein": {"name": "Wasserstein"},
}
LSGAN_ONLY = ("fake_target", "real_target", "generator_target")


def loss_of(**changes: Any) -> dict[str, Any]:
    return {"d_steps": 1, "clip": None, "penalty": {}, **changes}


def error_of(method: Paired, state: TrainState, *, seed: int = 9) -> float:
    """The mean absolute difference of outputs and targets of other spots, in shares of 255."""
    data = inverted(32, seed=seed)
    indices = torch.arange(len(data))
    sampler = method.sampler(state.sampling_networks, data.space, (), weights="ema")
    assert sampler.translation is not None
    outputs = sampler.translation.translate(data.input_rows(indices, seed=0))
    return float((outputs.float() - data.rows(indices).float()).abs().mean()) / 255


def test_pairs_teach_to_invert_spots_that_were_never_seen() -> None:
    data, method = inverted(), paired(batch_size=8)
    method = method.with_updates(**vars(updates(8, lr=0.01)))
    state = train(method, data, state_of(method, data.space), steps=30)
    targets = data.rows(torch.arange(64)).float() / 255
    untouched = float((1 - 2 * targets).abs().mean())  # of the input itself
    assert error_of(method, state) < 0.1 < untouched / 7


def test_a_conditional_discriminator_sees_the_input_beside_the_output() -> None:
    data, method = inverted(), paired()
    state, batch = state_of(method, data.space), next(batches_of(data, method))
    seen: list[Tensor] = []
    state.discriminator.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    method.step(state, iter([batch]))
    assert batch.inputs is not None
    reals = seen[0][:4]
    assert reals.equal(torch.cat((batch.inputs, batch.examples), dim=1))
    assert all(of.shape[1] == 2 for of in seen)
    assert all(of[:4, :1].equal(batch.inputs) for of in seen)


def test_an_unconditional_one_sees_the_output_alone() -> None:
    data, method = inverted(), paired(conditional=False)
    state = state_of(method, data.space)
    seen: list[Tensor] = []
    state.discriminator.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    train(method, data, state, steps=1)
    assert all(of.shape[1] == 1 for of in seen)


def test_a_smaller_input_is_scaled_to_the_size_of_its_output() -> None:
    joint = pair(torch.zeros(2, 1, 8, 8), torch.ones(2, 3, 4, 4))
    assert joint.shape == (2, 4, 8, 8)
    assert joint[:, :3].min() == 1
    assert joint[:, 3:].max() == 0


class Shift:
    """The images moved by as many columns as are drawn, and told apart by their channels. No class
    of augmentations, which runs could name."""

    def __call__(self, examples: Tensor, at: Moment) -> Tensor:
        by = torch.randint(1, 7, (len(examples),), generator=at.rng)
        moved = [of.roll(int(n), 2) for of, n in zip(examples, by, strict=True)]
        return torch.stack(moved)


def test_augmentations_draw_once_for_an_input_and_its_output() -> None:
    shown = DiscriminatorInput({"shift": cast(Augmentation, Shift())})
    data = inverted()
    method = paired(discriminator_input=shown)
    state, batch = state_of(method, data.space), next(batches_of(data, method))
    assert batch.inputs is not None
    joint = Batch(pair(batch.examples, batch.inputs))
    changed = shown(joint, state).examples
    assert not changed.equal(joint.examples)
    assert torch.allclose(changed[:, 0], -changed[:, 1], atol=1e-6)  # a negative of it, still


@pytest.mark.parametrize("name", ["ADA", "DiffAugment"])
def test_both_are_augmented_in_training(name: str) -> None:
    settings = {
        "ADA": {
            "target": 0.6,
            "interval": 1,
            "images": 100,
            "initial": 0.5,
            "places": True,
            "colors": True,
        },
        "DiffAugment": {"color": True, "translation": 0.125, "cutout": 0.5},
    }
    one = build_component({"name": name, **settings[name]}, Augmentation, where="augment")
    data, method = inverted(), paired(discriminator_input=DiscriminatorInput({"one": one}))
    state = train(method, data, state_of(method, data.space), steps=2)
    assert state.weights_are_finite()


@pytest.mark.parametrize("kind", ["patch", "multiscale", "global"])
@pytest.mark.parametrize("name", PENALTIES)
def test_every_penalty_works_on_maps_of_logits(name: str, kind: str) -> None:
    norm = "none" if name in ("gp", "r1", "r2") else "instance"
    model = unet(kind=kind, norm=norm)
    data, method = inverted(), paired(model, loss={"penalty": {name: PENALTIES[name]}})
    state = train(method, data, state_of(method, data.space), steps=2)
    row = state.sums.means()
    assert state.weights_are_finite()
    assert any(name in key and value != 0 for key, value in row.items())


@pytest.mark.parametrize("name", LOSSES)
def test_every_kind_of_loss_works_on_maps_of_logits(name: str) -> None:
    method = paired()
    objective = type(method.objective).build(loss_of(**LOSSES[name]))
    method = Paired(
        method.model,
        method.updates,
        objective,
        method.discriminator_input,
        discriminates_together=True,
        settings=method.settings,
    )
    data = inverted()
    state = train(method, data, state_of(method, data.space), steps=2)
    assert state.weights_are_finite()


def test_reconstructions_are_logged_unweighted_and_the_game_as_it_is_weighted() -> None:
    data, method = inverted(), paired(adversarial=0.0, l1=3.0, l2=2.0, features=1.0)
    state = state_of(method, data.space)
    batch = next(batches_of(data, method))
    assert batch.inputs is not None
    outputs = state.generator(batch.inputs).detach()
    train(method, data, state, steps=1)
    row = state.sums.means()
    assert row["loss/generator"] == 0
    assert row["reconstruction/l1"] == pytest.approx(
        float((outputs - batch.examples).abs().mean()), rel=1e-5
    )
    assert row["reconstruction/l2"] == pytest.approx(
        float((outputs - batch.examples).square().mean()), rel=1e-5
    )
    assert row["reconstruction/features"] > 0


def test_the_discriminator_waits_for_the_end_of_the_warmup() -> None:
    data = halved()
    method = paired(upscaler(), conditional=False, warmup=2, adversarial=0.1, features=0.1)
    state = state_of(method, data.space)
    before = {k: v.clone() for k, v in state.discriminator.state_dict().items()}
    first = {k: v.clone() for k, v in state.generator.state_dict().items()}
    train(method, data, state, steps=2)
    assert all(v.equal(before[k]) for k, v in state.discriminator.state_dict().items())
    assert not all(v.equal(first[k]) for k, v in state.generator.state_dict().items())
    assert set(state.sums.means()) == {"reconstruction/l1", "grad_norm/generator"}
    assert method.derived_numbers(state.sums.means()) == {}
    train(method, data, state, steps=1)
    assert not all(v.equal(before[k]) for k, v in state.discriminator.state_dict().items())


@pytest.mark.parametrize("case", ["dropout", "ada", "warmup"])
def test_a_resumed_run_ends_with_the_same_bits(case: str) -> None:
    data = halved() if case == "warmup" else inverted()
    ada = {"target": 0.6, "interval": 1, "images": 20, "initial": 0.5}
    ada |= {"places": True, "colors": True}
    made = {
        "dropout": lambda: paired(unet(dropout=0.5), loss=R1),
        "ada": lambda: paired(
            discriminator_input=DiscriminatorInput(
                {"ada": build_component({"name": "ADA", **ada}, Augmentation, where="augment")}
            )
        ),
        "warmup": lambda: paired(upscaler(), conditional=False, warmup=3, features=0.1),
    }[case]()
    whole = train(made, data, state_of(made, data.space), steps=5)
    half = train(made, data, state_of(made, data.space), steps=2)
    resumed = state_of(made, data.space)
    resumed.load(half.tensors(), half.facts())
    assert identical(train(made, data, resumed, steps=3), whole)


def test_microbatches_learn_what_the_whole_batch_does() -> None:
    data = inverted()
    states = []
    for accumulate in (1, 2):
        method = paired(loss=R1, accumulate=accumulate)
        states.append(train(method, data, state_of(method, data.space), steps=2))
    one, other = (list(state.generator.parameters()) for state in states)
    assert all(torch.allclose(a, b, atol=2e-3) for a, b in zip(one, other, strict=True))
    rows = [state.sums.means() for state in states]
    assert rows[0] == pytest.approx(rows[1], rel=1e-2, abs=1e-4)


@pytest.mark.parametrize("name", ["Paired", "Unpaired"])
def test_a_translator_needs_an_adversarial_loss(name: str) -> None:
    words = ["dataset=degraded", "model=unet", f"method={name.lower()}", "loss=elbo"]
    with pytest.raises(ConfigError, match=r"with loss=elbo\. Use loss=lsgan"):
        build(parse_config(compose(words)))


def test_a_warmup_as_long_as_the_run_is_warned_of() -> None:
    (warning,) = _warmup_warnings({"warmup": 1000}, 500)
    assert warning.endswith("Use method.warmup=100 or train.steps=5000.")
    assert not list(_warmup_warnings({"warmup": 1000}, 5000))
    assert not list(_warmup_warnings({"name": "VAE"}, 5000))


def test_a_warmup_needs_a_distance_of_pixels() -> None:
    with pytest.raises(ConfigError, match=r"method\.warmup=5 .*Use method\.l1=1"):
        _check_terms(paired(l1=0.0, warmup=5).settings, {})


def test_features_of_augmented_images_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"method\.features=1 with augment=shift"):
        _check_terms(paired(features=1.0).settings, {"shift": cast(Augmentation, Shift())})


def test_a_translation_of_any_size_is_padded_and_cut_off_again() -> None:
    data, method = inverted(), paired()
    state = state_of(method, data.space)
    sampler = method.sampler(state.sampling_networks, data.space, (), weights="ema")
    translation = sampler.translation
    assert translation is not None
    images = torch.randint(256, (2, 1, 13, 9), dtype=torch.uint8)
    assert translation.translate(images).shape == (2, 1, 13, 9)
    assert translation.translate(images[:, :, :1, :2]).shape == (2, 1, 1, 2)
    assert translation.translate(images[:0]).shape == (0, 1, 13, 9)


def test_a_translation_does_not_depend_on_those_made_with_it() -> None:
    data, method = inverted(), paired()
    state = state_of(method, data.space)
    sampler = method.sampler(state.sampling_networks, data.space, (), weights="ema")
    translation = sampler.translation
    assert translation is not None
    images = data.input_rows(torch.arange(5), seed=0)
    together = translation.translate(images)
    assert all(
        translation.translate(of[None]).equal(out[None])
        for of, out in zip(images, together, strict=True)
    )


def test_larger_outputs_are_cut_where_their_input_ends() -> None:
    data, method = halved(), paired(upscaler(), conditional=False)
    state = state_of(method, data.space)
    sampler = method.sampler(state.sampling_networks, data.space, (), weights="ema")
    assert sampler.translation is not None
    images = torch.zeros(3, 1, 5, 7, dtype=torch.uint8)
    assert sampler.translation.translate(images).shape == (3, 1, 10, 14)


def test_translators_have_no_latent_points_to_sample() -> None:
    data, method = inverted(), paired()
    state = state_of(method, data.space)
    sampler = method.sampler(state.sampling_networks, data.space, (), weights="ema")
    with pytest.raises(ConfigError, match="Use gan-translate RUN"):
        sampler.sample(4, seed=0)


def test_images_of_other_channels_are_refused() -> None:
    translation = Translation(torch.nn.Linear(1, 1), inverted().space)
    with pytest.raises(ConfigError, match="Use images of 1 channel, "):
        translation.translate(torch.zeros(2, 3, 8, 8, dtype=torch.uint8))


def test_a_run_of_one_direction_has_no_way_back() -> None:
    translation = Translation(torch.nn.Linear(1, 1), inverted().space)
    with pytest.raises(ConfigError, match="direction=ba"):
        translation.turned("ba")
