"""The terms of D's and of G's update: each computed when due, weighed once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from gan_runner.models.discriminator import DiscriminatorOutput
from gan_runner.objectives.objective import Objective
from gan_runner.training.methods import Adversarial
from gan_runner.training.methods.base import DiscriminatorInput
from gan_runner.training.state import TrainState

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


def method(name: str = "Wasserstein", **changes: Any) -> Adversarial:
    node = {"name": name, "d_steps": 1, "clip": None, "penalty": {}, **changes}
    unused: Any = None  # terms need nothing but the objective
    return Adversarial(
        unused,
        unused,
        Objective.build(node),
        DiscriminatorInput(),
        discriminates_together=True,
        generates_together=True,
    )


def critic(x: Tensor) -> Tensor:
    """D(x) = 2 x_1 + |x|^2 / 2."""
    return 2 * x[:, 0] + x.square().sum(1) / 2


def output(seed: int, *, differentiated: bool = True) -> DiscriminatorOutput:
    examples = torch.randn(6, 3, generator=torch.Generator().manual_seed(seed))
    examples.requires_grad_(differentiated)
    return DiscriminatorOutput(examples, critic(examples))


def state(rng: torch.Generator | None = None) -> TrainState:
    """The parts of a state that terms take: a random stream, and memories that are empty."""
    rng = rng or torch.Generator().manual_seed(0)
    found: Any = SimpleNamespace(rng=SimpleNamespace(penalty=rng), memory=lambda name: {})
    return found


def terms(of: Adversarial, update: int = 0) -> dict[str, float]:
    found = of.discriminator_terms(critic, output(1), output(2), state(), update=update)
    return {name: value.item() for name, value in found.items()}


# ---------------------------------------------------------------- terms


def test_without_penalties_the_loss_is_the_only_term_and_its_mean() -> None:
    expected = output(2).logits.mean() - output(1).logits.mean()
    assert terms(method()) == {"loss/discriminator": pytest.approx(expected.item())}


def test_each_penalty_is_a_term_by_the_name_that_the_user_gave_it() -> None:
    made = method(penalty={"r1": R1, "second": R2, "drift": DRIFT})
    assert list(terms(made)) == [
        "loss/discriminator",
        "penalty/r1",
        "penalty/second",
        "penalty/drift",
    ]


def test_a_penalty_is_the_mean_over_the_batch_times_its_weight() -> None:
    made = terms(method(penalty={"drift": DRIFT, "r1": R1}))
    real = output(1)
    gradient = real.examples.detach() + torch.tensor([2.0, 0.0, 0.0])
    assert made["penalty/drift"] == pytest.approx(2 * real.logits.square().mean().item())
    assert made["penalty/r1"] == pytest.approx(3 * gradient.square().sum(1).mean().item() / 2)


def test_terms_are_scalars_that_can_be_differentiated() -> None:
    made = method(penalty={"r1": R1, "gradient": GRADIENT})
    weight = torch.ones(3, requires_grad=True)

    def weighted(x: Tensor) -> Tensor:
        return (weight * x).square().sum(1)

    points = torch.randn(4, 3, requires_grad=True)
    real = DiscriminatorOutput(points, weighted(points))
    found = made.discriminator_terms(weighted, real, real, state(), update=0)
    assert all(term.shape == () for term in found.values())
    for name in ("penalty/r1", "penalty/gradient"):
        (gradient,) = torch.autograd.grad(found[name], weight, retain_graph=True)
        assert gradient.abs().min() > 0


def test_the_generators_loss_is_the_mean_over_its_fakes() -> None:
    fake = output(2)
    (term,) = method().generator_terms(fake, None).items()
    assert term[0] == "loss/generator"
    assert term[1].item() == pytest.approx(-fake.logits.mean().item())


def test_a_paired_loss_gets_the_real_logits_in_the_generators_update() -> None:
    real, fake = output(1), output(2)
    made = method("RelativisticPaired")
    assert made.objective.loss.paired
    expected = torch.nn.functional.softplus(real.logits - fake.logits).mean().item()
    found = made.generator_terms(fake, real)
    assert found["loss/generator"].item() == pytest.approx(expected)


def test_random_points_come_from_the_given_stream_only() -> None:
    made = method(penalty={"gradient": GRADIENT})
    before = torch.get_rng_state()
    assert terms(made) == terms(made)
    assert torch.equal(torch.get_rng_state(), before)


# ---------------------------------------------------------------- laziness


@pytest.mark.parametrize("every", [2, 3, 16])
def test_a_lazy_penalty_is_computed_each_kth_time_and_weighs_as_much_in_all(every: int) -> None:
    diligent = terms(method(penalty={"r1": R1}))["penalty/r1"]
    lazy = method(penalty={"r1": {**R1, "every": every}})
    found = [terms(lazy, update=update)["penalty/r1"] for update in range(2 * every)]
    computed = [update for update, value in enumerate(found) if value != 0]
    assert computed == [0, every]
    assert sum(found) / len(found) == pytest.approx(diligent)


def test_penalties_are_lazy_each_by_itself() -> None:
    made = method(penalty={"r1": {**R1, "every": 2}, "r2": {**R2, "every": 3}, "drift": DRIFT})
    penalties = made.objective.penalties
    due = [{n for n, p in penalties.items() if p.is_due(update)} for update in range(6)]
    assert due == [
        {"r1", "r2", "drift"},
        {"drift"},
        {"r1", "drift"},
        {"r2", "drift"},
        {"r1", "drift"},
        {"drift"},
    ]


def test_examples_are_differentiated_only_when_a_due_penalty_needs_it() -> None:
    made = method(penalty={"r1": {**R1, "every": 2}, "r2": {**R2, "every": 3}, "drift": DRIFT})
    needed = [made.needs_grad(update) for update in range(4)]
    assert needed == [{"real", "fake"}, set(), {"real"}, {"fake"}]
    assert method(penalty={"gradient": GRADIENT}).needs_grad(0) == set()


def test_a_penalty_that_is_not_due_draws_no_random_points() -> None:
    made = method(penalty={"gradient": {**GRADIENT, "every": 2}})
    rng = torch.Generator().manual_seed(0)
    states = [rng.get_state()]
    for update in range(3):
        made.discriminator_terms(critic, output(1), output(2), state(rng), update=update)
        states.append(rng.get_state())
    assert not torch.equal(states[0], states[1])
    assert torch.equal(states[1], states[2])
    assert not torch.equal(states[2], states[3])
