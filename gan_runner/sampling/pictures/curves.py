"""Sequences drawn as curves: a panel for each sequence, a colour for each dimension."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

_WIDTH = 1024  # of the picture, about
_NARROWEST, _WIDEST = 48, 512  # a panel
_GAP = 4
_SMOOTH = 3  # drawn so much larger and reduced, as Pillow's lines have hard edges
_MARGIN = 0.06  # of a panel's height, above and below
_FARTHEST = 1e30  # what diverged stays a number
_BACKGROUND, _PANEL = (0, 0, 0), (28, 28, 28)

# Okabe & Ito 2008: seven colours that all eyes can tell apart; further dimensions aren't drawn
COLOURS = (
    *((86, 180, 233), (230, 159, 0), (0, 158, 115), (204, 121, 167)),
    *((240, 228, 66), (213, 94, 0), (0, 114, 178)),
)


def curves(sequences: NDArray[np.float32], *, columns: int | None) -> NDArray[np.uint8]:
    """A picture [H, W, 3] of sequences [N, T, D], row by row in their order.

    All panels have the same axes: time from left to right, and of each dimension its own range
    over all the sequences, its farthest values left out. `columns` is repeated as long as that
    brings the picture nearer to a square.
    """
    count = len(sequences)
    shown = sequences[..., : len(COLOURS)].astype(np.float64)
    square = math.sqrt(count)
    columns = columns * max(1, round(square / columns)) if columns else max(1, math.ceil(square))
    width = min(max(_WIDTH // columns - _GAP, _NARROWEST), _WIDEST)
    height = max(_NARROWEST, width // 2)
    rows = math.ceil(count / columns)
    shape = (rows * (height + _GAP) + _GAP, columns * (width + _GAP) + _GAP, 3)
    canvas = np.full(shape, _BACKGROUND, np.uint8)
    heights = _heights(shown)
    for index in range(count):
        top = _GAP + index // columns * (height + _GAP)
        left = _GAP + index % columns * (width + _GAP)
        canvas[top : top + height, left : left + width] = _panel(heights[index], width, height)
    return canvas


def _heights(sequences: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where each value stands in its panel: 0 at the bottom, 1 at the top, [N, T, D]."""
    values = np.nan_to_num(sequences, nan=0, posinf=_FARTHEST, neginf=-_FARTHEST)
    low, high = np.quantile(values, [0.001, 0.999], axis=(0, 1))
    span = np.maximum(high - low, 1e-9 * np.maximum(np.abs(low), 1.0))
    inner = (values - (low + high) / 2) / span + 0.5
    placed: NDArray[np.float64] = np.clip(inner, 0, 1) * (1 - 2 * _MARGIN) + _MARGIN
    return placed


def _panel(heights: NDArray[np.float64], width: int, height: int) -> NDArray[np.uint8]:
    """Curves [T, D] in a panel [height, width, 3]."""
    wide, high = width * _SMOOTH, height * _SMOOTH
    image = Image.new("RGB", (wide, high), _PANEL)
    draw = ImageDraw.Draw(image)
    across = np.linspace(0, wide - 1, len(heights)) if len(heights) > 1 else np.zeros(1)
    for colour, line in zip(COLOURS, heights.T, strict=False):
        points = list(zip(across.tolist(), ((1 - line) * (high - 1)).tolist(), strict=True))
        draw.line(points, fill=colour, width=_SMOOTH + 1)
    return np.asarray(image.resize((width, height), Image.Resampling.BOX))
