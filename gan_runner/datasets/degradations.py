"""Degradations of images, which a translator learns to undo: smaller, gray, in parts, noisy, as
edges, dark. Alpha channels are left as they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Annotated, Literal

import torch
from pydantic import AfterValidator, Field
from torch import Tensor
from torch.nn.functional import conv2d, interpolate, max_pool2d, pad

from gan_runner.data import Degradation, HidingDegradation
from gan_runner.errors import ConfigError

# ITU-R BT.601 in 16 bits, as Pillow has them
_RED, _GREEN, _BLUE, _HALF = 19595, 38470, 7471, 1 << 15
_SOBEL = ((1.0, 0.0, -1.0), (2.0, 0.0, -2.0), (1.0, 0.0, -1.0))
_STEEPEST = 4 * 255  # of Sobel's operator, at a straight edge from black to white


def _check_odd(side: int) -> int:
    if side % 2 == 0:
        raise ValueError("A square around a pixel has an odd side")
    return side


class Downscale(Degradation):
    """Smaller images: by `factor` in both directions, antialiased except for `nearest`."""

    factor: Literal[2, 4, 8]
    kernel: Literal["bicubic", "bilinear", "area", "nearest"]

    def input_shape(self, target: Sequence[int]) -> tuple[int, ...]:
        channels, height, width = target
        if height % self.factor or width % self.factor:
            shown = f"images of {width} x {height} px can't be divided by the factor"
            fitting = [f for f in (2, 4, 8) if height % f == width % f == 0]
            remedy = f"Use dataset.degrade.factor={max(fitting)}" if fitting else "Choose a size"
            raise ConfigError(f"{shown}, dataset.degrade.factor={self.factor}. {remedy}")
        return channels, height // self.factor, width // self.factor

    def draw(self, target: Sequence[int], rng: torch.Generator) -> Tensor:
        return torch.empty(0)

    def apply(self, targets: Tensor, drawn: Tensor) -> Tensor:
        size = self.input_shape(targets.shape[1:])[1:]
        if self.kernel == "nearest":
            return targets[..., :: self.factor, :: self.factor].contiguous()
        if self.kernel == "area":
            return _to_bytes(interpolate(targets.float(), size, mode="area"))
        return _to_bytes(interpolate(targets.float(), size, mode=self.kernel, antialias=True))


class Gray(Degradation):
    """Images without their color: the brightness of ITU-R BT.601."""

    def input_shape(self, target: Sequence[int]) -> tuple[int, ...]:
        channels, height, width = target
        if channels < 3:
            raise ConfigError(
                "the images are gray already, dataset/degrade=gray. "
                "Choose another one, such as dataset/degrade=noise"
            )
        return channels - 2, height, width

    def draw(self, target: Sequence[int], rng: torch.Generator) -> Tensor:
        return torch.empty(0)

    def apply(self, targets: Tensor, drawn: Tensor) -> Tensor:
        self.input_shape(targets.shape[1:])
        return torch.cat([brightness(targets), targets[:, 3:]], dim=1)


class Mask(HidingDegradation):
    """Images without a part of them: a rectangle of their proportions that takes up `share` of
    their area, in the middle or anywhere, filled with one value.

    Pathak et al. 2016, arXiv:1604.07379.
    """

    share: float = Field(gt=0, lt=1)
    place: Literal["center", "random"]
    fill: int = Field(ge=0, le=255)

    def input_shape(self, target: Sequence[int]) -> tuple[int, ...]:
        return tuple(target)

    def draw(self, target: Sequence[int], rng: torch.Generator) -> Tensor:
        if self.place == "center":
            return torch.full((2,), 0.5)
        return torch.rand(2, generator=rng)

    def apply(self, targets: Tensor, drawn: Tensor) -> Tensor:
        is_hidden = self.hidden(targets.shape[1:], drawn)
        return _on_color(targets, lambda color: color.masked_fill(is_hidden, self.fill))

    def hidden(self, target: Sequence[int], drawn: Tensor) -> Tensor:
        rows, columns = (
            self._within(length, of) for length, of in zip(target[1:], drawn.T, strict=True)
        )
        return rows[:, None, :, None] & columns[:, None, None, :]

    def _within(self, length: int, drawn: Tensor) -> Tensor:
        """Which rows, or columns, of so many each mask hides, [N, length]."""
        hidden = max(1, round(length * math.sqrt(self.share)))
        first = (drawn * (length - hidden + 1)).long().clamp_(max=length - hidden)
        places = torch.arange(length, device=drawn.device) - first[:, None]
        return (places >= 0) & (places < hidden)


class Noise(Degradation):
    """Images with Gaussian noise; its standard deviation, of 255 levels."""

    deviation: float = Field(gt=0, le=255)

    def input_shape(self, target: Sequence[int]) -> tuple[int, ...]:
        return tuple(target)

    def draw(self, target: Sequence[int], rng: torch.Generator) -> Tensor:
        return torch.randn(_color_shape(target), generator=rng)

    def apply(self, targets: Tensor, drawn: Tensor) -> Tensor:
        return _on_color(targets, lambda color: _to_bytes(color + self.deviation * drawn))


class Edges(Degradation):
    """The edges of images, white on black: where Sobel's operator on the brightness gives more than
    `threshold` of an edge between black and white; null: as bright as they are steep."""

    threshold: float | None = Field(gt=0, lt=1)

    def input_shape(self, target: Sequence[int]) -> tuple[int, ...]:
        return (1, *target[1:])

    def draw(self, target: Sequence[int], rng: torch.Generator) -> Tensor:
        return torch.empty(0)

    def apply(self, targets: Tensor, drawn: Tensor) -> Tensor:
        gray = brightness(targets).float()
        across = gray.new_tensor(_SOBEL)
        kernels = torch.stack([across, across.T])[:, None]
        slopes = conv2d(pad(gray, (1, 1, 1, 1), mode="replicate"), kernels)
        steepness = slopes.square().sum(1, keepdim=True).sqrt() / _STEEPEST
        if self.threshold is None:
            return _to_bytes(255 * steepness)
        return (steepness > self.threshold).to(torch.uint8) * 255


class Dilate(Degradation):
    """Images whose bright strokes are thicker: each pixel becomes the brightest of a square of
    `side` pixels around it, grayscale dilation (Serra 1982); where they are inverted, light and
    dark change places after that."""

    side: Annotated[int, Field(ge=1, le=63), AfterValidator(_check_odd)]
    invert: bool

    def input_shape(self, target: Sequence[int]) -> tuple[int, ...]:
        return tuple(target)

    def draw(self, target: Sequence[int], rng: torch.Generator) -> Tensor:
        return torch.empty(0)

    def apply(self, targets: Tensor, drawn: Tensor) -> Tensor:
        def dilate(color: Tensor) -> Tensor:
            thick = max_pool2d(color.float(), self.side, stride=1, padding=self.side // 2)
            bytes_ = thick.to(torch.uint8)
            return 255 - bytes_ if self.invert else bytes_

        return _on_color(targets, dilate)


def _check_ends(ends: tuple[float, float]) -> tuple[float, float]:
    if not 0 < ends[0] <= ends[1] <= 1:
        raise ValueError("An exposure goes from its lower to its upper end, above 0 and at most 1")
    return ends


class LowLight(Degradation):
    """Dark images: 255 * exposure * (x / 255) ** gamma, with an exposure drawn between two ends,
    and Gaussian noise of a standard deviation of so many levels.

    Lore et al. 2017 (LLNet), arXiv:1511.03995.
    """

    exposure: Annotated[tuple[float, float], AfterValidator(_check_ends)]
    gamma: float = Field(gt=0, le=10)
    deviation: float = Field(ge=0, le=255)

    def input_shape(self, target: Sequence[int]) -> tuple[int, ...]:
        return tuple(target)

    def draw(self, target: Sequence[int], rng: torch.Generator) -> Tensor:
        """The exposure, then the noise of each pixel."""
        pixels = math.prod(_color_shape(target))
        exposure = torch.rand(1, generator=rng)
        if not self.deviation:
            return exposure
        return torch.cat([exposure, torch.randn(pixels, generator=rng)])

    def apply(self, targets: Tensor, drawn: Tensor) -> Tensor:
        low, high = self.exposure
        exposure = (low + (high - low) * drawn[:, 0])[:, None, None, None]

        def darken(color: Tensor) -> Tensor:
            dark = 255 * exposure * (color / 255) ** self.gamma
            noise = drawn[:, 1:].view(color.shape) if self.deviation else 0.0
            return _to_bytes(dark + self.deviation * noise)

        return _on_color(targets, darken)


def brightness(images: Tensor) -> Tensor:
    """The brightness uint8 [N, 1, H, W] of images uint8 [N, C, H, W] of any channels; to the last
    digit as Pillow has it."""
    if images.shape[1] < 3:
        return images[:, :1]
    red, green, blue = images[:, :3].int().unbind(1)
    gray = (_RED * red + _GREEN * green + _BLUE * blue + _HALF) >> 16
    return gray.to(torch.uint8)[:, None]


def _color_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """The shape of an image without its alpha channel."""
    channels = shape[0]
    return (channels - (channels in (2, 4)), *shape[1:])


def _on_color(images: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """Images whose channels are changed, all but alpha."""
    count = _color_shape(images.shape[1:])[0]
    changed = change(images[:, :count])
    return changed if count == images.shape[1] else torch.cat([changed, images[:, count:]], dim=1)


def _to_bytes(values: Tensor) -> Tensor:
    return values.round().clamp(0, 255).to(torch.uint8)
