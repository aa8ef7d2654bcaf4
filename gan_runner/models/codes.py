"""InfoGAN: a part of the latent point that D can predict from the sample, so that it means
something.

Chen et al. 2016, arXiv:1606.03657. The codes are drawn with the latent point: its last dimensions,
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
from gan_runner.models.discriminator import PlainDiscriminator
from gan_runner.models.labels import ClassConditional

_HIDDEN = 128  # of the network that predicts the codes, as in the paper's appendix C.1


class Code(Component):
    """`categorical`: how many values each categorical code has; `continuous`: how many codes are
    uniform on [-1, 1]; `weight`: the paper's lambda, of the bound on the mutual information."""

    categorical: Annotated[tuple[Annotated[int, Field(ge=2, le=4096)], ...], Field(max_length=64)]
    continuous: Annotated[NonNegativeInt, Field(le=1024)]
    weight: NonNegativeFloat

    @property
    def size(self) -> int:
        """The number of dimensions of a latent point that are codes: one each."""
        return len(self.categorical) + self.continuous

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the codes, as in `categorical.0` and `continuous.1`."""
        return (
            *(f"categorical.{index}" for index in range(len(self.categorical))),
            *(f"continuous.{index}" for index in range(self.continuous)),
        )

    def values(self, latents: Tensor) -> list[Tensor]:
        """The codes in the last dimensions of latent points, standard normal [N, size]: int64 [N]
        in 0 .. k - 1 for each categorical one, float [N] in [-1, 1] for each continuous one."""
        uniform = torch.special.ndtr(latents)
        found = [
            # 1.0 is what ndtr rounds to from about 5.5 on
            (uniform[:, index] * count).long().clamp_max(count - 1)
            for index, count in enumerate(self.categorical)
        ]
        return found + [2 * uniform[:, k] - 1 for k in range(len(self.categorical), self.size)]

    def traverse(self, name: str, count: int) -> Tensor:
        """Latent coordinates [count] along which the code `name` goes through its range: each value
        of a categorical one in turn, a continuous one from -1 to 1 without its very ends."""
        kind, _, index = name.partition(".")
        values = self.categorical[int(index)] if kind == "categorical" else count
        places = torch.arange(count) % values
        latents: Tensor = torch.special.ndtri((places + 0.5) / values)
        return latents


class CodeGenerator(ClassConditional):
    """A generator that sees the codes of a latent point, one-hot where they are categorical."""

    def __init__(self, network: nn.Module, code: Code) -> None:
        super().__init__()
        self.network = network
        self.code = code

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents [N, latent_size + code size] -> [N, *shape]."""
        size = self.code.size
        noise, of_codes = latents.split([latents.shape[1] - size, size], 1)
        values = self.code.values(of_codes)
        shown = [
            one_hot(value, count).to(noise.dtype)
            for value, count in zip(values, self.code.categorical, strict=False)
        ]
        shown += [value[:, None] for value in values[len(shown) :]]
        examples: Tensor = self.network(torch.cat((noise, *shown), dim=1))
        return examples


class CodeDiscriminator(PlainDiscriminator):
    """D that predicts the codes of a sample beside whether it is real (the paper's Q)."""

    def __init__(self, network: nn.Sequential, code: Code) -> None:
        super().__init__(network)
        self.code = code
        self.teller = nn.Sequential(  # Q, by the name that checkpoints have
            nn.Linear(self.feature_size, _HIDDEN),
            LeakyReLU(0.1),
            nn.Linear(_HIDDEN, sum(code.categorical) + code.continuous),
        )

    def auxiliary_losses(
        self, features: Tensor, *, labels: Tensor | None, codes: Tensor | None
    ) -> dict[str, Tensor]:
        """-log Q(c | x) up to a constant: cross-entropies, and half squares (unit variance as in
        the authors' code). What is real has no codes."""
        if codes is None:
            return {}
        predicted = self.teller(features.flatten(1)).float()
        sizes = [*self.code.categorical, *[1] * self.code.continuous]
        losses = [
            cross_entropy(scores, value, reduction="none")
            if value.dtype == torch.int64
            else (scores[:, 0] - value).square() / 2
            for scores, value in zip(
                predicted.split(sizes, 1), self.code.values(codes), strict=True
            )
        ]
        return {"information": self.code.weight * torch.stack(losses).sum(0)}
