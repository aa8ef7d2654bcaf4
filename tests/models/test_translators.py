"""The networks of translators against their papers: sizes, shapes, receptive fields, refusals."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from conftest import model_settings
from torch import Tensor, nn

from gan_runner.config.component import build_component
from gan_runner.data import Space
from gan_runner.errors import ConfigError
from gan_runner.models import Translator, dcgan
from gan_runner.models.discriminator import PlainDiscriminator
from gan_runner.models.dropout import Dropout
from gan_runner.models.layers import InstanceNorm2d
from gan_runner.models.patch import HALVINGS, MultiscaleDiscriminator, patch_network, smallest_side
from gan_runner.models.unet import DoublingConv, HalvingConv

PAPER_PATCHES = {"width": 64, "receptive_field": 70, "norm": "batch"}
SAME_SIZE = ["unet", "resnet_translator"]
UPSCALING = ["srresnet", "rrdb"]
OPTIONS = [*SAME_SIZE, *UPSCALING]


@pytest.fixture(autouse=True)
def _same_numbers_every_time() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def model(
    option: str,
    generator: dict[str, Any] | None = None,
    discriminator: dict[str, Any] | None = None,
) -> Translator:
    """The option's YAML made small."""
    plain = model_settings(option)
    small = {"width": 4, "blocks": 1, "growth": 2, "norm": "none"}
    plain["generator"] |= {k: v for k, v in small.items() if k in plain["generator"]}
    plain["discriminator"] |= {"width": 4, "norm": "none", "receptive_field": 16}
    plain["generator"] |= generator or {}
    plain["discriminator"] |= discriminator or {}
    return build_component(plain, Translator, where="model")


def space(outputs: tuple[int, ...], inputs: tuple[int, ...] | None = None) -> Space:
    return Space("images", outputs, inputs=Space("images", inputs or outputs))


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def logits(discriminator: nn.Module, images: Tensor) -> Tensor:
    made: Tensor = discriminator(images).logits
    return made


# ---------------------------------------------------------------- the papers' networks


@pytest.mark.parametrize(
    ("option", "of_generator", "of_discriminator", "of_data", "conditional", "parameters"),
    [
        # as the authors' code prints them: 54.414 and 2.769 million
        (
            "unet",
            {"width": 64, "norm": "batch"},
            PAPER_PATCHES,
            space((3, 256, 256)),
            True,
            (54_414_531, 2_768_705),
        ),
        # 11.383 and 2.765 million
        (
            "resnet_translator",
            {"width": 64, "blocks": 9, "norm": "batch"},
            PAPER_PATCHES,
            space((3, 256, 256)),
            False,
            (11_383_427, 2_765_633),
        ),
        # 1.55 and 23.56 million, for crops of 96 px
        (
            "srresnet",
            {"width": 64, "blocks": 16, "norm": "batch"},
            {"width": 64, "norm": "batch"},
            space((3, 96, 96), (3, 24, 24)),
            False,
            (1_547_350, 23_563_649),
        ),
        # 16.70 million
        (
            "rrdb",
            {"width": 64, "blocks": 23, "growth": 32},
            None,
            space((3, 64, 64), (3, 16, 16)),
            False,
            (16_697_987, None),
        ),
    ],
    ids=OPTIONS,
)
def test_at_the_papers_widths_networks_have_the_papers_parameters(
    option: str,
    of_generator: dict[str, Any],
    of_discriminator: dict[str, Any] | None,
    of_data: Space,
    conditional: bool,
    parameters: tuple[int, int | None],
) -> None:
    made = model(option, of_generator, of_discriminator)
    with torch.device("meta"):
        networks = made.build_pair(of_data, conditional=conditional)
    assert count(networks["generator"]) == parameters[0]
    assert parameters[1] in (None, count(networks["discriminator"]))


@pytest.mark.parametrize("field", HALVINGS)
def test_a_patchs_logit_depends_on_a_square_of_its_receptive_field(field: int) -> None:
    network = patch_network(
        1, width=2, halvings=HALVINGS[field], dropout=0.0, norm="none", init="normal"
    )
    for parameter in network.parameters():
        nn.init.constant_(parameter, 0.1)  # nothing cancels out
    images = torch.ones(1, 1, 2 * field, 2 * field, requires_grad=True)
    made = network(images)
    middle = made.shape[-1] // 2
    (gradient,) = torch.autograd.grad(made[0, middle, middle], images)
    rows, columns = gradient[0, 0].nonzero().T
    assert int(rows.max() - rows.min()) + 1 == int(columns.max() - columns.min()) + 1 == field


@pytest.mark.parametrize("field", HALVINGS)
def test_the_smallest_image_of_a_patch_has_one_logit(field: int) -> None:
    side = smallest_side(field)
    network = patch_network(
        1, width=2, halvings=HALVINGS[field], dropout=0.0, norm="instance", init="normal"
    )
    assert network(torch.randn(2, 1, side, side)).shape == (2, 1, 1)
    with pytest.raises((RuntimeError, ValueError)):
        network(torch.randn(2, 1, side - 1, side - 1))


def test_dcgans_size_is_halved_and_doubled_by_the_unet_until_a_single_pixel() -> None:
    generator = model("unet").build_pair(space((1, 28, 28)), conditional=False)["generator"]
    sides: list[int] = []
    for down in generator.network.downs:  # type: ignore[union-attr]
        down.register_forward_hook(lambda *given: sides.append(given[-1].shape[-1]))
    generator(torch.randn(1, 1, 28, 28))
    assert sides == [14, 7, 4, 2, 1]


def test_dropout_follows_the_first_three_layers_of_the_papers_decoder() -> None:
    made = model("unet", {"dropout": 0.5})
    generator = made.build_pair(space((3, 256, 256)), conditional=False)["generator"]
    has_dropout = [
        any(isinstance(of, Dropout) for of in up.modules())
        for up in generator.network.ups  # type: ignore[union-attr]
    ]
    assert has_dropout == [True] * 3 + [False] * 5


# ---------------------------------------------------------------- shapes


@pytest.mark.parametrize("norm", ["batch", "layer", "instance", "spectral", "none"])
@pytest.mark.parametrize("option", SAME_SIZE)
def test_an_output_has_its_inputs_size_and_its_own_channels(option: str, norm: str) -> None:
    made = model(option, {"norm": norm}, {"norm": norm})
    networks = made.build_pair(space((3, 20, 24), (2, 20, 24)), conditional=True)
    inputs = torch.randn(2, 2, 20, 24)
    outputs = networks["generator"](inputs)
    assert outputs.shape == (2, 3, 20, 24) and outputs.abs().max() <= 1
    logits(networks["discriminator"], torch.cat((inputs, outputs), dim=1)).mean().backward()
    trained = [p for network in networks.values() for p in network.parameters()]
    assert all(p.grad is not None and p.grad.isfinite().all() for p in trained)


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("option", UPSCALING)
def test_an_output_is_its_input_upscaled(option: str, factor: int) -> None:
    of_data = space((1, 6 * factor, 5 * factor), (3, 6, 5))
    made = model(option)
    networks = made.build_pair(of_data, conditional=False)
    outputs = networks["generator"](torch.randn(2, 3, 6, 5))
    assert outputs.shape == (2, *of_data.shape)
    assert networks["generator"].factor == factor
    assert logits(networks["discriminator"], outputs).shape == (2,)
    larger = networks["generator"](torch.randn(1, 3, 11, 9))
    assert larger.shape == (1, 1, 11 * factor, 9 * factor)


@pytest.mark.parametrize("size", [(17, 33), (31, 20), (64, 19), (40, 40)])
@pytest.mark.parametrize("option", SAME_SIZE)
def test_other_sizes_than_the_trainings_are_translated(option: str, size: tuple[int, int]) -> None:
    made = model(option, {"norm": "instance"})
    generator = made.build_pair(space((1, 32, 32)), conditional=False)["generator"].eval()
    assert generator(torch.randn(2, 1, *size)).shape == (2, 1, *size)


@pytest.mark.parametrize("option", OPTIONS)
def test_the_smallest_size_is_translated(option: str) -> None:
    inputs, outputs = (1, 16, 16), (1, 32, 32) if option in UPSCALING else (1, 16, 16)
    made = model(option, {"norm": "instance"})
    generator = made.build_pair(space(outputs, inputs), conditional=False)["generator"].eval()
    side = generator.smallest
    assert generator(torch.randn(2, 1, side, side)).shape[2:] == (side * generator.factor,) * 2
    with pytest.raises((RuntimeError, ValueError)):
        generator(torch.randn(2, 1, side - 1, side - 1))


@pytest.mark.parametrize("option", UPSCALING)
def test_outputs_are_bounded_when_translating_and_linear_in_training(option: str) -> None:
    generator = model(option).build_pair(space((1, 16, 16), (1, 8, 8)), conditional=False)
    network = generator["generator"]
    for parameter in network.parameters():
        parameter.data.mul_(30)
    inputs = torch.randn(2, 1, 8, 8)
    assert network(inputs).abs().max() > 1
    assert network.eval()(inputs).abs().max() <= 1


# ---------------------------------------------------------------- discriminators


def test_a_patch_discriminator_makes_a_map_of_logits_and_of_features() -> None:
    made = model("unet", None, {"receptive_field": 34})
    discriminator = made.build_pair(space((1, 32, 28)), conditional=True)["discriminator"]
    output = discriminator(torch.randn(3, 2, 32, 28))
    assert output.logits.shape == (3, 6, 5)
    assert output.features.shape == (3, 16, 7, 6)


@pytest.mark.parametrize(
    ("kind", "side", "field"), [("patch", 28, 34), ("patch", 8, 16), ("multiscale", 28, 16)]
)
def test_the_patch_fits_the_image_where_it_is_not_set(kind: str, side: int, field: int) -> None:
    made = model("unet", None, {"kind": kind, "scales": 3, "receptive_field": None})
    discriminator = made.build_pair(space((1, side, side)), conditional=False)["discriminator"]
    copies = 3 if kind == "multiscale" else 1
    strides = [m.stride[0] for m in discriminator.modules() if isinstance(m, nn.Conv2d)]
    assert strides.count(2) == copies * HALVINGS[field]


def test_a_multiscale_discriminator_sees_the_image_and_its_smaller_copies() -> None:
    made = model("unet", None, {"kind": "multiscale", "scales": 3})
    discriminator = made.build_pair(space((1, 32, 32)), conditional=False)["discriminator"]
    assert isinstance(discriminator, MultiscaleDiscriminator)
    images = torch.randn(2, 1, 32, 32)
    half = discriminator.halve(images)
    copies = [images, half, discriminator.halve(half)]
    assert [copy.shape[-1] for copy in copies] == [32, 16, 8]
    apart = [logits(of, of_copy) for of, of_copy in zip(discriminator.scales, copies, strict=True)]
    whole = discriminator(images)
    assert torch.equal(whole.logits, torch.cat([each.flatten(1) for each in apart], dim=1))
    assert whole.features.shape[0] == 2 and whole.features.ndim == 2


@pytest.mark.parametrize(("side", "halvings"), [(8, 1), (16, 1), (28, 2), (96, 4)])
def test_a_global_discriminator_halves_until_its_map_has_8_px_or_less(
    side: int, halvings: int
) -> None:
    made = model("srresnet", None, {"kind": "global"})
    discriminator = made.build_pair(space((1, side, side)), conditional=False)["discriminator"]
    strides = [m.stride[0] for m in discriminator.modules() if isinstance(m, nn.Conv2d)]
    assert strides.count(2) == halvings
    assert logits(discriminator, torch.randn(2, 1, side, side)).shape == (2,)


@pytest.mark.parametrize("kind", ["patch", "multiscale", "global"])
def test_an_example_has_the_logits_that_it_has_alone(kind: str) -> None:
    made = model("unet", None, {"kind": kind, "norm": "instance", "scales": 2})
    discriminator = made.build_pair(space((1, 28, 28)), conditional=False)["discriminator"]
    images = torch.randn(4, 1, 28, 28)
    alone = torch.cat([logits(discriminator, image[None]) for image in images])
    assert torch.allclose(logits(discriminator, images), alone, atol=1e-6)
    assert not made.couples_examples


def test_batch_norm_in_d_couples_examples() -> None:
    assert model("unet", None, {"norm": "batch"}).couples_examples
    assert not model("unet", {"norm": "batch"}).couples_examples


# ---------------------------------------------------------------- dropout


def test_dropout_drops_its_share_and_keeps_the_mean() -> None:
    x = torch.ones(64, 1000)
    dropped = Dropout(0.3)(x)
    assert float((dropped == 0).float().mean()) == pytest.approx(0.3, abs=0.01)
    assert float(dropped.mean()) == pytest.approx(1.0, abs=0.02)
    assert dropped.unique().numel() == 2
    # rows and columns alike, and no number with its neighbor
    kept = (dropped > 0).float()
    assert float(kept.mean(0).std()) == pytest.approx((0.3 * 0.7 / 64) ** 0.5, rel=0.15)
    assert float((kept[:, 1:] * kept[:, :-1]).mean()) == pytest.approx(0.49, abs=0.01)


def test_each_draw_and_each_layer_has_a_mask_of_its_own() -> None:
    x = torch.ones(1000)
    one, other = Dropout(0.5), Dropout(0.5)
    masks = [one(x), one(x), other(x), other(x)]
    for index, mask in enumerate(masks):
        for earlier in masks[:index]:
            assert float((mask == earlier).float().mean()) == pytest.approx(0.5, abs=0.06)


def test_a_restored_layer_draws_as_if_it_had_not_stopped() -> None:
    x = torch.ones(1000)
    layer = Dropout(0.5)
    layer(x)
    saved = copy.deepcopy(layer.state_dict())
    torch.randn(7)  # the global stream has no part in it
    expected = layer(x)
    restored = Dropout(0.5)
    restored.load_state_dict(saved)
    assert torch.equal(restored(x), expected)


def test_without_training_nothing_is_dropped_unless_it_is_the_noise() -> None:
    x = torch.ones(1000)
    assert torch.equal(Dropout(0.5).eval()(x), x)
    noise = Dropout(0.5, always=True).eval()
    assert float((noise(x) == 0).float().mean()) == pytest.approx(0.5, abs=0.06)
    assert torch.equal(noise(x), noise(x)) and int(noise.draws) == 0  # looking doesn't touch


def test_a_discriminator_without_dropout_has_no_such_layer() -> None:
    def dropping(rate: float) -> int:
        network = dcgan.discriminator(
            image=(1, 8, 8), width=2, dropout=rate, norm="none", init="normal"
        )
        assert PlainDiscriminator(network)(torch.randn(3, 1, 8, 8)).logits.shape == (3,)
        return sum(isinstance(module, Dropout) for module in network.modules())

    assert (dropping(0.0), dropping(0.5)) == (0, 2)


# ---------------------------------------------------------------- learning


@pytest.mark.parametrize("option", OPTIONS)
def test_a_single_batch_is_learned_by_heart(option: str) -> None:
    inputs = torch.rand(2, 1, 8, 8) * 2 - 1
    targets = nn.functional.interpolate(inputs, scale_factor=2) if option in UPSCALING else -inputs
    width = {"width": 12, **({} if option != "unet" else {"dropout": 0.0})}
    init = {"init": "he"}
    of_data = space((1, *targets.shape[2:]), (1, 8, 8))
    generator = model(option, {**width, **init}).build_pair(of_data, conditional=False)["generator"]
    optimizer = torch.optim.Adam(generator.parameters(), lr=5e-3)
    first = last = float("inf")
    for step in range(40):
        loss = (generator(inputs) - targets).abs().mean()
        last = float(loss.detach())
        first = first if step else last
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert last < 0.2 < first


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("option", "of_data", "of_discriminator", "message"),
    [
        ("unet", Space("images", (1, 8, 8)), {}, r"needs inputs.* Use dataset=pairs"),
        ("unet", space((1, 16, 16), (1, 8, 8)), {}, "16x16 pixels. Use model=srresnet"),
        ("resnet_translator", space((1, 4, 4)), {}, "at least 5x5 pixels"),
        ("srresnet", space((1, 40, 40), (1, 8, 8)), {}, "upscales by x1, x2, x3, x4, x8"),
        ("srresnet", space((1, 16, 32), (1, 8, 8)), {}, "upscales by x1, x2, x3, x4, x8"),
        (
            "unet",
            space((1, 16, 16)),
            {"receptive_field": 70},
            r"=70\. Use model\.discriminator\.receptive_field=34$",
        ),
        (
            "unet",
            space((1, 8, 8)),
            {"kind": "multiscale"},
            r"2 px, .*scales=3\. Use model\.discriminator\.kind=patch$",
        ),
        ("resnet_translator", space((1, 5, 5)), {}, r"Use model\.discriminator\.kind=global$"),
    ],
)
def test_what_cannot_be_translated_is_refused_with_the_remedy(
    option: str, of_data: Space, of_discriminator: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        model(option, None, {"kind": "patch", **of_discriminator}).check(of_data)


def test_a_depth_beyond_a_single_pixel_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"halved 4 times.* Use model\.generator\.depth=null$"):
        model("unet", {"depth": 5}).check(space((1, 16, 16)))


def test_vectors_are_not_translated() -> None:
    vectors = Space("vectors", (2,), (0.0,) * 2, (1.0,) * 2)
    of_data = Space("images", (1, 8, 8), inputs=vectors)
    with pytest.raises(ConfigError, match="translates images, model=unet with vectors"):
        model("unet").check(of_data)


def test_instance_norm_is_torchs_but_for_rounding() -> None:
    torch.manual_seed(0)
    ours, theirs = InstanceNorm2d(5, affine=True), nn.InstanceNorm2d(5, affine=True)
    maps = (3 * torch.randn(4, 5, 6, 7) + 1).requires_grad_()
    for norm in (ours, theirs):
        nn.init.constant_(norm.weight, 1.5)
        nn.init.constant_(norm.bias, -0.5)
    assert torch.allclose(ours(maps), theirs(maps), atol=1e-5)
    gradients = [
        torch.autograd.grad(norm(maps).square().sum(), (maps, norm.weight))
        for norm in (ours, theirs)
    ]
    for own, torchs in zip(*gradients, strict=True):
        assert torch.allclose(own, torchs, rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match="spatial"):
        ours(torch.randn(4, 5, 1, 1))


@pytest.mark.parametrize("size", [(4, 4), (3, 5), (1, 1)])
def test_few_places_are_convolved_by_a_product_as_they_are_by_torch(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    maps = torch.randn(2, 3, *size).requires_grad_()
    for conv in (HalvingConv(3, 5), DoublingConv(3, 5, bias=True)):
        nn.init.normal_(conv.bias)  # type: ignore[arg-type]
        learning, evaluated = conv.train()(maps), conv.eval()(maps)
        assert torch.allclose(learning, evaluated, atol=1e-5)
        gradients = [
            torch.autograd.grad(of.sin().sum(), (maps, conv.weight), retain_graph=True)
            for of in (learning, evaluated)
        ]
        for of_product, of_convolution in zip(*gradients, strict=True):
            assert torch.allclose(of_product, of_convolution, atol=1e-4)
