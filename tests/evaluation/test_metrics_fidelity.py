"""Metrics of pairs: closed forms, and the numbers of scikit-image."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from gan_runner.data.conversion import convert_images, resize_bicubic
from gan_runner.evaluation.metrics import fidelity

SHAPES = ((1, 28, 28), (3, 33, 47), (3, 11, 12))


def made(shape: tuple[int, ...], seed: int) -> Tensor:
    """Noise that is the same everywhere."""
    n = np.arange(math.prod(shape), dtype=np.int64)
    numbers = (n * n * (seed + 7) + n * 31 * seed + (n // shape[-1]) * 17) % 256
    return torch.from_numpy(numbers.astype(np.uint8).reshape(shape))


def smooth(shape: tuple[int, ...], seed: int) -> Tensor:
    """Waves."""
    channels, height, width = shape
    y, x = np.mgrid[:height, :width]
    waves = [
        127.5 + 100 * np.sin((x * (k + 1) + y * seed) / 7.0) + 20 * np.cos(y * (k + 2) / 3.0)
        for k in range(channels)
    ]
    return torch.from_numpy(np.stack(waves).astype(np.uint8))


def mixed(shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Waves, and the same with a little noise."""
    clean = smooth(shape, 1)
    noisy = clean.int() + made(shape, 3).int() // 8 - 16
    return clean, noisy.clamp(0, 255).to(torch.uint8)


# structural_similarity(a, b, channel_axis=0, gaussian_weights=True, sigma=1.5,
# use_sample_covariance=False, data_range=255) and peak_signal_noise_ratio of scikit-image 0.26.0
SCIKIT_IMAGE = {
    ("noise", 0): (-0.06526191130950112, 7.414462921518715),
    ("smooth", 0): (-0.015018613168828077, 7.506018403719156),
    ("mixed", 0): (0.9045802183484408, 28.789814505229092),
    ("noise", 1): (0.005823157887220258, 7.73832983670017),
    ("smooth", 1): (-0.1198927540161732, 7.333691006826788),
    ("mixed", 1): (0.9453489293487475, 28.828485222427407),
    ("noise", 2): (-0.24555974118105306, 7.520279056748519),
    ("smooth", 2): (0.4755326025900463, 12.955815584707421),
    ("mixed", 2): (0.8847886473338084, 28.77054315780979),
}


@pytest.mark.parametrize(("kind", "shape"), SCIKIT_IMAGE)
def test_ssim_and_psnr_are_those_of_scikit_image(kind: str, shape: int) -> None:
    of = SHAPES[shape]
    pairs = {
        "noise": (made(of, 1), made(of, 2)),
        "smooth": (smooth(of, 1), smooth(of, 2)),
        "mixed": mixed(of),
    }
    a, b = (image[None] for image in pairs[kind])
    ssim, psnr = SCIKIT_IMAGE[kind, shape]
    assert float(fidelity.ssim(a, b)) == pytest.approx(ssim, abs=1e-9)
    assert float(fidelity.psnr(a, b)) == pytest.approx(psnr, abs=1e-9)


# ---------------------------------------------------------------- closed forms


def test_psnr_of_a_constant_shift_follows_from_its_size() -> None:
    dark = torch.full((2, 3, 8, 8), 100, dtype=torch.uint8)
    expected = 20 * math.log10(255 / 10)
    assert fidelity.psnr(dark, dark + 10).tolist() == pytest.approx([expected, expected])


def test_psnr_of_noise_follows_from_its_deviation() -> None:
    rng = torch.Generator().manual_seed(0)
    noise = 12 * torch.randn(1, 1, 400, 400, generator=rng)
    clean = torch.full_like(noise, 128)
    noisy = (clean + noise).round().clamp(0, 255).to(torch.uint8)
    # rounding adds the variance of a uniform number
    expected = 10 * math.log10(255**2 / (12**2 + 1 / 12))
    assert float(fidelity.psnr(noisy, clean.to(torch.uint8))) == pytest.approx(expected, abs=0.05)


def test_equal_images_have_psnr_100_ssim_1_and_l1_0() -> None:
    images = torch.stack([made((3, 20, 20), seed) for seed in range(3)])
    assert fidelity.psnr(images, images).tolist() == [fidelity.MOST_DECIBELS] * 3
    assert fidelity.ssim(images, images).tolist() == pytest.approx([1, 1, 1])
    assert fidelity.l1(images, images).tolist() == [0, 0, 0]


def test_ssim_of_constant_images_is_their_luminance_term() -> None:
    a, b = (torch.full((1, 1, 16, 16), value, dtype=torch.uint8) for value in (60, 180))
    c1 = (0.01 * 255) ** 2
    assert float(fidelity.ssim(a, b)) == pytest.approx((2 * 60 * 180 + c1) / (60**2 + 180**2 + c1))


def test_l1_of_black_and_white_is_1() -> None:
    black = torch.zeros(2, 1, 5, 5, dtype=torch.uint8)
    assert fidelity.l1(black, 255 - black).tolist() == [1, 1]


@pytest.mark.parametrize("side", [1, 2, 8, 10, 11, 40])
def test_images_smaller_than_the_window_have_a_window_of_their_size(side: int) -> None:
    assert fidelity.window_side(side, 40) == {1: 1, 2: 1, 8: 7, 10: 9}.get(side, 11)
    image = made((1, side, 40), 1)[None]
    assert float(fidelity.ssim(image, image)) == pytest.approx(1)


def test_numbers_of_pairs_do_not_depend_on_how_many_are_computed_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    a = torch.stack([made((3, 20, 20), seed) for seed in range(5)])
    whole = fidelity.ssim(a, a.flip(0))
    monkeypatch.setattr(fidelity, "_CHUNK_NUMBERS", 1)
    assert torch.equal(fidelity.ssim(a, a.flip(0)), whole)


def test_images_of_different_shapes_are_refused() -> None:
    image = made((1, 12, 12), 1)[None]
    with pytest.raises(ValueError, match="different shapes"):
        fidelity.psnr(image, image[..., :6])


def test_a_perceptual_distance_is_1_between_two_targets_and_0_at_the_target() -> None:
    targets = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    assert fidelity.feature_distances(targets, targets).tolist() == [0, 0]
    assert fidelity.feature_distances(targets.flip(0), targets).tolist() == [1, 1]
    with pytest.raises(ValueError, match="differ"):
        fidelity.feature_distances(targets, torch.zeros(2, 2))


def test_iou_and_accuracy_of_a_label_map_by_hand() -> None:
    target = torch.tensor([[[0, 0], [1, 1]]])
    predicted = torch.tensor([[[0, 1], [1, 1]]])
    assert fidelity.pixel_accuracy(predicted, target) == 0.75
    ious = fidelity.class_ious(predicted, target, classes=3)
    assert ious[:2].tolist() == pytest.approx([1 / 2, 2 / 3])
    assert math.isnan(float(ious[2]))


# ---------------------------------------------------------------- the trivial answer


def test_gray_becomes_color_and_color_its_luma() -> None:
    gray = made((1, 4, 4), 1)[None]
    colored = convert_images(gray, (3, 4, 4))
    assert colored is not None
    assert torch.equal(colored, gray.expand(-1, 3, -1, -1))
    back = convert_images(colored, (1, 4, 4))
    assert back is not None
    assert torch.equal(back, gray)
    red = torch.tensor([255, 0, 0], dtype=torch.uint8)[None, :, None, None]
    assert convert_images(red, (1, 1, 1)) == round(255 * 0.299)


def test_alpha_is_dropped_or_full() -> None:
    image = made((4, 4, 4), 1)[None]
    without = convert_images(image, (3, 4, 4))
    assert without is not None
    assert torch.equal(without, image[:, :3])
    opaque = convert_images(without, (4, 4, 4))
    assert opaque is not None
    assert bool((opaque[:, 3] == 255).all())


def test_images_of_many_channels_have_no_conversion() -> None:
    assert convert_images(made((7, 4, 4), 1)[None], (3, 4, 4)) is None


def test_bicubic_resizing_keeps_constants_and_leaves_images_of_the_size_as_they_are() -> None:
    constant = torch.full((1, 1, 7, 7), 93, dtype=torch.uint8)
    assert bool((resize_bicubic(constant, (28, 28)) == 93).all())
    image = made((1, 9, 9), 2)[None]
    assert torch.equal(resize_bicubic(image, (9, 9)), image)
