"""The parts of an expression: their values over the rows of a table, and their text.

A missing value makes a comparison neither true nor false, as in SQL: `not` leaves it so, `and` is
false where a part is, `or` is true where a part is.
"""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gan_runner.data.column import Column
from gan_runner.data.dates import DateForm
from gan_runner.data.expressions.tokens import write_name, write_number, write_text
from gan_runner.data.widening import widen

Values = Mapping[str, NDArray[Any]]
"""The values of each column [N] by its name: numbers, NaN where one is missing, or indices into
`Column.categories`, of which the empty text is the missing value."""

Mask = NDArray[np.bool_]
Order = Literal["=", "!=", "<", "<=", ">", ">="]
Operation = Literal["+", "-", "*", "/"]

MISSING = ""
"""The category that stands for a missing value."""

_ORDERS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Truth(NamedTuple):
    """The rows, bool [N], in which a formula is true and those in which it is false: neither where
    a missing value decides."""

    true: Mask
    false: Mask


def is_missing(column: Column, values: Values) -> Mask:
    """The rows, bool [N], in which the value of a column is missing."""
    found = values[column.name]
    if not column.categories:
        return np.isnan(found) if found.dtype.kind == "f" else np.zeros(len(found), np.bool_)
    if MISSING not in column.categories:
        return np.zeros(len(found), np.bool_)
    return np.asarray(found == column.categories.index(MISSING), np.bool_)


class Term(ABC):
    """A number in each row. `precedence`: a part that binds less than the whole is written in
    parentheses."""

    precedence: ClassVar[int] = 3

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """The names of its columns, each once, in order."""

    @property
    @abstractmethod
    def text(self) -> str:
        """Its text in the one spelling."""

    @property
    def dates(self) -> tuple[DateForm, ...]:
        """The forms of its columns of dates."""
        return ()

    @abstractmethod
    def numbers(self, values: Values) -> NDArray[np.float64]:
        """Its numbers float64 [N], [] without a column; NaN where one is missing."""


@dataclass(frozen=True)
class Constant(Term):
    """A number that is written out."""

    number: float

    @property
    def columns(self) -> tuple[str, ...]:
        return ()

    @property
    def text(self) -> str:
        return write_number(self.number)

    def numbers(self, values: Values) -> NDArray[np.float64]:
        return np.array(self.number, np.float64)


@dataclass(frozen=True)
class NumericColumn(Term):
    """The numbers of a column."""

    column: Column

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column.name,)

    @property
    def text(self) -> str:
        return write_name(self.column.name)

    @property
    def dates(self) -> tuple[DateForm, ...]:
        return () if self.column.dates is None else (self.column.dates,)

    def numbers(self, values: Values) -> NDArray[np.float64]:
        return widen(values[self.column.name])


@dataclass(frozen=True)
class Negative(Term):
    """A number with the other sign."""

    of: Term

    @property
    def columns(self) -> tuple[str, ...]:
        return self.of.columns

    @property
    def text(self) -> str:
        return f"-{_in_parentheses(self.of.text, self.of.precedence < self.precedence)}"

    @property
    def dates(self) -> tuple[DateForm, ...]:
        return self.of.dates

    def numbers(self, values: Values) -> NDArray[np.float64]:
        return -self.of.numbers(values)


@dataclass(frozen=True)
class Arithmetic(Term):
    """Sums and differences, or products and quotients, from the left to the right."""

    first: Term
    rest: tuple[tuple[Operation, Term], ...]

    @property
    def precedence(self) -> int:  # type: ignore[override]
        return 1 if self.rest[0][0] in "+-" else 2

    @property
    def columns(self) -> tuple[str, ...]:
        return _union(self.first.columns, *(term.columns for _, term in self.rest))

    @property
    def text(self) -> str:
        parts = [_in_parentheses(self.first.text, self.first.precedence < self.precedence)]
        for sign, term in self.rest:
            parts += [sign, _in_parentheses(term.text, term.precedence <= self.precedence)]
        return " ".join(parts)

    @property
    def dates(self) -> tuple[DateForm, ...]:
        return (*self.first.dates, *(form for _, term in self.rest for form in term.dates))

    def numbers(self, values: Values) -> NDArray[np.float64]:
        result = self.first.numbers(values)
        for sign, term in self.rest:
            result = _apply(sign, result, term.numbers(values))
        return result


def _apply(
    sign: Operation, left: NDArray[np.float64], right: NDArray[np.float64]
) -> NDArray[np.float64]:
    """A sum, difference, product or quotient; one by 0 is missing, as in SQL."""
    with np.errstate(over="ignore", invalid="ignore"):
        if sign == "+":
            return left + right
        if sign == "-":
            return left - right
        if sign == "*":
            return left * right
        return left / np.where(right == 0, np.nan, right)


class Formula(ABC):
    """What is true or false in a row. `precedence` as a term's."""

    precedence: ClassVar[int] = 3

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """The names of its columns, each once, in order."""

    @property
    @abstractmethod
    def text(self) -> str:
        """Its text in the one spelling."""

    @abstractmethod
    def truth(self, values: Values) -> Truth:
        """The rows in which it is true, and those in which it is false."""


@dataclass(frozen=True)
class NumberComparison(Formula):
    """Two numbers in an order."""

    left: Term
    order: Order
    right: Term

    @property
    def columns(self) -> tuple[str, ...]:
        return _union(self.left.columns, self.right.columns)

    @property
    def text(self) -> str:
        return f"{self.left.text} {self.order} {self.right.text}"

    def truth(self, values: Values) -> Truth:
        left, right = self.left.numbers(values), self.right.numbers(values)
        known = ~(np.isnan(left) | np.isnan(right))
        holds = np.asarray(_ORDERS[self.order](left, right), np.bool_)
        return Truth(known & holds, known & ~holds)


@dataclass(frozen=True)
class NumberChoice(Formula):
    """A number that is one of some, or is none of them. `texts`: these as they are written, where
    they are dates."""

    of: Term
    numbers: tuple[float, ...]
    negated: bool
    texts: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        return self.of.columns

    @property
    def text(self) -> str:
        texts = self.texts or map(write_number, self.numbers)
        return _write_choice(self.of.text, texts, negated=self.negated)

    def truth(self, values: Values) -> Truth:
        found = self.of.numbers(values)
        known, chosen = ~np.isnan(found), np.isin(found, self.numbers)
        return _negate(Truth(known & chosen, known & ~chosen), self.negated)


@dataclass(frozen=True)
class CategoryChoice(Formula):
    """A category that is one of some, or is none of them."""

    column: Column
    categories: tuple[str, ...]
    negated: bool

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column.name,)

    @property
    def text(self) -> str:
        name, texts = write_name(self.column.name), map(write_text, self.categories)
        if len(self.categories) == 1:
            return f"{name} {'!=' if self.negated else '='} {next(texts)}"
        return _write_choice(name, texts, negated=self.negated)

    def truth(self, values: Values) -> Truth:
        known = ~is_missing(self.column, values)
        is_chosen = np.array([name in self.categories for name in self.column.categories])
        chosen = is_chosen[values[self.column.name]]
        return _negate(Truth(known & chosen, known & ~chosen), self.negated)


@dataclass(frozen=True)
class CategoryComparison(Formula):
    """Two columns with the same category, or with different ones."""

    left: Column
    right: Column
    negated: bool

    @property
    def columns(self) -> tuple[str, ...]:
        return _union((self.left.name,), (self.right.name,))

    @property
    def text(self) -> str:
        sign = "!=" if self.negated else "="
        return f"{write_name(self.left.name)} {sign} {write_name(self.right.name)}"

    def truth(self, values: Values) -> Truth:
        known = ~(is_missing(self.left, values) | is_missing(self.right, values))
        places = {name: place for place, name in enumerate(self.left.categories)}
        in_left = np.array([places.get(name, -1) for name in self.right.categories])
        same = values[self.left.name] == in_left[values[self.right.name]]
        return _negate(Truth(known & same, known & ~same), self.negated)


@dataclass(frozen=True)
class MissingTest(Formula):
    """A value that is missing, or that isn't."""

    column: Column
    negated: bool

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column.name,)

    @property
    def text(self) -> str:
        return f"{write_name(self.column.name)} is {'not ' if self.negated else ''}missing"

    def truth(self, values: Values) -> Truth:
        missing = is_missing(self.column, values)
        return _negate(Truth(missing, ~missing), self.negated)


@dataclass(frozen=True)
class Not(Formula):
    """What is true where another formula is false."""

    of: Formula
    precedence: ClassVar[int] = 2

    @property
    def columns(self) -> tuple[str, ...]:
        return self.of.columns

    @property
    def text(self) -> str:
        return f"not {_in_parentheses(self.of.text, self.of.precedence < self.precedence)}"

    def truth(self, values: Values) -> Truth:
        return _negate(self.of.truth(values), True)


@dataclass(frozen=True)
class And(Formula):
    """All of the parts."""

    parts: tuple[Formula, ...]
    precedence: ClassVar[int] = 1

    @property
    def columns(self) -> tuple[str, ...]:
        return _union(*(part.columns for part in self.parts))

    @property
    def text(self) -> str:
        return " and ".join(_in_parentheses(p.text, p.precedence < 1) for p in self.parts)

    def truth(self, values: Values) -> Truth:
        truths = (part.truth(values) for part in self.parts)
        return reduce(lambda a, b: Truth(a.true & b.true, a.false | b.false), truths)


@dataclass(frozen=True)
class Or(Formula):
    """At least one of the parts."""

    parts: tuple[Formula, ...]
    precedence: ClassVar[int] = 0

    @property
    def columns(self) -> tuple[str, ...]:
        return _union(*(part.columns for part in self.parts))

    @property
    def text(self) -> str:
        return " or ".join(part.text for part in self.parts)

    def truth(self, values: Values) -> Truth:
        truths = (part.truth(values) for part in self.parts)
        return reduce(lambda a, b: Truth(a.true | b.true, a.false & b.false), truths)


def _negate(truth: Truth, negated: bool) -> Truth:
    return Truth(truth.false, truth.true) if negated else truth


def _write_choice(name: str, texts: Iterable[str], *, negated: bool) -> str:
    return f"{name} {'not in' if negated else 'in'} ({', '.join(texts)})"


def _in_parentheses(text: str, needed: bool) -> str:
    return f"({text})" if needed else text


def _union(*names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for group in names for name in group))
