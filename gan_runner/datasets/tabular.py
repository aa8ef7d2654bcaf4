"""The base of every table: columns of numbers and of categories, training rows and test rows."""

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

from gan_runner.data import Column, Columns, Data, Reading, Space
from gan_runner.datasets.base import Dataset, Track
from gan_runner.datasets.splitting import TrainTestIndices, split_indices
from gan_runner.datasets.vectors import standardized_space
from gan_runner.errors import DataError, printable

_LARGEST = float(np.finfo(np.float32).max)


class ColumnValues(NamedTuple):
    """A column and its values: numbers float64 [N], or indices of categories int64 [N]."""

    column: Column
    values: NDArray[np.float64] | NDArray[np.int64]


class TableContents(NamedTuple):
    """All columns of a table, at most one of them the label, and how it was read. `label_doubt`: a
    sentence for faults about the classes of a label that was guessed."""

    columns: list[ColumnValues]
    reading: Reading = Reading()
    label_doubt: str = ""


class Tabular(Dataset):
    """Rows that are split by a seed and a ratio, stratified by the label where there is one.

    `label_as`: the label is one more `column` that the generator makes, or the `class` that it is
    conditioned on; `auto` depends on the model. `temperature` and `straight_through` belong to the
    Gumbel-softmax of categorical columns.
    """

    label_as: Literal["auto", "column", "class"]
    test_ratio: Annotated[float, Field(ge=0, lt=1)]
    seed: NonNegativeInt
    temperature: Annotated[float, Field(gt=0, le=100)]
    straight_through: bool

    @abstractmethod
    def contents(self) -> TableContents:
        """The columns of the table.

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
        return self._split_data().train

    @final
    def held_out(self, cache: Path, track: Track) -> Data | None:
        return self._split_data().test

    @property
    def flips(self) -> bool:
        return False

    def _split_data(self) -> TrainTestData:
        contents = self.contents()
        filled = [self._as_condition(each) for each in contents.columns]
        if not any(each.column.width for each in filled):
            raise DataError(f"no column to generate, {self.setting}. Use a table with more.")
        all_columns = tuple(each.column for each in filled)
        columns = Columns(all_columns, self.temperature, self.straight_through)
        label = next((each for each in filled if each.column.label), None)
        labels = None if label is None else torch.from_numpy(label.values.astype(np.int64))
        names = () if label is None else label.column.categories
        examples = torch.cat([self._numbers(each) for each in filled if each.column.width], dim=1)
        doubt = contents.label_doubt
        chosen = self._split(labels, names, len(examples), label_doubt=doubt)
        space = _space(examples[chosen.train], columns)
        reading = self._with_condition(contents.reading)
        train, test = (
            Data(
                examples[part],
                space,
                None if labels is None else labels[part],
                names,
                reading,
            )
            for part in chosen
        )
        return TrainTestData(train, test if len(test) else None)

    def _as_condition(self, filled: ColumnValues) -> ColumnValues:
        """The label as a condition, where `label_as` is `class`."""
        column, values = filled
        if not column.label or self.label_as != "class":
            return filled
        return ColumnValues(replace(column, condition=True), values)

    def _with_condition(self, reading: Reading) -> Reading:
        """The notes, in which the label is a condition where `label_as` is `class`."""
        if self.label_as != "class":
            return reading
        notes = (c._replace(role="condition") if c.role == "label" else c for c in reading.columns)
        return replace(reading, columns=tuple(notes))

    def _numbers(self, filled: ColumnValues) -> Tensor:
        """A column as examples have it, float32 [N, width]. Raises DataError."""
        column, values = filled
        if column.categories:
            return one_hot(torch.from_numpy(values), column.width).float()
        if np.abs(values).max(initial=0) > _LARGEST:
            raise DataError(
                f"a number too large for 32 bits in column {printable(column.name)}, "
                f"{self.setting}. Use a smaller unit, or leave the column out."
            )
        return torch.from_numpy(values.astype(np.float32))[:, None]

    def _split(
        self, labels: Tensor | None, names: tuple[str, ...], count: int, *, label_doubt: str
    ) -> TrainTestIndices:
        strata = torch.zeros(count, dtype=torch.int64) if labels is None else labels
        return split_indices(
            strata,
            classes=names or ("(all)",),
            test_ratio=self.test_ratio,
            seed=self.seed,
            setting=self.setting,
            label_doubt=label_doubt,
        )


class TrainTestData(NamedTuple):
    """Training rows and test rows, both scaled by the former."""

    train: Data
    test: Data | None


def _space(train: Tensor, columns: Columns) -> Space:
    """Numeric columns with mean 0 and deviation 1 over the training rows, others as they are."""
    scaled = standardized_space(train)
    numeric = [not c.categories for c in columns.columns for _ in range(c.width)]
    offset, scale = (
        tuple(value if number else plain for value, number in zip(values, numeric, strict=True))
        for values, plain in ((scaled.offset, 0.0), (scaled.scale, 1.0))
    )
    return Space("table", (columns.width,), offset, scale, columns)
