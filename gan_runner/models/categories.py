"""The categorical outputs of a generator: the Gumbel-softmax distribution.

Jang, Gu & Poole 2017, arXiv:1611.01144; Maddison, Mnih & Teh 2017, arXiv:1611.00712.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from gan_runner.data.columns import Columns
from gan_runner.models.labels import ClassConditional


class CategoricalGenerator(ClassConditional):
    """A generator whose categorical columns are draws, that let a gradient pass.

    The noise is the first coordinates of the latent point, one for each category, which the
    network doesn't see: a row follows from its latent point alone, as an image does.
    """

    def __init__(self, network: ClassConditional, columns: Columns) -> None:
        super().__init__()
        self.network = network
        self.columns = columns

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents [N, categories + L] -> [N, D], blocks of which lie on the simplex."""
        noise = gumbel_noise(latents[:, : self.columns.categories])
        outputs = self.network(latents[:, self.columns.categories :], labels).float()
        parts: list[Tensor] = []
        begin = 0
        for column, part in self.columns.parts(outputs):
            if column.categories:
                end = begin + column.width
                part = gumbel_softmax(  # noqa: PLW2901
                    part + noise[:, begin:end],
                    temperature=self.columns.temperature,
                    straight_through=self.columns.straight_through,
                )
                begin = end
            parts.append(part)
        return torch.cat(parts, dim=1)


def add_categories(
    generator: Callable[[int], ClassConditional], latent_size: int, columns: Columns | None
) -> ClassConditional:
    """The generator that `generator` makes for a latent size, with categories at its end where
    there are any."""
    if columns is None or not columns.categories:
        return generator(latent_size)
    return CategoricalGenerator(generator(latent_size - columns.categories), columns)


def gumbel_noise(normal: Tensor) -> Tensor:
    """Normal noise as Gumbel noise: the quantile of each, exact into both tails."""
    return -torch.log(-torch.special.log_ndtr(normal))


def gumbel_softmax(logits: Tensor, *, temperature: float, straight_through: bool) -> Tensor:
    """Noisy logits [N, K] as a point of the simplex; `straight_through`: as its nearest corner,
    with the gradient of the point."""
    soft = (logits / temperature).softmax(1)
    if not straight_through:
        return soft
    return one_hot(soft.argmax(1), soft.shape[1]).to(soft.dtype) - soft.detach() + soft
