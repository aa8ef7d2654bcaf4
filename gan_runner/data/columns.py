"""The columns of a table together: examples become rows again, and are encoded for networks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, cat, stack
from torch.nn.functional import one_hot

from gan_runner.data.column import Column
from gan_runner.data.kept_constraints import Keeper, KeptConstraint
from gan_runner.data.widening import widen

_LARGEST = 2**63 - 1  # of an int64


@dataclass(frozen=True)
class Columns:
    """The columns of a table in their order, which examples float32 [N, D] are made of: a number
    for a numeric column, and a one beside it where it is missing; zeros and a one for a categorical
    one. Networks see them encoded, float32 [N, E].

    `temperature` and `straight_through` say how a generator ends in categories. `constraints` are
    those that rows keep.
    """

    columns: tuple[Column, ...]
    temperature: float
    straight_through: bool
    constraints: tuple[KeptConstraint, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError for columns that no table has."""
        if not self.width or not self.temperature > 0:
            raise ValueError("a table has columns, and a temperature above 0")
        if any(column.condition and not column.categories for column in self.columns):
            raise ValueError("a label has categories")

    @property
    def shown(self) -> tuple[Column, ...]:
        """The columns that rows show."""
        return tuple(column for column in self.columns if not column.hidden)

    @property
    def width(self) -> int:
        """The number of values of an example."""
        return sum(column.width for column in self.columns)

    @property
    def encoded_width(self) -> int:
        """The number of values of an encoded example."""
        return sum(column.encoded_width for column in self.columns)

    @property
    def choices(self) -> int:
        """The number of these that lie on a simplex: of categories, and of kinds of numbers."""
        return sum(column.choices for column in self.columns)

    @property
    def facts(self) -> str:
        """What distinguishes them from other columns, as text for the digest of the data."""
        constraints = f"|{self.constraints}" if self.constraints else ""
        return f"|{[column.facts for column in self.columns]}{constraints}"

    @cached_property
    def keeper(self) -> Keeper:
        """What keeps the constraints."""
        return Keeper(self.constraints, self.columns)

    @property
    def label(self) -> Column | None:
        """The column of the classes."""
        return next((column for column in self.columns if column.label), None)

    @cached_property
    def conditional_vector(self) -> tuple[tuple[Column, int], ...]:
        """The column and the category of each place of the conditional vector, of which the
        generator is given one. Xu et al. 2019, arXiv:1907.00503, section 4.3."""
        return tuple((c, k) for c in self.columns for k in range(len(c.shares)))

    def parts(self, examples: Tensor) -> Iterator[tuple[Column, Tensor]]:
        """Each column that examples [N, D] hold, with its numbers [N, width]."""
        held = [column for column in self.columns if column.width]
        yield from zip(held, examples.split([c.width for c in held], dim=1), strict=True)

    def encoded_parts(self, encoded: Tensor) -> Iterator[tuple[Column, Tensor]]:
        """Each column that encoded examples [N, E] hold, with its numbers [N, encoded_width]."""
        held = [column for column in self.columns if column.width]
        widths = [column.encoded_width for column in held]
        yield from zip(held, encoded.split(widths, dim=1), strict=True)

    @property
    def encoded_begins(self) -> dict[str, int]:
        """Where each column begins in an encoded example, by its name."""
        held = [column for column in self.columns if column.width]
        begins = accumulate((column.encoded_width for column in held), initial=0)
        return {column.name: begin for column, begin in zip(held, begins, strict=False)}

    def encode(self, examples: Tensor, standardized: Tensor) -> Tensor:
        """Examples [N, D] as networks see them, [N, E]; `standardized` are the same."""
        plain = (part for _, part in self.parts(standardized))
        parts = zip(self.parts(examples), plain, strict=True)
        return cat([_encode(column, part, other) for (column, part), other in parts], dim=1)

    def decode(self, encoded: Tensor) -> Tensor:
        """What networks make [N, E] as examples [N, D], but that numbers of columns without an
        encoding are standardized, and none is rounded."""
        return cat([_decode(column, part) for column, part in self.encoded_parts(encoded)], dim=1)

    @property
    def is_standardized(self) -> list[bool]:
        """Of each value of an example whether networks see it standardized."""
        return [
            not column.categories and column.encoding is None
            for column in self.columns
            for _ in range(column.width)
        ]

    def discretize(self, examples: Tensor) -> Tensor:
        """Numbers [N, D] as the table could have them: rounded, and one category in each block."""
        return cat([_discretize(column, part) for column, part in self.parts(examples)], dim=1)

    def codes(self, examples: Tensor, labels: Tensor | None) -> dict[str, Tensor]:
        """The numbers of each numeric column [N], NaN for missing ones, and the indices of the
        categories of the others.

        `labels` [N] are those of a condition; without them its column is left out.
        """
        held = {
            column.name: part.argmax(1) if column.categories else _numbers(column, part)
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
        value of an example or none at all. Columns with missing values are float64, NaN where one
        is.
        """
        codes = self.codes(examples.cpu(), None if labels is None else labels.cpu())
        held, begin = {}, 0
        for column in self.columns:
            if column.name in codes:
                off = origin[begin] if origin and column.width else 0.0
                held[column.name] = _values(column, codes[column.name].numpy(), off)
            begin += column.width
        values = self.keeper.complete(held) if self.constraints else held
        yield from ((c, values[c.name]) for c in self.shown if c.name in values)

    def rows(
        self, examples: Tensor, labels: Tensor | None, origin: Sequence[float] = ()
    ) -> Iterator[list[str]]:
        """The names, then each example as cells of text. `origin` as in `values`."""
        values = {column.name: each for column, each in self.values(examples, labels, origin)}
        shown = [c for c in self.shown if c.name in values or c.unlearned is not None]
        yield [column.name for column in shown]
        cells = [column_cells(c, values.get(c.name), len(examples)) for c in shown]
        yield from (list(row) for row in zip(*cells, strict=True))


def column_cells(column: Column, values: NDArray[Any] | None, count: int) -> list[str]:
    """The `count` cells of a column as text; `values` None: nothing is learned of it."""
    if values is None:
        assert column.unlearned is not None, "others have values"
        return column.unlearned.cells(count)
    return _cells(column, values)


def _encode(column: Column, part: Tensor, standardized: Tensor) -> Tensor:
    if column.categories or column.encoding is None:
        return standardized
    return column.encoding.encode(
        part[:, 0].contiguous(), part[:, 1] > 0.5 if column.may_miss else None
    )


def _decode(column: Column, part: Tensor) -> Tensor:
    if column.categories or column.encoding is None:
        return part
    values, missing = column.encoding.decode(part)
    return stack((values, missing.to(values.dtype)), 1) if column.may_miss else values[:, None]


def _discretize(column: Column, part: Tensor) -> Tensor:
    if column.categories:
        return one_hot(part.argmax(1), column.width).to(part.dtype)
    # 0 is added to make 0 of -0
    return part if column.decimals is None else part.round(decimals=column.decimals).add(0.0)


def _numbers(column: Column, part: Tensor) -> Tensor:
    """The numbers of a column, [N], NaN for missing ones."""
    if not column.may_miss:
        return part[:, 0]
    return part[:, 0].masked_fill(part[:, 1] > 0.5, math.nan)


def _values(column: Column, codes: NDArray[Any], origin: float) -> NDArray[Any]:
    if column.categories:
        return codes
    missing = np.isnan(codes)
    if not missing.any():
        return _present_values(column, codes, origin)
    values = np.full(len(codes), np.nan)
    values[~missing] = widen(_present_values(column, codes[~missing], origin))
    return values


def _present_values(column: Column, codes: NDArray[Any], origin: float) -> NDArray[Any]:
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
    if column.dates is not None:
        return column.dates.cells(values.astype(np.float64))
    if column.may_miss and values.dtype.kind == "f" and np.isnan(values).any():
        return _cells_with_missing(column, values)
    if column.decimals is None:
        return [str(value) for value in values]  # as many digits as their type has
    if values.dtype.kind in "iu":
        return [str(value) for value in values.tolist()]
    # rounded before it is formatted, and 0 added: -0.001 is 0.00
    return [
        f"{round(value, column.decimals) + 0.0:.{column.decimals}f}" for value in values.tolist()
    ]


def _cells_with_missing(column: Column, values: NDArray[Any]) -> list[str]:
    missing = np.isnan(values)
    cells = iter(_cells(column, values[~missing]))
    return ["" if is_missing else next(cells) for is_missing in missing.tolist()]
