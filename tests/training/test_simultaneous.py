"""Simultaneous updates: both gradients are taken at the same weights, after one pass over fakes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Answer, small_run
from test_adversarial import ADAM, GRADIENT, HINGE, R1, SGD, method, reals, same, state, stepper
from torch import Tensor, nn

from gan_runner.models.discriminator import PlainDiscriminator
from gan_runner.training.optimizers import Optimizers

Here = Callable[..., Answer]
PENALTIES = {"none": {}, "r1": R1, "r2": {**R1, "name": "R2"}, "gradient": GRADIENT}


def moves(network: nn.Module, act: Callable[[], None]) -> list[Tensor]:
    """How far the weights go while something is done."""
    before = [p.detach().clone() for p in network.parameters()]
    act()
    return [p.detach() - b for p, b in zip(network.parameters(), before, strict=True)]


@pytest.mark.parametrize("name", PENALTIES)
def test_d_moves_as_it_does_before_g_in_alternating_updates(name: str) -> None:
    loss = {**HINGE, "penalty": {} if name == "none" else {name: PENALTIES[name]}}
    ends = []
    for simultaneous in (False, True):
        made = method(loss, simultaneous=simultaneous, discriminates_together=False)
        of = state(made)
        made.step(of, reals())
        ends.append([p.detach() for p in of.discriminator.parameters()])
    assert same(*ends)


def test_g_moves_down_its_loss_at_the_weights_that_d_had_before() -> None:
    plain = stepper(**SGD)
    made = method({"name": "NonSaturating", "d_steps": 1, "clip": None, "penalty": {}},
                  simultaneous=True, optimizers=Optimizers(plain, plain))  # fmt: skip
    of = state(made)
    latents = torch.randn(6, 3, generator=of.rng.latent.clone_state())
    fakes = of.generator(latents, None)
    loss = nn.functional.softplus(-of.discriminator(fakes, None).logits).mean()
    gradient = torch.autograd.grad(loss, list(of.generator.parameters()))
    moved = moves(of.generator, lambda: made.step(of, reals()))
    for found, expected in zip(moved, gradient, strict=True):
        assert torch.allclose(found, -0.01 * expected, atol=1e-7)
    assert max(float(each.abs().max()) for each in gradient) > 1e-3


@pytest.mark.parametrize("d_steps", [1, 3])
def test_d_sees_the_last_fakes_once(monkeypatch: pytest.MonkeyPatch, d_steps: int) -> None:
    passes: list[int] = []
    whole = PlainDiscriminator.forward

    def counted(self: PlainDiscriminator, examples: Tensor, labels: Tensor | None = None) -> Any:
        passes.append(len(examples))
        return whole(self, examples, labels)

    monkeypatch.setattr(PlainDiscriminator, "forward", counted)
    for simultaneous, last in ((False, [12, 6]), (True, [6, 6])):
        made = method({**HINGE, "d_steps": d_steps}, simultaneous=simultaneous)
        of = state(made)
        passes.clear()
        made.step(of, reals())
        assert passes == [*[12] * (d_steps - 1), *last]


def test_an_optimizer_with_momentum_goes_another_way_than_alternating() -> None:
    ends = []
    for simultaneous in (False, True):
        made = method(simultaneous=simultaneous, optimizers=Optimizers(*2 * [stepper(**ADAM)]))
        of = state(made)
        stream = reals()
        for _ in range(3):
            made.step(of, stream)
        assert of.step == 3
        ends.append([p.detach() for p in of.generator.parameters()])
    assert not same(*ends)


@pytest.mark.parametrize(
    "settings",
    [
        ("loss=rsgan", "loss/penalty=[r1,r2]"),
        ("loss=wgan_gp",),
        ("loss=wgan",),
        ("loss=hinge", "model.conditioning=projection"),
        ("loss=hinge", "model.packing=2", "augment=ada"),
        ("loss=softplus_r1", "precision=bf16"),
        ("loss=hinge", "loss/penalty=[feature_matching]"),
    ],
)
def test_it_goes_with_losses_penalties_labels_and_augmentations(
    finished: Callable[..., Path], settings: tuple[str, ...]
) -> None:
    small = ("model.generator.width=8", "model.discriminator.width=8", "train.batch_size=8")
    asked = ("train.updates=simultaneous", "train.steps=2", "train.sample_every=0", *small)
    rows = (finished(*asked, *settings) / "metrics.jsonl").read_text().splitlines()
    assert all(math.isfinite(value) for value in json.loads(rows[-1]).values())


def test_a_run_is_resumed_bit_for_bit_and_not_as_another_one(here: Here, tmp_path: Path) -> None:
    asked = ("train.updates=simultaneous", "train.save_every=2", "train.sample_every=0")
    for name, steps in (("whole", 4), ("parts", 2)):
        words = small_run(tmp_path / name, *asked, f"train.steps={steps}")
        assert here("gan-train", *words).code == 0
    assert here("gan-train", "resume=parts", "train.steps=4").code == 0
    ends = [tmp_path / n / "checkpoints" / "step_00000004.safetensors" for n in ("whole", "parts")]
    assert tensors(ends[0]) == tensors(ends[1])
    answer = here("gan-train", "resume=parts", "train.steps=6", "train.updates=alternating")
    assert answer.code == 6
    assert "train.updates: simultaneous -> alternating" in answer.err


def tensors(path: Path) -> bytes:
    """The weights and states of a checkpoint, without the facts beside them."""
    content = path.read_bytes()
    return content[8 + int.from_bytes(content[:8], "little") :]


@pytest.mark.parametrize("settings", [("method=vae_gan", "model=vae_gan"), ("model=vae",)])
def test_methods_that_can_not_are_refused_with_the_remedy(
    here: Here, settings: tuple[str, ...]
) -> None:
    answer = here("gan-train", *settings, "train.updates=simultaneous")
    assert answer.code == 2
    assert answer.err.rstrip().endswith("Use train.updates=alternating")
