"""SRResNet, the generator of SRGAN: Ledig et al. 2017, arXiv:1609.04802, figure 4."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from gan_runner.models.base import Norm
from gan_runner.models.checks import ImageShape
from gan_runner.models.labels import Sequential
from gan_runner.models.layers import initialize_weights, needs_bias, norm_of_maps
from gan_runner.models.resnet import Residual
from gan_runner.models.translator import TranslatorGenerator, TranslatorNetwork
from gan_runner.models.upsampling import UpscalingTranslator, upscaling_stages


class SRResNetNetwork(TranslatorNetwork):
    """`width`: channels of all maps. `blocks`: residual blocks at the input's size."""

    blocks: Annotated[int, Field(ge=1, le=64)]


class SRResNet(UpscalingTranslator):
    """Residual blocks at the input's size, which pixel shuffles then enlarge until it is the
    target's: by 2, 3, 4 or 8. Its outputs are linear."""

    generator: SRResNetNetwork

    @property
    def option(self) -> str:
        return "srresnet"

    def build_generator(self, inputs: ImageShape, outputs: ImageShape) -> TranslatorGenerator:
        factor = self.factor(inputs, outputs)
        network = SRResNetGenerator(inputs[0], outputs[0], factor=factor, settings=self.generator)
        initialize_weights(network, init=self.generator.init, norm=self.generator.norm)
        for module in network.modules():
            if isinstance(module, nn.PReLU):
                nn.init.constant_(module.weight, 0.25)  # no scale of a norm
        return TranslatorGenerator(network, smallest=self.smallest, factor=factor)


class SRResNetGenerator(nn.Module):
    """Maps [N, inputs, H, W] -> [N, outputs, factor * H, factor * W]."""

    def __init__(
        self, inputs: int, outputs: int, *, factor: int, settings: SRResNetNetwork
    ) -> None:
        super().__init__()
        width, norm = settings.width, settings.norm
        self.first = nn.Sequential(nn.Conv2d(inputs, width, 9, padding=4), nn.PReLU())
        self.body = nn.Sequential(
            *(_block(width, norm) for _ in range(settings.blocks)), *_normed_conv(width, norm)
        )
        self.last = nn.Sequential(
            *upscaling_stages(factor, lambda by: _stage(width, by)),
            nn.Conv2d(width, outputs, 9, padding=4),
        )

    def forward(self, inputs: Tensor) -> Tensor:
        first = self.first(inputs)
        outputs: Tensor = self.last(torch.add(first, self.body(first)))
        return outputs


def _block(width: int, norm: Norm) -> Residual:
    branch = Sequential(*_normed_conv(width, norm), nn.PReLU(), *_normed_conv(width, norm))
    return Residual(branch, nn.Identity())


def _normed_conv(width: int, norm: Norm) -> list[nn.Module]:
    return [
        nn.Conv2d(width, width, 3, padding=1, bias=needs_bias(norm)),
        norm_of_maps(norm, width),
    ]


def _stage(width: int, by: int) -> list[nn.Module]:
    return [nn.Conv2d(width, by**2 * width, 3, padding=1), nn.PixelShuffle(by), nn.PReLU()]
