"""Differentiable augmentation for training on few images."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor

from gan_runner.augmentations.base import Augmentation, Moment
from gan_runner.augmentations.transforms import change_colors, cut_out, translate, uniform


class DiffAugment(Augmentation):
    """Color, translation and cutout. Zhao et al. 2020, arXiv:2006.10738, and its authors' code.

    `color`: brightness, saturation and contrast; `translation` and `cutout` as shares of a side.
    Where D sees an input beside its output, both have the same draws, and colors of their own.
    """

    color: bool
    translation: Annotated[float, Field(ge=0, le=0.5)]
    cutout: Annotated[float, Field(ge=0, le=1)]

    def __call__(self, examples: Tensor, at: Moment) -> Tensor:
        if self.color:
            examples = self._change_color(examples, at)
        examples = translate(examples, self.translation, at.rng, fill="zero")
        return cut_out(examples, self.cutout, at.rng) if self.cutout else examples

    def _change_color(self, examples: Tensor, at: Moment) -> Tensor:
        drawn = uniform((3, len(examples), 1, 1, 1), at.rng, like=examples, dim=1)
        brightness, saturation, contrast = drawn.unbind(0)

        def change(images: Tensor) -> Tensor:
            images = images + (brightness - 0.5)
            if images.shape[1] <= 3:  # one channel is its own gray, and more than 3 have none
                gray = images.mean(1, keepdim=True)
                images = gray + (images - gray) * (2 * saturation)
            middle = images.mean((1, 2, 3), keepdim=True)
            return middle + (images - middle) * (contrast + 0.5)

        return change_colors(examples, at.parts, change)
