"""The outputs of a generator of tables: numbers within bounds, and choices, which are draws of
the Gumbel-softmax distribution.

Jang, Gu & Poole 2017, arXiv:1611.01144; Maddison, Mnih & Teh 2017, arXiv:1611.00712.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot, pad

from gan_runner.data.columns import Columns
from gan_runner.models.labels import ClassConditional


class TableGenerator(ClassConditional):
    """A generator whose choices, as of a category, are draws that let a gradient pass.

    The noise is the first coordinates of the latent point, one for each choice, which the network
    doesn't see: a row follows from its latent point alone, as an image does.
    """

    def __init__(self, network: ClassConditional, columns: Columns) -> None:
        super().__init__()
        self.network = network
        self.columns = columns
        self.ends = TableEnds(columns)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents [N, choices + L] -> encoded examples [N, E]."""
        count = self.columns.choices
        outputs = self.network(latents[:, count:], labels).float()
        ends: Tensor = self.ends(outputs, gumbel_noise(latents[:, :count]))
        return ends


class TableEnds(nn.Module):
    """What follows the last layer of a generator of tables: a place for each number, and a draw for
    each choice. Columns go through it together, those with like many choices at once."""

    places: Tensor  # the outputs that are places of numbers
    choices: Tensor  # the outputs that are choices
    order: Tensor  # of places and choices behind each other, as encoded examples have them
    bounded: Tensor  # of each place whether it lies in [-1, 1]
    numbers: Tensor  # [choices, places]: 1 where a choice means a number that has this place
    alone: Tensor  # of each place whether its column has nothing to choose
    unpadded: Tensor  # where the draws of all groups have those of each choice

    def __init__(self, columns: Columns) -> None:
        super().__init__()
        self.temperature = columns.temperature
        self.straight_through = columns.straight_through
        held = [column for column in columns.columns if column.width]
        begins = np.cumsum([0, *(column.encoded_width for column in held)]).tolist()
        places: list[int] = []
        choices: list[int] = []
        bounded: list[bool] = []
        numbers = torch.zeros(columns.choices, columns.encoded_width - columns.choices)
        for column, begin, end in zip(held, begins, begins[1:], strict=False):
            modes = 0 if column.encoding is None else len(column.encoding.modes)
            if modes:
                numbers[len(choices) : len(choices) + modes * bool(column.choices), len(places)] = 1
            places += range(begin, end - column.choices)
            choices += range(end - column.choices, end)
            is_bounded = column.encoding is not None and column.encoding.bounded
            bounded += [is_bounded] * (end - begin - column.choices)
        self._keep(places=torch.tensor(places, dtype=torch.int64))
        self._keep(choices=torch.tensor(choices, dtype=torch.int64))
        self._keep(order=torch.tensor([*places, *choices]).argsort())
        self._keep(bounded=torch.tensor(bounded, dtype=torch.bool))
        self._keep(numbers=numbers, alone=~numbers.any(0))
        self._keep_groups([column.choices for column in held if column.choices])

    def _keep(self, **tensors: Tensor) -> None:
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor, persistent=False)

    def _keep_groups(self, sizes: Sequence[int]) -> None:
        """The choices of columns of like size, in rows of equal length: another index than those of
        choices is of none."""
        begins, total = np.cumsum([0, *sizes]).tolist(), sum(sizes)
        like: dict[int, list[int]] = defaultdict(list)
        for column, size in enumerate(sizes):
            like[(size - 1).bit_length()].append(column)
        self.groups, flat = len(like), []
        for number, members in enumerate(like.values()):
            group = torch.full((len(members), max(sizes[k] for k in members)), total)
            for row, k in enumerate(members):
                group[row, : sizes[k]] = torch.arange(begins[k], begins[k + 1])
            self._keep(**{f"group_{number}": group})
            flat.append(group.flatten())
        where = torch.cat(flat) if flat else torch.zeros(0, dtype=torch.int64)
        self._keep(unpadded=where.argsort(stable=True)[:total])

    def forward(self, outputs: Tensor, noise: Tensor) -> Tensor:
        """Outputs [N, E] of the last layer, and Gumbel noise [N, choices] -> [N, E]."""
        places = outputs.index_select(1, self.places)
        places = torch.where(self.bounded, places.tanh(), places)
        if not len(self.choices):
            return places
        chosen = self._choose(outputs.index_select(1, self.choices) + noise)
        # a number has a place in as far as it is one
        places = places * torch.where(self.alone, 1.0, chosen @ self.numbers)
        return torch.cat((places, chosen), dim=1).index_select(1, self.order)

    def _choose(self, logits: Tensor) -> Tensor:
        """Noisy logits [N, choices] as points of simplices."""
        padded = pad(logits, (0, 1), value=-math.inf)
        draws = []
        for number in range(self.groups):
            group = self.get_buffer(f"group_{number}")
            each = padded.index_select(1, group.flatten()).unflatten(1, group.shape)
            drawn = gumbel_softmax(
                each, temperature=self.temperature, straight_through=self.straight_through
            )
            draws.append(drawn.flatten(1))
        return torch.cat(draws, dim=1).index_select(1, self.unpadded)


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
    """Noisy logits [..., K] as a point of the simplex; `straight_through`: as its nearest corner,
    with the gradient of the point."""
    soft = (logits / temperature).softmax(-1)
    if not straight_through:
        return soft
    return one_hot(soft.argmax(-1), soft.shape[-1]).to(soft.dtype) - soft.detach() + soft
