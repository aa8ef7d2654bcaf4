"""The real rows of a table as it has them, decoded once for all generators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gan_runner.data import Data
from gan_runner.data.columns import Columns
from gan_runner.data.kept_constraints import Keeper
from gan_runner.evaluation.metrics.impossible import Constraint, PossibleValues, possible_values
from gan_runner.evaluation.metrics.rows import Rows, decode_rows


class RowConstraint(NamedTuple):
    """One of the constraints that the rows of a table keep, by its place among them."""

    text: str
    place: int
    keeper: Keeper

    def violations(self, columns: Rows) -> NDArray[np.bool_]:
        """Which of N rows break it."""
        return self.keeper.breaks(self.place, {column.name: values for column, values in columns})


def constraints_of(columns: Columns) -> tuple[RowConstraint, ...]:
    """The constraints of a table."""
    keeper = columns.keeper
    return tuple(RowConstraint(text, place, keeper) for place, text in enumerate(keeper.texts))


@dataclass(frozen=True)
class RealRows:
    """The training rows `data` of a table, and those in use, `examples` [N, D] with their `labels`
    [N]. `constraints` are the rules that hold for all of them."""

    data: Data
    examples: Tensor
    labels: Tensor | None
    constraints: tuple[Constraint, ...] = ()

    def decode(self, examples: Tensor, labels: Tensor | None) -> Rows:
        """Other examples of the same table as rows, real or sampled ones."""
        space = self.data.space
        assert space.columns is not None, "a table has columns"
        return decode_rows(examples, labels, space.columns, space.origin)

    @cached_property
    def train(self) -> Rows:
        """All training rows."""
        return self.decode(self.data.in_memory, self.data.labels)

    @cached_property
    def in_use(self) -> Rows:
        """The training rows in use."""
        return self.decode(self.examples, self.labels)

    @cached_property
    def possible(self) -> Mapping[str, PossibleValues]:
        """What all training rows show of each column, by its name; of one that a constraint
        computes also what the rows show that it was found in."""
        columns, possible = self.data.space.columns, possible_values(self.train)
        for kept in () if columns is None else columns.constraints:
            found = kept if kept.above is None else kept.above
            if kept.gives in possible:
                possible[kept.gives] = possible[kept.gives].reaching(found.low, found.high)
        return possible
