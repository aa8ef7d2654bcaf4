"""One loss and its penalties, read from the configuration."""

from __future__ import annotations

from typing import Any

import pytest

from gan_runner.errors import ConfigError
from gan_runner.objectives.objective import Objective

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
    return Objective.build({"name": name, "d_steps": 1, "clip": None, "penalty": {}, **changes})


def refusal(**changes: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        objective(**changes)
    return str(caught.value)


# ---------------------------------------------------------------- what it says of itself


@pytest.mark.parametrize(
    ("penalties", "constrained"), [({}, False), ({"drift": DRIFT}, False), ({"r2": R2}, True)]
)
def test_it_knows_whether_a_penalty_constrains_ds_gradient(
    penalties: dict[str, Any], constrained: bool
) -> None:
    assert objective(penalty=penalties).penalizes_gradient == constrained


def test_the_estimate_of_the_game_is_derived_where_the_loss_is_that_game() -> None:
    row = {"loss/discriminator": 1.3}
    assert objective("Minimax").derived_numbers(row) == {"value/game": -1.3}
    assert objective("Wasserstein").derived_numbers(row) == {}


# ---------------------------------------------------------------- refusals


def test_a_misspelled_penalty_is_answered_with_the_nearest() -> None:
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
    assert f", {key}. " in f"{refusal(**changes)} "


@pytest.mark.parametrize("name", ["a,b", "a.b", "a b", "a/b", "", "\x1b"])
def test_a_penalty_needs_a_name_that_can_be_logged(name: str) -> None:
    assert "loss.penalty." in refusal(penalty={name: R1})


@pytest.mark.parametrize("key", ["d_steps", "clip", "penalty"])
def test_what_every_loss_has_must_be_given(key: str) -> None:
    node = {"name": "Wasserstein", "d_steps": 1, "clip": None, "penalty": {}}
    del node[key]
    with pytest.raises(ConfigError, match=f"missing setting, loss.{key}"):
        Objective.build(node)
