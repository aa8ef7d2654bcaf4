"""A preview of samples in a terminal: half blocks, each of two pixels in their colors."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from rich.color import Color
from rich.style import Style
from rich.text import Text

Thumbnails = NDArray[np.uint8]
"""Small images, [N, H, W, C] with C = 1, 2, 3 or 4 as in files."""

_ROWS = 9  # lines of the terminal
_SIDE = 2 * _ROWS - 2  # pixels of an image: larger ones are made smaller


def draw_preview(images: Thumbnails, width: int) -> list[Text]:
    """The first images side by side in as many lines as they need, at most nine; small ones in two
    rows. `width` in letters, each of which is a pixel wide and two high."""
    small = _shrink(_to_rgb(images), min(_SIDE, width))
    _, height, length, _ = small.shape
    in_row = (width + 1) // (length + 1)
    rows = min((2 * _ROWS + 1) // (height + 1), math.ceil(len(small) / in_row))
    canvas = np.zeros((2 * math.ceil((rows * (height + 1) - 1) / 2), width, 3), np.uint8)
    drawn = np.zeros(canvas.shape[:2], bool)
    for index, image in enumerate(small[: rows * in_row]):
        top, left = index // in_row * (height + 1), index % in_row * (length + 1)
        place = slice(top, top + height), slice(left, left + length)
        canvas[place], drawn[place] = image, True
    return [_line(canvas[y : y + 2], drawn[y : y + 2]) for y in range(0, len(canvas), 2)]


def _to_rgb(images: Thumbnails) -> Thumbnails:
    """[N, H, W, 3]; what has an alpha is seen before black."""
    if images.shape[-1] in (2, 4):
        alpha = images[..., -1:].astype(np.float32) / 255
        images = (images[..., :-1] * alpha).astype(np.uint8)
    return images.repeat(3, axis=-1) if images.shape[-1] == 1 else images[..., :3]


def _shrink(images: Thumbnails, side: int) -> Thumbnails:
    """Images with no side above `side`: means of squares of pixels."""
    factor = math.ceil(max(images.shape[1:3]) / side)
    height, width = (math.ceil(n / factor) for n in images.shape[1:3])
    missing = height * factor - images.shape[1], width * factor - images.shape[2]
    around = ((0, 0), (0, missing[0]), (0, missing[1]), (0, 0))
    padded = np.pad(images, around, mode="edge")
    squares = padded.reshape(len(images), height, factor, width, factor, 3)
    small: Thumbnails = squares.mean(axis=(2, 4)).round().astype(np.uint8)
    return small


def _line(pixels: NDArray[np.uint8], drawn: NDArray[np.bool_]) -> Text:
    """Two rows of pixels, [2, W, 3], in a line of text."""
    line = Text(end="", no_wrap=True)
    for x in range(pixels.shape[1]):
        top, bottom = (
            Color.from_rgb(*map(int, pixels[y, x])) if drawn[y, x] else None for y in (0, 1)
        )
        if top is not None:
            line.append("\N{UPPER HALF BLOCK}", Style(color=top, bgcolor=bottom))
        elif bottom is not None:
            line.append("\N{LOWER HALF BLOCK}", Style(color=bottom))
        else:
            line.append(" ")
    line.rstrip()
    return line
