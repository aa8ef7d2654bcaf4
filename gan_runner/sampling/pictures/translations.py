"""Translations as a picture: inputs, outputs and targets beside each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn.functional import interpolate

from gan_runner.data import Space
from gan_runner.data.conversion import convert_channels
from gan_runner.data.label_colors import named_colors
from gan_runner.sampling.pictures.examples import enlarge
from gan_runner.sampling.pictures.png import Picture

_PICTURE_SIDE = 640  # pixels, to which pictures of small images are enlarged
_LARGEST_SIDE = 256  # pixels of an image: larger ones are made smaller
_MOST_PIXELS = 1 << 20  # of all images of a picture, before they are enlarged
_HEAD, _LETTER = 14, 7  # pixels: the line of the heads, a letter of them
_BACKGROUND, _INK = 255, (70, 70, 70)
_GOLDEN = 0.381966  # of the circle of hues, which keeps colors apart however many there are


class ShownImages(NamedTuple):
    """Images as stored, uint8 [N, C, H, W], and the space that says what they are."""

    images: Tensor
    space: Space


def fitting_count(space: Space, *, parts: int, most: int) -> int:
    """How many translations a picture has room for, at most so many, of so many images each."""
    height, width = _shown_size([space.shape[1:]])
    return max(1, min(most, _MOST_PIXELS // (parts * height * width)))


def draw_translations(parts: Mapping[str, ShownImages]) -> Picture:
    """A picture of N translations, each a few images beside each other under the heads that name
    them, as `input`, `output` and `target`; all as large as the largest. Label maps have a color
    for each class, their own where classes are colors."""
    sizes = [shown.images.shape[2:] for shown in parts.values()]
    height, width = _shown_size(sizes)
    columns = [_resize(to_colors(*shown), (height, width)) for shown in parts.values()]
    count, size = len(columns[0]), len(columns)
    across = min(count, max(1, round(math.sqrt(count * height / (size * width)))))
    down = math.ceil(count / across)
    factor = max(1, round(_PICTURE_SIDE / max(across * size * width, down * height)))
    gap = max(1, factor // 2)
    cells = [enlarge_all(column, factor) for column in columns]
    blocks = [_join(images, gap) for images in zip(*cells, strict=True)]
    block_height, block_width = blocks[0].shape[:2]
    step_down, step_across = block_height + gap, block_width + 4 * gap
    canvas = np.full((_HEAD + down * step_down, across * step_across - 4 * gap, 3), _BACKGROUND)
    canvas = canvas.astype(np.uint8)
    for index, block in enumerate(blocks):
        top = _HEAD + index // across * step_down
        left = index % across * step_across
        canvas[top : top + block_height, left : left + block_width] = block
    starts = [block * step_across for block in range(across)]
    return _write_heads(canvas, list(parts), starts, width * factor + gap)


def to_colors(images: Tensor, space: Space) -> NDArray[np.uint8]:
    """Images uint8 [N, C, H, W] in colors, [N, H, W, 3]: label maps in one for each class, what is
    transparent on white."""
    if space.label_names:
        classes: NDArray[np.int64] = images.argmax(1).cpu().numpy()
        named = named_colors(space.label_names)
        table = palette(len(space.label_names)) if named is None else named.numpy()
        colors: NDArray[np.uint8] = table[classes]
        return colors
    colored = convert_channels(images.cpu(), 4)
    if colored is None:  # channels without a meaning: the first
        colored = convert_channels(images[:, :1].cpu(), 4)
    assert colored is not None, "one channel is gray"
    pixels: NDArray[np.uint8] = colored.permute(0, 2, 3, 1).numpy()
    if images.shape[1] not in (2, 4):
        return pixels[..., :3]
    share = pixels[..., 3:].astype(np.float32) / 255
    return np.rint(pixels[..., :3] * share + 255 * (1 - share)).astype(np.uint8)


def palette(classes: int) -> NDArray[np.uint8]:
    """A color for each class of a label map, [K, 3]: the first is black, which is mostly the
    background."""
    hues = np.arange(classes) * _GOLDEN % 1.0
    brightness = np.where(np.arange(classes) % 2, 1.0, 0.75)
    phases = np.abs((hues[:, None] * 6 + np.array([0, 4, 2])) % 6 - 3) - 1
    shares: NDArray[np.float64] = np.clip(phases, 0, 1) * brightness[:, None]
    shares[:1] = 0
    return np.rint(shares * 255).astype(np.uint8)


def enlarge_all(images: NDArray[np.uint8], factor: int) -> list[NDArray[np.uint8]]:
    """Images [N, H, W, 3] with each pixel as a square of `factor` by `factor`."""
    return [enlarge(image, factor) for image in images]


def _shown_size(sizes: Sequence[Sequence[int]]) -> tuple[int, int]:
    """The height and width in which images of these are shown, before they are enlarged."""
    height, width = max(size[0] for size in sizes), max(size[1] for size in sizes)
    share = min(1.0, _LARGEST_SIDE / max(height, width))
    return max(1, round(height * share)), max(1, round(width * share))


def _resize(images: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Images [N, H, W, 3] in this size: larger ones by means of areas, smaller ones with each pixel
    as a rectangle, so that what a translator was given is seen as it is."""
    if images.shape[1:3] == size:
        return images
    planes = torch.from_numpy(images).permute(0, 3, 1, 2).float()
    smaller = images.shape[1] > size[0]
    resized = interpolate(planes, size=size, mode="area" if smaller else "nearest-exact")
    shown: NDArray[np.uint8] = resized.round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return shown


def _join(images: Sequence[NDArray[np.uint8]], gap: int) -> NDArray[np.uint8]:
    """Images [H, W, 3] beside each other on white."""
    between = np.full((images[0].shape[0], gap, 3), _BACKGROUND, np.uint8)
    row = [part for image in images for part in (image, between)]
    return np.concatenate(row[:-1], axis=1)


def _write_heads(
    canvas: NDArray[np.uint8], heads: Sequence[str], starts: Sequence[int], step: int
) -> Picture:
    """A picture with the heads in its first line: above each column, or all of them at its left
    where columns are too narrow."""
    image = Image.fromarray(canvas)
    drawing, font = ImageDraw.Draw(image), ImageFont.load_default(size=10)
    if _LETTER * max(map(len, heads)) > step:
        drawing.text((1, 1), " | ".join(heads), fill=_INK, font=font)
        return np.asarray(image)
    for start in starts:
        for place, head in enumerate(heads):
            drawing.text((start + place * step + 1, 1), head, fill=_INK, font=font)
    return np.asarray(image)
