"""Each optimizer is torch's own with the settings given; each schedule is the curve it says."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from gan_runner.config.component import build_component, find_classes, parse_settings
from gan_runner.errors import ConfigError
from gan_runner.training.optimizers import Optimizer, Schedule

CONSTANT = {"shape": "constant", "warmup": 0, "steps": None, "final": 0.0}
OWN: dict[str, dict[str, Any]] = {
    "Adam": {"betas": [0.3, 0.8], "eps": 1e-5},
    "AdamW": {"betas": [0.3, 0.8], "eps": 1e-5},
    "RMSprop": {"alpha": 0.7, "eps": 1e-5, "momentum": 0.2},
    "SGD": {"momentum": 0.6, "nesterov": True},
}


def node(name: str, **changes: Any) -> dict[str, Any]:
    common = {"lr": 0.02, "weight_decay": 0.05, "clip_norm": None, "schedule": CONSTANT}
    return {"name": name, **common, **OWN[name], **changes}


def optimizer(name: str, **changes: Any) -> Optimizer:
    return build_component(node(name, **changes), Optimizer, where="optimizer.generator")


def schedule(shape: str, *, warmup: int = 0, steps: int | None = 100, final: float = 0) -> Schedule:
    settings = {"shape": shape, "warmup": warmup, "steps": steps, "final": final}
    return parse_settings(settings, Schedule)


def refusal(name: str, **changes: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        optimizer(name, **changes)
    return str(caught.value)


# ---------------------------------------------------------------- optimizers


def test_every_optimizer_is_tested() -> None:
    assert set(OWN) == set(find_classes(Optimizer))


@pytest.mark.parametrize("name", OWN)
def test_each_optimizer_is_torchs_of_that_name_with_the_settings_given(name: str) -> None:
    made = optimizer(name).build(nn.Linear(2, 2).parameters())
    assert isinstance(made, getattr(torch.optim, name))
    settings = {k: tuple(v) if isinstance(v, list) else v for k, v in OWN[name].items()}
    expected = {"lr": 0.02, "weight_decay": 0.05, **settings}
    assert {key: made.defaults[key] for key in expected} == expected


@pytest.mark.parametrize("name", OWN)
def test_updates_are_those_of_torchs_own_class(name: str) -> None:
    settings = optimizer(name)
    weights = torch.randn(2, 30, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    ours, torchs = (nn.Parameter(weights.clone()) for _ in range(2))
    made = settings.build([ours])
    defaults = {k: v for k, v in made.defaults.items() if k != "decoupled_weight_decay"}
    reference = getattr(torch.optim, name)([torchs], **defaults)
    for _ in range(4):
        for parameter, updates in ((ours, made), (torchs, reference)):
            updates.zero_grad()
            parameter.pow(4).sum().backward()
            updates.step()
    assert not torch.equal(ours, weights) and torch.equal(ours, torchs)


@pytest.mark.parametrize("name", ["Adam", "AdamW", "SGD"])
def test_an_update_is_fused_where_torch_can(name: str) -> None:
    assert optimizer(name).build(nn.Linear(2, 2).parameters()).defaults["fused"] is True


@pytest.mark.parametrize("name", OWN)
def test_each_optimizer_updates_every_parameter_it_is_given(name: str) -> None:
    network = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1))
    before = [parameter.clone() for parameter in network.parameters()]
    stepper = optimizer(name).build(network.parameters())
    network(torch.ones(2, 3)).sum().backward()
    stepper.step()
    for old, new in zip(before, network.parameters(), strict=True):
        assert not torch.equal(old, new)


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("Adam", {"betas": [0.0, 0.9]}, None),
        ("Adam", {"betas": [0.5, 0.9]}, "betas"),
        ("AdamW", {"betas": [0.0, 0.9]}, None),
        ("AdamW", {"betas": [0.5, 0.9]}, "betas"),
        ("RMSprop", {"momentum": 0.0}, None),
        ("RMSprop", {"momentum": 0.1}, "momentum"),
        ("SGD", {"momentum": 0.0, "nesterov": False}, None),
        ("SGD", {"momentum": 0.9}, "momentum"),
    ],
)
def test_an_optimizer_names_the_setting_that_gives_it_momentum(
    name: str, changes: dict[str, Any], expected: str | None
) -> None:
    assert optimizer(name, **changes).momentum_setting == expected


def test_nesterov_without_momentum_is_refused() -> None:
    message = refusal("SGD", momentum=0.0, nesterov=True)
    assert "nesterov=true needs a momentum above 0" in message
    assert optimizer("SGD", momentum=0.0, nesterov=False).build(nn.Linear(1, 1).parameters())


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("Adam", "lr", 0),
        ("Adam", "lr", -1e-3),
        ("Adam", "lr", float("nan")),
        ("Adam", "betas", [0.5]),
        ("Adam", "betas", [0.5, 1.0]),
        ("AdamW", "betas", [-0.1, 0.9]),
        ("Adam", "eps", 0),
        ("AdamW", "weight_decay", -1),
        ("RMSprop", "alpha", 1.0),
        ("RMSprop", "momentum", -0.5),
        ("SGD", "momentum", 1.0),
        ("SGD", "clip_norm", 0),
        ("SGD", "betas", [0.5, 0.9]),
        ("SGD", "schedule", {**CONSTANT, "warmup": -1}),
        ("SGD", "schedule", {**CONSTANT, "steps": 0}),
        ("SGD", "schedule", {**CONSTANT, "final": 1.1}),
        ("SGD", "schedule", {**CONSTANT, "shape": "step"}),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(name: str, key: str, value: Any) -> None:
    assert f"optimizer.generator.{key}" in refusal(name, **{key: value})


# ---------------------------------------------------------------- schedules


def test_a_constant_rate_stays_for_ever() -> None:
    assert {schedule("constant", steps=None).factor(step) for step in (0, 1, 50, 10**9)} == {1.0}


@pytest.mark.parametrize("shape", ["constant", "linear", "cosine"])
def test_warmup_grows_by_equal_parts_from_the_first_step_to_all_of_it(shape: str) -> None:
    made = schedule(shape, warmup=4)
    assert [made.factor(step) for step in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]


def test_a_linear_curve_falls_by_equal_parts() -> None:
    made = schedule("linear", final=0.2)
    assert [made.factor(step) for step in (0, 25, 50, 100)] == pytest.approx([1.0, 0.8, 0.6, 0.2])


def test_a_cosine_curve_falls_slowly_at_both_ends() -> None:
    made = schedule("cosine", final=0.2)
    expected = [0.2 + 0.8 * (1 + math.cos(math.pi * t)) / 2 for t in (0, 0.25, 0.5, 0.75, 1)]
    assert [made.factor(step) for step in (0, 25, 50, 75, 100)] == pytest.approx(expected)
    assert made.factor(50) == pytest.approx(0.6)


@pytest.mark.parametrize("shape", ["linear", "cosine"])
def test_a_curve_begins_after_the_warmup_and_stays_at_its_end(shape: str) -> None:
    made = schedule(shape, warmup=20, final=0.1)
    assert made.factor(20) == 1.0
    assert made.factor(60) == pytest.approx(0.55)
    assert [made.factor(step) for step in (100, 101, 10**9)] == pytest.approx([0.1] * 3)


@pytest.mark.parametrize("shape", ["linear", "cosine"])
def test_a_warmup_longer_than_the_curve_is_only_a_warmup(shape: str) -> None:
    made = schedule(shape, warmup=10, steps=5, final=0.1)
    assert made.factor(4) == 0.5
    assert made.factor(9) == 1.0
    assert made.factor(11) == pytest.approx(0.1)


@pytest.mark.parametrize("shape", ["linear", "cosine"])
def test_a_curve_of_unsettled_length_is_a_defect_of_ours(shape: str) -> None:
    with pytest.raises(AssertionError, match="known when the run is made"):
        schedule(shape, steps=None).factor(0)


def test_the_rate_is_the_learning_rate_times_the_factor() -> None:
    linear = {"shape": "linear", "warmup": 0, "steps": 10, "final": 0.0}
    made = optimizer("Adam", lr=0.02, schedule=linear)
    assert [made.rate(step) for step in (0, 5, 10)] == pytest.approx([0.02, 0.01, 0.0])
