"""Label maps in colors: a color for each class, whose name says which."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def color_names(colors: Tensor) -> tuple[str, ...]:
    """The names of classes of these colors uint8 [K, 3], such as "128-64-128"."""
    return tuple("-".join(map(str, color)) for color in colors.tolist())


def named_colors(names: Sequence[str]) -> Tensor | None:
    """The colors uint8 [K, 3] of classes of these names; None where they name none."""
    parts = [name.split("-") for name in names]
    if not parts or not all(len(part) == 3 and all(map(_is_byte, part)) for part in parts):
        return None
    return torch.tensor([[int(band) for band in part] for part in parts], dtype=torch.uint8)


def color_codes(images: Tensor) -> Tensor:
    """Colors uint8 [N, 3, ...] as numbers int32 [N, ...] of the same order."""
    red, green, blue = images.int().unbind(1)
    return (red << 16) + (green << 8) + blue


def classes_of_colors(images: Tensor, colors: Tensor) -> Tensor:
    """The class int64 [N, H, W] of each pixel of images uint8 [N, 3, H, W] in the colors uint8
    [K, 3] of the classes; -1 for another color."""
    codes, ordered = color_codes(images), color_codes(colors).sort()
    places = torch.searchsorted(ordered.values, codes).clamp_max(len(colors) - 1)
    return torch.where(ordered.values[places] == codes, ordered.indices[places], -1)


def _is_byte(text: str) -> bool:
    return text.isdecimal() and int(text) < 256
