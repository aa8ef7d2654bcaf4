"""Images in the channels and the size of others, without any network."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as in PIL and OpenCV
_COLORS = {1: 1, 2: 1, 3: 3, 4: 3}
"""The channels of color of images with so many channels; the others have alpha, too."""


def convert_images(images: Tensor, shape: Sequence[int]) -> Tensor | None:
    """Images uint8 [N, C, H, W] in another shape, uint8 [N, *shape]: gray for color or the reverse,
    resized by bicubic interpolation. None for channels that aren't those of pictures."""
    channels = convert_channels(images, shape[0])
    return None if channels is None else resize_bicubic(channels, shape[1:])


def convert_channels(images: Tensor, channels: int) -> Tensor | None:
    """Images uint8 [N, C, H, W] with so many channels: colors become their luma, alpha is dropped
    or full. None for channels that aren't those of pictures."""
    own = images.shape[1]
    if own == channels:
        return images
    if own not in _COLORS or channels not in _COLORS:
        return None
    colors = images[:, : _COLORS[own]]
    if _COLORS[channels] < _COLORS[own]:
        luma = torch.tensor(_LUMA, device=images.device)[:, None, None]
        colors = (colors.float() * luma).sum(1, keepdim=True).round().to(torch.uint8)
    colors = colors.expand(-1, _COLORS[channels], -1, -1)
    opaque = images.new_full((len(images), channels - _COLORS[channels], *images.shape[2:]), 255)
    alpha = images[:, _COLORS[own] :] if own in (2, 4) else opaque
    return torch.cat((colors, alpha), dim=1)[:, :channels]


def resize_bicubic(images: Tensor, size: Sequence[int]) -> Tensor:
    """Images uint8 [N, C, H, W] of another height and width. Keys 1981, with a = -1/2; over wider
    stretches where they become smaller."""
    if tuple(images.shape[2:]) == tuple(size):
        return images
    # with antialias, since only that has the usual a = -1/2
    resized = interpolate(images.float(), size=list(size), mode="bicubic", antialias=True)
    return resized.round().clamp(0, 255).to(torch.uint8)
