"""Training by sampling: each row of a batch is drawn for a category that it has.

Xu et al. 2019, arXiv:1907.00503, section 4.3. Rare categories come as often as the logarithm of
their number of rows says, so that a generator that is given the category learns them, too.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gan_runner.data.columns import Columns


class TrainingBySampling:
    """Draws a category of the conditional vector, and a row that has it: all columns of the vector
    are equally likely, and a category of n rows by log(1 + n)."""

    def __init__(self, examples: Tensor, columns: Columns) -> None:
        """`examples` are the training rows, float32 [N, D]."""
        weights, orders, counts = [], [], []
        for column, part in columns.parts(examples):
            if not column.shares:
                continue
            categories = part.argmax(1).cpu()
            counts.append(categories.bincount(minlength=len(column.categories)))
            orders.append(categories.argsort(stable=True).to(torch.int32))
            of_column = counts[-1].double().log1p()
            weights.append(of_column / of_column.sum())
        self._weights = torch.cat(weights)
        self._orders = torch.cat(orders)
        """The rows of each category, those of one column behind those of another."""

        self._counts = torch.cat(counts)
        self._begins = self._counts.cumsum(0) - self._counts

    def draw(self, count: int, *, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """The indices of rows, int64 [count], and the places in the conditional vector of the
        category that each was drawn for, int64 [count]."""
        places = torch.multinomial(self._weights, count, replacement=True, generator=rng)
        counts = self._counts[places]
        drawn = torch.rand(count, generator=rng, dtype=torch.float64)
        among = (drawn * counts).long().clamp(max=counts - 1)
        return self._orders[self._begins[places] + among].long(), places
