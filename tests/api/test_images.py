"""Images through a translator in Python: the forms that are taken, and what comes back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gan_runner.data import Space
from gan_runner.errors import ConfigError
from gan_runner.sampling.images import translate_images
from gan_runner.sampling.translation import Translation


class Negative(nn.Module):
    """A translator that inverts, and has parameters, as every network."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(-1.0))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


def gray(**names: tuple[str, ...]) -> Translation:
    """Of gray images, or of label maps."""
    channels = len(next(iter(names.values()), ("gray",)))
    inputs = Space("images", (channels, 4, 4), **names)
    space = Space("images", (channels, 4, 4), inputs=inputs, **names)
    return Translation(Negative(), space, multiple=4)


def test_an_image_comes_back_in_its_own_form() -> None:
    image = np.full((5, 7), 255, np.uint8)
    assert translate_images(gray(), image).shape == (5, 7, 1)  # type: ignore[union-attr]
    assert not np.any(translate_images(gray(), image))
    batch = np.zeros((3, 5, 7, 1), np.uint8)
    assert np.all(np.asarray(translate_images(gray(), batch)) == 255)


def test_color_is_taken_as_gray() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    assert np.asarray(translate_images(gray(), image)).shape == (4, 4, 1)


def test_a_list_of_images_of_any_sizes_keeps_its_order() -> None:
    images = [np.full((4, 4 + index % 2), index, np.uint8) for index in range(5)]
    found = translate_images(gray(), images)
    assert [(of.shape, int(of[0, 0, 0])) for of in found] == [
        ((4, 4 + index % 2, 1), 255 - index) for index in range(5)
    ]


def test_label_maps_are_classes_of_pixels_on_both_sides() -> None:
    translation = gray(label_names=("sky", "road"))
    classes = np.array([[0, 1], [1, 0]], np.uint8)
    found = np.asarray(translate_images(translation, classes))
    assert (found[..., 0] == 1 - classes).all()  # what was least likely is likeliest


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4)), np.zeros((2,), np.uint8), np.zeros((0, 4, 1), np.uint8), "a.png"]
)
def test_what_is_no_image_is_refused(image: object) -> None:
    with pytest.raises(ConfigError, match=r"not an image, .*Use uint8 \[H, W, C\]"):
        translate_images(gray(), image)  # type: ignore[arg-type]
