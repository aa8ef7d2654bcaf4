"""The outputs of a generator of tables: numbers within bounds, and choices, which are draws of
the Gumbel-softmax distribution.

Jang, Gu & Poole 2017, arXiv:1611.01144; Maddison, Mnih & Teh 2017, arXiv:1611.00712.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from gan_runner.data.column import Column
from gan_runner.data.columns import Columns
from gan_runner.models.labels import ClassConditional


class TableGenerator(ClassConditional):
    """A generator whose choices, as of a category, are draws that let a gradient pass.

    The noise is the first coordinates of the latent point, one for each choice, which the network
    doesn't see: a row follows from its latent point alone, as an image does.
    """

    bounded: Tensor

    def __init__(self, network: ClassConditional, columns: Columns) -> None:
        super().__init__()
        self.network = network
        self.columns = columns
        bounded = [value for column in columns.columns for value in _are_bounded(column)]
        self.register_buffer("bounded", torch.tensor(bounded), persistent=False)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents [N, choices + L] -> encoded examples [N, E]."""
        count = self.columns.choices
        noise = gumbel_noise(latents[:, :count])
        outputs = self.network(latents[:, count:], labels).float()
        outputs = torch.where(self.bounded, outputs.tanh(), outputs)
        parts: list[Tensor] = []
        begin = 0
        for column, part in self.columns.encoded_parts(outputs):
            if column.choices:
                end = begin + column.choices
                part = self._choose(column, part, noise[:, begin:end])  # noqa: PLW2901
                begin = end
            parts.append(part)
        return torch.cat(parts, dim=1)

    def _choose(self, column: Column, part: Tensor, noise: Tensor) -> Tensor:
        """The choices of a column, and the place of its number in as far as it is one."""
        place, logits = part.split([part.shape[1] - column.choices, column.choices], dim=1)
        chosen = gumbel_softmax(
            logits + noise,
            temperature=self.columns.temperature,
            straight_through=self.columns.straight_through,
        )
        if not place.shape[1]:
            return chosen
        assert column.encoding is not None, "categories have no place"
        is_number = chosen[:, : len(column.encoding.modes)].sum(1, keepdim=True)
        return torch.cat((place * is_number, chosen), dim=1)


def _are_bounded(column: Column) -> list[bool]:
    """Of each of a column's encoded values whether it is a place in [-1, 1]."""
    places = column.encoded_width - column.choices
    is_bounded = column.encoding is not None and column.encoding.bounded
    return [is_bounded] * places + [False] * column.choices


def add_columns(
    generator: Callable[[int], ClassConditional], latent_size: int, columns: Columns | None
) -> ClassConditional:
    """The generator that `generator` makes for a latent size, with what the columns of a table need
    at its end."""
    if columns is None or not any(c.encoding or c.categories for c in columns.columns):
        return generator(latent_size)
    return TableGenerator(generator(latent_size - columns.choices), columns)


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
