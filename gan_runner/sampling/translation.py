"""Translations of images: what pictures, metrics and files of a translator are made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, cast

import torch
from torch import Tensor, nn

from gan_runner.data import Space
from gan_runner.data.shapes import check_shape
from gan_runner.errors import ConfigError, NumbersError, OptionText, plural
from gan_runner.sampling.evaluating import evaluating
from gan_runner.sampling.tiles import Tiles, lay_tiles

Direction = Literal["ab", "ba"]
"""From inputs to the data's examples, and the way back."""

_MOST_IMAGES = 16
_MOST_PIXELS = 1 << 16
"""Images, and pixels of outputs, in a forward pass, filled up with the last image: products of
matrices round otherwise in other sizes, and a translation must not depend on how many are made with
it."""
_LARGEST_WHOLE = 1 << 20  # pixels of outputs; larger images are translated in tiles
_TILE = 512  # px of the side of a tile's output


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
                "this run was trained in one direction, {option}. Leave it out, or train one with "
                "method=unpaired",
                option=OptionText("--direction ba", "direction=ba"),
            )
        space = turned_space(self.space)
        return replace(self, generator=self.back, space=space, back=self.generator)

    def translate(self, inputs: Tensor, *, tile: int | None = None) -> Tensor:
        """Images as stored, uint8 [N, C, H, W] of any size, translated: uint8 [N, *, factor * H,
        factor * W] on the CPU. Sides are padded to what the network needs, and cut off again.

        `tile`: images with longer sides are translated in tiles of so many px, blended where they
        overlap; 0: never; None: large ones are. Raises ConfigError for other channels than the run
        was trained on, NumbersError for an output that is NaN or Inf, PluginError for one of
        another shape.
        """
        self._check_channels(inputs)
        height, width = inputs.shape[2:]
        if not len(inputs):
            sides = self.factor * height, self.factor * width
            return torch.empty(0, self.space.shape[0], *sides, dtype=torch.uint8)
        rows, columns = self._padded(height), self._padded(width)
        tiles = self._tiles((rows, columns), tile)
        with torch.no_grad(), evaluating(self.generator):
            if tiles is None:
                size = self.images_in_pass(height, width)
                parts = [self._whole(part, (rows, columns), size) for part in inputs.split(size)]
            else:
                parts = [
                    self._tiled(_reflect(image, (rows, columns)), tiles)
                    for image in inputs.split(1)
                ]
        cut = slice(self.factor * height), slice(self.factor * width)
        return torch.cat([part[:, :, cut[0], cut[1]] for part in parts])

    def images_in_pass(self, height: int, width: int) -> int:
        """How many images of this size go through the network at once."""
        pixels = self._padded(height) * self._padded(width) * self.factor**2
        return max(1, min(_MOST_IMAGES, _MOST_PIXELS // pixels))

    def _padded(self, side: int) -> int:
        """The length that a side is padded to."""
        return -(-max(side, self.smallest) // self.multiple) * self.multiple

    def _tiles(self, sides: tuple[int, int], tile: int | None) -> tuple[Tiles, Tiles] | None:
        """The tiles along both sides of an image, None for one that is translated as a whole."""
        if tile == 0:
            return None
        if tile is None and sides[0] * sides[1] * self.factor**2 <= _LARGEST_WHOLE:
            return None
        size = max(tile or _TILE // self.factor, self.smallest)
        rows, columns = (lay_tiles(side, size, multiple=self.multiple) for side in sides)
        return None if len(rows.starts) == len(columns.starts) == 1 else (rows, columns)

    def _whole(self, part: Tensor, sides: tuple[int, int], size: int) -> Tensor:
        """At most `size` images in one pass of so many, padded to these sides."""
        return self.space.decode(self._outputs(_reflect(part, sides), size)).cpu()

    def _tiled(self, image: Tensor, tiles: tuple[Tiles, Tiles]) -> Tensor:
        """One image [1, C, H, W], a row of tiles after the other."""
        (rows, columns), factor = tiles, self.factor
        heights, widths = rows.weights(factor), columns.weights(factor)
        size = self.images_in_pass(rows.size, columns.size)
        channels, (height, width) = self.space.shape[0], image.shape[2:]
        whole = torch.empty(1, channels, factor * height, factor * width, dtype=torch.uint8)
        strip = torch.zeros(1, channels, factor * rows.size, factor * width)
        ends = (*rows.starts[1:], height)
        for top, end, down in zip(rows.starts, ends, heights, strict=True):
            row = image[:, :, top : top + rows.size]
            parts = torch.cat([row[..., at : at + columns.size] for at in columns.starts])
            translated = (self._outputs(some, size).float().cpu() for some in parts.split(size))
            outputs = (output for some in translated for output in some)
            for left, output, across in zip(columns.starts, outputs, widths, strict=True):
                place = strip[0, :, :, factor * left :][..., : len(across)]
                place += output * down[:, None] * across
            done = factor * (end - top)
            whole[:, :, factor * top :][:, :, :done] = self.space.decode(strip[:, :, :done])
            strip = torch.cat((strip[:, :, done:], torch.zeros_like(strip[:, :, :done])), dim=2)
        return whole

    def _outputs(self, part: Tensor, size: int) -> Tensor:
        """The network's outputs for at most `size` images, in a pass of so many."""
        encoded = self.inputs.encode(part.to(self.device))
        missing = size - len(part)
        if missing:
            encoded = torch.cat((encoded, encoded[-1:].expand(missing, -1, -1, -1)))
        outputs = self.generator(encoded)
        sides = [self.factor * side for side in encoded.shape[2:]]
        check_shape(
            outputs,
            (size, self.space.shape[0], *sides),
            source="the generator",
            meaning="an image for each",
        )
        outputs = outputs[: len(part)]
        if not bool(outputs.isfinite().all()):
            raise NumbersError(
                "a translation is NaN or Inf: the training has diverged. Take an earlier "
                "checkpoint, or train with lower learning rates."
            )
        return cast(Tensor, outputs)

    def _check_channels(self, inputs: Tensor) -> None:
        channels = self.inputs.shape[0]
        if inputs.shape[1] != channels:
            raise ConfigError(
                f"the run was trained on other channels, channels={inputs.shape[1]}. "
                f"Use images of {plural(channels, 'channel')}, the last axis of [H, W, {channels}]"
            )


def turned_space(space: Space) -> Space:
    """The space of the way back: that of the inputs, whose inputs are the examples."""
    assert space.inputs is not None, "a translator's space has that of its inputs"
    return replace(space.inputs, inputs=replace(space, inputs=None))


def _reflect(images: Tensor, sides: tuple[int, int]) -> Tensor:
    """Images with more rows and columns below and to the right, up to these sides: mirrored, as
    often as it takes."""
    for dim, side in zip((2, 3), sides, strict=True):
        length = images.shape[dim]
        if side > length:
            places = torch.arange(side, device=images.device) % max(2 * length - 2, 1)
            images = images.index_select(dim, torch.minimum(places, 2 * length - 2 - places))
    return images
