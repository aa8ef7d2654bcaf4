"""What changes while training is saved whole, and taken over so exactly that nobody can tell."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import repeat
from typing import Any

import pytest
import torch
from conftest import COMPARING_NOTHING, PLAIN
from pydantic import TypeAdapter
from torch import Tensor
from translators import upscaler

from gan_runner.config.component import build_component
from gan_runner.data import Space
from gan_runner.data.batches import Batch
from gan_runner.models import Model
from gan_runner.objectives.objective import Objective
from gan_runner.storage.facts import StateFacts
from gan_runner.training.methods import Adversarial, UpdateSettings
from gan_runner.training.methods.base import DiscriminatorInput
from gan_runner.training.optimizers import Optimizer, Optimizers
from gan_runner.training.state import Sums, TrainState, fresh_state, frozen_copy

CPU = torch.device("cpu")
IMAGES = Space("images", (3, 8, 8))
VECTORS = Space("vectors", (2,), (0.0, 0.0), (1.0, 1.0))
R1 = {"name": "R1", "weight": 1.0, "every": 2}
LOSS = {"name": "NonSaturating", "d_steps": 2, "clip": None, "penalty": {"r1": R1}}
STEPPERS: dict[str, dict[str, Any]] = {
    "Adam": {"betas": [0.5, 0.9], "eps": 1e-8},
    "AdamW": {"betas": [0.5, 0.9], "eps": 1e-8},
    "RMSprop": {"alpha": 0.9, "eps": 1e-8, "momentum": 0.5},
    "SGD": {"momentum": 0.5, "nesterov": True},
}
PLAIN_SGD = {"momentum": 0.0, "nesterov": False}


def model(space: Space, *, norm: str = "layer", width: int = 4) -> Model:
    if space is VECTORS:
        network = {"hidden": [2 * width, width], "activation": "relu", "norm": norm, "init": "he"}
        name = "MLP"
    else:
        network, name = {"width": width, "norm": norm, "init": "he"}, "DCGAN"
    node = {
        "name": name,
        "latent_size": 3,
        **PLAIN,
        "generator": network,
        "discriminator": {**network, "dropout": 0.0, **COMPARING_NOTHING},
    }
    return build_component(node, Model, where="model")


def optimizers(name: str, settings: dict[str, Any] | None = None) -> Optimizers:
    schedule = {"shape": "constant", "warmup": 3, "steps": None, "final": 0.0}
    common = {"lr": 0.01, "weight_decay": 0.01, "clip_norm": None, "schedule": schedule}
    node = {"name": name, **common, **(STEPPERS[name] if settings is None else settings)}
    made = build_component(node, Optimizer, where="optimizer")
    return Optimizers(made, made)


def fresh(
    space: Space = VECTORS,
    stepper: Optimizers | None = None,
    *,
    seed: int = 0,
    with_ema: bool = True,
    **changes: Any,
) -> TrainState:
    made = stepper or optimizers("Adam")
    return fresh_state(
        model(space, **changes), made, space, seed=seed, with_ema=with_ema, device=CPU
    )


def train(
    state: TrainState, steps: int, space: Space = VECTORS, stepper: Optimizers | None = None
) -> TrainState:
    updates = UpdateSettings(
        optimizers=stepper or optimizers("Adam"),
        batch_size=5,
        accumulate=1,
        ema=0.9,
        ema_warmup=1.0,
        bf16=False,
        simultaneous=False,
    )
    method = Adversarial(
        model(space),
        updates,
        Objective.build(LOSS),
        DiscriminatorInput(),
        discriminates_together=True,
        generates_together=True,
    )
    for _ in range(steps):
        method.step(state, reals(space, state.step))
    return state


def reals(space: Space, step: int) -> Iterator[Batch]:
    stream = torch.Generator().manual_seed(step)
    return (Batch(torch.randn(5, *space.shape, generator=stream)) for _ in repeat(None))


def saved_copy(state: TrainState) -> tuple[dict[str, Tensor], StateFacts]:
    """The state as a checkpoint brings it back: contiguous copies and JSON."""
    tensors = {name: value.detach().clone().contiguous() for name, value in state.tensors().items()}
    facts = json.loads(json.dumps(asdict(state.facts())))
    return tensors, TypeAdapter(StateFacts).validate_python(facts)


def assert_same(one: TrainState, other: TrainState) -> None:
    left, right = one.tensors(), other.tensors()
    assert left.keys() == right.keys()
    for name, value in left.items():
        assert torch.equal(value, right[name]), name
        assert value.dtype == right[name].dtype
        assert value.stride() == right[name].stride(), name
    assert one.facts() == other.facts()


# ---------------------------------------------------------------- saving and loading


@pytest.mark.parametrize("name", STEPPERS)
@pytest.mark.parametrize("space", [VECTORS, IMAGES], ids=["vectors", "images"])
def test_a_loaded_state_goes_on_bit_for_bit(name: str, space: Space) -> None:
    stepper = optimizers(name)
    state = train(fresh(space, stepper), 3, space, stepper)
    other = fresh(space, stepper, seed=1)
    other.load(*saved_copy(state))
    assert_same(state, other)
    assert_same(train(state, 3, space, stepper), train(other, 3, space, stepper))


def test_every_slot_of_the_optimizers_is_saved_by_the_name_of_its_parameter() -> None:
    state = train(fresh(), 1)
    names = state.tensors().keys()
    for part in "generator", "discriminator":
        for name, _ in getattr(state, part).named_parameters():
            for slot in "step", "exp_avg", "exp_avg_sq":
                assert f"{part}_optimizer.{name}.{slot}" in names


def test_a_state_of_step_0_has_no_slots_and_is_loaded() -> None:
    state, other = fresh(), train(fresh(seed=1), 0)
    assert not any("optimizer" in name for name in state.tensors())
    other.load(*saved_copy(state))
    assert_same(state, other)


def test_an_optimizer_without_momentum_has_nothing_to_save() -> None:
    stepper = optimizers("SGD", PLAIN_SGD)
    state = train(fresh(stepper=stepper), 2, stepper=stepper)
    assert not any("optimizer" in name for name in state.tensors())
    other = fresh(stepper=stepper, seed=1)
    other.load(*saved_copy(state))
    assert_same(train(state, 2, stepper=stepper), train(other, 2, stepper=stepper))


def test_images_are_trained_with_channels_last_before_and_after_loading() -> None:
    other = fresh(IMAGES, seed=1)
    other.load(*saved_copy(train(fresh(IMAGES), 2, IMAGES)))
    for state in fresh(IMAGES), other:
        weights = [p for p in state.discriminator.parameters() if p.ndim == 4]
        assert weights
        for weight in weights:
            slots = state.optimizers["discriminator"].state[weight]
            for tensor in (weight, *(v for v in slots.values() if v.ndim == 4)):
                assert tensor.is_contiguous(memory_format=torch.channels_last)


def test_statistics_of_batch_norm_and_vectors_of_spectral_norm_are_saved() -> None:
    for norm, ending in (("batch", "running_mean"), ("spectral", "_u")):
        state = train(fresh(IMAGES, norm=norm), 2, IMAGES)
        for part in "generator", "discriminator", "ema":
            assert any(n.startswith(f"{part}.") and n.endswith(ending) for n in state.tensors())
        other = fresh(IMAGES, norm=norm, seed=1)
        other.load(*saved_copy(state))
        assert_same(train(state, 2, IMAGES), train(other, 2, IMAGES))


def test_a_state_without_an_ema_saves_none() -> None:
    state = train(fresh(with_ema=False), 2)
    assert not any(name.startswith("ema.") for name in state.tensors())
    other = fresh(with_ema=False, seed=1)
    other.load(*saved_copy(state))
    assert_same(state, other)


def test_looking_at_a_state_does_not_change_it() -> None:
    state, untouched = train(fresh(), 2), train(fresh(), 2)
    state.tensors(), state.facts(), state.weights_are_finite(), state.sums.means()
    assert_same(train(state, 2), train(untouched, 2))


# ---------------------------------------------------------------- refusals

REFUSED = (KeyError, TypeError, ValueError, AttributeError, RuntimeError)  # as resuming has them


@pytest.mark.parametrize("norm", ["batch", "spectral"])
def test_what_is_rewound_is_as_it_was(norm: str) -> None:
    state = fresh(norm=norm)
    state.memory("penalty.lecam")["real"] = torch.zeros(())
    before, facts = saved_copy(state)
    with state.rewound():
        torch.randn(3, generator=state.rng.penalty)
        state.memory("penalty.lecam")["real"] = torch.ones(())
        state.memory("augment.ada")["sure"] = torch.ones(())
        state.discriminator(torch.randn(4, 2))
        assert saved_copy(state)[1] != facts
    after, facts_after = saved_copy(state)
    assert facts_after == facts
    assert after.keys() == before.keys()
    assert all(value.equal(before[name]) for name, value in after.items())


def test_tensors_that_are_missing_unknown_or_of_another_shape_are_refused() -> None:
    tensors, facts = saved_copy(train(fresh(), 1))
    for name in ("generator.0.weight", "ema.0.bias"):
        with pytest.raises(REFUSED):
            fresh().load({k: v for k, v in tensors.items() if k != name}, facts)
    for name, value in (
        ("generator.0.other", torch.zeros(1)),
        ("discriminator.0.weight", torch.zeros(7, 7)),
        ("generator_optimizer.0.other.exp_avg", torch.zeros(1)),
        ("generator_optimizer.0.weight.exp_avg", torch.zeros(7, 7)),
    ):
        with pytest.raises(REFUSED):
            fresh().load({**tensors, name: value}, facts)


def test_networks_of_another_width_are_refused() -> None:
    with pytest.raises(REFUSED):
        fresh(width=5).load(*saved_copy(train(fresh(), 1)))


@pytest.mark.parametrize(
    "changes",
    [
        {"counts": {"loss/unknown": 1}},
        {"rng": {}},
        {"rng": {"latent": "no base64!", "penalty": ""}},
        {"rng": {"latent": "AAAA", "penalty": "AAAA"}},
        {"rng": {"latent": 5, "penalty": 5}},
    ],
)
def test_facts_that_make_no_sense_are_refused(changes: dict[str, Any]) -> None:
    tensors, facts = saved_copy(train(fresh(), 1))
    with pytest.raises(REFUSED):
        fresh().load(tensors, replace(facts, **changes))


# ---------------------------------------------------------------- weights only


def test_weights_alone_are_taken_over_and_nothing_else() -> None:
    tensors, _ = saved_copy(train(fresh(), 3))
    state, untouched = fresh(seed=1), fresh(seed=1)
    state.load_weights(tensors)
    for part in "generator", "discriminator", "ema":
        for name, value in getattr(state, part).state_dict().items():
            assert torch.equal(value, tensors[f"{part}.{name}"])
    assert state.facts() == untouched.facts()
    assert not state.optimizers["generator"].state


def test_where_the_other_run_has_no_ema_its_generator_is_the_start_of_ours() -> None:
    tensors, _ = saved_copy(train(fresh(with_ema=False), 3))
    state = fresh(seed=1)
    state.load_weights(tensors)
    assert state.ema is not None
    for name, value in state.ema.state_dict().items():
        assert torch.equal(value, tensors[f"generator.{name}"])


def test_weights_of_other_networks_are_refused() -> None:
    tensors, _ = saved_copy(fresh(width=5))
    with pytest.raises(RuntimeError):
        fresh().load_weights(tensors)


# ---------------------------------------------------------------- a fresh state


def test_the_same_seed_gives_the_same_start_and_another_seed_another() -> None:
    assert_same(fresh(seed=3), fresh(seed=3))
    first, other = fresh(seed=3), fresh(seed=4)
    assert not torch.equal(
        first.tensors()["generator.0.weight"], other.tensors()["generator.0.weight"]
    )
    assert first.facts().rng != other.facts().rng


def test_the_streams_of_a_state_differ() -> None:
    streams = fresh().facts().rng
    assert streams["latent"] != streams["penalty"]


def test_a_fresh_state_neither_reads_nor_moves_the_global_generator() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = fresh()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert_same(first, fresh())


def test_the_ema_begins_as_the_generator_and_is_only_evaluated() -> None:
    state = fresh(norm="batch")
    ema = state.ema
    assert ema is not None
    for own, other in zip(ema.parameters(), state.generator.parameters(), strict=True):
        assert torch.equal(own, other)
        assert own.data_ptr() != other.data_ptr()
        assert not own.requires_grad
    assert not any(module.training for module in ema.modules())
    assert state.generator.training
    assert all(parameter.requires_grad for parameter in state.generator.parameters())


def test_samples_come_from_the_ema_where_there_is_one() -> None:
    with_ema, raw = fresh(), fresh(with_ema=False)
    assert with_ema.sampling_networks["generator"] is with_ema.ema
    assert raw.sampling_networks["generator"] is raw.generator


def test_a_frozen_copy_leaves_the_original_as_it_was() -> None:
    original = fresh(norm="batch").generator
    frozen_copy(original)
    assert original.training
    assert all(parameter.requires_grad for parameter in original.parameters())


@pytest.mark.parametrize("part", ["generator", "discriminator", "ema"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_single_value_that_is_not_finite_is_found(part: str, value: float) -> None:
    state = fresh(IMAGES, norm="batch")
    assert state.weights_are_finite()
    weights = getattr(state, part).state_dict()
    name = next(name for name in weights if name.endswith("running_mean"))
    weights[name][-1] = value
    assert not state.weights_are_finite()


# ---------------------------------------------------------------- running sums


def scalars(**values: float) -> dict[str, Tensor]:
    return {name: torch.tensor(value) for name, value in values.items()}


def test_a_mean_is_over_the_updates_that_gave_the_name() -> None:
    sums = Sums()
    for update in range(6):
        lazy = {"penalty": 10.0 * update} if update % 3 == 0 else {}
        sums.add(scalars(loss=float(update), **lazy))
    sums.add(scalars(other=1.0))
    assert sums.means() == {"loss": 2.5, "penalty": 15.0, "other": 1.0}


def test_many_small_terms_are_added_exactly() -> None:
    sums = Sums()
    for _ in range(3000):
        sums.add(scalars(loss=0.1, large=1e7))
    assert sums.means()["loss"] == pytest.approx(torch.tensor(0.1).item(), rel=1e-12)
    assert sums.means()["large"] == 1e7


def test_a_row_does_not_depend_on_a_save_within_it() -> None:
    whole, state = fresh(), fresh()
    for step in range(10):
        if step in (3, 7):
            other = fresh(seed=1)
            other.load(*saved_copy(state))
            state = other
        train(whole, 1), train(state, 1)
    assert whole.sums.means() == state.sums.means()
    assert {"loss/discriminator", "loss/generator", "penalty/r1"} <= set(whole.sums.means())


def test_a_cleared_row_is_empty() -> None:
    sums = Sums()
    sums.add(scalars(loss=1.0))
    sums.clear()
    assert sums.means() == {}
    sums.add(scalars(loss=3.0))
    assert sums.means() == {"loss": 3.0}


def test_a_term_that_is_not_finite_shows_in_its_mean_only() -> None:
    sums = Sums()
    sums.add(scalars(bad=float("nan"), good=1.0))
    means = sums.means()
    assert means["bad"] != means["bad"]
    assert means["good"] == 1.0


def test_terms_are_held_without_their_graph() -> None:
    sums = Sums()
    sums.add({"loss": torch.ones((), requires_grad=True) * 2})
    assert not any(total.requires_grad for total in sums.totals.values())


@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_translators_keep_the_layout_that_their_layers_are_fastest_in(norm: str) -> None:
    space = Space("images", (3, 8, 8), inputs=Space("images", (3, 8, 8)))
    state = fresh_state(
        upscaler(norm=norm), optimizers("Adam"), space, seed=0, with_ema=False, device=CPU
    )
    weights = [p for p in state.discriminator.parameters() if p.ndim == 4 and p.shape[1] > 1]
    for weight in weights:
        assert weight.is_contiguous(memory_format=torch.channels_last) is (norm == "batch")
