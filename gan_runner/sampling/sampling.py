"""Samples as files and pictures have them."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from gan_runner.data import Space
from gan_runner.sampling.pictures.curves import curves
from gan_runner.sampling.pictures.pairs import pairs
from gan_runner.sampling.pictures.scatter import scatter

Picture = NDArray[np.uint8]  # [H, W, C], C = 1, 3 or 4

_PICTURE_SIDE = 512  # grids of small images are enlarged to about this many pixels


def picture(
    examples: Tensor, space: Space, *, columns: int | None = None, labels: Tensor | None = None
) -> Picture:
    """A picture of examples: a grid of images, a scatter of the first two dimensions of vectors,
    the curves of sequences, the first columns of a table against each other, in the colours of
    their classes."""
    if space.columns is not None:
        return pairs(examples, labels, space.columns, space.offset, space.scale)
    if space.kind == "vectors":
        return scatter(examples.cpu().numpy())
    if space.kind == "sequences":
        return curves(examples.cpu().numpy(), grid_columns=columns)
    return _grid(examples, columns or math.ceil(math.sqrt(len(examples))))


def as_stored(examples: Tensor) -> NDArray[np.uint8] | NDArray[np.float32]:
    """Examples as files have them: images uint8 [N, H, W, C], all else float32."""
    stored = examples.permute(0, 2, 3, 1) if examples.ndim == 4 else examples
    return stored.cpu().contiguous().numpy()


def displayed(image: NDArray[np.uint8]) -> Picture:
    """An image [H, W, C] with a number of channels that a PNG has: 2 are grey and alpha."""
    if image.shape[-1] != 2:
        return image
    return np.concatenate([image[..., :1].repeat(3, axis=-1), image[..., 1:]], axis=-1)


def as_png(picture: Picture) -> bytes:
    """A picture [H, W, C] as the content of a file."""
    image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    content = io.BytesIO()
    image.save(content, format="png")
    return content.getvalue()


def save_png(picture: Picture, path: Path) -> None:
    """Write a picture [H, W, C] under its final name when it is whole. Raises OSError."""
    temporary = path.with_name(f".{path.name}.partial")
    try:
        temporary.write_bytes(as_png(picture))
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _grid(examples: Tensor, columns: int) -> Picture:
    images = as_stored(examples)
    rows = math.ceil(len(images) / columns)
    height, width, channels = images.shape[1:]
    factor = max(1, round(_PICTURE_SIDE / (columns * width)))
    gap = max(1, factor // 2)
    cell_height, cell_width = height * factor + gap, width * factor + gap
    canvas = np.zeros((rows * cell_height + gap, columns * cell_width + gap, channels), np.uint8)
    for index, image in enumerate(images):
        top = gap + index // columns * cell_height
        left = gap + index % columns * cell_width
        enlarged = image.repeat(factor, axis=0).repeat(factor, axis=1)
        canvas[top : top + height * factor, left : left + width * factor] = enlarged
    return displayed(canvas)
