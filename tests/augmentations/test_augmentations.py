"""The input of D: changed as the papers say, differentiable, with draws of its own; and packs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from conftest import Answer, small_run
from torch import Tensor
from translators import unet

from gan_runner.augmentations import ADA, Augmentation, Memory, Moment
from gan_runner.augmentations.ada import transform_colors, transform_geometry
from gan_runner.augmentations.transforms import cut_out, mirror, translate
from gan_runner.cli.hydra.composer import compose, parse_config
from gan_runner.config.component import build_component
from gan_runner.data import Space
from gan_runner.errors import ConfigError
from gan_runner.models.discriminator import ChannelPart, DiscriminatorOutput
from gan_runner.training.build import build
from gan_runner.training.methods.base import DiscriminatorInput

Here = Callable[..., Answer]
OPTIONS = ("ada", "diffaugment", "instance_noise")
every_option = pytest.mark.parametrize("name", OPTIONS)


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(count: int = 6, channels: int = 3, height: int = 8, width: int = 8) -> Tensor:
    return torch.rand(count, channels, height, width, generator=stream(9)) * 2 - 1


def build_augmentation(name: str, **changes: Any) -> Augmentation:
    node = parse_config(compose([f"augment={name}"])).augment[name]
    return build_component({**node, **changes}, Augmentation, where="augment")


def at(step: int = 0, memory: Memory | None = None, seed: int = 0) -> Moment:
    return Moment(step, stream(seed), {} if memory is None else memory)


def output(logits: Tensor) -> DiscriminatorOutput:
    return DiscriminatorOutput(logits[:, None], logits)


# ---------------------------------------------------------------- every augmentation


@every_option
@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 28, 28), (4, 9, 12)])
def test_each_image_is_changed_its_own_way_and_keeps_its_shape(
    name: str, shape: tuple[int, int, int]
) -> None:
    of = build_augmentation(name, **({"initial": 0.9} if name == "ada" else {}))
    same = images(1, *shape).repeat(16, 1, 1, 1)
    found = of(same, at())
    assert found.shape == same.shape
    assert found.isfinite().all()
    assert len({tuple(image.flatten().tolist()) for image in found}) > 12


@every_option
def test_an_augmentation_draws_from_its_own_stream_only(name: str) -> None:
    of, before = build_augmentation(name), torch.random.get_rng_state()
    assert torch.equal(of(images(), at(seed=4)), of(images(), at(seed=4)))
    assert torch.equal(torch.random.get_rng_state(), before)


@every_option
def test_the_generator_learns_through_an_augmentation(name: str) -> None:
    of = build_augmentation(name, **({"initial": 0.5, "places": True} if name == "ada" else {}))
    fakes = images().requires_grad_()
    of(fakes, at()).square().sum().backward()
    assert fakes.grad is not None and fakes.grad.isfinite().all()
    assert (fakes.grad != 0).float().mean() > 0.3


# ---------------------------------------------------------------- transforms


def test_a_shift_moves_whole_images_and_fills_what_comes_in() -> None:
    ramp = torch.arange(1.0, 17).view(1, 1, 4, 4).repeat(200, 1, 1, 1)
    for fill in ("zero", "edge"):
        found = translate(ramp, 0.25, stream(), fill=fill)
        places = {tuple(image.flatten().tolist()) for image in found}
        assert len(places) == 9  # by -1, 0 or 1 both ways
        expected = set()
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                image = torch.zeros(4, 4)
                for y in range(4):
                    for x in range(4):
                        row, column = y - down, x - right
                        if fill == "edge":
                            row, column = min(max(row, 0), 3), min(max(column, 0), 3)
                        if 0 <= row < 4 and 0 <= column < 4:
                            image[y, x] = ramp[0, 0, row, column]
                expected.add(tuple(image.flatten().tolist()))
        assert places == expected


def test_half_of_the_images_are_mirrored() -> None:
    many = images(1).repeat(400, 1, 1, 1)
    found = mirror(many, stream())
    same = (found == many).flatten(1).all(1)
    assert torch.equal(found[~same], many[~same].flip(-1))
    assert 0.4 < same.float().mean() < 0.6


@pytest.mark.parametrize("size", [8, 9])
def test_a_square_of_the_asked_size_is_cut_out(size: int) -> None:
    found = cut_out(torch.ones(500, 1, size, size), 0.5, stream())
    side = int(size * 0.5 + 0.5)
    cut = (found == 0).flatten(1).sum(1)
    assert cut.max() == side * side
    assert cut.min() >= (side // 2) ** 2
    whole = found[cut == side * side][0, 0] == 0
    assert sorted({int(n) for n in whole.sum(0)}) == [0, side]


# ---------------------------------------------------------------- each by its paper


def test_instance_noise_fades_out_linearly() -> None:
    of, zeros = build_augmentation("instance_noise", sigma=0.5, until=100), torch.zeros(50, 2, 20)
    for step, expected in ((0, 0.5), (50, 0.25), (90, 0.05)):
        assert of(zeros, at(step)).std().item() == pytest.approx(expected, rel=0.1)
    assert torch.equal(of(zeros, at(100)), zeros)
    assert torch.equal(of(zeros, at(5000)), zeros)
    for_ever = build_augmentation("instance_noise", sigma=0.5, until=None)
    assert for_ever(zeros, at(10**6)).std().item() == pytest.approx(0.5, rel=0.1)


def test_diffaugment_changes_only_what_its_settings_name() -> None:
    of = build_augmentation("diffaugment", color=False, translation=0.0, cutout=0.0)
    assert torch.equal(of(images(), at()), images())
    gray = images(40, 1)
    colored = build_augmentation("diffaugment", color=True, translation=0.0, cutout=0.0)(gray, at())
    # of one channel brightness and contrast remain: each image times and plus something
    slope = colored.std((1, 2, 3)) / gray.std((1, 2, 3))
    centered = gray - gray.mean((1, 2, 3), keepdim=True)
    expected = colored.mean((1, 2, 3), keepdim=True) + slope.view(-1, 1, 1, 1) * centered
    assert torch.allclose(colored, expected, atol=1e-5)
    assert 0.5 <= slope.min() < 0.7 and 1.3 < slope.max() <= 1.5


def test_ada_of_probability_0_changes_nothing_and_of_1_nearly_all() -> None:
    for change in (transform_geometry, transform_colors):
        assert torch.allclose(change(images(), torch.tensor(0.0), stream()), images(), atol=1e-5)
        found = change(images(64), torch.tensor(1.0), stream())
        assert ((found - images(64)).abs().flatten(1).max(1).values > 0.01).all()


def test_ada_makes_each_change_with_its_probability() -> None:
    many = images(1, 1).repeat(3000, 1, 1, 1)
    found = transform_colors(many, torch.tensor(0.3), stream())
    # brightness, contrast, and a luma flip that is the neutral one half of the time
    untouched = ((found - many).abs().flatten(1).max(1).values < 1e-6).float().mean()
    assert untouched.item() == pytest.approx(0.7 * 0.7 * 0.85, abs=0.04)


def test_a_hue_turns_colors_about_gray_and_keeps_gray_and_saturation() -> None:
    vivid = images(200)
    found = transform_colors(vivid, torch.tensor(1.0), stream())
    gray = images(200, 1).repeat(1, 3, 1, 1)
    still = transform_colors(gray, torch.tensor(1.0), stream())
    assert torch.allclose(still[:, 0], still[:, 1], atol=1e-5)
    assert torch.allclose(still[:, 1], still[:, 2], atol=1e-5)
    assert found.isfinite().all()

    # the sizes of all colors of an image change by one factor
    def size(x: Tensor) -> Tensor:
        return torch.linalg.vector_norm(x - x.mean(1, keepdim=True), dim=1)

    factor = size(found) / size(vivid)
    assert torch.allclose(factor, factor[:, :1, :1].expand_as(factor), rtol=1e-3)


PARTS = (ChannelPart(1), ChannelPart(3), ChannelPart(5, is_label_map=True))


def color_changes(name: str) -> Augmentation:
    """One that changes colors alone, and does."""
    off = {"translation": 0.0, "cutout": 0.0} if name == "diffaugment" else {"places": False}
    return build_augmentation(name, **off, **({"initial": 1.0} if name == "ada" else {}))


@pytest.mark.parametrize("name", ["ada", "diffaugment"])
def test_each_part_of_what_d_sees_has_its_own_colors_and_the_same_draws(name: str) -> None:
    of, gray, color = color_changes(name), images(40, 1), images(40)
    one_hot = torch.where(torch.rand(40, 5, 8, 8, generator=stream()) < 0.5, -1.0, 1.0)
    joined = torch.cat((gray, color, one_hot), dim=1)
    found = of(joined, at()._replace(parts=PARTS))
    alone = [of(each, at()) for each in (gray, color)]
    # an image beside others is what it is by itself, and a label map isn't changed at all
    assert torch.equal(found[:, :1], alone[0])
    assert torch.equal(found[:, 1:4], alone[1])
    assert torch.equal(found[:, 4:], one_hot)
    # equal images beside each other stay equal
    twice = of(color.repeat(1, 2, 1, 1), at()._replace(parts=(ChannelPart(3), ChannelPart(3))))
    assert torch.equal(twice[:, :3], twice[:, 3:])
    assert torch.equal(twice[:, :3], alone[1])


@pytest.mark.parametrize("name", ["ada", "diffaugment"])
def test_a_gray_input_stays_gray_beside_a_color_and_alpha_stays_as_it_is(name: str) -> None:
    of, color = color_changes(name), images(40)
    gray = images(40, 1).expand(-1, 3, -1, -1)
    beside = at()._replace(parts=(ChannelPart(3), ChannelPart(3)))
    still = of(torch.cat((gray, color), dim=1), beside)[:, :3]
    assert torch.allclose(still[:, :1].expand(-1, 3, -1, -1), still, atol=1e-5)
    with_alpha = torch.cat((color, images(40, 1)), dim=1)
    assert torch.equal(of(with_alpha, at())[:, 3:], with_alpha[:, 3:])
    assert torch.equal(of(with_alpha, at())[:, :3], of(color, at()))


@pytest.mark.parametrize("name", ["ada", "diffaugment"])
def test_all_parts_of_what_d_sees_are_moved_alike(name: str) -> None:
    quiet = {"colors": False, "places": True, "initial": 1.0} if name == "ada" else {"color": False}
    of, color = build_augmentation(name, **quiet), images(40)
    parts = (ChannelPart(3), ChannelPart(3, is_label_map=True))
    moved = of(color.repeat(1, 2, 1, 1), at()._replace(parts=parts))
    assert torch.equal(moved[:, :3], moved[:, 3:])
    assert not torch.allclose(moved[:, :3], color, atol=0.01)


@pytest.mark.parametrize("conditional", [False, True])
def test_the_discriminator_of_a_translator_knows_the_parts_of_what_it_sees(
    conditional: bool,
) -> None:
    model = unet()
    inputs = Space("images", (5, 16, 16), label_names=tuple("abcde"))
    space = Space("images", (3, 16, 16), inputs=inputs)
    networks = model.build_pair(space, conditional=conditional)
    label_map = (ChannelPart(5, is_label_map=True),) if conditional else ()
    assert networks["discriminator"].parts == (*label_map, ChannelPart(3))


def test_ada_rises_while_d_is_sure_and_falls_while_it_is_not() -> None:
    of = build_augmentation("ada", interval=2, images=100, target=0.6)
    assert isinstance(of, ADA)
    memory: Memory = {}
    sure, blind = output(torch.full((10,), 2.0)), output(torch.full((10,), -2.0))
    found = [of.adapt(sure, blind, memory, images=10)["probability"].item() for _ in range(4)]
    assert found == pytest.approx([0.0, 0.2, 0.2, 0.4])
    mixed = output(torch.tensor([1.0, -1.0] * 5))
    found = [of.adapt(mixed, mixed, memory, images=10)["probability"].item() for _ in range(6)]
    assert found == pytest.approx([0.4, 0.2, 0.2, 0.0, 0.0, 0.0])


def test_the_strength_of_ada_follows_real_images_however_they_are_packed() -> None:
    strengths = []
    for packing in (1, 2, 5):
        ada = build_augmentation("ada", interval=1, images=100)
        of = DiscriminatorInput({"ada": ada}, packing=packing)
        rng = SimpleNamespace(augment=stream())
        d = SimpleNamespace(parts=())
        state: Any = SimpleNamespace(step=0, rng=rng, memory=lambda name: {}, discriminator=d)
        sure, blind = (output(torch.full((10 // packing,), sign)) for sign in (2.0, -2.0))
        strengths.append(float(of.adapt(sure, blind, state)["augment/ada/probability"]))
    assert strengths == pytest.approx([0.1] * 3)


# ---------------------------------------------------------------- in training


@every_option
@pytest.mark.parametrize("loss", ["wgan_gp", "r3gan", "hinge"])
def test_every_augmentation_trains_with_every_kind_of_loss(
    here: Here, name: str, loss: str
) -> None:
    asked = [f"loss={loss}", f"augment={name}", "train.steps=2", "train.log_every=1"]
    answer = here("gan-train", *small_run(Path("run"), *asked))
    assert answer.code == 0, answer.err
    row = json.loads(Path("run/metrics.jsonl").read_text().splitlines()[-1])
    assert ("augment/ada/probability" in row) == (name == "ada")


@pytest.mark.parametrize("name", ["ada", "diffaugment"])
def test_what_changes_images_is_refused_for_vectors(here: Here, name: str) -> None:
    answer = here("gan-train", "dataset=ring", f"augment={name}", "hydra.run.dir=run")
    assert (answer.code, Path("run").exists()) == (2, False)
    assert "augment=instance_noise" in answer.err


def test_vectors_can_be_noisy(here: Here) -> None:
    asked = ["dataset=ring", "augment=instance_noise", "train.steps=2", "hydra.run.dir=run"]
    assert here("gan-train", *asked).code == 0


# ---------------------------------------------------------------- packing


def refusal(*lines: str) -> str:
    with pytest.raises(ConfigError) as caught:
        build(parse_config(compose(list(lines))))
    return str(caught.value)


@pytest.mark.parametrize("loss", ["hinge", "wgan_gp", "r3gan", "dragan"])
@pytest.mark.parametrize("data", ["digits", "ring"])
def test_packs_train_with_every_kind_of_loss(here: Here, loss: str, data: str) -> None:
    asked = [f"loss={loss}", f"dataset={data}", "model.packing=4", "train.steps=2"]
    run = [line for line in small_run(Path("run"), *asked) if "width" not in line]
    answer = here("gan-train", *(run if data == "ring" else small_run(Path("run"), *asked)))
    assert answer.code == 0, answer.err


def test_a_pack_lies_along_the_channels_and_has_one_logit(
    configured: Callable[..., Any], tmp_path: Path
) -> None:
    from gan_runner.data.batches import Batch
    from gan_runner.logs.terminal import Terminal
    from gan_runner.runs.open import create

    (tmp_path / "run").mkdir()
    run = create(configured("model.packing=2"), tmp_path / "run", Terminal())
    batch = torch.randn(8, 1, 8, 8)
    packs = DiscriminatorInput({}, packing=2)(Batch(batch), run.state).examples
    assert torch.equal(packs[1, 0], batch[2, 0]) and torch.equal(packs[1, 1], batch[3, 0])
    assert run.state.discriminator(packs).logits.shape == (4,)
    run.folder.release()


def test_a_batch_that_can_not_be_packed_is_refused() -> None:
    assert "train.batch_size=64 with model.packing=3" in refusal("model.packing=3")


@pytest.mark.parametrize("knows", ["model.conditioning=concat", "model.code.categorical=[10]"])
def test_a_pack_has_no_class_or_code(knows: str) -> None:
    assert "Use model.packing=1" in refusal("model.packing=2", knows)
