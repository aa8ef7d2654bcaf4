"""Pictures of translations: each image where it belongs, label maps in colors."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gan_runner.data import Space
from gan_runner.data.data import one_hot_pixels
from gan_runner.sampling.pictures import translations
from gan_runner.sampling.pictures.translations import (
    ShownImages,
    draw_translations,
    fitting_count,
    palette,
    to_colors,
)

HEAD = translations._HEAD


def constant(level: int, *shape: int) -> Tensor:
    return torch.full(shape, level, dtype=torch.uint8)


def test_input_output_and_target_stand_beside_each_other_as_large_as_the_largest() -> None:
    gray, color = Space("images", (1, 4, 4)), Space("images", (3, 16, 16))
    picture = draw_translations(
        {
            "input": ShownImages(constant(10, 1, 1, 4, 4), gray),
            "output": ShownImages(constant(90, 1, 3, 16, 16), color),
            "target": ShownImages(constant(200, 1, 3, 16, 16), color),
        }
    )
    row = picture[HEAD + 5, :, 0]
    levels = row[np.flatnonzero(np.diff(row, prepend=0))].tolist()
    assert [level for level in levels if level != 255] == [10, 90, 200]
    widths = [int((row == level).sum()) for level in (10, 90, 200)]
    assert widths[0] == widths[1] == widths[2]


def test_many_translations_stand_in_order_in_blocks() -> None:
    space = Space("images", (1, 8, 8))
    inputs = torch.arange(9, dtype=torch.uint8)[:, None, None, None].expand(9, 1, 8, 8) * 10
    picture = draw_translations(
        {"input": ShownImages(inputs, space), "output": ShownImages(inputs + 5, space)}
    )
    found = np.unique(picture[HEAD:, :, 0])
    assert set(found) == {*range(0, 90, 10), *range(5, 90, 10), 255}
    first, second = (np.argwhere(picture[HEAD:, :, 0] == level)[0] for level in (10, 15))
    assert first[0] == second[0]  # in one row
    assert first[1] < second[1]


def test_the_same_translations_make_the_same_picture() -> None:
    space = Space("images", (1, 8, 8))
    parts = {"input": ShownImages(constant(7, 3, 1, 8, 8), space)}
    assert np.array_equal(draw_translations(parts), draw_translations(parts))


def test_large_images_are_made_smaller_and_few_of_them_shown() -> None:
    space = Space("images", (3, 512, 512))
    assert fitting_count(space, parts=3, most=64) == 5
    assert fitting_count(Space("images", (1, 28, 28)), parts=3, most=64) == 64
    picture = draw_translations({"input": ShownImages(constant(7, 1, 3, 512, 512), space)})
    assert picture.shape[0] < 2 * 512


def test_each_class_of_a_label_map_has_a_color_of_its_own() -> None:
    assert len(np.unique(palette(40), axis=0)) == 40
    classes = torch.tensor([[[0, 1], [2, 6]]])
    space = Space("images", (7, 2, 2), label_names=tuple("abcdefg"))
    shown = to_colors(one_hot_pixels(classes, 7), space)
    assert np.array_equal(shown[0], palette(7)[classes[0].numpy()])
    assert shown[0, 0, 0].tolist() == [0, 0, 0]


def test_what_is_transparent_is_white() -> None:
    transparent = torch.cat((constant(9, 1, 3, 2, 2), constant(0, 1, 1, 2, 2)), dim=1)
    assert (to_colors(transparent, Space("images", (4, 2, 2))) == 255).all()
    opaque = torch.cat((constant(9, 1, 1, 2, 2), constant(255, 1, 1, 2, 2)), dim=1)
    assert (to_colors(opaque, Space("images", (2, 2, 2))) == 9).all()


def test_channels_without_a_meaning_are_shown_by_the_first() -> None:
    images = torch.cat((constant(40, 1, 1, 2, 2), constant(0, 1, 5, 2, 2)), dim=1)
    assert (to_colors(images, Space("images", (6, 2, 2))) == 40).all()
