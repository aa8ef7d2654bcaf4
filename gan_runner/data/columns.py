"""The columns of a table: what each holds, and how numbers become its cells again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor, cat
from torch.nn.functional import one_hot


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

    def rows(self, examples: Tensor, labels: Tensor | None) -> Iterator[list[str]]:
        """The names, then each example as cells of text."""
        codes = self.codes(examples.cpu(), None if labels is None else labels.cpu())
        shown = [column for column in self.columns if column.name in codes]
        yield [column.name for column in shown]
        cells = [_cells(column, codes[column.name]) for column in shown]
        yield from (list(row) for row in zip(*cells, strict=True))


def _discretize(column: Column, part: Tensor) -> Tensor:
    if column.categories:
        return one_hot(part.argmax(1), column.width).to(part.dtype)
    return part if column.decimals is None else part.round(decimals=column.decimals)


def _cells(column: Column, values: Tensor) -> list[str]:
    if column.categories:
        return [column.categories[index] for index in values.tolist()]
    if column.decimals is None:
        return [str(value) for value in values.numpy()]  # as many digits as a float32 has
    return [f"{value:.{column.decimals}f}" for value in values.tolist()]
