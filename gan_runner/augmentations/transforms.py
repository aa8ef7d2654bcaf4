"""Random changes of encoded examples, each example its own: differentiable, and no reading back.

Images are float32 [N, C, H, W]. All draws come from the given random stream
`rng`; on several devices those of the whole batch, of which a rank has its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

from gan_runner.models.discriminator import ChannelPart
from gan_runner.system import ranks

_WITH_ALPHA = (2, 4)  # channels


def uniform(shape: Sequence[int], rng: torch.Generator, *, like: Tensor, dim: int = 0) -> Tensor:
    """U(0, 1), with the device and dtype of `like`; `dim` of the shape is that of the examples."""
    options = {"generator": rng, "device": like.device, "dtype": like.dtype}
    return ranks.draw(torch.rand, shape, dim=dim, **options)


def normal(shape: Sequence[int], rng: torch.Generator, *, like: Tensor) -> Tensor:
    """N(0, 1), with the device and dtype of `like`."""
    return ranks.draw(torch.randn, shape, generator=rng, device=like.device, dtype=like.dtype)


def add_noise(examples: Tensor, sigma: float, rng: torch.Generator) -> Tensor:
    """Examples [N, *shape] with normal noise of standard deviation sigma; 0 draws nothing."""
    if sigma == 0:
        return examples
    return examples + sigma * normal(examples.shape, rng, like=examples)


def mirror(images: Tensor, rng: torch.Generator) -> Tensor:
    """Each image flipped left to right with probability 1/2."""
    chosen = uniform((len(images), 1, 1, 1), rng, like=images) < 0.5
    return torch.where(chosen, images.flip(-1), images)


def change_colors(
    images: Tensor, parts: Sequence[ChannelPart], change: Callable[[Tensor], Tensor]
) -> Tensor:
    """Images whose colors or gray values [N, C, H, W] are changed, those of each part by
    themselves. Alpha and label maps have no colors and stay as they are."""
    whole = (ChannelPart(images.shape[1]),)
    changed: list[Tensor] = []
    parts = parts or whole
    for part, own in zip(parts, images.split([p.channels for p in parts], dim=1), strict=True):
        if part.is_label_map:
            changed.append(own)
        elif part.channels in _WITH_ALPHA:
            changed += [change(own[:, :-1]), own[:, -1:]]
        else:
            changed.append(change(own))
    return changed[0] if len(changed) == 1 else torch.cat(changed, dim=1)


def translate(
    images: Tensor, share: float, rng: torch.Generator, *, fill: Literal["zero", "edge"]
) -> Tensor:
    """Each image moved by whole pixels, uniform up to a share of its sides; what comes in is 0 or
    the nearest pixel of the edge."""
    for dim in (2, 3):
        size = images.shape[dim]
        most = int(size * share + 0.5)
        if most == 0:
            continue
        by = (uniform((len(images), 1), rng, like=images) * (2 * most + 1)).long() - most
        source = torch.arange(size, device=images.device) - by
        shape = [len(images), 1, 1, 1]
        shape[dim] = size
        index = source.clamp(0, size - 1).view(shape).expand_as(images)
        images = images.gather(dim, index)
        if fill == "zero":
            images = images * ((source >= 0) & (source < size)).view(shape)
    return images


def cut_out(images: Tensor, share: float, rng: torch.Generator) -> Tensor:
    """Each image with a square of 0, of a share of its sides, about a uniform place (DeVries and
    Taylor 2017, arXiv:1708.04552)."""
    inside = torch.ones((len(images), 1, 1, 1), dtype=torch.bool, device=images.device)
    for dim in (2, 3):
        size = images.shape[dim]
        side = int(size * share + 0.5)
        place = (uniform((len(images), 1), rng, like=images) * (size + 1 - side % 2)).long()
        pixels = torch.arange(size, device=images.device)
        first = place - side // 2
        shape = [len(images), 1, 1, 1]
        shape[dim] = size
        inside = inside & ((pixels >= first) & (pixels < first + side)).view(shape)
    return images * ~inside
