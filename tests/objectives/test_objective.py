"""One loss and its penalties as named terms: each computed when due, weighed once."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from gan_runner.errors import ConfigError
from gan_runner.objectives.objective import Objective
from gan_runner.objectives.terms import Memory, Scored

R1 = {"name": "R1", "weight": 3.0, "every": 1}
R2 = {"name": "R2", "weight": 5.0, "every": 1}
DRIFT = {"name": "Drift", "weight": 2.0, "every": 1}
GRADIENT = {
    "name": "GradientPenalty",
    "weight": 10.0,
    "every": 1,
    "target": 1.0,
    "one_sided": False,
}


def objective(name: str = "Wasserstein", **changes: Any) -> Objective:
    return Objective({"name": name, "d_steps": 1, "clip": None, "penalty": {}, **changes})


def critic(x: Tensor) -> Tensor:
    """D(x) = 2 x_1 + |x|^2 / 2."""
    return 2 * x[:, 0] + x.square().sum(1) / 2


def scored(seed: int, *, differentiated: bool = True) -> Scored:
    examples = torch.randn(6, 3, generator=torch.Generator().manual_seed(seed))
    examples.requires_grad_(differentiated)
    return Scored(examples, critic(examples))


def nothing(_: str) -> Memory:
    return {}


def terms(of: Objective, update: int = 0) -> dict[str, float]:
    noise = torch.Generator().manual_seed(0)
    scores = scored(1), scored(2)
    found = of.discriminator(critic, *scores, update=update, noise=noise, memory=nothing)
    return {name: value.item() for name, value in found.items()}


def refusal(**changes: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        objective(**changes)
    return str(caught.value)


# ---------------------------------------------------------------- terms


def test_without_penalties_the_loss_is_the_only_term_and_its_mean() -> None:
    expected = scored(2).logits.mean() - scored(1).logits.mean()
    assert terms(objective()) == {"loss/discriminator": pytest.approx(expected.item())}


def test_each_penalty_is_a_term_by_the_name_that_the_user_gave_it() -> None:
    made = objective(penalty={"r1": R1, "second": R2, "drift": DRIFT})
    assert list(terms(made)) == [
        "loss/discriminator",
        "penalty/r1",
        "penalty/second",
        "penalty/drift",
    ]


def test_a_penalty_is_the_mean_over_the_batch_times_its_weight() -> None:
    made = terms(objective(penalty={"drift": DRIFT, "r1": R1}))
    real = scored(1)
    slope = real.examples.detach() + torch.tensor([2.0, 0.0, 0.0])
    assert made["penalty/drift"] == pytest.approx(2 * real.logits.square().mean().item())
    assert made["penalty/r1"] == pytest.approx(3 * slope.square().sum(1).mean().item() / 2)


def test_terms_are_scalars_that_can_be_differentiated() -> None:
    made = objective(penalty={"r1": R1, "gradient": GRADIENT})
    weight = torch.ones(3, requires_grad=True)

    def weighted(x: Tensor) -> Tensor:
        return (weight * x).square().sum(1)

    points = torch.randn(4, 3, requires_grad=True)
    real = Scored(points, weighted(points))
    noise = torch.Generator().manual_seed(0)
    found = made.discriminator(weighted, real, real, update=0, noise=noise, memory=nothing)
    assert all(term.shape == () for term in found.values())
    for name in ("penalty/r1", "penalty/gradient"):
        (gradient,) = torch.autograd.grad(found[name], weight, retain_graph=True)
        assert gradient.abs().min() > 0


def test_the_generators_loss_is_the_mean_over_its_fakes() -> None:
    fake = scored(2)
    (term,) = objective().generator(fake, None).items()
    assert term[0] == "loss/generator"
    assert term[1].item() == pytest.approx(-fake.logits.mean().item())


def test_a_paired_loss_gets_the_real_logits_in_the_generators_update() -> None:
    real, fake = scored(1), scored(2)
    made = objective("RelativisticPaired")
    assert made.loss.paired
    expected = torch.nn.functional.softplus(real.logits - fake.logits).mean().item()
    found = made.generator(fake, real)
    assert found["loss/generator"].item() == pytest.approx(expected)


def test_random_points_come_from_the_given_stream_only() -> None:
    made = objective(penalty={"gradient": GRADIENT})
    before = torch.get_rng_state()
    assert terms(made) == terms(made)
    assert torch.equal(torch.get_rng_state(), before)


# ---------------------------------------------------------------- laziness


@pytest.mark.parametrize("every", [2, 3, 16])
def test_a_lazy_penalty_is_computed_each_kth_time_and_weighs_as_much_in_all(every: int) -> None:
    diligent = terms(objective(penalty={"r1": R1}))["penalty/r1"]
    lazy = objective(penalty={"r1": {**R1, "every": every}})
    found = [terms(lazy, update=update)["penalty/r1"] for update in range(2 * every)]
    computed = [update for update, value in enumerate(found) if value != 0]
    assert computed == [0, every]
    assert sum(found) / len(found) == pytest.approx(diligent)


def test_penalties_are_lazy_each_by_itself() -> None:
    made = objective(penalty={"r1": {**R1, "every": 2}, "r2": {**R2, "every": 3}, "drift": DRIFT})
    due = [set(made.due(update)) for update in range(6)]
    assert due == [
        {"r1", "r2", "drift"},
        {"drift"},
        {"r1", "drift"},
        {"r2", "drift"},
        {"r1", "drift"},
        {"drift"},
    ]


def test_examples_are_differentiated_only_when_a_due_penalty_needs_it() -> None:
    made = objective(penalty={"r1": {**R1, "every": 2}, "r2": {**R2, "every": 3}, "drift": DRIFT})
    needed = [made.differentiates(update) for update in range(4)]
    assert needed == [{"real", "fake"}, frozenset(), {"real"}, {"fake"}]
    assert objective(penalty={"gradient": GRADIENT}).differentiates(0) == frozenset()


def test_a_penalty_that_is_not_due_draws_no_random_points() -> None:
    made = objective(penalty={"gradient": {**GRADIENT, "every": 2}})
    noise = torch.Generator().manual_seed(0)
    states = [noise.get_state()]
    for update in range(3):
        made.discriminator(critic, scored(1), scored(2), update=update, noise=noise, memory=nothing)
        states.append(noise.get_state())
    assert not torch.equal(states[0], states[1])
    assert torch.equal(states[1], states[2])
    assert not torch.equal(states[2], states[3])


# ---------------------------------------------------------------- what it says of itself


@pytest.mark.parametrize(
    ("penalties", "constrained"), [({}, False), ({"drift": DRIFT}, False), ({"r2": R2}, True)]
)
def test_it_knows_whether_a_penalty_holds_ds_slope_down(
    penalties: dict[str, Any], constrained: bool
) -> None:
    assert objective(penalty=penalties).constrains_slope == constrained


def test_the_estimate_of_the_game_is_derived_where_the_loss_is_that_game() -> None:
    row = {"loss/discriminator": 1.3}
    assert objective("Minimax").derived(row) == {"value/game": -1.3}
    assert objective("Wasserstein").derived(row) == {}


# ---------------------------------------------------------------- refusals


def test_a_misspelt_penalty_is_answered_with_the_nearest() -> None:
    message = refusal(penalty={"gp": {**GRADIENT, "name": "GradientPenatly"}})
    assert message == (
        "unknown loss.penalty.gp, loss.penalty.gp.name=GradientPenatly. "
        "Did you mean 'GradientPenalty'?"
    )


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"d_steps": 0}, "loss.d_steps=0"),
        ({"d_steps": 1.5}, "loss.d_steps=1.5"),
        ({"clip": 0}, "loss.clip=0"),
        ({"clip": -0.1}, "loss.clip=-0.1"),
        ({"penalty": None}, "loss.penalty=null"),
        ({"penalty": {"r1": None}}, "loss.penalty.r1=null"),
        ({"penalty": {"r1": {**R1, "weight": -1}}}, "loss.penalty.r1.weight=-1"),
        ({"penalty": {"r1": {**R1, "every": 0}}}, "loss.penalty.r1.every=0"),
        ({"penalty": {"r1": {**R1, "gamma": 1}}}, "loss.penalty.r1.gamma=1"),
        ({"margin": 1.0}, "loss.margin=1.0"),
    ],
)
def test_a_setting_that_is_wrong_is_refused_by_name(changes: dict[str, Any], key: str) -> None:
    assert f", {key}. " in refusal(**changes)


@pytest.mark.parametrize("name", ["a,b", "a.b", "a b", "a/b", "", "\x1b"])
def test_a_penalty_needs_a_name_that_can_be_logged(name: str) -> None:
    assert "loss.penalty." in refusal(penalty={name: R1})


@pytest.mark.parametrize("key", ["d_steps", "clip", "penalty"])
def test_what_every_loss_has_must_be_given(key: str) -> None:
    node = {"name": "Wasserstein", "d_steps": 1, "clip": None, "penalty": {}}
    del node[key]
    with pytest.raises(ConfigError, match=f"missing setting, loss.{key}"):
        Objective(node)
