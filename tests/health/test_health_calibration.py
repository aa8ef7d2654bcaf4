"""Real trainings: sick ones get their verdict within 500 steps, healthy ones none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gan_runner.config.schema import Config
from gan_runner.logs.terminal import Terminal
from gan_runner.objectives.penalties import GradientPenalty
from gan_runner.runs.open import create
from gan_runner.training.loop import train
from gan_runner.training.run import Run

SMALL = ("model.generator.width=16", "model.discriminator.width=16")
HEALTHY = {
    "softplus_r1 on a ring": ("experiment=ring_softplus_r1", "train.steps=600"),
    "r3gan on a ring": ("experiment=ring_r3gan", "train.steps=500"),
    "hinge on digits": ("loss=hinge", "train.steps=400", *SMALL),
}
RING = ("experiment=ring_softplus_r1", "train.steps=500")
SICK = {
    "G 100 times too fast": (*RING, "optimizer.generator.lr=0.1"),
    "D that never learns": (*RING, "optimizer.discriminator.lr=1e-9"),
    "minimax with too strong a D": (
        *("loss=minimax", "optimizer.discriminator.lr=0.01", "train.steps=400"),
        *SMALL,
    ),
}
ROWS = ("train.log_every=50", "train.sample_every=0")
NOTICED = {
    "G 100 times too fast": "mode_collapse",
    "D that never learns": "discriminator_useless",
    "minimax with too strong a D": "discriminator_saturated",
}


# the quickest of each kind runs with all tests, the others with `make calibration`
SEEDS = [
    pytest.param(
        what,
        seed,
        marks=[] if (what, seed) == ("hinge on digits", 0) else pytest.mark.calibration,
    )
    for what in HEALTHY
    for seed in range(5)
]

Verdicts = list[tuple[str, str]]
"""Names and evidence."""


def verdicts(config: Config, path: Path, change: Callable[[Run], None] | None = None) -> Verdicts:
    """The verdicts of a training, as its status tells them; `change` makes the run ill."""
    path.mkdir()
    run = create(config, path, Terminal())
    if change is not None:
        change(run)
    train(run)
    run.close(state="completed", exit_code=0, reason="test")
    saved = json.loads((path / "status.json").read_text())["verdicts"]
    return [(verdict["name"], verdict["evidence"]) for verdict in saved]


def until(verdict: str) -> tuple[str, ...]:
    """The run ends when it gets this verdict."""
    return (*ROWS, f"health.action.{verdict}=stop")


def names(found: Verdicts) -> set[str]:
    return {name for name, _ in found}


@pytest.mark.parametrize(("what", "seed"), SEEDS)
def test_a_healthy_run_gets_no_verdict(
    configured: Callable[..., Config], tmp_path: Path, what: str, seed: int
) -> None:
    config = configured(*HEALTHY[what], f"seed={seed}", *ROWS)
    assert verdicts(config, tmp_path / "run") == []


@pytest.mark.parametrize(
    "what",
    [
        pytest.param(what, marks=[] if what == "D that never learns" else pytest.mark.calibration)
        for what in SICK
    ],
)
def test_a_sick_run_is_noticed_within_500_steps(
    configured: Callable[..., Config], tmp_path: Path, what: str
) -> None:
    found = verdicts(configured(*SICK[what], *until(NOTICED[what])), tmp_path / "run")
    assert NOTICED[what] in names(found), found


@pytest.mark.calibration
def test_a_penalty_of_the_wrong_sign_is_noticed_within_500_steps(
    configured: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = GradientPenalty.__call__

    def wrong(self: GradientPenalty, *args: Any) -> Tensor:
        return -right(self, *args).clamp(max=1.0)  # bounded, or it ends in NaN at once

    monkeypatch.setattr(GradientPenalty, "__call__", wrong)
    config = configured("experiment=ring_wgan_gp", "train.steps=500", *until("divergence"))
    assert "divergence" in names(verdicts(config, tmp_path / "run"))


@pytest.mark.calibration
def test_a_generator_with_one_output_is_noticed_within_500_steps(
    configured: Callable[..., Config], tmp_path: Path
) -> None:
    class One(nn.Module):
        """The first output for every latent."""

        def __init__(self, whole: nn.Module) -> None:
            super().__init__()
            self.whole = whole

        def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
            return self.whole(torch.zeros_like(latents))  # type: ignore[no-any-return]

    def collapse(run: Run) -> None:
        assert run.state.ema is not None
        run.state.networks["generator"] = One(run.state.generator)
        run.state.ema = One(run.state.ema)

    found = verdicts(configured(*RING, *until("mode_collapse")), tmp_path / "run", collapse)
    assert "mode_collapse" in names(found)
