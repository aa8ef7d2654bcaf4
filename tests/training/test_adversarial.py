"""One step moves each network by its own loss only, in the order and the amount that is said."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from conftest import COMPARING_NOTHING, PLAIN
from torch import Tensor, nn

from gan_runner.config.component import build_component
from gan_runner.data import Space
from gan_runner.data.batches import Batch
from gan_runner.models import Model
from gan_runner.models.discriminator import Discriminator, DiscriminatorOutput
from gan_runner.objectives.objective import Objective
from gan_runner.objectives.penalties import Penalty
from gan_runner.training.methods import Adversarial, UpdateSettings
from gan_runner.training.methods.base import DiscriminatorInput
from gan_runner.training.optimizers import Optimizer, Optimizers
from gan_runner.training.state import TrainState, fresh_state

FOLDER = Path(__file__).parents[2] / "conf" / "loss"
LOSSES = sorted(path for path in FOLDER.glob("*.yaml") if path.stem != "elbo")
CPU = torch.device("cpu")
VECTORS = Space("vectors", (2,), (0.0, 0.0), (1.0, 1.0))
IMAGES = Space("images", (1, 8, 8))
HINGE = {"name": "Hinge", "margin": 1.0, "d_steps": 1, "clip": None, "penalty": {}}
R1 = {"name": "R1", "weight": 1.0, "every": 1}
GRADIENT = {
    "name": "GradientPenalty",
    "weight": 1.0,
    "every": 1,
    "target": 1.0,
    "one_sided": False,
}
SGD = {"name": "SGD", "momentum": 0.0, "nesterov": False}
ADAM = {"name": "Adam", "betas": [0.0, 0.9], "eps": 1e-8}
RMSPROP = {"name": "RMSprop", "alpha": 0.9, "eps": 1e-8, "momentum": 0.0}
ADAMW = {"name": "AdamW", "betas": [0.5, 0.9], "eps": 1e-8}


def node(option: Path) -> dict[str, Any]:
    plain: dict[str, Any] = yaml.safe_load(option.read_text())
    return plain


def stepper(**changes: Any) -> Optimizer:
    schedule = {"shape": "constant", "warmup": 0, "steps": None, "final": 0.0}
    common = {"lr": 0.01, "weight_decay": 0.0, "clip_norm": None, "schedule": schedule}
    return build_component({**common, **(changes or ADAM)}, Optimizer, where="optimizer")


def method(loss: dict[str, Any] | None = None, **changes: Any) -> Adversarial:
    """A method of latent points [N, 3]; `changes` are its own fields, or those of its updates."""
    optimizer = stepper()
    updates = {
        "optimizers": Optimizers(optimizer, optimizer),
        "batch_size": 6,
        "accumulate": 1,
        "ema": 0.9,
        "ema_warmup": 1.0,
        "bf16": False,
        "simultaneous": False,
    }
    updates |= {key: changes.pop(key) for key in list(changes) if key in updates}
    settings: dict[str, Any] = {
        "model": model(VECTORS, norm="layer"),
        "discriminator_input": DiscriminatorInput(),
        "discriminates_together": True,
        "generates_together": True,
        **changes,
    }
    objective = Objective.build(loss or HINGE)
    return Adversarial(updates=UpdateSettings(**updates), objective=objective, **settings)


def model(space: Space, *, norm: str) -> Model:
    network = {"norm": norm, "init": "he"}
    network |= {"hidden": [8, 8], "activation": "leaky_relu"} if space is VECTORS else {"width": 4}
    plain = {
        "name": "MLP" if space is VECTORS else "DCGAN",
        "latent_size": 3,
        **PLAIN,
        "generator": network,
        "discriminator": {**network, "dropout": 0.0, **COMPARING_NOTHING},
    }
    return build_component(plain, Model, where="model")


def state(
    of: Adversarial, space: Space = VECTORS, *, norm: str = "layer", with_ema: bool = True
) -> TrainState:
    return fresh_state(
        model(space, norm=norm),
        of.updates.optimizers,
        space,
        seed=0,
        with_ema=with_ema,
        device=CPU,
    )


def reals(space: Space = VECTORS, size: int = 6) -> Iterator[Batch]:
    stream = torch.Generator().manual_seed(7)
    return (Batch(torch.randn(size, *space.shape, generator=stream)) for _ in repeat(None))


def weights(network: nn.Module) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in network.parameters()]


def same(one: list[Tensor], other: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def at_updates(of: TrainState, look: Callable[[str, str], None]) -> None:
    """Call `look(network, moment)` before and after each update."""
    for network in "generator", "discriminator":
        optimizer = of.optimizers[network]
        # its hooks are left out, as in every run
        optimizer.step = partial(_watched, look, network, optimizer.step)


def _watched(look: Callable[[str, str], None], network: str, step: Callable[[], object]) -> None:
    look(network, "before")
    step()
    look(network, "after")


# ---------------------------------------------------------------- who moves when


@pytest.mark.parametrize("d_steps", [1, 3])
def test_d_moves_d_steps_times_then_g_once(d_steps: int) -> None:
    made = method({**HINGE, "d_steps": d_steps})
    of = state(made)
    moved: list[str] = []
    at_updates(of, lambda network, moment: moved.append(network) if moment == "after" else None)
    made.step(of, reals())
    made.step(of, reals())
    assert moved == 2 * [*["discriminator"] * d_steps, "generator"]
    assert of.step == 2


@pytest.mark.parametrize("loss", [HINGE, {**HINGE, "penalty": {"r1": R1, "gradient": GRADIENT}}])
def test_each_update_moves_its_own_network_only(loss: dict[str, Any]) -> None:
    made = method({**loss, "d_steps": 2})
    of = state(made)
    seen: dict[str, list[Tensor]] = {}

    def look(network: str, moment: str) -> None:
        other = "discriminator" if network == "generator" else "generator"
        if moment == "before":
            assert all(p.grad is not None for p in getattr(of, network).parameters())
            assert all(p.grad is None for p in getattr(of, other).parameters())
            seen.update({n: weights(getattr(of, n)) for n in (network, other)})
        else:
            assert not same(seen[network], weights(getattr(of, network)))
            assert same(seen[other], weights(getattr(of, other)))

    at_updates(of, look)
    for _ in range(3):
        made.step(of, reals())
    assert seen


def test_after_a_step_no_gradient_is_left_and_every_weight_can_learn() -> None:
    made = method({**HINGE, "penalty": {"r1": R1}})
    of = state(made)
    made.step(of, reals())
    for network in of.generator, of.discriminator:
        assert all(p.grad is None and p.requires_grad for p in network.parameters())
        assert all(module.training for module in network.modules())


@pytest.mark.parametrize("d_steps", [1, 2, 5])
def test_a_step_takes_as_many_batches_as_d_has_updates(d_steps: int) -> None:
    taken: list[Tensor] = []

    def counted() -> Iterator[Tensor]:
        for batch in reals():
            taken.append(batch)
            yield batch

    made = method({**HINGE, "d_steps": d_steps})
    of, stream = state(made), counted()
    for step in range(1, 4):
        made.step(of, stream)
        assert len(taken) == step * d_steps


@pytest.mark.parametrize(
    ("together", "expected"), [(False, [False, False, True]), (True, [False, True])]
)
def test_only_the_fakes_that_g_learns_from_carry_a_graph(
    together: bool, expected: list[bool]
) -> None:
    made = method({**HINGE, "d_steps": 3}, generates_together=together)
    of = state(made)
    carried: list[bool] = []
    of.generator.register_forward_hook(lambda *a: carried.append(a[-1].requires_grad))
    made.step(of, reals())
    assert carried == expected


def test_latent_points_come_from_the_states_own_stream() -> None:
    made = method({**HINGE, "penalty": {"gradient": GRADIENT}})
    torch.manual_seed(1)
    one, other = state(made), state(made)
    before = torch.get_rng_state()
    made.step(one, reals())
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    made.step(other, reals())
    assert same(weights(one.generator), weights(other.generator))
    assert same(weights(one.discriminator), weights(other.discriminator))


def test_the_learning_rate_is_that_of_the_step() -> None:
    schedule = {"shape": "linear", "warmup": 2, "steps": 5, "final": 0.0}
    made = stepper(**ADAM, lr=0.1, schedule=schedule)
    of = state(method(optimizers=Optimizers(made, made)))
    rates: list[float] = []
    at_updates(of, lambda *_: rates.append(of.optimizers["generator"].param_groups[0]["lr"]))
    for _ in range(6):
        method(optimizers=Optimizers(made, made)).step(of, reals())
    assert rates[3::4] == pytest.approx([made.rate(step) for step in range(6)])
    assert made.rate(0) == 0.05


def test_lazy_penalties_count_the_updates_of_d_across_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = method({**HINGE, "d_steps": 3, "penalty": {"r1": {**R1, "every": 4}}})
    of = state(made)
    numbers: list[int] = []
    due = Penalty.is_due
    monkeypatch.setattr(Penalty, "is_due", lambda self, n: numbers.append(n) or due(self, n))
    for _ in range(4):
        made.step(of, reals())
    assert sorted(set(numbers)) == list(range(12))
    (r1,) = made.objective.penalties.values()
    assert [n for n in range(12) if due(r1, n)] == [0, 4, 8]


# ---------------------------------------------------------------- what a step sums


def test_a_step_sums_what_a_row_needs_by_the_names_of_the_contract() -> None:
    made = method({**HINGE, "penalty": {"r1": R1}})
    of = state(made)
    made.step(of, reals())
    assert set(of.sums.means()) == {
        "loss/discriminator",
        "loss/generator",
        "logits/real",
        "logits/fake",
        "penalty/r1",
        "accuracy/discriminator",
        "grad_norm/discriminator",
        "grad_norm/generator",
    }


class Slope(Discriminator):
    """D(x) = w x_1."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(slope))

    def forward(self, examples: Tensor, labels: Tensor | None = None) -> DiscriminatorOutput:
        return DiscriminatorOutput(examples, self.slope * examples[:, 0], examples)


@pytest.mark.parametrize(("slope", "accuracy"), [(1.0, 1.0), (-1.0, 0.0), (0.0, 0.5)])
def test_accuracy_is_the_share_on_the_right_side_of_the_middle(
    slope: float, accuracy: float
) -> None:
    made = method()
    of = state(made)
    of.networks["discriminator"] = Slope(slope)
    of.optimizers["discriminator"] = made.updates.optimizers.discriminator.build(
        of.discriminator.parameters()
    )
    far = iter([Batch(torch.full((6, 2), 100.0))])
    made.step(of, far)
    means = of.sums.means()
    assert means["accuracy/discriminator"] == accuracy
    assert means["logits/real"] == pytest.approx(100 * slope)


def test_the_gradients_norm_is_that_of_all_weights_together_before_it_is_clipped() -> None:
    made = method(optimizers=Optimizers(*[stepper(**SGD, clip_norm=1e-3)] * 2))
    of = state(made)
    norms: list[float] = []

    def look(network: str, moment: str) -> None:
        if moment == "before":
            gradients = [p.grad.flatten() for p in getattr(of, network).parameters()]
            norms.append(torch.cat(gradients).norm().item())

    at_updates(of, look)
    made.step(of, reals())
    means = of.sums.means()
    assert norms == pytest.approx([1e-3, 1e-3], rel=1e-2)
    assert means["grad_norm/discriminator"] > 0.1
    assert means["grad_norm/generator"] > 0.01


def test_gradients_within_the_limit_are_left_alone() -> None:
    bounded = method(optimizers=Optimizers(*[stepper(**SGD, clip_norm=1e6)] * 2))
    free = method(optimizers=Optimizers(*[stepper(**SGD)] * 2))
    one, other = state(bounded), state(free)
    bounded.step(one, reals()), free.step(other, reals())
    assert same(weights(one.discriminator), weights(other.discriminator))
    assert one.sums.means() == other.sums.means()


def test_clip_bounds_every_weight_of_d_and_none_of_g() -> None:
    made = method({**HINGE, "clip": 0.02})
    of = state(made)
    for _ in range(2):
        made.step(of, reals())
        assert max(w.abs().max() for w in weights(of.discriminator)) == torch.tensor(0.02)
    assert max(w.abs().max() for w in weights(of.generator)) > 0.1


# ---------------------------------------------------------------- the EMA


def test_the_ema_follows_its_formula() -> None:
    made = method(ema=0.6, ema_warmup=5.0)
    assert [made.updates.ema_decay(step) for step in (0, 1, 4, 5, 1000)] == pytest.approx(
        [1 / 5, 2 / 6, 5 / 9, 0.6, 0.6]
    )
    of = state(made)
    expected = weights(of.generator)
    for step in range(4):
        made.step(of, reals())
        decay = min(0.6, (1 + step) / (5 + step))
        current = weights(of.generator)
        expected = [
            decay * old + (1 - decay) * new for old, new in zip(expected, current, strict=True)
        ]
        assert of.ema is not None
        for found, wanted in zip(weights(of.ema), expected, strict=True):
            torch.testing.assert_close(found, wanted)


def test_an_ema_of_decay_0_is_the_generator_itself() -> None:
    made = method(ema=0.0)
    of = state(made)
    made.step(of, reals())
    assert of.ema is not None
    for own, other in zip(weights(of.ema), weights(of.generator), strict=True):
        torch.testing.assert_close(own, other)


def test_without_an_ema_a_step_is_the_same() -> None:
    made = method()
    one, other = state(made), state(made, with_ema=False)
    stream, twin = reals(), reals()
    for _ in range(3):
        made.step(one, stream), made.step(other, twin)
    assert other.ema is None
    assert same(weights(one.generator), weights(other.generator))


def test_the_ema_never_flows_back() -> None:
    made = method()
    one, other = state(made), state(made)
    assert other.ema is not None
    for parameter in other.ema.parameters():
        parameter.fill_(100.0)
    made.step(one, reals()), made.step(other, reals())
    assert same(weights(one.generator), weights(other.generator))


def test_statistics_of_batch_norm_are_averaged_and_its_counter_is_taken_over() -> None:
    made = method(ema=0.5, discriminates_together=False)
    of = state(made, IMAGES, norm="batch")
    before = dict(copy.deepcopy(of.generator).named_buffers())
    made.step(of, reals(IMAGES))
    assert of.ema is not None
    current = dict(of.generator.named_buffers())
    for name, kept in of.ema.named_buffers():
        if "num_batches" in name:
            assert kept == current[name] == 1
        else:
            torch.testing.assert_close(kept, (before[name] + current[name]) / 2)


def test_unit_vectors_of_spectral_norm_are_taken_over_as_they_are() -> None:
    made = method()
    of = state(made, IMAGES, norm="spectral")
    made.step(of, reals(IMAGES))
    assert of.ema is not None
    current = dict(of.generator.named_buffers())
    vectors = dict(of.ema.named_buffers())
    assert vectors
    assert all(torch.equal(vectors[name], current[name]) for name in vectors)


# ---------------------------------------------------------------- one pass or more


def apart(made: Adversarial) -> Adversarial:
    return replace(made, generates_together=False, discriminates_together=False)


@pytest.mark.parametrize("norm", ["layer", "instance", "none"])
@pytest.mark.parametrize("option", ["hinge", "wgan_gp", "rahinge", "softplus_r1"])
def test_one_pass_for_all_that_needs_none_of_its_own_changes_nothing(
    option: str, norm: str
) -> None:
    # a draw of 16 latents after the other is the same as one of them all
    sgd = Optimizers(*[stepper(**SGD)] * 2)
    loss = node(LOSSES[0].with_name(f"{option}.yaml"))
    together = method(loss, batch_size=16, optimizers=sgd)
    one, other = state(together, IMAGES, norm=norm), state(together, IMAGES, norm=norm)
    stream, twin = reals(IMAGES, 16), reals(IMAGES, 16)
    for _ in range(2):
        together.step(one, stream), apart(together).step(other, twin)
    for part in "generator", "discriminator":
        for a, b in zip(weights(getattr(one, part)), weights(getattr(other, part)), strict=True):
            torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-3)
    assert one.sums.means() == pytest.approx(other.sums.means(), rel=1e-3, abs=1e-5)


def passes(of: TrainState) -> list[int]:
    """The sizes of the batches that go through D from now on."""
    sizes: list[int] = []
    of.discriminator.body.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    return sizes


@pytest.mark.parametrize(
    ("loss", "together", "expected"),
    [
        (HINGE, True, [12, 6]),
        (HINGE, False, [6, 6, 6]),
        ({**HINGE, "penalty": {"r1": R1}}, True, [6, 6, 6]),
        ({**HINGE, "penalty": {"gradient": GRADIENT}}, True, [12, 6, 6]),
        ({**HINGE, "name": "RelativisticPaired"}, True, [12, 6, 6]),
    ],
)
def test_d_sees_no_more_batches_than_the_loss_needs(
    loss: dict[str, Any], together: bool, expected: list[int]
) -> None:
    if loss["name"] == "RelativisticPaired":
        loss = {key: value for key, value in loss.items() if key != "margin"}
    made = method(loss, discriminates_together=together)
    of = state(made)
    sizes = passes(of)
    made.step(of, reals())
    assert sizes == expected


# ---------------------------------------------------------------- precision


@pytest.mark.parametrize("option", LOSSES, ids=lambda path: path.stem)
@pytest.mark.parametrize("bf16", [False, True], ids=["fp32", "bf16"])
def test_every_loss_trains_with_finite_numbers(option: Path, bf16: bool) -> None:
    made = method(node(option), bf16=bf16)
    of, stream = state(made), reals()
    before = weights(of.generator)
    for _ in range(3):
        made.step(of, stream)
    assert all(torch.tensor(mean).isfinite() for mean in of.sums.means().values())
    assert of.weights_are_finite()
    assert not same(before, weights(of.generator))
    assert {p.dtype for n in (of.generator, of.discriminator) for p in n.parameters()} == {
        torch.float32
    }


def test_bf16_is_for_forward_passes_and_penalties_stay_exact() -> None:
    made = method({**HINGE, "penalty": {"r1": R1, "gradient": GRADIENT}}, bf16=True)
    of = state(made)
    kinds: list[torch.dtype] = []
    of.discriminator.body[0].register_forward_hook(lambda *a: kinds.append(a[-1].dtype))
    made.step(of, reals())
    # reals under R1, fakes, points of the gradient penalty, G's update
    assert kinds == [torch.float32, torch.bfloat16, torch.float32, torch.bfloat16]


@pytest.mark.parametrize("together", [True, False])
def test_d_is_consistent_with_itself_in_bf16(together: bool) -> None:
    nothing = {"flip": False, "shift": 0.0, "noise": 0.0}  # T(x) = x
    consistency = {"name": "Consistency", "weight": 10.0, "every": 2, "balanced": True, **nothing}
    made = method(
        {**HINGE, "d_steps": 2, "penalty": {"same": consistency}},
        bf16=True,
        discriminates_together=together,
    )
    of = state(made)
    kinds: list[torch.dtype] = []
    of.discriminator.body[0].register_forward_hook(lambda *a: kinds.append(a[-1].dtype))
    for _ in range(3):
        made.step(of, reals())
    assert of.sums.means()["penalty/same"] < 1e-9
    # with the penalty, also of both changes; without it; G's update
    due, scoring = 3 if together else 4, 1 if together else 2
    step = [torch.float32] * due + [torch.bfloat16] * (scoring + 1)
    assert kinds == step * 3


def test_fp32_has_no_half_precision_anywhere() -> None:
    made = method()
    of = state(made)
    kinds: set[torch.dtype] = set()
    for layer in (*of.generator, *of.discriminator.body):
        layer.register_forward_hook(lambda *a: kinds.add(a[-1].dtype))
    made.step(of, reals())
    assert kinds == {torch.float32}


# ---------------------------------------------------------------- waiting for the device


READS = ("item", "tolist", "numpy", "cpu", "__float__", "__int__", "__bool__", "__index__")


@pytest.mark.parametrize("settings", [SGD, ADAM, ADAMW, RMSPROP], ids=lambda s: s["name"])
@pytest.mark.parametrize(
    "loss",
    [
        {**HINGE, "d_steps": 2, "clip": 0.1},
        {**HINGE, "penalty": {"r1": {**R1, "every": 2}, "gradient": GRADIENT}},
        node(LOSSES[0].with_name("r3gan.yaml")),
    ],
    ids=["hinge", "penalties", "r3gan"],
)
def test_a_step_reads_no_number_back_from_the_device(
    loss: dict[str, Any], settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = method(loss, optimizers=Optimizers(*[stepper(**settings, clip_norm=1.0)] * 2))
    of, batches = state(made), iter([next(reals()) for _ in range(8)])

    def read(*_: Any) -> None:
        raise AssertionError("a number is read back from the device")

    with monkeypatch.context() as patch:
        for name in READS:
            patch.setattr(Tensor, name, read)
        with pytest.raises(AssertionError, match="read back"):
            float(torch.ones(()))
        for _ in range(3):
            made.step(of, batches)
    assert of.weights_are_finite()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_step_never_waits_for_the_gpu() -> None:
    made = method({**HINGE, "d_steps": 2, "penalty": {"r1": R1, "gradient": GRADIENT}})
    device = torch.device("cuda")
    networks = model(VECTORS, norm="none")
    of = fresh_state(
        networks, made.updates.optimizers, VECTORS, seed=0, with_ema=True, device=device
    )
    batches = iter([Batch(torch.randn(6, 2, device=device)) for _ in range(8)])
    made.step(of, batches)  # the first one loads kernels
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(3):
            made.step(of, batches)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert of.weights_are_finite()
