"""The networks against their papers, the shapes they promise, and each norm and start."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from conftest import fields, model_settings
from network_pairs import Networks, build_pair
from pydantic import BaseModel
from torch import Tensor, nn

from gan_runner.config.component import build_component, find_classes
from gan_runner.data import Space
from gan_runner.errors import ConfigError
from gan_runner.models import Model, activations, dcgan, resnet, simple_conv
from gan_runner.models.activations import LeakyReLU
from gan_runner.models.layers import UpsampleConv, initialize_weights, norm_of_maps, norm_of_vectors

PATHS = sorted((Path(__file__).parents[2] / "conf" / "model").glob("*.yaml"))
OPTIONS = [path for path in PATHS if "/shared/model" in path.read_text()]
NAMES = ["mlp", "simple_conv", "dcgan", "infogan", "resnet"]
CLASSES = {"MLP", "SimpleConv", "DCGAN", "InfoGAN", "ResNet", "R3GAN", "RNN"}
CONVOLUTIONAL = NAMES[1:]
PER_EXAMPLE = ["layer", "instance", "spectral", "none"]
DIGIT = Space("images", (1, 8, 8))


@pytest.fixture(autouse=True)
def _same_numbers_every_time() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def node(option: str, *, norm: str = "none", init: str = "he", width: int = 8) -> dict[str, Any]:
    """The option's YAML, made small."""
    plain = model_settings(option)
    size = {"hidden": [16, 16]} if option == "mlp" else {"width": width}
    for network in "generator", "discriminator":
        plain[network] |= {**size, "norm": norm, "init": init}
    return {**plain, "latent_size": 6}


def model(option: str, **changes: Any) -> Model:
    return build_component(node(option, **changes), Model, where="model")


def networks(option: str, space: Space = DIGIT, **changes: Any) -> Networks:
    return build_pair(model(option, **changes), space)


def images(*shape: int) -> Space:
    return Space("images", shape)


def scores(discriminator: nn.Module, *shape: int) -> Tensor:
    logits: Tensor = discriminator(torch.randn(*shape)).logits
    return logits


def layers_with_weights(network: nn.Module) -> list[nn.Module]:
    kinds = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
    return [module for module in network.modules() if isinstance(module, kinds)]


def shapes(network: nn.Module) -> list[tuple[int, ...]]:
    """Inputs, outputs and kernel of each layer with weights, from the input on."""
    found: list[tuple[int, ...]] = []
    for layer in layers_with_weights(network):
        if isinstance(layer, nn.Linear):
            found.append((layer.in_features, layer.out_features))
        else:
            assert isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
            found.append((layer.in_channels, layer.out_channels, layer.kernel_size[0]))
    return found


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


# ---------------------------------------------------------------- options


def keys(plain: Any) -> Any:
    return {k: keys(v) for k, v in plain.items()} if isinstance(plain, dict) else None


def test_every_model_has_an_option_and_every_option_a_model() -> None:
    named = {yaml.safe_load(path.read_text())["name"] for path in OPTIONS}
    assert named == set(find_classes(Model)) == CLASSES
    # tests/models/test_r3gan.py and tests/models/test_rnn.py look at the last two
    assert [path.stem for path in OPTIONS] == sorted([*NAMES, "r3gan", "rnn"])


@pytest.mark.parametrize("path", OPTIONS, ids=lambda path: path.stem)
def test_an_option_spells_out_every_setting_of_its_class_and_makes_it(path: Path) -> None:
    plain = model_settings(path.stem)
    made = build_component(plain, Model, where="model")
    made.check(Space("sequences", (24, 2)) if path.stem == "rnn" else images(3, 32, 32))
    assert keys({k: v for k, v in plain.items() if k != "name"}) == fields(type(made))


def test_no_setting_has_a_default() -> None:
    def required(kind: type[BaseModel]) -> bool:
        inner = [f.annotation for f in kind.model_fields.values()]
        nested = [t for t in inner if isinstance(t, type) and issubclass(t, BaseModel)]
        return all(f.is_required() for f in kind.model_fields.values()) and all(
            required(t) for t in nested
        )

    assert all(required(kind) for kind in find_classes(Model).values())


@pytest.mark.parametrize(
    ("option", "key", "value"),
    [
        ("mlp", "hidden", []),
        ("mlp", "hidden", [0]),
        ("mlp", "hidden", [4097]),
        ("mlp", "activation", "sigmoid"),
        ("simple_conv", "hidden", 5000),
        ("dcgan", "width", 0),
        ("dcgan", "width", 4097),
        ("resnet", "width", 7),
        ("resnet", "norm", "group"),
        ("dcgan", "init", "zeros"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(option: str, key: str, value: Any) -> None:
    plain = node(option)
    plain["generator"][key] = value
    with pytest.raises(ConfigError, match=rf"model\.generator\.{key}"):
        build_component(plain, Model, where="model")


# ---------------------------------------------------------------- shapes


@pytest.mark.parametrize("size", [8, 28, 32, 64, 100, 128])
@pytest.mark.parametrize("option", NAMES)
def test_every_model_makes_and_scores_images_of_the_usual_sizes(option: str, size: int) -> None:
    generator, discriminator = networks(option, images(3, size, size))
    made = generator(torch.randn(2, 6))
    assert made.shape == (2, 3, size, size)
    assert discriminator(made).logits.shape == (2,)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("option", NAMES)
def test_every_model_makes_and_scores_one_to_four_channels(option: str, channels: int) -> None:
    generator, discriminator = networks(option, images(channels, 8, 8))
    made = generator(torch.randn(3, 6))
    assert made.shape == (3, channels, 8, 8)
    assert discriminator(made).logits.shape == (3,)


SIZES = [(s, s) for s in range(4, 20)] + [(4, 9), (17, 4), (28, 33), (5, 64), (100, 7)]


@pytest.mark.parametrize("option", ["simple_conv", "dcgan"])
def test_odd_and_rectangular_sizes_are_met_exactly(option: str) -> None:
    for size in SIZES:
        generator, discriminator = networks(option, images(1, *size))
        made = generator(torch.randn(2, 6))
        assert made.shape == (2, 1, *size)
        assert discriminator(made).logits.shape == (2,)


@pytest.mark.parametrize(
    "size", [(6, 6), (10, 10), (14, 14), (36, 36), (8, 64), (28, 64), (48, 32)]
)
def test_resnet_builds_other_multiples_and_rectangles(size: tuple[int, int]) -> None:
    generator, discriminator = networks("resnet", images(1, *size))
    made = generator(torch.randn(2, 6))
    assert made.shape == (2, 1, *size)
    assert discriminator(made).logits.shape == (2,)


@pytest.mark.parametrize("size", [1, 2, 25])
def test_mlp_makes_unbounded_vectors(size: int) -> None:
    generator, discriminator = networks("mlp", Space("vectors", (size,)))
    made = generator(100 * torch.randn(64, 6))
    assert made.shape == (64, size)
    assert made.abs().max() > 1
    assert discriminator(made).logits.shape == (64,)


@pytest.mark.parametrize("option", NAMES)
def test_images_stay_between_minus_one_and_one(option: str) -> None:
    made = networks(option).generator(100 * torch.randn(32, 6))
    assert made.dtype == torch.float32
    assert made.abs().max() <= 1


@pytest.mark.parametrize("option", NAMES)
def test_a_batch_of_one_is_scored(option: str) -> None:
    assert scores(networks(option, norm="layer").discriminator, 1, 1, 8, 8).shape == (1,)


# ---------------------------------------------------------------- structure


def test_mlp_has_the_hidden_layers_that_it_was_given() -> None:
    plain = node("mlp")
    plain["generator"] |= {"hidden": [7, 5], "activation": "silu"}
    plain["discriminator"] |= {"hidden": [3], "activation": "tanh"}
    generator, discriminator = build_pair(
        build_component(plain, Model, where="model"), Space("vectors", (2,))
    )
    assert shapes(generator) == [(6, 7), (7, 5), (5, 2)]
    assert shapes(discriminator) == [(2, 3), (3, 1)]
    assert sum(isinstance(m, nn.SiLU) for m in generator) == 2
    assert sum(isinstance(m, nn.Tanh) for m in discriminator.body) == 1


def test_simple_conv_at_28_px_is_the_network_of_the_tutorials() -> None:
    generator = simple_conv.generator(
        latent_size=100, image=(1, 28, 28), hidden=128, width=64, norm="batch", init="xavier"
    )
    discriminator = simple_conv.discriminator(
        image=(1, 28, 28), width=64, norm="none", init="xavier"
    )
    dense = [(100, 128), (128, 7 * 7 * 128)]
    assert shapes(generator) == [*dense, (128, 128, 5), (128, 64, 5), (64, 1, 5)]
    assert isinstance(generator[2], nn.Tanh)
    strides = [m.stride[0] for m in generator if isinstance(m, nn.ConvTranspose2d)]
    assert strides == [1, 2, 2]
    assert shapes(discriminator) == [(1, 64, 5), (64, 128, 5), (7 * 7 * 128, 1)]
    assert [m.stride[0] for m in discriminator if isinstance(m, nn.Conv2d)] == [2, 2]


def test_infogan_has_the_layers_of_the_papers_table() -> None:
    plain = model_settings("infogan")
    plain["discriminator"]["norm"] = "batch"
    generator, discriminator = build_pair(
        build_component(plain, Model, where="model"), images(1, 28, 28)
    )
    maps = 7 * 7 * 128
    assert shapes(generator) == [(64, 1024), (1024, maps), (128, 64, 4), (64, 1, 4)]
    assert shapes(discriminator.body) == [(1, 64, 4), (64, 128, 4), (maps, 1024)]
    assert shapes(nn.Sequential(discriminator.head)) == [(1024, 1)]
    norms = [m.num_features for m in generator if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    assert norms == [1024, 128, 64]
    norms = [m.num_features for m in discriminator.modules() if hasattr(m, "num_features")]
    assert norms == [128, 1024]


def test_dcgan_of_width_128_has_the_layers_of_the_paper() -> None:
    generator = dcgan.generator(
        latent_size=100, image=(3, 64, 64), width=128, norm="batch", init="normal"
    )
    assert shapes(generator) == [
        (100, 4 * 4 * 1024),
        (1024, 512, 4),
        (512, 256, 4),
        (256, 128, 4),
        (128, 3, 4),
    ]


def test_dcgan_of_width_64_counts_as_pytorchs_example_and_the_biases_beside_the_data() -> None:
    generator = dcgan.generator(
        latent_size=100, image=(3, 64, 64), width=64, norm="batch", init="normal"
    )
    discriminator = dcgan.discriminator(
        image=(3, 64, 64), width=64, dropout=0.0, norm="batch", init="normal"
    )
    assert count(generator) == 3_576_704 + 3
    assert count(discriminator) == 2_765_568 + 64 + 1


@pytest.mark.parametrize(
    ("side", "halvings"), [(4, 2), (5, 2), (8, 2), (9, 2), (16, 2), (17, 3), (28, 3), (64, 4)]
)
def test_dcgan_halves_at_least_twice_and_down_to_4_px(side: int, halvings: int) -> None:
    generator, discriminator = networks("dcgan", images(1, side, side))
    assert sum(isinstance(m, nn.Conv2d) for m in discriminator.body) == halvings
    assert sum(isinstance(m, nn.ConvTranspose2d) for m in generator) == halvings
    base = discriminator.body[:-1](torch.zeros(1, 1, side, side))
    assert generator[:2](torch.zeros(1, 6)).shape == base.shape
    assert max(base.shape[2:]) <= 4


def test_dcgan_stops_doubling_its_channels_at_eight_times_the_width() -> None:
    discriminator = dcgan.discriminator(
        image=(1, 128, 128), width=4, dropout=0.0, norm="none", init="normal"
    )
    assert [outputs for _, outputs, *_ in shapes(discriminator)] == [4, 8, 16, 32, 32, 1]


def test_dcgan_has_no_norm_beside_the_data() -> None:
    generator, discriminator = networks("dcgan", images(1, 28, 28), norm="batch")
    assert isinstance(generator[-1], nn.Tanh)
    assert isinstance(generator[-2], nn.ConvTranspose2d)
    assert isinstance(discriminator.body[1], nn.LeakyReLU)
    assert sum(isinstance(m, nn.BatchNorm2d) for m in generator) == 3
    assert sum(isinstance(m, nn.BatchNorm2d) for m in discriminator.body) == 2


def test_dcgans_odd_sides_are_halved_by_the_mirror_image_of_their_doubling() -> None:
    discriminator = dcgan.discriminator(
        image=(1, 7, 10), width=4, dropout=0.0, norm="none", init="he"
    )
    generator = dcgan.generator(latent_size=2, image=(1, 7, 10), width=4, norm="none", init="he")
    halving, doubling = discriminator[0], generator[-2]
    doubling.load_state_dict({"weight": halving.weight, "bias": torch.zeros(1)})
    fine = torch.randn(1, 1, 7, 10)
    coarse = halving(fine) - halving.bias[:, None, None]
    cotangent = torch.randn_like(coarse)
    # <A x, y> = <x, A^T y>
    torch.testing.assert_close((coarse * cotangent).sum(), (fine * doubling(cotangent)).sum())


def test_resnet_at_32_px_has_the_blocks_and_widths_of_the_papers_tables() -> None:
    generator = resnet.generator(
        latent_size=128, image=(3, 32, 32), width=256, attention=(), norm="none", init="xavier"
    )
    discriminator = resnet.discriminator(
        image=(3, 32, 32), width=128, attention=(), norm="spectral", init="xavier"
    )
    doubling = [(256, 256, 3), (256, 256, 3), (256, 256, 1)]
    assert shapes(generator) == [(128, 4 * 4 * 256), *3 * doubling, (256, 3, 3)]
    plain = 2 * [(128, 128, 3)]
    first, halving = [(3, 128, 3), (128, 128, 3), (3, 128, 1)], [*plain, (128, 128, 1)]
    assert shapes(discriminator) == [*first, *halving, *plain, *plain, (128, 1)]
    assert count(discriminator) == 1_053_825


def test_resnet_narrows_above_32_px() -> None:
    generator = resnet.generator(
        latent_size=4, image=(1, 128, 128), width=16, attention=(), norm="none", init="he"
    )
    discriminator = resnet.discriminator(
        image=(1, 128, 128), width=16, attention=(), norm="none", init="he"
    )
    widths = [
        block.branch[3].out_channels for block in generator if isinstance(block, resnet.Residual)
    ]
    assert widths == [16, 16, 16, 8, 4]
    blocks = [block for block in discriminator if isinstance(block, resnet.Residual)]
    assert [shapes(b.branch)[-1][1] for b in blocks] == [8, 16, 16, 16, 16, 16]


def test_resnets_discriminator_sums_over_the_map() -> None:
    maps = torch.randn(2, 5, 3, 4)
    expected = torch.stack([m.flatten(1).sum(1) for m in maps])
    torch.testing.assert_close(resnet.SumOverMap()(maps), expected)


def test_resnets_cheap_shortcut_equals_the_papers() -> None:
    generator, discriminator = networks("resnet", images(1, 32, 32))
    maps = torch.randn(2, 8, 8, 8)
    convolution, upsampling = generator[2].shortcut
    torch.testing.assert_close(generator[2].shortcut(maps), convolution(upsampling(maps)))
    pooling, convolution = discriminator.body[1].shortcut
    torch.testing.assert_close(discriminator.body[1].shortcut(maps), pooling(convolution(maps)))


# ---------------------------------------------------------------- norms


@pytest.mark.parametrize("norm", ["batch", "layer", "instance"])
def test_a_norm_of_maps_leaves_mean_zero_and_variance_one_where_it_says(norm: Any) -> None:
    maps = 3 * torch.randn(4, 6, 5, 5) + torch.arange(6.0)[:, None, None]
    over = {"batch": (0, 2, 3), "layer": (1, 2, 3), "instance": (2, 3)}[norm]
    normal = norm_of_maps(norm, 6)(maps)
    expected = (maps - maps.mean(over, keepdim=True)) / maps.std(over, keepdim=True, correction=0)
    torch.testing.assert_close(normal, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_a_norm_of_vectors_leaves_mean_zero_and_variance_one_where_it_says(norm: Any) -> None:
    vectors = 3 * torch.randn(8, 6) + 5
    over = {"batch": 0, "layer": 1}[norm]
    normal = norm_of_vectors(norm, 6)(vectors)
    expected = (vectors - vectors.mean(over, keepdim=True)) / vectors.std(
        over, keepdim=True, correction=0
    )
    torch.testing.assert_close(normal, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("norm", ["spectral", "none"])
def test_spectral_norm_and_none_have_no_layer_of_their_own(norm: Any) -> None:
    assert isinstance(norm_of_maps(norm, 4), nn.Identity)
    assert isinstance(norm_of_vectors(norm, 4), nn.Identity)


def test_an_unresolved_auto_norm_is_a_defect_of_ours() -> None:
    for make_norm in (norm_of_maps, norm_of_vectors):
        with pytest.raises(AssertionError, match="resolved"):
            make_norm("auto", 4)


@pytest.mark.parametrize("option", NAMES)
def test_an_unresolved_auto_norm_passes_the_check(option: str) -> None:
    model(option, norm="auto").check(images(1, 8, 8))


@pytest.mark.parametrize("option", NAMES)
def test_spectral_norm_brings_the_largest_singular_value_of_every_weight_to_one(
    option: str,
) -> None:
    generator, discriminator = networks(option, norm="spectral")
    for _ in range(100):
        discriminator(generator(torch.randn(4, 6)))
    for network in generator.eval(), discriminator.eval():
        for layer in layers_with_weights(network):
            # spectral norm takes a transposed convolution's outputs, its second dimension, as rows
            is_transposed = isinstance(layer, nn.ConvTranspose2d)
            rows = layer.weight.transpose(0, 1) if is_transposed else layer.weight
            value = torch.linalg.matrix_norm(rows.flatten(1), 2)
            torch.testing.assert_close(value, torch.tensor(1.0), atol=1e-2, rtol=0)


@pytest.mark.parametrize("norm", ["batch", *PER_EXAMPLE])
@pytest.mark.parametrize("option", CONVOLUTIONAL)
def test_only_batch_norm_lets_a_logit_depend_on_the_other_examples(option: str, norm: str) -> None:
    discriminator = networks(option, images(1, 16, 16), norm=norm).discriminator
    first, second = torch.randn(5, 1, 16, 16), torch.randn(5, 1, 16, 16)
    second[0] = first[0]
    frozen = copy.deepcopy(discriminator)  # spectral norm moves its vectors at each forward
    same = torch.allclose(discriminator(first).logits[0], frozen(second).logits[0], atol=1e-5)
    assert same == (norm != "batch")


@pytest.mark.parametrize("norm", ["batch", "layer", "spectral", "none"])
def test_only_batch_norm_lets_an_mlp_logit_depend_on_the_other_examples(norm: str) -> None:
    discriminator = networks("mlp", Space("vectors", (3,)), norm=norm).discriminator
    first, second = torch.randn(5, 3), torch.randn(5, 3)
    second[0] = first[0]
    frozen = copy.deepcopy(discriminator)
    same = torch.allclose(discriminator(first).logits[0], frozen(second).logits[0], atol=1e-5)
    assert same == (norm != "batch")


@pytest.mark.parametrize("option", NAMES)
def test_layers_before_batch_norm_have_no_bias(option: str) -> None:
    for network in networks(option, images(1, 28, 28), norm="batch"):
        for chain in (m for m in network.modules() if isinstance(m, nn.Sequential)):
            for layer, following in pairwise(chain):
                if isinstance(following, nn.BatchNorm1d | nn.BatchNorm2d):
                    assert getattr(layer, "bias", None) is None


@pytest.mark.parametrize("norm", ["batch", *PER_EXAMPLE])
@pytest.mark.parametrize("option", NAMES)
def test_a_gradient_penalty_reaches_every_weight_of_the_discriminator(
    option: str, norm: str
) -> None:
    if (option, norm) == ("mlp", "instance"):
        return
    discriminator = networks(option, images(1, 16, 16), norm=norm).discriminator
    points = torch.randn(3, 1, 16, 16, requires_grad=True)
    (gradient,) = torch.autograd.grad(discriminator(points).logits.sum(), points, create_graph=True)
    gradient.square().sum().backward()
    gradients = {name: p.grad for name, p in discriminator.named_parameters() if "weight" in name}
    assert all(g is not None and g.isfinite().all() and g.any() for g in gradients.values())


def test_a_gradient_penalty_of_a_normed_discriminator_has_the_numerical_derivative() -> None:
    discriminator = networks("dcgan", images(1, 9, 9), norm="layer", width=2).discriminator.double()
    points = torch.randn(2, 1, 9, 9, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: discriminator(x).logits, (points,))


# ---------------------------------------------------------------- activation


each_way = pytest.mark.parametrize("in_place_from", [0, 2**18], ids=["in_place", "linear"])


@each_way
@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("slope", [0.0, 0.2])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_activation_and_its_derivative_are_torchs(
    monkeypatch: pytest.MonkeyPatch,
    in_place_from: int,
    inplace: bool,
    slope: float,
    dtype: torch.dtype,
) -> None:
    monkeypatch.setattr(activations, "_IN_PLACE_FROM", in_place_from)
    one = torch.randn(40, dtype=dtype, requires_grad=True)
    other = one.detach().clone().requires_grad_()
    ours, theirs = (
        LeakyReLU(slope, inplace=inplace)(one * 1),
        nn.functional.leaky_relu(other, slope),
    )
    assert ours.dtype == dtype
    assert torch.equal(ours, theirs)
    assert torch.equal(ours.signbit(), theirs.signbit())
    cotangent = torch.randn(40, dtype=dtype)
    ours.backward(cotangent), theirs.backward(cotangent)
    assert torch.equal(one.grad, other.grad)


@each_way
def test_the_derivative_of_the_activation_is_a_constant_to_autograd(
    monkeypatch: pytest.MonkeyPatch, in_place_from: int
) -> None:
    monkeypatch.setattr(activations, "_IN_PLACE_FROM", in_place_from)
    x = torch.randn(40, requires_grad=True)
    activated = LeakyReLU(0.2, inplace=True)(x * 1)
    assert not torch.autograd.grad(activated.sum(), x, create_graph=True)[0].requires_grad


@each_way
def test_second_derivatives_through_the_activation_are_the_numerical_ones(
    monkeypatch: pytest.MonkeyPatch, in_place_from: int
) -> None:
    monkeypatch.setattr(activations, "_IN_PLACE_FROM", in_place_from)
    layers = (
        nn.Linear(3, 5),
        LeakyReLU(0.2, inplace=True),
        nn.Linear(5, 4),
        LeakyReLU(0.0),
        nn.Tanh(),
    )
    network = nn.Sequential(*layers).double()
    points = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(network, (points,))
    assert torch.autograd.gradgradcheck(network, (points,))


@pytest.mark.parametrize("in_place_from", [0, 2**18])
def test_large_activations_take_no_memory_of_their_own(
    monkeypatch: pytest.MonkeyPatch, in_place_from: int
) -> None:
    monkeypatch.setattr(activations, "_IN_PLACE_FROM", in_place_from)
    for x in torch.randn(8, requires_grad=True) * 1, torch.randn(8):
        where = x.data_ptr()
        kept = LeakyReLU(0.2, inplace=True)(x).data_ptr() == where
        assert kept == (in_place_from == 0 or not x.requires_grad)


# ---------------------------------------------------------------- initial weights


def start(init: Any, network: nn.Sequential) -> list[nn.Module]:
    return layers_with_weights(initialize_weights(network, init=init, norm="none"))


def test_normal_weights_have_dcgans_deviation_and_norms_scales_around_one() -> None:
    network = nn.Sequential(nn.Conv2d(32, 32, 4), nn.BatchNorm2d(4096), nn.Linear(200, 200))
    convolution, dense = start("normal", network)
    for weight in convolution.weight, dense.weight:
        assert weight.std().item() == pytest.approx(0.02, rel=0.05)
        assert abs(weight.mean().item()) < 0.001
    assert network[1].weight.mean().item() == pytest.approx(1, abs=0.002)
    assert network[1].weight.std().item() == pytest.approx(0.02, rel=0.05)


def test_xavier_and_he_weights_have_the_deviation_of_their_papers() -> None:
    (layer,) = start("xavier", nn.Sequential(nn.Linear(300, 100)))
    assert layer.weight.std().item() == pytest.approx((2 / 400) ** 0.5, rel=0.05)
    (layer,) = start("he", nn.Sequential(nn.Conv2d(32, 64, 3)))
    assert layer.weight.std().item() == pytest.approx((2 / (32 * 9)) ** 0.5, rel=0.05)


def test_orthogonal_weights_have_orthonormal_rows() -> None:
    for layer in start("orthogonal", nn.Sequential(nn.Linear(40, 10), nn.Conv2d(8, 16, 3))):
        rows = layer.weight.flatten(1)
        torch.testing.assert_close(rows @ rows.T, torch.eye(len(rows)), atol=1e-5, rtol=0)


@pytest.mark.parametrize("init", ["normal", "xavier", "he", "orthogonal"])
@pytest.mark.parametrize("option", NAMES)
def test_every_bias_starts_at_zero_and_every_weight_is_drawn(option: str, init: str) -> None:
    torch.manual_seed(1)
    first = networks(option, norm="layer", init=init)
    torch.manual_seed(2)
    second = networks(option, norm="layer", init=init)
    for one, other in zip(first, second, strict=True):
        weights = dict(other.named_parameters())
        for name, parameter in one.named_parameters():
            if name.endswith("bias"):
                assert not parameter.any()
            elif parameter.dim() > 1:
                assert not torch.equal(parameter, weights[name])


@pytest.mark.parametrize("norm", ["batch", "spectral"])
@pytest.mark.parametrize("option", NAMES)
def test_the_same_seed_gives_the_same_networks(option: str, norm: str) -> None:
    made = []
    for _ in range(2):
        torch.manual_seed(7)
        made.append([network.state_dict() for network in networks(option, norm=norm)])
    for one, other in zip(*made, strict=True):
        assert one.keys() == other.keys()
        assert all(torch.equal(one[key], other[key]) for key in one)


# ---------------------------------------------------------------- states and memory


LAST_NAMES = {
    "none": {"weight", "bias"},
    "layer": {"weight", "bias"},
    "batch": {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"},
    "spectral": {"original", "bias", "_u", "_v"},
}


@pytest.mark.parametrize("norm", LAST_NAMES)
@pytest.mark.parametrize("option", NAMES)
def test_a_state_holds_weights_and_the_statistics_of_norms_only(option: str, norm: str) -> None:
    for network in networks(option, images(1, 28, 28), norm=norm):
        assert {key.split(".")[-1] for key in network.state_dict()} == LAST_NAMES[norm]


@pytest.mark.parametrize("norm", ["batch", "spectral"])
@pytest.mark.parametrize("option", NAMES)
def test_a_state_loaded_into_other_networks_gives_the_same_outputs(option: str, norm: str) -> None:
    generator, discriminator = networks(option, norm=norm)
    points = torch.randn(4, 6)
    discriminator(generator(points))
    other_generator, other_discriminator = networks(option, norm=norm)
    other_generator.load_state_dict(generator.state_dict())
    other_discriminator.load_state_dict(discriminator.state_dict())
    made, other = generator.eval()(points), other_generator.eval()(points)
    assert torch.equal(made, other)
    logits = discriminator.eval()(made).logits
    assert torch.equal(logits, other_discriminator.eval()(other).logits)


@pytest.mark.parametrize("norm", ["batch", "layer", "instance", "spectral", "none"])
@pytest.mark.parametrize("option", CONVOLUTIONAL)
def test_the_memory_format_changes_no_output(option: str, norm: str) -> None:
    generator, discriminator = networks(option, images(3, 28, 28), norm=norm)
    other, critic = (
        copy.deepcopy(network).to(memory_format=torch.channels_last)
        for network in (generator, discriminator)
    )
    points = torch.randn(3, 6)
    made = generator(points)
    torch.testing.assert_close(other(points), made, atol=1e-4, rtol=1e-4)
    expected = discriminator(made).logits
    torch.testing.assert_close(critic(made).logits, expected, atol=1e-4, rtol=1e-4)


# ---------------------------------------------------------------- refusals


def refusal(option: str, space: Space, **changes: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        model(option, **changes).check(space)
    return str(caught.value)


@pytest.mark.parametrize("option", CONVOLUTIONAL)
def test_a_convolutional_model_refuses_vectors(option: str) -> None:
    assert refusal(option, Space("vectors", (2,))) == (
        f"{option} can't build examples of shape [2], model={option}. Use model=mlp for vectors."
    )


@pytest.mark.parametrize("option", CONVOLUTIONAL)
def test_a_convolutional_model_refuses_more_than_four_channels(option: str) -> None:
    message = refusal(option, images(5, 32, 32))
    assert message.startswith(f"{option} can't build images of 5 channels, model={option}. Use")


@pytest.mark.parametrize("option", CONVOLUTIONAL)
def test_a_convolutional_model_refuses_tiny_images(option: str) -> None:
    message = refusal(option, images(1, 3, 32))
    assert message.startswith(f"{option} can't build images of 3x32 pixels, model={option}. Use")


@pytest.mark.parametrize(
    ("size", "nearest"),
    [(33, "32 or 36"), (7, "6 or 8"), (31, "28 or 32"), (127, "124 or 128"), (90, "88 or 92")],
)
def test_resnet_names_the_nearest_sizes_that_it_can_build(size: int, nearest: str) -> None:
    assert refusal("resnet", images(1, size, size)) == (
        f"resnet can't build images of {size}x{size} pixels, dataset.image_size={size}. "
        f"Use {nearest}, or model=dcgan"
    )


def test_resnet_accepts_every_size_that_it_recommends() -> None:
    for size in range(6, 140):
        try:
            model("resnet").check(images(1, size, size))
        except ConfigError as error:
            remedy = str(error).split("Use ")[1].split(",")[0]
            for nearest in map(int, remedy.split(" or ")):
                model("resnet").check(images(1, nearest, nearest))


def test_resnet_refuses_rectangles_that_dont_halve_together() -> None:
    message = refusal("resnet", images(1, 33, 32))
    assert message == "resnet can't build images of 33x32 pixels, model=resnet. Use model=dcgan"


def test_mlp_refuses_instance_norm() -> None:
    message = refusal("mlp", Space("vectors", (2,)), norm="instance")
    assert message == (
        "mlp has no maps to normalize, model.generator.norm=instance. "
        "Use model.generator.norm=layer"
    )


@pytest.mark.parametrize("option", ["simple_conv", "dcgan"])
def test_instance_norm_of_a_single_pixel_is_refused(option: str) -> None:
    message = refusal(option, images(1, 4, 4), norm="instance")
    assert "model.generator.norm=instance. Use model.generator.norm=layer" in message
    model(option, norm="instance").check(images(1, 4, 5))
    generator, discriminator = networks(option, images(1, 4, 5), norm="instance")
    assert discriminator(generator(torch.randn(2, 6))).logits.isfinite().all()


@pytest.mark.parametrize(
    ("kernel", "padding", "more", "bias"),
    [(4, (1, 1), (0, 0), True), (5, (2, 2), (1, 1), False), (4, (2, 1), (1, 0), True)],
)
def test_an_upsampling_to_one_channel_is_torchs_transposed_convolution(
    kernel: int, padding: tuple[int, int], more: tuple[int, int], bias: bool
) -> None:
    layer = UpsampleConv(3, 1, kernel, stride=2, padding=padding, output_padding=more, bias=bias)
    torchs = nn.ConvTranspose2d(
        3, 1, kernel, stride=2, padding=padding, output_padding=more, bias=bias
    )
    torchs.load_state_dict(layer.state_dict())
    maps = torch.randn(2, 3, 5, 4)
    results = []
    for each in (layer, torchs):
        images = each(given := maps.clone().requires_grad_())
        inner = torch.autograd.grad(images.square().sum(), given, create_graph=True)[0]
        gradients = torch.autograd.grad(inner.square().sum(), [given, *each.parameters()])
        results.append([images, inner, *gradients])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
