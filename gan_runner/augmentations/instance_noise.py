"""Noise on all of D's input, so that reals and fakes overlap from the start."""

from __future__ import annotations

from typing import ClassVar

from pydantic import NonNegativeFloat, PositiveInt
from torch import Tensor

from gan_runner.augmentations.base import Augmentation, Moment
from gan_runner.augmentations.transforms import add_noise


class InstanceNoise(Augmentation):
    """Normal noise that fades out linearly. Arjovsky & Bottou 2017, arXiv:1701.04862; Sønderby et
    al. 2017, arXiv:1610.04490.

    `sigma`: at the start, where images lie in [-1, 1]; `until`: the step at which there is none
    any more, null for the same noise for ever.
    """

    sigma: NonNegativeFloat
    until: PositiveInt | None
    images_only: ClassVar[bool] = False

    def strength(self, step: int) -> float:
        """The standard deviation after so many steps."""
        left = 1.0 if self.until is None else max(0.0, 1 - step / self.until)
        return self.sigma * left

    def __call__(self, examples: Tensor, at: Moment) -> Tensor:
        return add_noise(examples, self.strength(at.step), at.rng)
