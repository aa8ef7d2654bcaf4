"""Terms beside the loss: each by its formula, and with every kind of loss."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Answer, small_run
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from gan_runner.augmentations import Memory
from gan_runner.cli.hydra.composer import compose, parse_config
from gan_runner.config.component import build_component
from gan_runner.config.groups import conf_folder
from gan_runner.errors import ConfigError
from gan_runner.models.discriminator import DiscriminatorOutput as Output
from gan_runner.objectives.objective import Objective
from gan_runner.objectives.penalties import Penalty
from gan_runner.objectives.terms import FeatureMatching, HistoricalAveraging
from gan_runner.training.build import build


def build_penalty(name: str, **settings: Any) -> Penalty:
    return build_component(
        {"name": name, "weight": 1.0, "every": 1, **settings}, Penalty, where="penalty"
    )


def output(*logits: float, examples: Tensor | None = None) -> Output:
    values = torch.tensor(logits, dtype=torch.float64)
    return Output(torch.zeros(len(values), 2) if examples is None else examples, values)


def call(of: Penalty, real: Output, fake: Output, memory: Memory | None = None) -> Tensor:
    rng = torch.Generator().manual_seed(0)
    return of(lambda x: x.flatten(1).sum(1), real, fake, rng, {} if memory is None else memory)


def discriminator_terms(objective: Objective, real: Output, fake: Output) -> dict[str, Tensor]:
    """The weighted terms of D's update, whose sum is D's loss."""
    terms = {"loss": objective.loss.discriminator(real.logits, fake.logits).mean()}
    rng = torch.Generator()
    for name, penalty in objective.penalties.items():
        values = penalty(lambda x: x, real, fake, rng, {})
        terms[name] = penalty.weight * values.mean()
    return terms


@pytest.mark.parametrize("loss", ["minimax", "non_saturating"])
def test_label_smoothing_is_the_cross_entropy_with_the_smoothed_label(loss: str) -> None:
    node = parse_config(compose([f"loss={loss}", "loss/penalty=label_smoothing"])).loss
    assert node["penalty"]["label_smoothing"]["weight"] == 0.1
    real, fake = output(-2.0, 0.3, 4.0), output(1.0, -3.0, 0.2)
    terms = discriminator_terms(Objective.build(node), real, fake)
    labels = torch.full_like(real.logits, 0.9)
    expected = binary_cross_entropy_with_logits(real.logits, labels)
    expected += binary_cross_entropy_with_logits(fake.logits, torch.zeros_like(labels))
    assert torch.stack(list(terms.values())).sum().item() == pytest.approx(expected.item())


def test_label_smoothing_lowers_the_target_of_least_squares() -> None:
    node = parse_config(compose(["loss=lsgan", "loss/penalty=label_smoothing"])).loss
    real = torch.tensor([0.9], requires_grad=True)
    real_output = Output(torch.zeros(1, 2), real)
    terms = discriminator_terms(Objective.build(node), real_output, output(0.0))
    (gradient,) = torch.autograd.grad(sum(terms.values()), real)
    assert gradient.item() == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize(
    "loss", sorted(path.stem for path in (conf_folder() / "loss").glob("*.yaml"))
)
def test_only_a_loss_that_has_labels_smooths_them(loss: str) -> None:
    lines = [f"loss={loss}", "loss/penalty=label_smoothing", "model.discriminator.norm=none"]
    if loss in ("minimax", "non_saturating", "softplus_r1", "dragan", "lsgan"):
        build(parse_config(compose(lines)))
        return
    if loss == "elbo":
        return  # has no penalties at all
    with pytest.raises(ConfigError, match=r"penalty\.label_smoothing .*loss=non_saturating"):
        build(parse_config(compose(lines)))


def test_smoothing_to_a_label_below_0_is_refused() -> None:
    lines = ["loss=minimax", "loss/penalty=label_smoothing"]
    with pytest.raises(ConfigError, match=r"label_smoothing\.weight=1\.5"):
        build(parse_config(compose([*lines, "loss.penalty.label_smoothing.weight=1.5"])))


def test_label_smoothing_is_not_taken_for_a_penalty_that_rewards(
    here: Callable[..., Answer],
) -> None:
    asked = ["loss=minimax", "loss/penalty=label_smoothing", "train.steps=2", "train.log_every=1"]
    assert here("gan-train", *small_run(Path("run"), *asked)).code == 0
    row = json.loads(Path("run/metrics.jsonl").read_text().splitlines()[-1])
    assert "term/label_smoothing" in row and "penalty/label_smoothing" not in row


def test_lecam_holds_logits_to_the_moving_averages_of_the_other_kind() -> None:
    of, memory = build_penalty("LeCam", decay=0.75), {}
    first = call(of, output(1.0, 3.0), output(-1.0, 1.0), memory)
    # the averages begin with the first batch: 2 and 0
    assert first.tolist() == [1.0 + 9.0, 9.0 + 1.0]
    call(of, output(6.0, 6.0), output(-4.0, -4.0), memory)
    assert {name: value.item() for name, value in memory.items()} == {"real": 3.0, "fake": -1.0}
    third = call(of, output(0.0), output(0.0), memory)
    assert third.tolist() == [1.0 + 9.0]


def test_consistency_is_the_squared_change_of_the_logit() -> None:
    images = torch.randn(5, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    weights = torch.randn(64, generator=torch.Generator().manual_seed(2))
    asked: list[Tensor] = []

    def critic(x: Tensor) -> Tensor:
        asked.append(x)
        return x.flatten(1) @ weights

    real, fake = (
        Output(images, critic(images)),
        Output(-images, critic(-images)),
    )
    for balanced, calls in ((False, 1), (True, 2)):
        asked.clear()
        of = build_penalty("Consistency", balanced=balanced, flip=True, shift=0.125, noise=0.0)
        found = of(critic, real, fake, torch.Generator().manual_seed(3), {})
        assert len(asked) == calls
        pairs = zip(asked, (real, fake), strict=False)
        expected = sum((x.flatten(1) @ weights - s.logits).square() for x, s in pairs)
        assert torch.allclose(found, torch.as_tensor(expected))
        changed = (asked[0] != images).flatten(1).any(1)
        assert changed.any()


def test_feature_matching_is_the_squared_distance_of_the_mean_features() -> None:
    real, fake = torch.randn(6, 4, 2), torch.randn(6, 4, 2, requires_grad=True)
    logits = torch.zeros(6)
    found = FeatureMatching(weight=1.0)(Output(logits, logits, real), Output(logits, logits, fake))
    expected = (real.mean(0) - fake.mean(0)).square().sum()
    assert torch.allclose(found, expected)
    found.backward()
    assert fake.grad is not None and fake.grad.abs().min() > 0


def test_historical_averaging_is_the_squared_distance_to_the_mean_weights_so_far() -> None:
    of, memory = HistoricalAveraging(weight=1.0), {}
    weights = [nn.Parameter(torch.tensor([1.0, 2.0])), nn.Parameter(torch.tensor([[5.0]]))]
    assert of(weights, memory).item() == 0
    with torch.no_grad():
        weights[0] += 2
        weights[1] -= 4
    found = of(weights, memory)
    assert found.item() == pytest.approx(1 + 1 + 4)
    (gradient,) = torch.autograd.grad(found, weights[1])
    assert gradient.item() == pytest.approx(2 * (1 - 3))
    with torch.no_grad():
        weights[1].fill_(0.0)
    of(weights, memory)
    assert memory["1"].item() == pytest.approx((5 + 1 + 0) / 3)


@pytest.mark.parametrize(
    ("option", "columns"),
    [
        ("feature_matching", ["penalty/feature_matching"]),
        (
            "historical_averaging",
            [
                "penalty/historical_averaging/discriminator",
                "penalty/historical_averaging/generator",
            ],
        ),
        ("lecam", ["penalty/lecam"]),
        ("consistency", ["penalty/consistency"]),
    ],
)
@pytest.mark.parametrize("loss", ["wgan_gp", "r3gan", "non_saturating"])
def test_every_term_goes_with_every_kind_of_loss(
    here: Callable[..., Answer], option: str, columns: list[str], loss: str
) -> None:
    asked = [f"loss={loss}", f"loss/penalty={option}", "train.steps=2", "train.log_every=1"]
    answer = here("gan-train", *small_run(Path("run"), *asked))
    assert answer.code == 0, answer.err
    row = json.loads(Path("run/metrics.jsonl").read_text().splitlines()[-1])
    for column in columns:
        assert row[column] > 0
