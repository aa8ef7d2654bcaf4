"""From an image file to pixels."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

Pixels = NDArray[np.uint8]

FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


class Damaged(NamedTuple):
    """The reason why a file isn't an image."""

    reason: str


def decode(path: Path, *, size: int, channels: int) -> Pixels | Damaged:
    """The image in a file, upright, its middle square scaled to uint8 [channels, size, size].

    Without a channel for it, transparency becomes white. Raises OSError if the machine can't read
    the file.
    """
    from PIL import Image

    try:
        with Image.open(path, formats=FORMATS) as image:
            return _pixels(image, size, channels)
    except OSError as error:
        # only errors of the system have a number, unlike Pillow's own
        if error.errno not in (None, errno.ENOENT):
            raise
        return Damaged(str(error))
    except Exception as error:  # decoders raise whatever a stranger's bytes provoke
        return Damaged(f"{type(error).__name__}: {error}")


def _pixels(image: Image.Image, size: int, channels: int) -> Pixels:
    from PIL import Image, ImageOps

    # lets a JPEG skip detail that scaling would average away; three times the size keeps the rest
    image.draft(None, (3 * size, 3 * size))
    upright = ImageOps.exif_transpose(image)
    square = ImageOps.fit(
        _convert_mode(upright, MODES[channels]), (size, size), Image.Resampling.LANCZOS
    )
    return np.asarray(square).reshape(size, size, channels).transpose(2, 0, 1)


def _convert_mode(image: Image.Image, mode: str) -> Image.Image:
    from PIL import Image

    if image.mode.startswith("I"):  # 16 bits of gray, which convert() would clip at 255
        return Image.fromarray(np.rint(np.asarray(image) / 257).astype(np.uint8)).convert(mode)
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        if "A" not in mode:
            white = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(white, image)
    return image.convert(mode)
