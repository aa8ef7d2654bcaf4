"""Fréchet distance and KID agree with torchmetrics on the same features."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gan_runner.datasets.readers.torchvision import torchvision
from gan_runner.evaluation.metrics import frechet, kernels

torchvision()  # torchmetrics imports it, which fails beside a torch for the CPU but for our door

from torchmetrics.image.fid import FrechetInceptionDistance  # noqa: E402
from torchmetrics.image.kid import KernelInceptionDistance  # noqa: E402


class FeaturesAsImages(nn.Module):
    """Takes features [N, D] for images, so that both sides have the same ones."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.num_features = size

    def forward(self, features: Tensor) -> Tensor:
        return features


def draw_features(count: int, size: int, *, seed: int, shift: float) -> Tensor:
    """Correlated features that are not Gaussian, float32 [count, size]."""
    stream = torch.Generator().manual_seed(seed)
    mixing = torch.randn(size, size, generator=stream) / size**0.5
    return torch.randn(count, size, generator=stream).mm(mixing).relu() + shift


@pytest.mark.parametrize(("count", "size"), [(600, 16), (500, 64), (300, 256)])
def test_the_frechet_distance_is_that_of_torchmetrics(count: int, size: int) -> None:
    real = draw_features(count, size, seed=0, shift=0.0)
    fake = draw_features(count - 50, size, seed=1, shift=0.1)
    oracle = FrechetInceptionDistance(feature=FeaturesAsImages(size), normalize=True)
    oracle.update(real, real=True), oracle.update(fake, real=False)
    ours = frechet.frechet_distance(frechet.fit_gaussian(real), frechet.fit_gaussian(fake))
    assert ours == pytest.approx(float(oracle.compute()), rel=1e-3)


@pytest.mark.parametrize(("count", "size"), [(400, 16), (300, 128)])
def test_kid_is_that_of_torchmetrics(count: int, size: int) -> None:
    real = draw_features(count, size, seed=0, shift=0.0)
    fake = draw_features(count, size, seed=1, shift=0.1)
    # one subset of all examples is the full estimate
    oracle = KernelInceptionDistance(
        feature=FeaturesAsImages(size), subsets=1, subset_size=count, normalize=True
    )
    oracle.update(real, real=True), oracle.update(fake, real=False)
    mean, _ = oracle.compute()
    assert kernels.kid(real, fake).value == pytest.approx(float(mean), rel=1e-3)
