"""The columns of a table: what each holds, and how numbers become its cells again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, cat
from torch.nn.functional import one_hot

_LARGEST = 2**63 - 1  # of an int64


@dataclass(frozen=True)
class Column:
    """A column as its owner knows it. A numeric one has no `categories`.

    `decimals`: digits after the point that its numbers are rounded to, None to leave them.
    `label`: its categories are the classes of the rows. `condition`: it conditions the generator,
    so examples don't hold it.
    """

    name: str
    categories: tuple[str, ...] = ()
    decimals: int | None = None
    label: bool = False
    condition: bool = False

    @property
    def width(self) -> int:
        """The number of values of an example that it takes: one for each category."""
        return 0 if self.condition else len(self.categories) or 1


@dataclass(frozen=True)
class Columns:
    """The columns of a table in their order, which examples float32 [N, D] are made of: a number
    for a numeric column, zeros and a one for a categorical one.

    `temperature` and `straight_through` say how a generator ends in categories.
    """

    columns: tuple[Column, ...]
    temperature: float
    straight_through: bool

    def __post_init__(self) -> None:
        """Raises ValueError for columns that no table has."""
        if not self.width or not self.temperature > 0:
            raise ValueError("a table has columns, and a temperature above 0")
        if any(column.condition and not column.categories for column in self.columns):
            raise ValueError("a label has categories")

    @property
    def width(self) -> int:
        """The number of values of an example."""
        return sum(column.width for column in self.columns)

    @property
    def categories(self) -> int:
        """The number of these that belong to categorical columns."""
        return sum(column.width for column in self.columns if column.categories)

    @property
    def label(self) -> Column | None:
        """The column of the classes."""
        return next((column for column in self.columns if column.label), None)

    def parts(self, examples: Tensor) -> Iterator[tuple[Column, Tensor]]:
        """Each column that examples [N, D] hold, with its numbers [N, width]."""
        held = [column for column in self.columns if column.width]
        yield from zip(held, examples.split([c.width for c in held], dim=1), strict=True)

    def discretize(self, examples: Tensor) -> Tensor:
        """Numbers [N, D] as the table could have them: rounded, and one category in each block."""
        return cat([_discretize(column, part) for column, part in self.parts(examples)], dim=1)

    def codes(self, examples: Tensor, labels: Tensor | None) -> dict[str, Tensor]:
        """The numbers of each numeric column [N], the indices of the categories of the others.

        `labels` [N] are those of a condition; without them its column is left out.
        """
        held = {
            column.name: part.argmax(1) if column.categories else part[:, 0]
            for column, part in self.parts(examples)
        }
        if labels is not None:
            held |= {column.name: labels for column in self.columns if column.condition}
        return {c.name: held[c.name] for c in self.columns if c.name in held}

    def values(
        self, examples: Tensor, labels: Tensor | None, origin: Sequence[float] = ()
    ) -> Iterator[tuple[Column, NDArray[Any]]]:
        """Each column that is there with its values [N] as the table has them.

        Indices of categories, int64; whole numbers, int64, or uint64 for the largest; others
        float32, or float64 where they are held less an `origin`, of which there is one for each
        value of an example or none at all.
        """
        codes = self.codes(examples.cpu(), None if labels is None else labels.cpu())
        begin = 0
        for column in self.columns:
            if column.name in codes:
                off = origin[begin] if origin and column.width else 0.0
                yield column, _values(column, codes[column.name].numpy(), off)
            begin += column.width

    def rows(
        self, examples: Tensor, labels: Tensor | None, origin: Sequence[float] = ()
    ) -> Iterator[list[str]]:
        """The names, then each example as cells of text. `origin` as in `values`."""
        shown = list(self.values(examples, labels, origin))
        yield [column.name for column, _ in shown]
        cells = [_cells(column, values) for column, values in shown]
        yield from (list(row) for row in zip(*cells, strict=True))


def _discretize(column: Column, part: Tensor) -> Tensor:
    if column.categories:
        return one_hot(part.argmax(1), column.width).to(part.dtype)
    # 0 is added to make 0 of -0
    return part if column.decimals is None else part.round(decimals=column.decimals).add(0.0)


def _values(column: Column, codes: NDArray[Any], origin: float) -> NDArray[Any]:
    if column.categories:
        return codes
    if column.decimals == 0:
        return _whole_numbers(codes, int(origin))
    if not origin:
        values: NDArray[Any] = codes.copy()
    elif column.decimals is None:
        # in decimals, so that the sum has the digits of both and no noise of float64 below them
        off = Decimal(repr(origin))
        values = np.array([float(off + Decimal(str(value))) for value in codes], np.float64)
    else:
        values = np.round(codes.astype(np.float64) + origin, column.decimals)
    values += 0.0  # which makes 0 of -0
    return values


def _whole_numbers(codes: NDArray[Any], origin: int) -> NDArray[Any]:
    """Integers of 64 bits, exact with their origin; float64 for numbers that are too large."""
    rounded = np.rint(codes.astype(np.float64)) + 0.0
    if not len(rounded):
        return rounded.astype(np.int64)
    low, high = int(rounded.min()), int(rounded.max())
    if -_LARGEST <= min(low, origin, low + origin) <= max(high, origin, high + origin) <= _LARGEST:
        return rounded.astype(np.int64) + origin
    if low + origin >= 0 and high + origin < 2**64:
        return np.array([int(value) + origin for value in rounded.tolist()], np.uint64)
    return rounded + float(origin)


def _cells(column: Column, values: NDArray[Any]) -> list[str]:
    if column.categories:
        return [column.categories[index] for index in values.tolist()]
    if column.decimals is None:
        return [str(value) for value in values]  # as many digits as their type has
    if values.dtype.kind in "iu":
        return [str(value) for value in values.tolist()]
    # rounded before it is formatted, and 0 added: -0.001 is 0.00
    return [
        f"{round(value, column.decimals) + 0.0:.{column.decimals}f}" for value in values.tolist()
    ]
