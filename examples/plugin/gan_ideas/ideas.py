"""The entry point names this module: importing it makes its classes known by name."""

from math import prod
from pathlib import Path

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn.functional import relu

import gan_runner
from gan_runner.datasets import Track
from gan_runner.datasets.vectors import standardized_space


class SoftHinge(gan_runner.Loss):
    """The hinge loss with a margin and a quadratic start."""

    margin: PositiveFloat

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return relu(self.margin - real).square() + relu(self.margin + fake).square()

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        return -fake


class Skip(nn.Module):
    """x + f(x), [N, width] -> [N, width]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, x: Tensor) -> Tensor:
        residual: Tensor = self.inner(x)
        return x + residual


class SkipMLP(gan_runner.Model):
    """Fully connected networks; the generator has skip connections."""

    width: PositiveInt

    def check(self, space: gan_runner.Space) -> None:
        """Examples of any kind can be built."""

    def plain_generator(self, latent_size: int, shape: tuple[int, ...]) -> nn.Sequential:
        first, last = nn.Linear(latent_size, self.width), nn.Linear(self.width, prod(shape))
        skips = Skip(self.width), Skip(self.width)
        return nn.Sequential(first, *skips, nn.SiLU(), last, nn.Unflatten(1, shape))

    def plain_discriminator(self, shape: tuple[int, ...]) -> nn.Sequential:
        first, last = nn.Linear(prod(shape), self.width), nn.Linear(self.width, 1)
        return nn.Sequential(nn.Flatten(), first, nn.SiLU(), last, nn.Flatten(0))


class Spiral(gan_runner.Dataset):
    """Points along a spiral in the plane."""

    count: PositiveInt

    def space(self) -> gan_runner.Space | None:
        return None  # it follows from the examples

    def check_present(self) -> None:
        """Nothing can be missing: the points are computed."""

    def load(self, cache: Path, track: Track) -> gan_runner.Data:
        angles = torch.linspace(1, 12, self.count)
        points = torch.stack((angles * angles.cos(), angles * angles.sin()), dim=1)
        return gan_runner.Data(points, standardized_space(points))

    def held_out(self, cache: Path, track: Track) -> gan_runner.Data | None:
        return None

    @property
    def flips(self) -> bool:
        return False


@gan_runner.metric(
    gan_runner.Number("radius_error", "min"),
    description="The difference between the mean norms of samples and of real examples.",
)
def radius_error(of: gan_runner.MetricInputs) -> list[gan_runner.Measurement]:
    real, fake = (each.float().flatten(1).norm(dim=1).mean() for each in (of.real, of.fake))
    return [gan_runner.Measurement("radius_error", float(abs(real - fake)), compares="examples")]
