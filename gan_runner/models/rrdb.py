"""Residual-in-residual dense blocks, the generator of ESRGAN: Wang et al. 2018, arXiv:1809.00219,
section 3.1."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from gan_runner.models.base import Norm, Width
from gan_runner.models.checks import ImageShape
from gan_runner.models.layers import add_spectral_norm, initialize_weights, norm_of_maps
from gan_runner.models.translator import TranslatorGenerator, TranslatorNetwork
from gan_runner.models.upsampling import UpscalingTranslator, upscaling_stages

_DENSE, _LAYERS = 3, 5  # dense blocks in a residual block, convolutions in a dense block
_RESIDUAL_SCALE, _WEIGHT_SCALE = 0.2, 0.1  # both the paper's; the second is of the authors' code


class RRDBNetwork(TranslatorNetwork):
    """`width`: channels of all maps. `growth`: channels that each convolution of a dense block
    adds. `blocks`: residual blocks of three dense ones at the input's size."""

    growth: Width
    blocks: Annotated[int, Field(ge=1, le=64)]


class RRDB(UpscalingTranslator):
    """Dense blocks at the input's size, enlarged by nearest neighbors and convolutions until it is
    the target's: by 2, 3, 4 or 8. Its outputs are linear."""

    generator: RRDBNetwork

    @property
    def option(self) -> str:
        return "rrdb"

    def build_generator(self, inputs: ImageShape, outputs: ImageShape) -> TranslatorGenerator:
        factor, norm = self.factor(inputs, outputs), self.generator.norm
        network = RRDBGenerator(inputs[0], outputs[0], factor=factor, settings=self.generator)
        initialize_weights(network, init=self.generator.init, norm="none")
        _shrink_dense_weights(network)
        if norm == "spectral":
            add_spectral_norm(network)
        return TranslatorGenerator(network, smallest=self.smallest, factor=factor)


class RRDBGenerator(nn.Module):
    """Maps [N, inputs, H, W] -> [N, outputs, factor * H, factor * W]."""

    def __init__(self, inputs: int, outputs: int, *, factor: int, settings: RRDBNetwork) -> None:
        super().__init__()
        width = settings.width
        self.first = _conv(inputs, width)
        self.body = nn.Sequential(
            *(
                ResidualInResidual(width, settings.growth, settings.norm)
                for _ in range(settings.blocks)
            ),
            _conv(width, width),
        )
        self.last = nn.Sequential(
            *upscaling_stages(factor, lambda by: _stage(width, by)),
            _conv(width, width),
            _activation(),
            _conv(width, outputs),
        )

    def forward(self, inputs: Tensor) -> Tensor:
        first = self.first(inputs)
        outputs: Tensor = self.last(torch.add(first, self.body(first)))
        return outputs


class ResidualInResidual(nn.Module):
    """Dense blocks in a row, maps [N, width, H, W], a fifth of which is added to their input."""

    def __init__(self, width: int, growth: int, norm: Norm) -> None:
        super().__init__()
        self.dense = nn.Sequential(*(DenseBlock(width, growth, norm) for _ in range(_DENSE)))

    def forward(self, maps: Tensor) -> Tensor:
        return torch.add(maps, self.dense(maps), alpha=_RESIDUAL_SCALE)


class DenseBlock(nn.Module):
    """Convolutions that see the maps of all before them, maps [N, width, H, W]; a fifth of the last
    one's is added to the input."""

    def __init__(self, width: int, growth: int, norm: Norm) -> None:
        super().__init__()
        seen = [width + growth * index for index in range(_LAYERS)]
        self.layers = nn.ModuleList(
            nn.Sequential(_conv(each, growth), norm_of_maps(norm, growth), _activation())
            for each in seen[:-1]
        )
        self.last = nn.Sequential(_conv(seen[-1], width), norm_of_maps(norm, width))

    def forward(self, maps: Tensor) -> Tensor:
        seen = maps
        for layer in self.layers:
            seen = torch.cat((seen, layer(seen)), dim=1)
        return torch.add(maps, self.last(seen), alpha=_RESIDUAL_SCALE)


def _stage(width: int, by: int) -> list[nn.Module]:
    return [nn.Upsample(scale_factor=by), _conv(width, width), _activation()]


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


def _activation() -> nn.Module:
    return nn.LeakyReLU(0.2, inplace=True)


@torch.no_grad()
def _shrink_dense_weights(network: nn.Module) -> None:
    """Smaller initial weights in the dense blocks, without which deep networks diverge."""
    for module in network.modules():
        if isinstance(module, DenseBlock):
            for conv in module.modules():
                if isinstance(conv, nn.Conv2d):
                    conv.weight.mul_(_WEIGHT_SCALE)
