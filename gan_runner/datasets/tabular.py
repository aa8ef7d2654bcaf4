"""What every table is: columns of numbers and of categories, split into training and test rows."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, final

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt
from torch import Tensor
from torch.nn.functional import one_hot

from gan_runner.data import Column, Columns, Data, Space
from gan_runner.datasets.base import Dataset, Track
from gan_runner.datasets.splitting import Split, split
from gan_runner.datasets.vectors import standardized
from gan_runner.errors import DataError, printable

_LARGEST = float(np.finfo(np.float32).max)


class Filled(NamedTuple):
    """A column and what its rows hold: numbers float64 [N], or indices of categories int64 [N]."""

    column: Column
    values: NDArray[np.float64] | NDArray[np.int64]


class Contents(NamedTuple):
    """All columns of a table, at most one of them the label, and what to doubt of them."""

    columns: list[Filled]
    warnings: tuple[str, ...] = ()


class Tabular(Dataset):
    """Rows that are split by a seed and a ratio, stratified by the label where there is one.

    `label_as`: the label is one more `column` that the generator makes, or the `class` that a
    conditional one is told; `auto` is settled by the model. `temperature` and `straight_through`
    belong to the Gumbel-softmax of categorical columns.
    """

    label_as: Literal["auto", "column", "class"]
    test_ratio: Annotated[float, Field(ge=0, lt=1)]
    seed: NonNegativeInt
    temperature: Annotated[float, Field(gt=0, le=100)]
    straight_through: bool

    @abstractmethod
    def contents(self) -> Contents:
        """What the table holds.

        Raises DataError or ConfigError for a table that can't be used.
        """

    @property
    @abstractmethod
    def setting(self) -> str:
        """The setting that names the table, for messages."""

    def space(self) -> Space | None:
        return None

    @final
    def load(self, cache: Path, track: Track) -> Data:
        return self._parts().train

    @final
    def held_out(self, cache: Path, track: Track) -> Data | None:
        return self._parts().test

    @property
    def flips(self) -> bool:
        return False

    def _parts(self) -> Parts:
        contents = self.contents()
        filled = [self._as_told(each) for each in contents.columns]
        if not any(each.column.width for each in filled):
            raise DataError(f"no column to generate, {self.setting}. Use a table with more.")
        held = tuple(each.column for each in filled)
        columns = Columns(held, self.temperature, self.straight_through)
        label = next((each for each in filled if each.column.label), None)
        labels = None if label is None else torch.from_numpy(label.values.astype(np.int64))
        names = () if label is None else label.column.categories
        examples = torch.cat([self._numbers(each) for each in filled if each.column.width], dim=1)
        chosen = self._split(labels, names, len(examples))
        space = _space(examples[chosen.train], columns)
        train, test = (
            Data(
                examples[part],
                space,
                None if labels is None else labels[part],
                names,
                contents.warnings,
            )
            for part in chosen
        )
        return Parts(train, test if len(test) else None)

    def _as_told(self, filled: Filled) -> Filled:
        """With the label as a conditional generator meets it, if it is to be told."""
        column, values = filled
        if not column.label or self.label_as != "class":
            return filled
        return Filled(replace(column, condition=True), values)

    def _numbers(self, filled: Filled) -> Tensor:
        """What examples hold of a column, float32 [N, width]. Raises DataError."""
        column, values = filled
        if column.categories:
            return one_hot(torch.from_numpy(values), column.width).float()
        if np.abs(values).max(initial=0) > _LARGEST:
            raise DataError(
                f"a number too large for 32 bits in column {printable(column.name)}, "
                f"{self.setting}. Use a smaller unit, or leave the column out."
            )
        return torch.from_numpy(values.astype(np.float32))[:, None]

    def _split(self, labels: Tensor | None, names: tuple[str, ...], count: int) -> Split:
        strata = torch.zeros(count, dtype=torch.int64) if labels is None else labels
        return split(
            strata,
            classes=names or ("(all)",),
            test_ratio=self.test_ratio,
            seed=self.seed,
            setting=self.setting,
        )


class Parts(NamedTuple):
    """Rows to learn from and rows to test with, all seen as the former are scaled."""

    train: Data
    test: Data | None


def _space(train: Tensor, columns: Columns) -> Space:
    """Numeric columns with mean 0 and deviation 1 over the training rows, others as they are."""
    scaled = standardized(train)
    numeric = [not c.categories for c in columns.columns for _ in range(c.width)]
    offset, scale = (
        tuple(value if number else plain for value, number in zip(values, numeric, strict=True))
        for values, plain in ((scaled.offset, 0.0), (scaled.scale, 1.0))
    )
    return Space("table", (columns.width,), offset, scale, columns)
