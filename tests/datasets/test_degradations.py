"""Degradations: their closed forms, and what they draw."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from gan_runner.config.component import find_classes
from gan_runner.data import Degradation
from gan_runner.datasets.degradations import (
    Dilate,
    Downscale,
    Edges,
    Gray,
    LowLight,
    Mask,
    Noise,
    brightness,
)
from gan_runner.errors import ConfigError

ALL = [
    Downscale(factor=2, kernel="bicubic"),
    Gray(),
    Mask(share=0.25, place="random", fill=0),
    Noise(deviation=25),
    Edges(threshold=0.2),
    LowLight(exposure=(0.1, 0.5), gamma=2.0, deviation=4.0),
    Dilate(side=3, invert=True),
]


def images(count: int = 6, channels: int = 3, side: int = 16) -> Tensor:
    rng = torch.Generator().manual_seed(1)
    shape = (count, channels, side, side)
    return torch.randint(256, shape, dtype=torch.uint8, generator=rng)


def degrade(degradation: Degradation, targets: Tensor, seed: int = 0) -> Tensor:
    return degradation(targets, torch.Generator().manual_seed(seed))


def test_every_degradation_is_tested() -> None:
    ours = {
        name
        for name, kind in find_classes(Degradation).items()
        if kind.__module__.endswith("datasets.degradations")
    }
    assert ours == {type(each).__name__ for each in ALL}


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("of", ALL, ids=lambda each: type(each).__name__)
def test_inputs_have_the_shape_that_is_said(of: Degradation, channels: int) -> None:
    targets = images(channels=channels)
    if isinstance(of, Gray) and channels < 3:
        with pytest.raises(ConfigError, match="gray already"):
            of.input_shape(targets.shape[1:])
        return
    inputs = degrade(of, targets)
    assert inputs.dtype == torch.uint8
    assert inputs.shape == (len(targets), *of.input_shape(targets.shape[1:]))


@pytest.mark.parametrize("of", ALL, ids=lambda each: type(each).__name__)
def test_the_input_of_an_example_depends_on_its_seed_alone(of: Degradation) -> None:
    targets, seeds = images(), [5, 6, 7, 8, 9, 10]
    together = of.of_each(targets, seeds)
    for place in (0, 4):
        assert torch.equal(of.of_each(targets[[place]], [seeds[place]])[0], together[place])
    assert of.of_each(targets[:0], []).shape == (0, *of.input_shape(targets.shape[1:]))


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("of", [ALL[2], ALL[3], ALL[5]], ids=lambda each: type(each).__name__)
def test_alpha_is_left_as_it_is(of: Degradation, channels: int) -> None:
    targets = images(channels=channels)
    inputs = degrade(of, targets)
    assert torch.equal(inputs[:, -1], targets[:, -1])
    assert not torch.equal(inputs[:, 0], targets[:, 0])


def test_dilated_strokes_are_as_wide_as_the_square_and_inverted_where_that_is_asked() -> None:
    dot = torch.zeros(1, 1, 7, 7, dtype=torch.uint8)
    dot[..., 3, 3] = 200
    expected = torch.zeros_like(dot)
    expected[..., 1:6, 1:6] = 200
    assert torch.equal(degrade(Dilate(side=5, invert=False), dot), expected)
    assert torch.equal(degrade(Dilate(side=5, invert=True), dot), 255 - expected)
    assert torch.equal(degrade(Dilate(side=1, invert=False), dot), dot)


def test_a_square_without_a_middle_is_refused() -> None:
    with pytest.raises(ValueError, match="an odd side"):
        Dilate(side=4, invert=False)


def test_a_mask_says_which_pixels_it_hides() -> None:
    of, targets, seeds = Mask(share=0.25, place="random", fill=0), images(), [1, 2, 3, 4, 5, 6]
    hidden = of.hidden_of_each(targets.shape[1:], seeds)
    assert torch.equal(of.of_each(targets, seeds), targets.masked_fill(hidden, 0))


@pytest.mark.parametrize("kernel", ["bicubic", "bilinear", "area", "nearest"])
def test_a_plain_image_stays_plain_when_it_is_made_smaller(kernel: str) -> None:
    of = Downscale.model_validate({"factor": 4, "kernel": kernel})
    assert degrade(of, torch.full((1, 3, 8, 8), 77, dtype=torch.uint8)).unique().tolist() == [77]


def test_an_area_is_the_mean_of_its_pixels() -> None:
    targets = images(side=8)
    means = targets.float().view(6, 3, 4, 2, 4, 2).mean((3, 5))
    assert torch.equal(degrade(Downscale(factor=2, kernel="area"), targets).float(), means.round())


def test_bicubic_is_what_pillow_makes_within_a_level() -> None:
    targets = images(count=1, side=32)
    made = degrade(Downscale(factor=4, kernel="bicubic"), targets)[0]
    whole = Image.fromarray(targets[0].permute(1, 2, 0).numpy())
    expected = np.asarray(whole.resize((8, 8), Image.Resampling.BICUBIC)).transpose(2, 0, 1)
    assert np.abs(made.numpy().astype(int) - expected).max() <= 1


def test_a_factor_that_does_not_divide_the_size_is_refused_with_one_that_does() -> None:
    with pytest.raises(ConfigError, match=r"28 x 28 px .*factor=8\. Use dataset.degrade.factor=4"):
        Downscale(factor=8, kernel="area").input_shape((1, 28, 28))


def test_brightness_is_that_of_pillow() -> None:
    targets = images(count=1, side=64)
    expected = Image.fromarray(targets[0].permute(1, 2, 0).numpy()).convert("L")
    assert np.array_equal(brightness(targets)[0, 0].numpy(), np.asarray(expected))


def test_a_mask_hides_its_share_in_the_middle() -> None:
    targets = torch.full((2, 1, 16, 16), 9, dtype=torch.uint8)
    expected = targets.clone()
    expected[:, :, 4:12, 4:12] = 200
    assert torch.equal(degrade(Mask(share=0.25, place="center", fill=200), targets), expected)


def test_masks_at_random_places_hide_as_much_everywhere() -> None:
    targets = torch.ones(400, 1, 8, 8, dtype=torch.uint8)
    hidden = degrade(Mask(share=0.25, place="random", fill=0), targets) == 0
    assert hidden.sum((1, 2, 3)).unique().tolist() == [16]
    assert hidden.any(0).all()


def test_noise_has_its_deviation_and_no_mean() -> None:
    targets = torch.full((4, 1, 64, 64), 128, dtype=torch.uint8)
    change = degrade(Noise(deviation=20), targets).float() - 128
    assert abs(change.mean()) < 0.5
    assert change.std() == pytest.approx(20, rel=0.02)


def test_an_edge_between_black_and_white_is_as_steep_as_can_be() -> None:
    targets = torch.zeros(1, 3, 8, 8, dtype=torch.uint8)
    targets[..., 4:] = 255
    columns = [0, 0, 0, 255, 255, 0, 0, 0]
    for threshold in (None, 0.9):
        found = degrade(Edges(threshold=threshold), targets)
        assert found[0, 0].tolist() == [columns] * 8


def test_light_with_neither_loss_nor_noise_is_left_as_it_is() -> None:
    targets = images()
    assert torch.equal(degrade(LowLight(exposure=(1, 1), gamma=1, deviation=0), targets), targets)


def test_half_of_the_light_is_half_of_each_value() -> None:
    targets = images()
    dark = degrade(LowLight(exposure=(0.5, 0.5), gamma=1, deviation=0), targets)
    assert torch.equal(dark.float(), (targets.float() * 0.5).round())


@pytest.mark.parametrize("ends", [(0.5, 0.1), (0.0, 0.5), (0.5, 1.5)])
def test_an_exposure_has_ends_in_their_order(ends: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="An exposure goes"):
        LowLight(exposure=ends, gamma=1, deviation=0)
