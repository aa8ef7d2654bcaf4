"""The networks of R3GAN: their structure, their start, and every size of images."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Answer, call_command, left_behind, model_settings, small_run
from network_pairs import Networks, build_pair
from torch import nn

from gan_runner.config.component import build_component
from gan_runner.data import Space
from gan_runner.errors import ConfigError
from gan_runner.models import Model
from gan_runner.models.r3gan import Basis, Block, Downsample, Upsample

Here = Callable[..., Answer]
SMALL = (
    *(f"model.{network}.widths=[8]" for network in ("generator", "discriminator")),
    *(f"model.{network}.cardinality=[2]" for network in ("generator", "discriminator")),
)


@pytest.fixture(autouse=True)
def _same_numbers_every_time() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def model(*, discriminator: Any = None, conditioning: str = "none", **settings: Any) -> Model:
    plain = model_settings("r3gan")
    for network in "generator", "discriminator":
        plain[network] |= {"widths": [8], "cardinality": [2], **settings}
    plain["discriminator"] |= discriminator or {}
    plain |= {"latent_size": 6, "conditioning": conditioning}
    return build_component(plain, Model, where="model")


def networks(*shape: int, **settings: Any) -> Networks:
    return build_pair(model(**settings), Space("images", shape), 3)


def run_of(path: Path, *overrides: str) -> list[str]:
    """Arguments of a small run with small networks of this kind."""
    general = [o for o in small_run(path) if not o.startswith("model.")]
    return [*general, "model=r3gan", *SMALL, "loss=r3gan", *overrides]


def with_drawn_weights(network: nn.Module) -> nn.Module:
    """The network with all weights drawn: those that begin at 0 stop the gradient of others."""
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.3)
    return network


# ---------------------------------------------------------------- shapes


@pytest.mark.parametrize("size", [4, 5, 7, 8, 28, 32, 64, 100, 128])
def test_images_of_every_size_are_made_and_scored(size: int) -> None:
    generator, discriminator = networks(3, size, size)
    made = generator(torch.randn(2, 6))
    assert made.shape == (2, 3, size, size)
    assert made.isfinite().all()
    assert made.abs().max() <= 1
    assert discriminator(made).logits.shape == (2,)


@pytest.mark.parametrize("size", [(4, 9), (17, 4), (28, 33), (5, 64), (100, 7)])
def test_rectangles_are_made_and_scored(size: tuple[int, int]) -> None:
    generator, discriminator = networks(1, *size)
    made = generator(torch.randn(2, 6))
    assert made.shape == (2, 1, *size)
    assert discriminator(made).logits.shape == (2,)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_images_have_one_to_four_channels(channels: int) -> None:
    generator, discriminator = networks(channels, 8, 8)
    assert generator(torch.randn(1, 6)).shape == (1, channels, 8, 8)
    assert discriminator(torch.randn(1, channels, 8, 8)).logits.shape == (1,)


@pytest.mark.parametrize("shape", [(5, 8, 8), (1, 3, 8), (2,)])
def test_other_examples_are_refused(shape: tuple[int, ...]) -> None:
    space = Space("images" if len(shape) == 3 else "vectors", shape)
    with pytest.raises(ConfigError, match=r"r3gan can't build .* model=r3gan\. Use"):
        model().check(space)


# ---------------------------------------------------------------- structure


def blocks(network: nn.Module) -> list[Block]:
    return [module for module in network.modules() if isinstance(module, Block)]


def test_stages_have_the_settings_of_their_place_and_further_ones_those_of_the_last() -> None:
    generator, discriminator = networks(
        1, 32, 32, widths=[16, 8], blocks=[2, 1], cardinality=[4, 2]
    )
    # D sees the large maps first
    for found in blocks(generator), blocks(discriminator)[::-1]:
        middles = [block.branch[2] for block in found]
        assert [middle.in_channels for middle in middles] == [32, 32, 16, 16, 16]
        assert [middle.groups for middle in middles] == [4, 4, 2, 2, 2]


def test_a_block_widens_convolves_in_groups_and_narrows() -> None:
    (block, *_) = blocks(networks(1, 8, 8, expansion=3)[0])
    kinds = [type(layer).__name__ for layer in block.branch]
    assert kinds == ["Conv2d", "LeakyReLU", "Conv2d", "LeakyReLU", "Conv2d"]
    wide, middle, narrow = block.branch[0], block.branch[2], block.branch[4]
    sizes = [(c.in_channels, c.out_channels, c.kernel_size[0]) for c in (wide, middle, narrow)]
    assert sizes == [(8, 24, 1), (24, 24, 3), (24, 8, 1)]


def test_both_networks_end_at_4_px_with_one_weight_for_each_place() -> None:
    generator, discriminator = networks(1, 100, 100)
    (basis,) = [module for module in generator if isinstance(module, Basis)]
    assert basis.weight.shape == (8, 4, 4)
    depthwise = discriminator.body[-2]
    assert (depthwise.weight.shape, depthwise.groups) == ((8, 1, 4, 4), 8)
    weights = torch.randn(2, 8)
    expected = torch.stack([w[:, None, None] * basis.weight for w in weights])
    assert torch.equal(basis(weights), expected)


def test_doubling_is_bilinear_within() -> None:
    maps = torch.randn(2, 3, 5, 4)
    expected = nn.functional.interpolate(maps, scale_factor=2, mode="bilinear")
    made = Upsample((10, 8))(maps)
    torch.testing.assert_close(made[:, :, 1:-1, 1:-1], expected[:, :, 1:-1, 1:-1])


@pytest.mark.parametrize("size", [(8, 8), (7, 10), (5, 3), (1, 4)])
def test_halving_is_doubling_transposed(size: tuple[int, int]) -> None:
    fine = torch.randn(1, 2, *size)
    coarse = Downsample()(fine)
    assert coarse.shape[2:] == tuple((side + 1) // 2 for side in size)
    cotangent = torch.randn_like(coarse)
    # <A x, y> = <x, A^T y>, and a doubled map has four times the places
    made = (fine * Upsample(size)(cotangent)).sum() / 4
    torch.testing.assert_close((coarse * cotangent).sum(), made)


def test_halving_keeps_a_constant_within() -> None:
    made = Downsample()(torch.ones(1, 1, 12, 12))
    torch.testing.assert_close(made[:, :, 1:-1, 1:-1], torch.ones(1, 1, 4, 4))


def test_the_memory_format_changes_no_output() -> None:
    generator, discriminator = (with_drawn_weights(network) for network in networks(3, 28, 28))
    other, critic = (
        copy.deepcopy(network).to(memory_format=torch.channels_last)
        for network in (generator, discriminator)
    )
    points = torch.randn(3, 6)
    made = generator(points)
    torch.testing.assert_close(other(points), made, atol=1e-3, rtol=1e-3)
    expected = discriminator(made).logits
    torch.testing.assert_close(critic(made).logits, expected, atol=1e-3, rtol=1e-3)


def test_a_state_holds_weights_only() -> None:
    for network in networks(1, 28, 28):
        assert {key.split(".")[-1] for key in network.state_dict()} == {"weight", "bias"}


# ---------------------------------------------------------------- start


def test_every_block_begins_as_the_identity() -> None:
    for network in networks(1, 28, 28):
        maps = torch.randn(2, 8, 6, 6)
        assert all(torch.equal(block(maps), maps) for block in blocks(network))


def test_weights_start_from_hes_scaled_by_the_number_of_blocks() -> None:
    generator, discriminator = networks(1, 8, 8, widths=[64], blocks=[8], cardinality=[4])
    gain = math.sqrt(2 / (1 + 0.2**2)) * 16**-0.25  # 8 blocks at 4 px, 8 at 8 px
    for network in generator, discriminator:
        for block in blocks(network):
            wide, middle, narrow = block.branch[0], block.branch[2], block.branch[4]
            assert wide.weight.std().item() == pytest.approx(gain / math.sqrt(64), rel=0.05)
            assert middle.weight.std().item() == pytest.approx(gain / math.sqrt(32 * 9), rel=0.05)
            assert not narrow.weight.any()
            assert not wide.bias.any() and not middle.bias.any()
    assert generator[1].weight.std().item() == pytest.approx(1, rel=0.1)
    assert discriminator.body[-2].weight.std().item() == pytest.approx(1 / 4, rel=0.1)


def test_the_depth_doesnt_change_the_size_of_what_comes_out() -> None:
    for count in 1, 20:
        _, discriminator = networks(1, 16, 16, widths=[32], blocks=[count])
        logits = discriminator(torch.randn(32, 1, 16, 16)).logits
        assert 0.03 < logits.std().item() < 3


# ---------------------------------------------------------------- gradients


def test_every_weight_gets_a_gradient() -> None:
    generator, discriminator = (with_drawn_weights(network) for network in networks(1, 10, 10))
    discriminator(generator(torch.randn(4, 6))).logits.square().sum().backward()
    for network in generator, discriminator:
        for parameter in network.parameters():
            assert parameter.grad is not None
            assert parameter.grad.isfinite().all() and parameter.grad.any()


def test_at_the_start_every_blocks_last_layer_learns() -> None:
    generator, discriminator = networks(1, 8, 8)
    discriminator(generator(torch.randn(4, 6))).logits.square().sum().backward()
    for network in generator, discriminator:
        assert all(block.branch[4].weight.grad.any() for block in blocks(network))


def test_a_gradient_penalty_reaches_every_weight() -> None:
    discriminator = with_drawn_weights(networks(1, 12, 12).discriminator)
    points = torch.randn(3, 1, 12, 12, requires_grad=True)
    (gradient,) = torch.autograd.grad(discriminator(points).logits.sum(), points, create_graph=True)
    gradient.square().sum().backward()
    gradients = {name: p.grad for name, p in discriminator.named_parameters() if "weight" in name}
    assert all(g is not None and g.isfinite().all() and g.any() for g in gradients.values())


def test_a_gradient_penalty_has_the_numerical_derivative() -> None:
    settings = {"widths": [2], "cardinality": [1], "expansion": 1}
    discriminator = with_drawn_weights(networks(1, 5, 5, **settings).discriminator).double()
    points = torch.randn(2, 1, 5, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: discriminator(x).logits, (points,))


# ---------------------------------------------------------------- runs


@pytest.mark.parametrize("way", ["concat", "embedding", "auxiliary"])
def test_labels_reach_both_networks(way: str) -> None:
    generator, discriminator = networks(1, 8, 8, conditioning=way)
    labels, latent = torch.arange(3), torch.randn(1, 6).expand(3, -1)
    made = generator(latent, labels)
    assert not torch.allclose(made[0], made[1], atol=1e-6)
    logits = discriminator(torch.randn(1, 1, 8, 8).expand(3, -1, -1, -1), labels).logits
    assert torch.allclose(logits[0], logits[1], atol=1e-6) == (way == "auxiliary")


def test_projection_has_no_norms_to_condition(here: Here) -> None:
    answer = here("gan-train", *run_of(Path("run"), "model.conditioning=projection"))
    assert answer.code == 2
    assert "model.conditioning=projection with model.generator.norm=none." in answer.err
    assert "Use model.conditioning=concat" in answer.err


def test_a_run_resumes_bit_for_bit(tmp_path: Path) -> None:
    asked = ("model.conditioning=embedding", "model.discriminator.minibatch=stddev")
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    assert call_command("gan-train", *run_of(whole, *asked, "train.steps=6")) == 0
    assert call_command("gan-train", *run_of(parted, *asked, "train.steps=3")) == 0
    assert call_command("gan-train", f"resume={parted}", "train.steps=6") == 0
    assert left_behind(whole)["tensors"] == left_behind(parted)["tensors"]


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize("norm", ["batch", "layer", "instance", "spectral"])
def test_norms_are_refused_with_the_remedy(norm: str) -> None:
    with pytest.raises(ConfigError) as caught:
        model(norm=norm)
    assert str(caught.value) == (
        f"invalid setting, model.generator.norm=\"{norm}\". Should be 'none'."
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("init", "xavier"),
        ("widths", []),
        ("widths", [0]),
        ("widths", 8),
        ("blocks", [0]),
        ("cardinality", [-1]),
        ("expansion", 0),
    ],
)
def test_settings_out_of_range_are_refused_by_name(key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"model\.generator\.{key}"):
        model(**{key: value})


def test_groups_that_dont_divide_the_channels_are_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        networks(1, 8, 8, widths=[8, 6], cardinality=[4, 5])
    assert str(caught.value) == (
        "12 channels can't be parted into 5 groups, model.generator.cardinality=[4, 5]. "
        "Use divisors of widths times expansion."
    )
