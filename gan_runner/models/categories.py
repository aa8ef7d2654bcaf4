"""How a generator ends in categories: the Gumbel-softmax distribution.

Jang, Gu & Poole 2017, arXiv:1611.01144; Maddison, Mnih & Teh 2017, arXiv:1611.00712.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from gan_runner.data.columns import Columns


class Categorical(nn.Module):
    """A generator whose categorical columns are draws, that let a gradient pass.

    The noise is the first coordinates of the latent point, one for each category, which the
    network doesn't see: a row follows from its latent point alone, as an image does.
    """

    def __init__(self, network: nn.Module, columns: Columns) -> None:
        super().__init__()
        self.network = network
        self.columns = columns

    def forward(self, latent: Tensor) -> Tensor:
        """[N, categories + L] -> [N, D], blocks of which lie on the simplex."""
        seen = latent[:, self.columns.categories :]
        noise = gumbel(latent[:, : self.columns.categories])
        made: list[Tensor] = []
        begin = 0
        for column, part in self.columns.parts(self.network(seen).float()):
            if column.categories:
                end = begin + column.width
                part = relaxed(  # noqa: PLW2901
                    part + noise[:, begin:end],
                    temperature=self.columns.temperature,
                    straight_through=self.columns.straight_through,
                )
                begin = end
            made.append(part)
        return torch.cat(made, dim=1)


def categorical(
    generator: Callable[[int], nn.Module], latent_size: int, columns: Columns | None
) -> nn.Module:
    """The generator that `generator` makes for a latent size, with categories at its end where
    there are any."""
    if columns is None or not columns.categories:
        return generator(latent_size)
    return Categorical(generator(latent_size - columns.categories), columns)


def gumbel(normal: Tensor) -> Tensor:
    """Normal noise as Gumbel noise: the quantile of each, exact into both tails."""
    return -torch.log(-torch.special.log_ndtr(normal))


def relaxed(logits: Tensor, *, temperature: float, straight_through: bool) -> Tensor:
    """Noisy logits [N, K] as a point of the simplex; `straight_through`: as its nearest corner,
    with the gradient of the point."""
    soft = (logits / temperature).softmax(1)
    if not straight_through:
        return soft
    return one_hot(soft.argmax(1), soft.shape[1]).to(soft.dtype) - soft.detach() + soft
