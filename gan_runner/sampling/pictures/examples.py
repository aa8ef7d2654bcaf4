"""A picture of examples: the kind that fits the data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan_runner.data import Space
from gan_runner.sampling.arrays import to_stored_array
from gan_runner.sampling.pictures.curves import curves
from gan_runner.sampling.pictures.figure import as_array, as_svg
from gan_runner.sampling.pictures.pairs import pairs
from gan_runner.sampling.pictures.png import Picture, to_displayable
from gan_runner.sampling.pictures.scatter import scatter

_PICTURE_SIDE = 512  # grids of small images are enlarged to about this many pixels


class Layout(NamedTuple):
    """The layout of a grid that someone chose: None for what fits the examples.

    `scale`: pixels of a side that each pixel of an image becomes.
    """

    grid_columns: int | None = None
    scale: int | None = None


AS_FITS = Layout()


def draw_examples(
    examples: Tensor,
    space: Space,
    *,
    grid_columns: int | None = None,
    labels: Tensor | None = None,
    class_names: Sequence[str] = (),
    layout: Layout = AS_FITS,
) -> Picture:
    """A picture of examples: a grid of images, a scatter of the first two dimensions of vectors,
    the curves of sequences, the first columns of a table against each other, in the colors of
    their classes, `labels` [N]. `grid_columns` is what the examples suggest, `layout` has the last
    word."""
    layout = _without_empty_columns(layout, len(examples))
    if space.kind == "images":
        return _draw_grid(to_stored_array(examples, space), grid_columns, layout)
    with _chart(examples, space, grid_columns, labels, class_names, layout) as figure:
        return as_array(figure)


def draw_svg(
    examples: Tensor,
    space: Space,
    *,
    grid_columns: int | None = None,
    labels: Tensor | None = None,
    class_names: Sequence[str] = (),
    layout: Layout = AS_FITS,
) -> bytes:
    """The content of an SVG file with the same chart; images have none."""
    layout = _without_empty_columns(layout, len(examples))
    with _chart(examples, space, grid_columns, labels, class_names, layout) as figure:
        return as_svg(figure)


def _without_empty_columns(layout: Layout, count: int) -> Layout:
    if layout.grid_columns is None:
        return layout
    return layout._replace(grid_columns=min(layout.grid_columns, count))


def _chart(
    examples: Tensor,
    space: Space,
    grid_columns: int | None,
    labels: Tensor | None,
    class_names: Sequence[str],
    layout: Layout,
) -> AbstractContextManager[Any]:
    """The figure of examples that aren't images."""
    stored = to_stored_array(examples, space)
    if space.columns is not None:
        rows = torch.from_numpy(stored)
        return pairs(rows, labels, space.columns, space.offset_in_data_units, space.scale)
    if space.kind == "vectors":
        classes = None if labels is None else labels.cpu().numpy()
        return scatter(stored, classes, class_names)
    chosen = layout.grid_columns
    return curves(stored, grid_columns=chosen or grid_columns, repeats_columns=chosen is None)


def _draw_grid(images: NDArray[np.uint8], suggested_columns: int | None, layout: Layout) -> Picture:
    square = math.ceil(math.sqrt(len(images)))
    grid_columns = layout.grid_columns or suggested_columns or square
    rows = math.ceil(len(images) / grid_columns)
    height, width, channels = images.shape[1:]
    side = grid_columns * width
    if layout.grid_columns is not None:  # which may be far from a square
        side = max(side, rows * height)
    factor = layout.scale or max(1, round(_PICTURE_SIDE / side))
    gap = max(1, factor // 2)
    cell_height, cell_width = height * factor + gap, width * factor + gap
    canvas = np.zeros(
        (rows * cell_height + gap, grid_columns * cell_width + gap, channels), np.uint8
    )
    for index, image in enumerate(images):
        top = gap + index // grid_columns * cell_height
        left = gap + index % grid_columns * cell_width
        canvas[top : top + height * factor, left : left + width * factor] = enlarge(image, factor)
    return to_displayable(canvas)


def enlarge(image: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """An image [H, W, C] with each pixel as a square of `factor` by `factor`."""
    return image.repeat(factor, axis=0).repeat(factor, axis=1)
