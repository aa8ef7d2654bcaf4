"""Self-attention over the maps of the residual networks."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Answer, call_command, left_behind, model_settings, small_run
from network_pairs import Networks, build_pair
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from gan_runner.config.component import build_component
from gan_runner.data import Space
from gan_runner.errors import ConfigError
from gan_runner.models import Model
from gan_runner.models.attention import SelfAttention

Here = Callable[..., Answer]


@pytest.fixture(autouse=True)
def _same_numbers_every_time() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def model(attention: Any, *, norm: str = "none", init: str = "he") -> Model:
    plain = model_settings("resnet")
    for network in "generator", "discriminator":
        plain[network] |= {"width": 8, "norm": norm, "init": init, "attention": attention}
    return build_component({**plain, "latent_size": 6}, Model, where="model")


def networks(attention: Any, size: tuple[int, int] = (32, 32), **changes: Any) -> Networks:
    return build_pair(model(attention, **changes), Space("images", (1, *size)))


def attentions(network: nn.Module) -> list[SelfAttention]:
    return [module for module in network.modules() if isinstance(module, SelfAttention)]


def attended_sizes(network: nn.Module, given: Tensor) -> list[tuple[int, int]]:
    """The sizes of the maps that self-attention sees."""
    seen: list[tuple[int, int]] = []
    for block in attentions(network):
        block.register_forward_pre_hook(lambda _, maps: seen.append(tuple(maps[0].shape[2:])))
    network(given)
    return seen


@pytest.mark.parametrize("size", [(2, 4), (3, 1)])
def test_attention_is_the_papers_formula(size: tuple[int, int]) -> None:
    block = SelfAttention(16).double()
    block.gamma.data.fill_(0.7)
    maps = torch.randn(2, 16, *size, dtype=torch.float64)
    height, width = size
    weights = {
        name: getattr(block, name).weight.flatten(1) for name in ("query", "key", "value", "out")
    }
    assert [len(weights[name]) for name in ("query", "key", "value", "out")] == [2, 2, 8, 16]

    def pooled(of: Tensor) -> list[Tensor]:
        """The maxima of each 2x2 square, cut off at the edge."""
        squares = [
            of[:, y : y + 2, x : x + 2] for y in range(0, height, 2) for x in range(0, width, 2)
        ]
        return [square.flatten(1).max(1).values for square in squares]

    for one, made in zip(maps, block(maps), strict=True):
        at = {
            name: torch.einsum("oc,chw->ohw", weights[name], one)
            for name in weights
            if name != "out"
        }
        keys, values = pooled(at["key"]), pooled(at["value"])
        for y in range(height):
            for x in range(width):
                scores = torch.stack([at["query"][:, y, x] @ key for key in keys])
                shares = scores.exp() / scores.exp().sum()
                gathered = sum(s * v for s, v in zip(shares, values, strict=True))
                expected = one[:, y, x] + 0.7 * weights["out"] @ gathered
                torch.testing.assert_close(made[:, y, x], expected)


@pytest.mark.parametrize("init", ["normal", "xavier", "he", "orthogonal"])
def test_attention_changes_nothing_at_first(init: str) -> None:
    for network in networks([8, 16], init=init):
        for block in attentions(network):
            maps = torch.randn(2, 8, 8, 8)
            assert torch.equal(block(maps), maps)


def test_no_attention_is_the_default() -> None:
    assert [attentions(network) for network in networks(None)] == [[], []]


@pytest.mark.parametrize(("wanted", "sizes"), [(16, [16]), ([16], [16]), ([8, 16], [8, 16])])
def test_attention_follows_the_map_of_the_size_that_was_asked_for(
    wanted: Any, sizes: list[int]
) -> None:
    generator, discriminator = networks(wanted)
    assert attended_sizes(generator, torch.randn(1, 6)) == [(s, s) for s in sizes]
    seen = attended_sizes(discriminator, torch.randn(1, 1, 32, 32))
    assert seen == [(s, s) for s in reversed(sizes)]


def test_of_a_rectangle_the_longer_side_counts() -> None:
    generator, discriminator = networks(16, (8, 32))
    assert attended_sizes(generator, torch.randn(1, 6)) == [(4, 16)]
    assert attended_sizes(discriminator, torch.randn(1, 1, 8, 32)) == [(4, 16)]


@pytest.mark.parametrize("size", [6, 8, 28, 100])
def test_every_map_that_there_is_can_be_attended(size: int) -> None:
    with pytest.raises(ConfigError) as caught:
        networks(99, (size, size))
    message = str(caught.value)
    assert message.startswith("the generator has no maps of 99 px, model.generator.attention=99. ")
    there = [int(s) for s in message.rpartition("maps of ")[2].partition(" px.")[0].split(", ")]
    generator = model(there).plain_generator(6, (1, size, size))
    assert len(attentions(generator)) == len(there)
    assert generator(torch.randn(2, 6)).shape == (2, 1, size, size)


def test_a_map_that_only_g_has_is_refused_for_d() -> None:
    with pytest.raises(ConfigError) as caught:
        networks([4, 16])
    assert str(caught.value) == (
        "the discriminator has no maps of 4 px, model.discriminator.attention=4. "
        "For these images it has maps of 8, 16 px. Use 'model.discriminator.attention=[8]'"
    )


@pytest.mark.parametrize("value", ["big", 0, -4, [16, "x"], True, 1.5, {"a": 1}])
def test_a_value_that_is_not_a_size_is_refused_by_name(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"model\.generator\.attention"):
        model(value)


def test_spectral_norm_holds_the_convolutions_of_attention_too() -> None:
    for network in networks(16, norm="spectral"):
        (block,) = attentions(network)
        convolutions = (block.query, block.key, block.value, block.out)
        assert all(is_parametrized(convolution, "weight") for convolution in convolutions)
        assert not any(
            is_parametrized(c, "weight") for c in attentions(networks(16)[0])[0].children()
        )


def test_a_gradient_penalty_reaches_every_weight_of_attention() -> None:
    discriminator = networks(8, (16, 16)).discriminator
    (block,) = attentions(discriminator)
    block.gamma.data.fill_(1.0)
    points = torch.randn(3, 1, 16, 16, requires_grad=True)
    (gradient,) = torch.autograd.grad(discriminator(points).logits.sum(), points, create_graph=True)
    gradient.square().sum().backward()
    gradients = [parameter.grad for parameter in block.parameters()]
    assert len(gradients) == 5
    assert all(g is not None and g.isfinite().all() and g.any() for g in gradients)


def test_attention_has_the_numerical_second_derivative() -> None:
    block = SelfAttention(4).double()
    block.gamma.data.fill_(1.0)
    maps = torch.randn(1, 4, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(block, (maps,))


def test_the_memory_format_changes_nothing() -> None:
    block = SelfAttention(8)
    block.gamma.data.fill_(1.0)
    maps = torch.randn(2, 8, 6, 6)
    other = copy.deepcopy(block).to(memory_format=torch.channels_last)
    torch.testing.assert_close(other(maps.to(memory_format=torch.channels_last)), block(maps))


def test_a_run_with_attention_resumes_bit_for_bit(tmp_path: Path) -> None:
    sizes = ("model.generator.attention=[4,8]", "model.discriminator.attention=4")
    asked = ("model=resnet", *sizes, "loss=r3gan", "train.batch_size=4")
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    assert call_command("gan-train", *small_run(whole, *asked, "train.steps=4")) == 0
    assert call_command("gan-train", *small_run(parted, *asked, "train.steps=2")) == 0
    assert call_command("gan-train", f"resume={parted}", "train.steps=4") == 0
    assert left_behind(whole)["tensors"] == left_behind(parted)["tensors"]


def test_a_size_that_there_is_not_is_refused_before_training(here: Here) -> None:
    answer = here(
        "gan-train", *small_run(Path("run"), "model=resnet", "model.generator.attention=16")
    )
    assert answer.code == 2
    assert answer.err == (
        "error: the generator has no maps of 16 px, model.generator.attention=16. "
        "For these images it has maps of 4, 8 px. Use 'model.generator.attention=[8]'\n"
    )
    assert not Path("run").exists()
