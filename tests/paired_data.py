"""Made-up data with inputs, in memory."""

from __future__ import annotations

import torch

from gan_runner.data import Data, Space


def paired_data(count: int = 12, side: int = 8, *, factor: int = 1, channels: int = 1) -> Data:
    """Color images, and their brightness, smaller by `factor`, as inputs of so many channels."""
    rng = torch.Generator().manual_seed(0)
    targets = torch.randint(256, (count, 3, side, side), dtype=torch.uint8, generator=rng)
    small = targets[:, :, ::factor, ::factor].float().mean(1, keepdim=True)
    inputs = small.round().to(torch.uint8).repeat(1, channels, 1, 1)
    return Data(targets, space_with_inputs(targets, inputs), inputs=inputs)


def unpaired_data(count: int = 12, others: int = 10, side: int = 8) -> Data:
    """Dark images, and as inputs bright ones."""
    rng = torch.Generator().manual_seed(0)
    targets = torch.randint(100, (count, 1, side, side), dtype=torch.uint8, generator=rng)
    inputs = 255 - torch.randint(100, (others, 1, side, side), dtype=torch.uint8, generator=rng)
    return Data(targets, space_with_inputs(targets, inputs), inputs=inputs, paired=False)


def space_with_inputs(targets: torch.Tensor, inputs: torch.Tensor) -> Space:
    """The space of images and of their inputs."""
    of_inputs = Space("images", tuple(inputs.shape[1:]))
    return Space("images", tuple(targets.shape[1:]), inputs=of_inputs)
