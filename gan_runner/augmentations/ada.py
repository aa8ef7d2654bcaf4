"""Augmentation whose strength follows how much D overfits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache, reduce
from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from gan_runner.augmentations.base import Adaptive, Memory, Moment
from gan_runner.augmentations.transforms import change_colors, normal, uniform
from gan_runner.models.discriminator import ChannelPart, DiscriminatorOutput

# the authors' settings: shares of a side, binary logarithms, and a standard deviation in [-1, 1]
_SHIFT, _SCALE = 0.125, 0.2
_BRIGHTNESS, _CONTRAST, _SATURATION = 0.2, 0.5, 1.0


class ADA(Adaptive):
    """Adaptive discriminator augmentation. Karras et al. 2020, arXiv:2006.06676.

    Every change is made with a probability p, which rises while D is surer than `target` of reals
    and falls otherwise: by one in the course of `images` reals, a step every `interval` updates.
    How sure D is, is the mean sign of the real logits, from the middle between reals and fakes:
    not every loss has its undecided point at 0. `places`: mirror, turns, translation, scale and
    stretching; `colors`: brightness, contrast, luma flip, hue and saturation. Where D sees an
    input beside its output, both have the same draws, and colors of their own.
    """

    target: Annotated[float, Field(gt=0, lt=1)]
    interval: PositiveInt
    images: PositiveInt
    initial: Annotated[float, Field(ge=0, le=1)]
    places: bool
    colors: bool

    def __call__(self, examples: Tensor, at: Moment) -> Tensor:
        p = self._probability(at.memory, examples)
        if self.places:
            examples = transform_geometry(examples, p, at.rng)
        return transform_colors(examples, p, at.rng, at.parts) if self.colors else examples

    def adapt(
        self, real: DiscriminatorOutput, fake: DiscriminatorOutput, memory: Memory, *, images: int
    ) -> dict[str, Tensor]:
        logits = real.logits.detach()
        middle = (logits.mean() + fake.logits.detach().mean()) / 2
        p, zero = self._probability(memory, logits), logits.new_zeros(())
        sure = memory.get("sure", zero) + (logits - middle).sign().mean()
        updates = memory.get("updates", zero) + 1
        by = (sure / updates - self.target).sign() * (images * self.interval / self.images)
        due = updates == self.interval  # a tensor: nothing is read back from the device
        memory["probability"] = torch.where(due, (p + by).clamp(0, 1), p)
        memory["sure"] = torch.where(due, zero, sure)
        memory["updates"] = torch.where(due, zero, updates)
        return {"probability": memory["probability"]}

    def _probability(self, memory: Memory, like: Tensor) -> Tensor:
        return memory.get("probability", like.new_tensor(self.initial))


class _Draws:
    """One draw for each image [N], and changes that are made with a probability."""

    def __init__(self, images: Tensor, rng: torch.Generator) -> None:
        self._like, self._rng, self._count = images, rng, (len(images),)

    def uniform(self, low: float = 0.0, high: float = 1.0) -> Tensor:
        return low + (high - low) * uniform(self._count, self._rng, like=self._like)

    def normal(self, std: float) -> Tensor:
        return std * normal(self._count, self._rng, like=self._like)

    def among(self, number: int) -> Tensor:
        """0 .. number - 1."""
        return self.uniform(0, number).floor().clamp_max(number - 1)

    def perhaps(self, p: Tensor, value: Tensor, neutral: float) -> Tensor:
        """The values with probability p, else the neutral one."""
        return torch.where(self.uniform() < p, value, neutral)


def transform_geometry(images: Tensor, p: Tensor, rng: torch.Generator) -> Tensor:
    """Images [N, C, H, W] with each change of place made with probability p, resampled once.

    Bilinear with reflected edges, where the authors filter with wavelets.
    """
    draw, (height, width) = _Draws(images, rng), images.shape[2:]
    turns = 4 if height == width else 2
    rotated = 1 - (1 - p).sqrt()  # twice, so that one is made with probability p
    one = images.new_ones(len(images))
    matrices = [
        _scaling(draw.perhaps(p, 1 - 2 * draw.among(2), 1.0), one),
        _rotation(draw.perhaps(p, draw.among(turns) * (2 * math.pi / turns), 0.0)),
        _shift(
            *(
                draw.perhaps(p, (draw.uniform(-_SHIFT, _SHIFT) * size).round(), 0.0)
                for size in (width, height)
            )
        ),
        _scaling(*[draw.perhaps(p, draw.normal(_SCALE).exp2(), 1.0)] * 2),
        _rotation(draw.perhaps(rotated, draw.uniform(-math.pi, math.pi), 0.0)),
        _scaling(stretch := draw.perhaps(p, draw.normal(_SCALE).exp2(), 1.0), 1 / stretch),
        _rotation(draw.perhaps(rotated, draw.uniform(-math.pi, math.pi), 0.0)),
        _shift(*(draw.perhaps(p, draw.normal(_SHIFT) * size, 0.0) for size in (width, height))),
    ]
    pixels = images.new_tensor([width / 2, height / 2, 1.0])  # of the unit of affine_grid
    theta = reduce(torch.matmul, matrices) * pixels / pixels[:, None]
    grid = affine_grid(theta[:, :2], list(images.shape), align_corners=False)
    return grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def transform_colors(
    images: Tensor, p: Tensor, rng: torch.Generator, parts: Sequence[ChannelPart] = ()
) -> Tensor:
    """Images [N, C, H, W] with each change of color made with probability p, the same in each of
    their parts.

    Hue and saturation are about the gray axis, and change only images of three channels.
    """
    draw, shape = _Draws(images, rng), (len(images), 1, 1, 1)
    brightness = draw.perhaps(p, draw.normal(_BRIGHTNESS), 0.0).view(shape)
    contrast = draw.perhaps(p, draw.normal(_CONTRAST).exp2(), 1.0).view(shape)
    flipped = draw.perhaps(p, 1 - 2 * draw.among(2), 1.0).view(shape)

    @cache  # one draw for all parts, and none where no part has a hue
    def draw_hue() -> tuple[Tensor, Tensor]:
        angle = draw.perhaps(p, draw.uniform(-math.pi, math.pi), 0.0).view(shape)
        return angle, draw.perhaps(p, draw.normal(_SATURATION).exp2(), 1.0).view(shape)

    def change(own: Tensor) -> Tensor:
        own = (own + brightness) * contrast
        gray = own.mean(1, keepdim=True)
        if own.shape[1] != 3:
            return own + gray * (flipped - 1)
        # gray and color are at right angles: a luma flip is the one's sign, a hue turns the other
        color, (angle, saturation) = own - gray, draw_hue()
        across = (color.roll(1, 1) - color.roll(-1, 1)) / math.sqrt(3)  # axis x color
        return gray * flipped + saturation * (angle.cos() * color + angle.sin() * across)

    return change_colors(images, parts, change)


def _scaling(x: Tensor, y: Tensor) -> Tensor:
    return _matrix([[x, 0, 0], [0, y, 0], [0, 0, 1]], x)


def _rotation(angle: Tensor) -> Tensor:
    cos, sin = angle.cos(), angle.sin()
    return _matrix([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]], angle)


def _shift(x: Tensor, y: Tensor) -> Tensor:
    return _matrix([[1, 0, x], [0, 1, y], [0, 0, 1]], x)


def _matrix(rows: list[list[Tensor | int]], like: Tensor) -> Tensor:
    """Matrices [N, 3, 3] of entries [N] and constants."""
    entries = [torch.as_tensor(entry).to(like).expand_as(like) for row in rows for entry in row]
    return torch.stack(entries, dim=1).view(-1, 3, 3)
