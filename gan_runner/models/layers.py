"""Layers that the networks share: norms, 4x4 convolutions of stride 2, and initial weights."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from gan_runner.models.base import Init, Norm
from gan_runner.models.batch_norm import BatchNorm1d, BatchNorm2d
from gan_runner.models.checks import ImageShape

Layers = TypeVar("Layers", bound=nn.Module)


def norm_of_maps(norm: Norm, channels: int) -> nn.Module:
    """The layer that normalizes maps [N, channels, H, W].

    Batch norm subtracts any bias of the layer before it, so that layer should have none.
    """
    match norm:
        case "batch":
            return BatchNorm2d(channels)
        case "layer":
            return nn.GroupNorm(1, channels)
        case "instance":
            return InstanceNorm2d(channels, affine=True)
        case "spectral" | "none":
            return nn.Identity()
        case "auto":
            raise AssertionError("auto is resolved before a network is made")


def needs_bias(norm: Norm) -> bool:
    """Whether a convolution before this norm of maps needs a bias: these subtract any."""
    return norm not in ("batch", "instance")


def norm_of_vectors(norm: Norm, width: int) -> nn.Module:
    """The layer that normalizes vectors [N, width]; a vector has no instance norm."""
    match norm:
        case "batch":
            return BatchNorm1d(width)
        case "layer":
            return nn.LayerNorm(width)
        case "instance" | "spectral" | "none":
            return nn.Identity()
        case "auto":
            raise AssertionError("auto is resolved before a network is made")


class InstanceNorm2d(nn.InstanceNorm2d):
    """Torch's, of maps [N, C, H, W].

    On a CPU its kernel, that of batch norm over repeated weights, takes two to three times as long
    as that of group norm with a group for each channel, which is the same but for rounding.
    """

    def forward(self, maps: Tensor) -> Tensor:
        if not is_plain_float32(maps) or maps[0, 0].numel() == 1:  # which torch refuses
            return super().forward(maps)
        return F.group_norm(maps, self.num_features, self.weight, self.bias, self.eps)


class LinearOfMaps(nn.Linear):
    """Maps [N, *shape] -> [N, outputs]: Flatten and Linear, with weights in the order of shape.

    Where channels lie last in memory it is the weights that are put in that order, not the maps:
    the gradient then lies as the maps do, which their backward pass wants (2 % of DCGAN's step).
    """

    def __init__(self, shape: tuple[int, int, int], outputs: int, *, bias: bool = True) -> None:
        super().__init__(prod(shape), outputs, bias=bias)
        self.shape = shape

    def forward(self, maps: Tensor) -> Tensor:
        if maps.is_contiguous():
            return super().forward(maps.flatten(1))
        weight = self.weight.unflatten(1, self.shape).permute(0, 2, 3, 1).flatten(1)
        return F.linear(maps.permute(0, 2, 3, 1).flatten(1), weight, self.bias)


class UpsampleConv(nn.ConvTranspose2d):
    """A transposed convolution, maps [N, C, H, W] -> [N, channels, sH, sW] or one less.

    To a single channel, as to gray images, the CPU's kernel takes two to three times as long as a
    product of matrices whose overlapping patches are added up, forward and backward. To three it
    doesn't.
    """

    def is_slower(self, maps: Tensor) -> bool:
        """Whether the CPU's kernel is slower than a product of matrices."""
        return self.out_channels == 1

    def forward(self, maps: Tensor, output_size: list[int] | None = None) -> Tensor:
        is_plain = output_size is None and is_plain_float32(maps)
        if not is_plain or not self.is_slower(maps):
            return super().forward(maps, output_size)
        batch, channels, height, width = maps.shape
        patches = self.weight.flatten(1).T @ maps.reshape(batch, channels, -1)
        size = self._outer(height, 0), self._outer(width, 1)
        padding = int(self.padding[0]), int(self.padding[1])
        added = F.fold(patches, size, self.kernel_size, padding=padding, stride=self.stride)
        return added if self.bias is None else added + self.bias.view(1, -1, 1, 1)

    def _outer(self, side: int, dim: int) -> int:
        inside = (side - 1) * self.stride[dim] + self.kernel_size[dim]
        return inside - 2 * int(self.padding[dim]) + self.output_padding[dim]


def is_plain_float32(maps: Tensor) -> bool:
    """Whether a CPU's kernels for float32 are at work."""
    return (
        maps.device.type == "cpu"
        and maps.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
    )


def upsample_conv(coarse: ImageShape, fine: ImageShape, *, bias: bool) -> UpsampleConv:
    """Maps [N, *coarse] -> [N, *fine], whose sides are twice as long, or one less."""
    odd = fine[1] % 2, fine[2] % 2
    # an odd side is one less than twice the coarse one: padding 2 crops a row (or column) more at
    # either end, output padding gives the last one back
    return UpsampleConv(
        coarse[0],
        fine[0],
        4,
        stride=2,
        padding=(1 + odd[0], 1 + odd[1]),
        output_padding=odd,
        bias=bias,
    )


def downsample_conv(fine: ImageShape, coarse: ImageShape, *, bias: bool) -> nn.Conv2d:
    """Maps [N, *fine] -> [N, *coarse], whose sides are half as long, rounded up."""
    # padded like its mirror image in G, so that odd sides are halved upwards
    padding = 1 + fine[1] % 2, 1 + fine[2] % 2
    return nn.Conv2d(fine[0], coarse[0], 4, stride=2, padding=padding, bias=bias)


def initialize_weights(network: Layers, *, init: Init, norm: Norm) -> Layers:
    """The same network with fresh weights, biases of 0, and its weights under spectral norm if so.

    `normal` is DCGAN's: weights N(0, 0.02), scales of norms N(1, 0.02).
    """
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
        elif parameter.dim() > 1:
            WEIGHTS[init](parameter)
        elif init == "normal" and parameter.dim() == 1:
            nn.init.normal_(parameter, mean=1.0, std=0.02)
    # last: spectral norm estimates the singular vectors of the weights as they now are
    return add_spectral_norm(network) if norm == "spectral" else network


def add_spectral_norm(network: Layers) -> Layers:
    """The same network with the weights that it has under spectral norm."""
    for module in list(network.modules()):
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            spectral_norm(module)
    return network


WEIGHTS: dict[Init, Callable[[Tensor], Tensor]] = {
    "normal": partial(nn.init.normal_, std=0.02),
    "xavier": nn.init.xavier_uniform_,
    "he": partial(nn.init.kaiming_normal_, nonlinearity="relu"),
    "orthogonal": nn.init.orthogonal_,
}
