"""Differentiable augmentation for training on few images."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from gan_runner.augmentations.base import Augmentation, Moment
from gan_runner.augmentations.transforms import cut_out, translate, uniform


class DiffAugment(Augmentation):
    """Color, translation and cutout. Zhao et al. 2020, arXiv:2006.10738, and its authors' code.

    `color`: brightness, saturation and contrast; `translation` and `cutout` as shares of a side.
    """

    color: bool
    translation: Annotated[float, Field(ge=0, le=0.5)]
    cutout: Annotated[float, Field(ge=0, le=1)]

    def __call__(self, examples: Tensor, at: Moment) -> Tensor:
        if self.color:
            examples = self._change_color(examples, at.rng)
        examples = translate(examples, self.translation, at.rng, fill="zero")
        return cut_out(examples, self.cutout, at.rng) if self.cutout else examples

    def _change_color(self, images: Tensor, rng: torch.Generator) -> Tensor:
        drawn = uniform((3, len(images), 1, 1, 1), rng, like=images, dim=1)
        brightness, saturation, contrast = drawn.unbind(0)
        images = images + (brightness - 0.5)
        gray = images.mean(1, keepdim=True)
        images = gray + (images - gray) * (2 * saturation)
        middle = images.mean((1, 2, 3), keepdim=True)
        return middle + (images - middle) * (contrast + 0.5)
