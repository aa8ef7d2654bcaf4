"""Pictures as PNG files."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gan_runner.system.files import write_picture

Picture = NDArray[np.uint8]
"""[H, W, C], with C = 1, 3 or 4."""


def to_displayable(image: NDArray[np.uint8]) -> Picture:
    """An image [H, W, C] with a number of channels that a PNG has: 2 are gray and alpha."""
    if image.shape[-1] != 2:
        return image
    return np.concatenate([image[..., :1].repeat(3, axis=-1), image[..., 1:]], axis=-1)


def encode_png(picture: Picture) -> bytes:
    """A picture [H, W, C] as the content of a file."""
    image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    content = io.BytesIO()
    image.save(content, format="png")
    return content.getvalue()


def save_png(picture: Picture, path: Path) -> bytes:
    """Write a picture [H, W, C] under its final name when it is whole; the content of the file.
    Raises OSError."""
    content = encode_png(picture)
    write_picture(path, content)
    return content
