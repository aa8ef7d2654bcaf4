"""The discriminators of translators: of patches, of several scales, of the whole output.

- `patch`: a map of logits, each of a patch of the image. Isola et al. 2017, arXiv:1611.07004.
- `multiscale`: patches of the image and of smaller copies. Wang et al. 2018, arXiv:1711.11585.
- `global`: one logit. Ledig et al. 2017, arXiv:1609.04802, figure 4.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from gan_runner.errors import ConfigError
from gan_runner.models.activations import LeakyReLU
from gan_runner.models.base import Init, Network, Norm, Width
from gan_runner.models.checks import ImageShape
from gan_runner.models.discriminator import Discriminator, DiscriminatorOutput, PlainDiscriminator
from gan_runner.models.dropout import Rate, dropout_layers
from gan_runner.models.layers import LinearOfMaps, initialize_weights, needs_bias, norm_of_maps

HALVINGS: dict[int, int] = {16: 1, 34: 2, 70: 3}
"""How often D of patches halves its maps, by the side of a patch in px."""

_LARGEST_MAP = 8  # px of the maps that a logit of the whole output is made of


class TranslatorDiscriminator(Network):
    """`kind`: what a logit is of. `width`: channels of the first maps, up to 8 times as many of the
    last. `receptive_field`: the side of a patch in px, None for 34, or 16 where that doesn't fit
    (patch, multiscale). `scales`: how many copies D sees, each half as large as the one before
    (multiscale)."""

    kind: Literal["patch", "multiscale", "global"]
    width: Width
    receptive_field: Literal[16, 34, 70] | None
    scales: Annotated[int, Field(ge=1, le=8)]
    dropout: Rate

    def build(self, image: ImageShape) -> Discriminator:
        """D of images [N, *image]."""
        if self.kind == "global":
            return PlainDiscriminator(self._global_network(image))
        copies = [PlainDiscriminator(self._patch_network(image)) for _ in range(self._copies)]
        return copies[0] if self.kind == "patch" else MultiscaleDiscriminator(copies)

    def check(self, size: tuple[int, int]) -> None:
        """Raise ConfigError, with the remedy, for images that are too small for its patches."""
        side, field = self._smallest_copy(size), self._patch_side(size)
        if self.kind == "global" or side >= smallest_side(field):
            return
        fitting = [known for known in HALVINGS if side >= smallest_side(known)]
        what = f"the discriminator's smallest image has {side} px"
        if fitting:
            raise ConfigError(
                f"{what}, model.discriminator.receptive_field={field}. "
                f"Use model.discriminator.receptive_field={fitting[-1]}"
            )
        if self._copies > 1:
            raise ConfigError(
                f"{what}, model.discriminator.scales={self.scales}. "
                "Use model.discriminator.kind=patch"
            )
        raise ConfigError(
            f"{what}, model.discriminator.kind=patch. Use model.discriminator.kind=global"
        )

    @property
    def _copies(self) -> int:
        return self.scales if self.kind == "multiscale" else 1

    def _smallest_copy(self, size: tuple[int, int]) -> int:
        """The shorter side, in px, of the smallest image that D sees."""
        return -(-min(size) // (1 << self._copies - 1))

    def _patch_side(self, size: tuple[int, int]) -> int:
        if self.receptive_field is not None:
            return self.receptive_field
        return 34 if self._smallest_copy(size) >= smallest_side(34) else 16

    def _patch_network(self, image: ImageShape) -> nn.Sequential:
        channels, *size = image
        return patch_network(
            channels,
            width=self.width,
            halvings=HALVINGS[self._patch_side((size[0], size[1]))],
            dropout=self.dropout,
            norm=self.norm,
            init=self.init,
        )

    def _global_network(self, image: ImageShape) -> nn.Sequential:
        return global_network(
            image, width=self.width, dropout=self.dropout, norm=self.norm, init=self.init
        )


def smallest_side(receptive_field: int) -> int:
    """The shortest side of an image, in px, of which a patch's D makes a logit."""
    halvings = HALVINGS[receptive_field]
    return 3 << halvings  # two convolutions take a row each in the end


def patch_network(
    channels: int, *, width: int, halvings: int, dropout: float, norm: Norm, init: Init
) -> nn.Sequential:
    """Images [N, channels, H, W] -> logits [N, h, w]. 4x4 kernels; no norm touches the data."""
    layers: list[nn.Module] = [
        nn.Conv2d(channels, width, 4, stride=2, padding=1),
        LeakyReLU(0.2, inplace=True),
    ]
    widths = [width * min(2**level, 8) for level in range(halvings + 1)]
    for level, (inputs, outputs) in enumerate(pairwise(widths), start=1):
        stride = 2 if level < halvings else 1
        layers += [
            nn.Conv2d(inputs, outputs, 4, stride=stride, padding=1, bias=needs_bias(norm)),
            norm_of_maps(norm, outputs),
            LeakyReLU(0.2, inplace=True),
            *dropout_layers(dropout),
        ]
    layers += [nn.Conv2d(widths[-1], 1, 4, padding=1), nn.Flatten(1, 2)]
    return initialize_weights(nn.Sequential(*layers), init=init, norm=norm)


def global_network(
    image: ImageShape, *, width: int, dropout: float, norm: Norm, init: Init
) -> nn.Sequential:
    """Images [N, *image] -> logits [N]. Maps are halved until their sides are 8 px or less."""
    channels, *size = image
    layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1)]
    layers.append(LeakyReLU(0.2, inplace=True))
    inputs = outputs = width
    while True:
        layers += _block(inputs, outputs, stride=2, norm=norm)
        size, inputs = [(side + 1) // 2 for side in size], outputs
        if max(size) <= _LARGEST_MAP:
            break
        outputs = min(2 * outputs, 8 * width)
        layers += _block(inputs, outputs, stride=1, norm=norm)
        inputs = outputs
    layers += [
        LinearOfMaps((inputs, size[0], size[1]), 16 * width),
        LeakyReLU(0.2, inplace=True),
        *dropout_layers(dropout),
        nn.Linear(16 * width, 1),
        nn.Flatten(0),
    ]
    return initialize_weights(nn.Sequential(*layers), init=init, norm=norm)


def _block(inputs: int, outputs: int, *, stride: int, norm: Norm) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=needs_bias(norm)),
        norm_of_maps(norm, outputs),
        LeakyReLU(0.2, inplace=True),
    ]


class MultiscaleDiscriminator(Discriminator):
    """A discriminator of patches for the image and for each of its smaller copies."""

    def __init__(self, scales: list[PlainDiscriminator]) -> None:
        super().__init__()
        self.scales = nn.ModuleList(scales)
        self.halve = nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)

    def forward(self, examples: Tensor, labels: Tensor | None = None) -> DiscriminatorOutput:
        """The logits of all scales beside each other, [N, K], and so their features [N, F]."""
        outputs: list[DiscriminatorOutput] = []
        images = examples
        for index, scale in enumerate(self.scales):
            images = self.halve(images) if index else images
            outputs.append(scale(images))
        logits = torch.cat([of.logits.flatten(1) for of in outputs], dim=1)
        features = [of.features.flatten(1) for of in outputs if of.features is not None]
        return DiscriminatorOutput(examples, logits, torch.cat(features, dim=1))
