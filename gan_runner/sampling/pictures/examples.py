"""A picture of examples: the kind that fits the data."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan_runner.data import Space
from gan_runner.sampling.arrays import to_stored_array
from gan_runner.sampling.pictures.curves import curves
from gan_runner.sampling.pictures.pairs import pairs
from gan_runner.sampling.pictures.png import Picture, to_displayable
from gan_runner.sampling.pictures.scatter import scatter

_PICTURE_SIDE = 512  # grids of small images are enlarged to about this many pixels


def draw_examples(
    examples: Tensor, space: Space, *, grid_columns: int | None = None, labels: Tensor | None = None
) -> Picture:
    """A picture of examples: a grid of images, a scatter of the first two dimensions of vectors,
    the curves of sequences, the first columns of a table against each other, in the colors of
    their classes."""
    stored = to_stored_array(examples, space)
    if space.columns is not None:
        rows = torch.from_numpy(stored)
        return pairs(rows, labels, space.columns, space.offset_in_data_units, space.scale)
    if space.kind == "vectors":
        return scatter(stored)
    if space.kind == "sequences":
        return curves(stored, grid_columns=grid_columns)
    return _draw_grid(stored, grid_columns or math.ceil(math.sqrt(len(stored))))


def _draw_grid(images: NDArray[np.uint8], grid_columns: int) -> Picture:
    rows = math.ceil(len(images) / grid_columns)
    height, width, channels = images.shape[1:]
    factor = max(1, round(_PICTURE_SIDE / (grid_columns * width)))
    gap = max(1, factor // 2)
    cell_height, cell_width = height * factor + gap, width * factor + gap
    canvas = np.zeros(
        (rows * cell_height + gap, grid_columns * cell_width + gap, channels), np.uint8
    )
    for index, image in enumerate(images):
        top = gap + index // grid_columns * cell_height
        left = gap + index % grid_columns * cell_width
        enlarged = image.repeat(factor, axis=0).repeat(factor, axis=1)
        canvas[top : top + height * factor, left : left + width * factor] = enlarged
    return to_displayable(canvas)
