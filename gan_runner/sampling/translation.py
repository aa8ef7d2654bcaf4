"""Translations of images: what pictures, metrics and files of a translator are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from gan_runner.data import Space
from gan_runner.data.shapes import check_shape
from gan_runner.errors import ConfigError, NumbersError
from gan_runner.sampling.evaluating import evaluating

Direction = Literal["ab", "ba"]
"""From inputs to the data's examples, and the way back."""

_MOST_IMAGES = 64
_MOST_PIXELS = 1 << 18
"""Images and pixels in a forward pass, filled up with the last image: products of matrices round
otherwise in other sizes, and a translation must not depend on how many are made with it."""


@dataclass(frozen=True)
class Translation:
    """A trained translator joined with what its inputs and outputs mean.

    `space` is that of its outputs, which has that of its inputs; `back` the network of the way back
    where two domains are translated into one another. A side of its inputs must be a multiple of
    `multiple`, and `smallest` at least; its outputs are `factor` times as large.

    Translating never disturbs training: networks are evaluated in evaluation mode and left as they
    were.
    """

    generator: nn.Module
    space: Space
    multiple: int = 1
    smallest: int = 1
    factor: int = 1
    back: nn.Module | None = None

    @property
    def inputs(self) -> Space:
        """The space of its inputs."""
        assert self.space.inputs is not None, "a translator's space has that of its inputs"
        return self.space.inputs

    @property
    def device(self) -> torch.device:
        return next(self.generator.parameters()).device

    def turned(self, direction: Direction) -> Translation:
        """The translation in one of both directions. Raises ConfigError where there is no way
        back."""
        if direction == "ab":
            return self
        if self.back is None:
            raise ConfigError(
                "this run was trained in one direction, direction=ba. Use direction=ab, or train "
                "with method=unpaired"
            )
        space = turned_space(self.space)
        return replace(self, generator=self.back, space=space, back=self.generator)

    def translate(self, inputs: Tensor) -> Tensor:
        """Images as stored, uint8 [N, C, H, W] of any size, translated: uint8 [N, *, factor * H,
        factor * W] on the CPU. Sides are padded to what the network needs, and cut off again.

        Raises ConfigError for other channels than the run was trained on, NumbersError for an
        output that is NaN or Inf, PluginError for one of another shape.
        """
        self._check_channels(inputs)
        if not len(inputs):
            shape = (self.space.shape[0], *(self.factor * side for side in inputs.shape[2:]))
            return torch.empty(0, *shape, dtype=torch.uint8)
        padding = self._padding(inputs.shape[2:])
        height, width = (side + more for side, more in zip(inputs.shape[2:], padding, strict=True))
        size = max(1, min(_MOST_IMAGES, _MOST_PIXELS // (height * width)))
        with torch.no_grad(), evaluating(self.generator):
            return torch.cat([self._translate(part, padding, size) for part in inputs.split(size)])

    def _padding(self, sides: Sequence[int]) -> tuple[int, int]:
        """The pixels that height and width lack."""
        height, width = (max(side, self.smallest) - side for side in sides)
        wanted = (sides[0] + height, sides[1] + width)
        return height + -wanted[0] % self.multiple, width + -wanted[1] % self.multiple

    def _translate(self, part: Tensor, padding: tuple[int, int], size: int) -> Tensor:
        """At most `size` images in one pass of so many."""
        encoded = _pad(self.inputs.encode(part.to(self.device)), padding)
        missing = size - len(part)
        if missing:
            encoded = torch.cat((encoded, encoded[-1:].expand(missing, -1, -1, -1)))
        outputs = self.generator(encoded)
        channels, sides = self.space.shape[0], [self.factor * s for s in encoded.shape[2:]]
        check_shape(
            outputs,
            (size, channels, *sides),
            source="the generator",
            meaning="an image for each",
        )
        height, width = (self.factor * side for side in part.shape[2:])
        outputs = outputs[: len(part), :, :height, :width]
        if not bool(outputs.isfinite().all()):
            raise NumbersError(
                "a translation is NaN or Inf: the training has diverged. Take an earlier "
                "checkpoint, or train with lower learning rates."
            )
        return self.space.decode(outputs).cpu()

    def _check_channels(self, inputs: Tensor) -> None:
        channels = self.inputs.shape[0]
        if inputs.ndim != 4 or inputs.shape[1] != channels:
            raise ConfigError(
                f"images of other channels than the run was trained on, shape="
                f"{list(inputs.shape[1:])}. Use images of {channels} channel"
                f"{'s' * (channels != 1)}, [{channels}, H, W]"
            )


def turned_space(space: Space) -> Space:
    """The space of the way back: that of the inputs, whose inputs are the examples."""
    assert space.inputs is not None, "a translator's space has that of its inputs"
    return replace(space.inputs, inputs=replace(space, inputs=None))


def _pad(images: Tensor, padding: tuple[int, int]) -> Tensor:
    """Images with so many more rows and columns below and to the right: mirrored, or the last again
    where there are too few to mirror."""
    below, right = padding
    if not (below or right):
        return images
    height, width = images.shape[2:]
    mode = "reflect" if below < height and right < width else "replicate"
    return pad(images, (0, right, 0, below), mode=mode)
