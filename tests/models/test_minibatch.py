"""Layers with which a discriminator compares the examples of a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Answer, call_command, left_behind, model_settings, small_run
from network_pairs import build_pair
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from gan_runner.config.component import build_component
from gan_runner.config.schema import Config
from gan_runner.data import Space
from gan_runner.errors import ConfigError
from gan_runner.logs.terminal import Terminal
from gan_runner.models import Model
from gan_runner.models.minibatch import Discrimination, StandardDeviation, add_minibatch_layer
from gan_runner.runs.open import create
from gan_runner.training.loop import train

Here = Callable[..., Answer]
MODELS = ("mlp", "simple_conv", "dcgan", "infogan", "resnet", "r3gan")
LAYERS = ("stddev", "discrimination")
HE = {"norm": "none", "init": "he"}
IMAGES = Space("images", (1, 8, 8))
every_layer = pytest.mark.parametrize("layer", LAYERS)
every_model = pytest.mark.parametrize("option", MODELS)


@pytest.fixture(autouse=True)
def _same_numbers_every_time() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def model(option: str, layer: str, *, conditioning: str = "none", **discriminator: Any) -> Model:
    plain = model_settings(option)
    sizes = {"mlp": {"hidden": [16]}, "r3gan": {"widths": [8], "cardinality": [2]}}
    settings = {"minibatch": layer, "minibatch_kernels": 6, "minibatch_dims": 3}
    plain["discriminator"] |= {**sizes.get(option, {"width": 8}), **settings, **HE, **discriminator}
    return build_component({**plain, "conditioning": conditioning}, Model, where="model")


def discriminator(option: str, layer: str, **changes: Any) -> nn.Module:
    return build_pair(model(option, layer, **changes), IMAGES, 3).discriminator


# ---------------------------------------------------------------- formulas


@pytest.mark.parametrize(("count", "groups"), [(8, 2), (12, 3), (4, 1), (10, 2), (7, 1), (3, 1)])
def test_stddev_is_the_papers_formula(count: int, groups: int) -> None:
    features = torch.randn(count, 5, dtype=torch.float64)
    made = StandardDeviation(4)(features)
    assert torch.equal(made[:, :-1], features)
    for group in range(groups):
        of = features[group::groups]
        deviations = [(of[:, d] - of[:, d].mean()).square().mean().sqrt() for d in range(5)]
        expected = torch.stack(deviations).mean().expand(len(of))
        torch.testing.assert_close(made[group::groups, -1], expected, atol=1e-7, rtol=1e-6)


def test_stddev_groups_as_the_authors_code_does() -> None:
    features = torch.randn(12, 3, 2, 2)
    groups = features.view(4, 3, -1)  # [group, which of them, D]
    deviation = (groups.var(0, correction=0) + 1e-8).sqrt().mean(1)
    made = StandardDeviation(4)(features)
    torch.testing.assert_close(made[:, -1], deviation.repeat(4))


def test_discrimination_is_the_papers_formula() -> None:
    layer = Discrimination(5, kernels=3, dims=2).double()
    features = torch.randn(4, 5, dtype=torch.float64)
    tensor = layer.projection.weight.detach().view(3, 2, 5).permute(2, 0, 1)  # [A, B, C]
    made = layer(features)
    assert torch.equal(made[:, :5], features)
    for i in range(4):
        for b in range(3):
            closeness = 0.0
            for j in range(4):
                row, other = (
                    [
                        sum(float(features[of, a] * tensor[a, b, c]) for a in range(5))
                        for c in (0, 1)
                    ]
                    for of in (i, j)
                )
                apart = sum(abs(p - q) for p, q in zip(row, other, strict=True))
                closeness += float(torch.tensor(-apart, dtype=torch.float64).exp())
            assert made[i, 5 + b].item() == pytest.approx(closeness)


@every_layer
def test_both_have_the_numerical_second_derivative(layer: str) -> None:
    made = StandardDeviation(2) if layer == "stddev" else Discrimination(3, kernels=2, dims=2)
    features = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(made.double(), (features,))
    assert torch.autograd.gradgradcheck(made.double(), (features,))


@every_layer
def test_both_are_computed_in_full_precision(layer: str) -> None:
    made = StandardDeviation(4) if layer == "stddev" else Discrimination(3, kernels=2, dims=2)
    features = 100 + 0.01 * torch.randn(8, 3)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(made(features), made.to(torch.float32)(features))
        assert made(features.bfloat16()).dtype == torch.float32


# ---------------------------------------------------------------- twins


def test_a_batch_of_twins_has_no_deviation_and_is_as_close_as_can_be() -> None:
    twins, others = torch.randn(1, 20).expand(8, -1), torch.randn(8, 20)
    deviation, closeness = StandardDeviation(4), Discrimination(20, kernels=6, dims=3)
    assert deviation(twins)[:, -1].max() < 2e-4
    assert deviation(others)[:, -1].min() > 0.3
    torch.testing.assert_close(closeness(twins)[:, 20:], torch.full((8, 6), 8.0))
    assert closeness(others)[:, 20:].max() < 6


@every_layer
@every_model
def test_twins_stand_out_in_the_last_features_of_every_model(option: str, layer: str) -> None:
    network: Any = discriminator(option, layer)
    found: list[Tensor] = []
    network.body[-1].register_forward_hook(lambda *given: found.append(given[2]))
    network(torch.randn(1, 1, 8, 8).expand(8, -1, -1, -1))
    network(torch.randn(8, 1, 8, 8))
    twins, others = (features[:, network.head.in_features - extra(layer) :] for features in found)
    if layer == "stddev":
        assert twins.max() < 0.01 * others.min()
    else:
        torch.testing.assert_close(twins, torch.full((8, 6), 8.0))
        assert others.max() < 7


def extra(layer: str) -> int:
    return {"stddev": 1, "discrimination": 6}[layer]


@pytest.mark.parametrize("layer", ["none", *LAYERS])
def test_only_with_a_layer_can_twins_be_recognized(layer: Any) -> None:
    plain = nn.Sequential(nn.Flatten(), nn.Linear(4, 1), nn.Flatten(0))
    network = add_minibatch_layer(plain, layer, group=4, kernels=6, dims=3)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.05)

    def logits() -> tuple[Tensor, Tensor]:
        """Of examples that differ, and of one of them as often."""
        examples = torch.randn(8, 4)
        return network(examples), network(examples[:1].expand(8, -1))

    for _ in range(200):
        others, twins = logits()
        loss = nn.functional.softplus(-others).mean() + nn.functional.softplus(twins).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    right = torch.stack([(o.mean() > t.mean()).float() for o, t in (logits() for _ in range(200))])
    assert (right.mean() > 0.9) == (layer != "none")


# ---------------------------------------------------------------- in every model


@every_layer
@every_model
@pytest.mark.parametrize("norm", ["none", "spectral"])
def test_every_model_scores_batches_of_any_size(option: str, layer: str, norm: str) -> None:
    if (option, norm) == ("r3gan", "spectral"):
        return
    network = discriminator(option, layer, norm=norm)
    for count in 1, 2, 5, 8, 9:
        logits = network(torch.randn(count, 1, 8, 8)).logits
        assert logits.shape == (count,)
        assert logits.isfinite().all()


@every_layer
def test_vectors_are_compared_as_well(layer: str) -> None:
    network = build_pair(model("mlp", layer), Space("vectors", (2,))).discriminator
    assert network(torch.randn(6, 2)).logits.shape == (6,)


@every_layer
@every_model
def test_a_logit_depends_on_the_other_examples(option: str, layer: str) -> None:
    network = discriminator(option, layer)
    first, second = torch.randn(4, 1, 8, 8), 2 * torch.randn(4, 1, 8, 8)
    second[0] = first[0]
    assert not torch.allclose(network(first).logits[0], network(second).logits[0], atol=1e-5)


@every_layer
@every_model
def test_a_gradient_penalty_reaches_every_weight(option: str, layer: str) -> None:
    network = discriminator(option, layer)
    for parameter in network.parameters():  # the blocks of r3gan begin at 0
        nn.init.normal_(parameter, std=0.1)
    points = torch.randn(6, 1, 8, 8, requires_grad=True)
    (gradient,) = torch.autograd.grad(network(points).logits.sum(), points, create_graph=True)
    gradient.square().sum().backward()
    gradients = {name: p.grad for name, p in network.named_parameters() if "weight" in name}
    assert all(g is not None and g.isfinite().all() and g.any() for g in gradients.values())


@every_layer
@every_model
def test_the_penalty_of_twins_is_finite(option: str, layer: str) -> None:
    network = discriminator(option, layer)
    points = torch.randn(1, 1, 8, 8).repeat(6, 1, 1, 1).requires_grad_()
    (gradient,) = torch.autograd.grad(network(points).logits.sum(), points, create_graph=True)
    gradient.square().sum().backward()
    assert all(p.grad.isfinite().all() for p in network.parameters() if p.grad is not None)


@every_layer
def test_the_weights_of_the_other_features_stay_as_they_were_drawn(layer: Any) -> None:
    head = nn.Linear(7, 1)
    nn.init.normal_(head.weight, std=0.02)
    plain = nn.Sequential(nn.Flatten(), head, nn.Flatten(0))
    made = add_minibatch_layer(plain, layer, group=4, kernels=500, dims=2)
    wider = made[-2]
    assert torch.equal(wider.weight[:, :7], head.weight)
    assert torch.equal(wider.bias, head.bias)
    if layer == "discrimination":
        own = head.weight.square().mean().sqrt().item()
        assert wider.weight[:, 7:].std().item() == pytest.approx(own, rel=0.1)


def test_without_a_layer_the_discriminator_is_the_plain_one() -> None:
    plain = nn.Sequential(nn.Linear(2, 1), nn.Flatten(0))
    assert add_minibatch_layer(plain, "none", group=4, kernels=5, dims=2) is plain


def test_spectral_norm_holds_the_new_weights_too() -> None:
    network: Any = discriminator("dcgan", "discrimination", norm="spectral")
    appended, head = network.body[-1], network.head
    assert is_parametrized(appended.projection, "weight")
    assert is_parametrized(head, "weight")


@every_layer
@pytest.mark.parametrize("way", ["concat", "embedding", "projection", "auxiliary"])
def test_a_conditional_discriminator_compares_as_well(layer: str, way: str) -> None:
    network = discriminator("dcgan", layer, conditioning=way)
    labels = torch.tensor([0, 1, 2, 0, 1])
    first, second = torch.randn(5, 1, 8, 8), 2 * torch.randn(5, 1, 8, 8)
    second[0] = first[0]
    logits = network(first, labels).logits
    assert logits.shape == (5,)
    assert not torch.allclose(logits[0], network(second, labels).logits[0], atol=1e-5)


# ---------------------------------------------------------------- in training


@every_layer
@pytest.mark.parametrize("loss", ["hinge", "wgan_gp", "r3gan"])
def test_reals_and_fakes_are_never_one_batch(
    configured: Callable[..., Config], tmp_path: Path, layer: str, loss: str
) -> None:
    asked = (f"loss={loss}", f"model.discriminator.minibatch={layer}", "train.steps=2")
    sizes = [s for s in small_run(tmp_path, *asked) if not s.startswith(("hydra", "train.batch"))]
    (tmp_path / "run").mkdir()
    run = create(configured(*sizes, "train.batch_size=10"), tmp_path / "run", Terminal())
    seen: list[int] = []
    run.state.discriminator.body.register_forward_pre_hook(
        lambda _, args: seen.append(len(args[0]))
    )
    train(run)
    run.close(state="completed", exit_code=0, reason="test")
    assert set(seen) == {10}


@pytest.mark.parametrize(
    ("layer", "loss"), [("stddev", "wgan_gp"), ("discrimination", "softplus_r1")]
)
def test_a_run_that_compares_resumes_bit_for_bit(tmp_path: Path, layer: str, loss: str) -> None:
    minibatch = f"model.discriminator.minibatch={layer}"
    asked = (minibatch, f"loss={loss}", "model.discriminator.norm=spectral", "train.batch_size=6")
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    assert call_command("gan-train", *small_run(whole, *asked, "train.steps=6")) == 0
    assert call_command("gan-train", *small_run(parted, *asked, "train.steps=3")) == 0
    assert call_command("gan-train", f"resume={parted}", "train.steps=6") == 0
    assert left_behind(whole)["tensors"] == left_behind(parted)["tensors"]


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("minibatch", "variance"),
        ("minibatch_group", 1),
        ("minibatch_group", "all"),
        ("minibatch_kernels", 0),
        ("minibatch_kernels", 2000),
        ("minibatch_dims", 0),
    ],
)
def test_settings_out_of_range_are_refused_by_name(key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"model\.discriminator\.{key}="):
        model("dcgan", "stddev", **{key: value})


@every_layer
def test_a_batch_of_one_has_nothing_to_compare(here: Here, layer: str) -> None:
    minibatch = f"model.discriminator.minibatch={layer}"
    small = small_run(Path("run"), minibatch, "train.batch_size=1", "model.generator.norm=layer")
    answer = here("gan-train", *small)
    assert answer.code == 2
    assert f"train.batch_size=1 with {minibatch}." in answer.err
    assert "or model.discriminator.minibatch=none" in answer.err
    assert not Path("run").exists()
