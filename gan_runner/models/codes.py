"""InfoGAN: a part of the latent point that D can tell from the sample, so that it means something.

Chen et al. 2016, arXiv:1606.03657. The codes are drawn with the latent point: its last columns,
standard normal like the others, become uniform ones by the distribution function. Everything that
draws latent points so draws codes as well.
"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from gan_runner.config.component import Component
from gan_runner.models.activations import LeakyReLU
from gan_runner.models.discriminator import Discriminator

_HIDDEN = 128  # of the network that tells the codes, as in the paper's appendix C.1


class Code(Component):
    """`categorical`: how many values each categorical code has; `continuous`: how many codes are
    uniform on [-1, 1]; `weight`: the paper's lambda, of the bound on the mutual information."""

    categorical: Annotated[tuple[Annotated[int, Field(ge=2, le=4096)], ...], Field(max_length=64)]
    continuous: Annotated[NonNegativeInt, Field(le=1024)]
    weight: NonNegativeFloat

    @property
    def columns(self) -> int:
        """How many columns of a latent point are codes: one each."""
        return len(self.categorical) + self.continuous

    @property
    def names(self) -> tuple[str, ...]:
        """What the columns are called, as in `categorical.0` and `continuous.1`."""
        return (
            *(f"categorical.{index}" for index in range(len(self.categorical))),
            *(f"continuous.{index}" for index in range(self.continuous)),
        )

    def values(self, columns: Tensor) -> list[Tensor]:
        """The codes in standard normal columns [N, columns]: int64 [N] in 0 .. size - 1 for each
        categorical one, float [N] in [-1, 1] for each continuous one."""
        uniform = torch.special.ndtr(columns)
        found = [
            # 1.0 is what ndtr rounds to from about 5.5 on
            (uniform[:, index] * size).long().clamp_max(size - 1)
            for index, size in enumerate(self.categorical)
        ]
        return found + [2 * uniform[:, k] - 1 for k in range(len(self.categorical), self.columns)]

    def column(self, name: str, count: int) -> Tensor:
        """Column values [count] at which the code `name` goes through its range: each value of a
        categorical one in turn, a continuous one from -1 to 1 without its very ends."""
        kind, _, index = name.partition(".")
        size = self.categorical[int(index)] if kind == "categorical" else count
        places = torch.arange(count) % size
        column: Tensor = torch.special.ndtri((places + 0.5) / size)
        return column


class Coded(nn.Module):
    """A generator of the latent point with its codes, one-hot where they are categorical."""

    def __init__(self, network: nn.Module, code: Code) -> None:
        super().__init__()
        self.network = network
        self.code = code

    def forward(self, latent: Tensor) -> Tensor:
        """[N, latent_size + columns] -> [N, *shape]."""
        noise, columns = latent.split([latent.shape[1] - self.code.columns, self.code.columns], 1)
        values = self.code.values(columns)
        shown = [
            one_hot(value, size).to(noise.dtype)
            for value, size in zip(values, self.code.categorical, strict=False)
        ]
        shown += [value[:, None] for value in values[len(shown) :]]
        made: Tensor = self.network(torch.cat((noise, *shown), dim=1))
        return made


class Informed(Discriminator):
    """D that tells the codes of a sample beside whether it is real (the paper's Q)."""

    def __init__(self, network: nn.Sequential, code: Code) -> None:
        super().__init__(network)
        self.code = code
        self.teller = nn.Sequential(
            nn.Linear(self.head.in_features, _HIDDEN),
            LeakyReLU(0.1),
            nn.Linear(_HIDDEN, sum(code.categorical) + code.continuous),
        )

    def tell(
        self, features: Tensor, *, labels: Tensor | None, codes: Tensor | None
    ) -> dict[str, Tensor]:
        """-log Q(c | x) up to a constant: cross-entropies, and half squares (unit variance as in
        the authors' code). What is real has no codes."""
        if codes is None:
            return {}
        told = self.teller(features.flatten(1)).float()
        sizes = [*self.code.categorical, *[1] * self.code.continuous]
        losses = [
            cross_entropy(guess, value, reduction="none")
            if value.dtype == torch.int64
            else (guess[:, 0] - value).square() / 2
            for guess, value in zip(told.split(sizes, 1), self.code.values(codes), strict=True)
        ]
        return {"information": self.code.weight * torch.stack(losses).sum(0)}
