"""A column of a table: what it holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gan_runner.data.dates import DateForm
from gan_runner.data.encodings import NumberEncoding
from gan_runner.data.unlearned import Unlearned


@dataclass(frozen=True)
class Column:
    """A column as its owner knows it. A numeric one has no `categories`.

    `decimals`: digits after the point that its numbers are rounded to, None to leave them.
    `label`: its categories are the classes of the rows. `condition`: it conditions the generator,
    so examples don't hold it. `encoding`: how networks see its numbers, None for standardized ones.
    `given`: it is computed from other columns, by a constraint; `unlearned`: an identifier or a
    constant; examples hold neither. `dates`: the spelling of numbers that are dates. `ordinal`: its
    categories are in their order. `shares`: of the training rows that have each category, where
    these are part of the conditional vector. `hidden`: it is learned, and rows don't show it, since
    another column is computed of it.
    """

    name: str
    categories: tuple[str, ...] = ()
    decimals: int | None = None
    label: bool = False
    condition: bool = False
    encoding: NumberEncoding | None = None
    given: bool = False
    dates: DateForm | None = None
    unlearned: Unlearned | None = None
    ordinal: bool = False
    shares: tuple[float, ...] = ()
    hidden: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError for shares that aren't those of its categories."""
        if self.shares and (len(self.shares) != self.width or not sum(self.shares) > 0):
            raise ValueError("a share for each category, of a column that examples hold")

    @property
    def facts(self) -> tuple[Any, ...]:
        """What distinguishes it from other columns, for the digest of the data. Fields that earlier
        versions didn't have are left out at their defaults, so that old digests stay valid."""
        known = (self.name, self.categories, self.decimals, self.label, self.condition)
        later = (self.encoding, self.given, self.dates, self.unlearned, self.ordinal)
        facts = known if not any(later) else (*known, *later)
        facts = (*facts, self.shares) if self.shares else facts
        return (*facts, "hidden") if self.hidden else facts

    @property
    def may_miss(self) -> bool:
        """Whether numbers may be missing. A missing category is one more category, the text ''."""
        return self.encoding is not None and self.encoding.missing

    @property
    def width(self) -> int:
        """The number of values of an example that it takes: one for each category; the number, and
        a one where it may be missing and is."""
        if self.condition or self.given or self.unlearned is not None:
            return 0
        return len(self.categories) or 1 + self.may_miss

    @property
    def encoded_width(self) -> int:
        """The number of values of it that networks see."""
        if not self.width or self.categories or self.encoding is None:
            return self.width
        return self.encoding.width

    @property
    def choices(self) -> int:
        """The number of those that lie on a simplex, the last ones."""
        if not self.width or self.categories:
            return self.width
        return 0 if self.encoding is None else self.encoding.choices
