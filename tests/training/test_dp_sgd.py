"""A row adds little to D's gradient, and the noise is as large as it is said to be."""

from __future__ import annotations

import copy
from functools import reduce
from itertools import pairwise
from operator import add
from typing import Any

import pytest
import torch
from test_adversarial import (
    GRADIENT,
    HINGE,
    IMAGES,
    R1,
    SGD,
    VECTORS,
    method,
    model,
    state,
    stepper,
)
from torch import Tensor, nn

from gan_runner.data import Space
from gan_runner.data.batches import Batch
from gan_runner.models.discriminator import PlainDiscriminator
from gan_runner.training import dp_sgd
from gan_runner.training.dp_sgd import PerExample, PrivateGradient, clip, split_pairs
from gan_runner.training.methods import Adversarial
from gan_runner.training.optimizers import Optimizers
from gan_runner.training.privacy import Privacy
from gan_runner.training.state import TrainState

RATE, EXPECTED = 0.01, 6
SILENT = Privacy(
    noise_multiplier=1e-12, max_grad_norm=1.0, delta=1e-5, batch_size=EXPECTED, rows=60, seed=0
)
DRIFT = {"name": "Drift", "weight": 0.5, "every": 1}
PENALTIES: dict[str, dict[str, Any]] = {
    "none": {},
    "r1": {"r1": R1},
    "r2": {"r2": {**R1, "name": "R2"}},
    "gradient": {"gradient": GRADIENT},
    "drift": {"drift": DRIFT},
}


def private(privacy: Privacy = SILENT, loss: dict[str, Any] = HINGE, **changes: Any) -> Adversarial:
    """A method whose D goes along its gradient alone, times the rate."""
    plain = stepper(**SGD)
    made = method(loss, optimizers=Optimizers(plain, plain), **changes)
    return made.with_updates(privacy=privacy)


def batch(size: int, space: Space = VECTORS, *, seed: int = 0) -> Batch:
    rng = torch.Generator().manual_seed(seed)
    return Batch(torch.randn(size, *space.shape, generator=rng))


def gradient_of_update(
    made: Adversarial, of: TrainState, real: Batch, fake: Batch, *, update: int = 0
) -> Tensor:
    """The gradient that an update takes D along, all in one vector."""
    before = weights_of(of)
    made.update_discriminator(of, real, fake, update=update)
    return (before - weights_of(of)) / RATE


def weights_of(of: TrainState) -> Tensor:
    return torch.cat([p.detach().flatten() for p in of.discriminator.parameters()])


def gradients_of_pairs(made: Adversarial, of: TrainState, real: Batch, fake: Batch) -> list[Tensor]:
    """The gradient of each real and its fake by itself, through the plain network."""
    of, found = copy.deepcopy(of), []
    drawn = SILENT.rng(0).integers(len(fake.examples), size=len(real.examples))
    for k, other in enumerate(drawn.tolist()):
        pair = real.rows(slice(k, k + 1)), fake.rows(slice(other, other + 1))
        made._learn_to_discriminate(of, *pair, update=0)
        parameters = list(of.discriminator.parameters())
        found.append(torch.cat([p.grad.flatten() for p in parameters if p.grad is not None]))
        of.optimizers["discriminator"].zero_grad()
    return found


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("size", [1, 5, 9])
@pytest.mark.parametrize("together", [True, False])
def test_the_gradient_is_that_of_a_loop_over_pairs_each_clipped(
    penalty: str, size: int, together: bool
) -> None:
    made = private(loss={**HINGE, "penalty": PENALTIES[penalty]}, discriminates_together=together)
    of, real, fake = state(made), batch(size), batch(EXPECTED, seed=1)
    each = gradients_of_pairs(made, of, real, fake)
    norms = [float(g.norm()) for g in each]
    clipped = [
        g / max(1.0, norm / SILENT.max_grad_norm) for g, norm in zip(each, norms, strict=True)
    ]
    found = gradient_of_update(made, of, real, fake)
    assert torch.allclose(found, reduce(add, clipped) / EXPECTED, atol=2e-5)
    assert max(norms) > 1.1 * SILENT.max_grad_norm  # else nothing was clipped


@pytest.mark.parametrize("norm", ["layer", "instance", "none"])
def test_the_same_holds_for_images_and_every_norm_of_d(norm: str) -> None:
    made = private(model=model(IMAGES, norm=norm))
    of = state(made, IMAGES, norm=norm)
    real, fake = batch(4, IMAGES), batch(EXPECTED, IMAGES, seed=1)
    each = gradients_of_pairs(made, of, real, fake)
    clipped = [g / max(1.0, float(g.norm())) for g in each]
    found = gradient_of_update(made, of, real, fake)
    assert torch.allclose(found, reduce(add, clipped) / EXPECTED, atol=1e-4)


def test_gradients_in_parts_are_those_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made, real, fake = private(), batch(7), batch(EXPECTED, seed=1)
    of = state(made)
    numbers = sum(p.numel() for p in of.discriminator.parameters())
    found, rows = [], []
    for pairs in (1, 3, 100):
        monkeypatch.setattr(dp_sgd, "_LARGEST_COPIES", pairs * numbers)
        again = copy.deepcopy(of)
        found.append(gradient_of_update(made, again, real, fake))
        rows.append(again.sums.means())
    for one, other in pairwise(found):
        assert torch.allclose(one, other, atol=2e-5)
    for row in rows[1:]:
        assert row == pytest.approx(rows[0], abs=1e-5)
    parts = split_pairs(real, fake.rows(torch.arange(7) % 6), of.discriminator)
    assert [len(reals.examples) for reals, _ in parts] == [7]


def test_no_row_adds_more_than_the_limit_however_far_off_it_is() -> None:
    made, fake = private(), batch(EXPECTED, seed=1)
    of, few = state(made), batch(3)
    outlier = Batch(torch.full((1, 2), 1e4))
    with_one_more = Batch(torch.cat((few.examples, outlier.examples)))
    without = gradient_of_update(made, copy.deepcopy(of), few, fake)
    difference = gradient_of_update(made, of, with_one_more, fake) - without
    added = EXPECTED * float(difference.norm())
    assert added == pytest.approx(SILENT.max_grad_norm, rel=1e-3)


def test_copies_are_blind_for_other_rows() -> None:
    of = state(private())
    copies = PerExample(of.discriminator, 4)
    output = copies(batch(8).examples)
    assert torch.allclose(output.logits, of.discriminator(batch(8).examples).logits, atol=1e-6)
    gradients = torch.autograd.grad(output.logits[[1, 5]].sum(), list(copies.copies.values()))
    for gradient in gradients:
        assert gradient[[0, 2, 3]].count_nonzero() == 0
    assert all(gradient[1].count_nonzero() for gradient in gradients[:1])
    assert all(p.grad is None for p in of.discriminator.parameters())


def test_gradients_below_the_limit_are_left_as_they_are() -> None:
    small = torch.tensor([[0.3, 0.0], [0.0, 0.4]]), torch.tensor([[0.4], [0.0]])
    sums = clip(small, 0.5)
    assert torch.allclose(sums[0], torch.tensor([0.3, 0.4]))
    assert torch.allclose(sums[1], torch.tensor([0.4]))
    halved = clip(small, 0.25)  # norms of 0.5 and 0.4
    assert torch.allclose(halved[0], torch.tensor([0.15, 0.25]))
    assert torch.allclose(clip((torch.zeros(3, 2),), 1.0)[0], torch.zeros(2))


def test_the_noise_has_the_deviation_that_is_said() -> None:
    network = PlainDiscriminator(
        nn.Sequential(nn.Linear(400, 100), nn.Linear(100, 1), nn.Flatten(0))
    )
    gradient = PrivateGradient(network, max_norm=0.5)
    gradient.finish(SILENT.rng(0), noise_multiplier=3.0, size=10)
    noise = torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])
    assert len(noise) > 40_000
    assert float(noise.std()) == pytest.approx(3.0 * 0.5 / 10, rel=0.02)
    assert float(noise.mean()) == pytest.approx(0.0, abs=0.003)
    assert float((noise.abs() > 0.15).float().mean()) == pytest.approx(0.3173, abs=0.01)  # normal


def test_each_update_has_noise_of_its_own_and_always_the_same() -> None:
    first, again, second, elsewhere = (
        privacy.rng(update).standard_normal(5).tolist()
        for privacy, update in (
            *((SILENT, 0), (SILENT, 0), (SILENT, 1)),
            (SILENT.__class__(**{**SILENT.__dict__, "seed": 1}), 0),
        )
    )
    assert first == again
    assert not {*first} & {*second}
    assert not {*first} & {*elsewhere}


def test_a_batch_without_a_row_is_noise_alone_and_has_nothing_to_log() -> None:
    loud = Privacy(**{**SILENT.__dict__, "noise_multiplier": 2.0})
    made = private(loud)
    of = state(made)
    found = gradient_of_update(made, of, batch(0), batch(EXPECTED))
    assert float(found.std()) == pytest.approx(2.0 / EXPECTED, rel=0.2)
    assert of.sums.means() == {}


def test_gs_update_does_not_know_how_many_rows_were_drawn() -> None:
    loud = Privacy(**{**SILENT.__dict__, "max_grad_norm": 1e-20})  # so that D learns nothing
    made, ends = private(loud), []
    for size in (1, 4, 20):
        of = state(made)
        made.step(of, iter([batch(size)]))
        ends.append([p.detach() for p in of.generator.parameters()])
    for one, other in pairwise(ends):
        assert all(torch.allclose(a, b, atol=1e-7) for a, b in zip(one, other, strict=True))


def test_terms_of_the_weights_are_not_clipped() -> None:
    pull = {"averaging": {"name": "HistoricalAveraging", "weight": 1e3}}
    made = private(loss={**HINGE, "penalty": pull})
    of = state(made)
    gradient_of_update(made, of, batch(4), batch(EXPECTED), update=0)
    found = gradient_of_update(made, of, batch(4), batch(EXPECTED), update=1)
    assert float(found.norm()) > 4 / EXPECTED * SILENT.max_grad_norm
    assert "penalty/averaging/discriminator" in of.sums.means()


def test_logits_and_losses_are_logged_as_without_privacy() -> None:
    of, real, fake = state(private()), batch(6), batch(EXPECTED, seed=1)
    drawn = SILENT.rng(0).integers(6, size=6)
    plain = copy.deepcopy(of)
    method().update_discriminator(plain, real, fake.rows(torch.from_numpy(drawn)), update=0)
    private().update_discriminator(of, real, fake, update=0)
    found, expected = of.sums.means(), plain.sums.means()
    assert list(found) == list(expected)
    for name in ("loss/discriminator", "logits/real", "logits/fake", "accuracy/discriminator"):
        assert found[name] == pytest.approx(expected[name], abs=1e-5)
