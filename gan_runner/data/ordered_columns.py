"""Columns that lie above others, as `start <= end` says: how far is learned, so that every row
keeps the order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gan_runner.data.column import Column
from gan_runner.data.expressions import Condition, Constraint, Values
from gan_runner.data.expressions.formulas import And, Formula, NumberComparison, NumericColumn

_MOST_DECIMALS = 6  # more aren't kept exactly by float32
_MOST_EXACT = 2**53  # float64 holds all whole numbers up to it

Ends = tuple[float | None, float | None]


class Order(NamedTuple):
    """Two columns of which the first is at most the second, or less where it is `strict`."""

    smaller: Column
    larger: Column
    strict: bool

    @property
    def step(self) -> float:
        """How far the second lies above the first at least."""
        return 10.0 ** -(self.larger.decimals or 0) if self.strict else 0.0


@dataclass(frozen=True)
class Above:
    """How a column lies above others: its number is the largest of theirs, each with the step
    beside its name in `below`, and the number of the column `difference`, which is learned for it
    and isn't shown. A number beyond `low` or `high` is reflected there."""

    difference: str
    below: tuple[tuple[str, float], ...]
    low: float | None = None
    high: float | None = None

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns that it is computed of."""
        return (*(name for name, _ in self.below), self.difference)

    def compute(self, values: Values) -> NDArray[Any]:
        """The numbers [N] of the column, in a type that holds them, not yet rounded."""
        base = self.base(values)
        found = base + np.maximum(values[self.difference].astype(np.float64), 0)
        if self.high is not None:
            found = np.where(found > self.high, 2 * self.high - found, found)
        if self.low is not None:
            found = np.where(found < self.low, 2 * self.low - found, found)
        found = np.maximum(np.clip(found, self.low, self.high), base)
        types = {values[name].dtype for name in self.needs}
        return found.astype(np.float32) if types == {np.dtype(np.float32)} else found

    def base(self, values: Values) -> NDArray[np.float64]:
        """The least number [N] that the column can have in each row."""
        steps = [values[name].astype(np.float64) + step for name, step in self.below]
        return np.asarray(np.maximum.reduce(steps))


def as_order(constraint: Constraint) -> Order | None:
    """The order that a constraint says of two columns; None for another one."""
    return _order(constraint.formula) if isinstance(constraint, Condition) else None


def _order(formula: Formula) -> Order | None:
    if not isinstance(formula, NumberComparison):
        return None
    left, right = formula.left, formula.right
    if not (isinstance(left, NumericColumn) and isinstance(right, NumericColumn)):
        return None
    if formula.order in ("=", "!=") or left.column.name == right.column.name:
        return None
    if formula.order in (">", ">="):
        left, right = right, left
    return Order(left.column, right.column, formula.order in ("<", ">"))


def split_orders(constraints: Sequence[Constraint]) -> Iterator[Constraint]:
    """The constraints, of which `a <= b <= c` is two."""
    for constraint in constraints:
        formula = constraint.formula if isinstance(constraint, Condition) else None
        parts = formula.parts if isinstance(formula, And) else ()
        if parts and all(_order(part) is not None for part in parts):
            yield from (Condition(part) for part in parts)
        else:
            yield constraint


def find_obstacle(order: Order, values: Mapping[str, NDArray[Any]]) -> str:
    """Why the numbers of an order don't let the larger one be computed; "" where they do."""
    smaller, larger = order.smaller, order.larger
    for column in smaller, larger:
        numbers = values[column.name]
        if np.isnan(numbers).any():
            return f"values of {column.name} are missing"
        if np.abs(numbers).max(initial=0) >= _MOST_EXACT:
            return f"numbers of {column.name} are too large"
    if _is_exact(larger):
        if not _is_exact(smaller) or (smaller.decimals or 0) > (larger.decimals or 0):
            return f"{smaller.name} has more decimals than {larger.name}"
    elif order.strict:
        return f"{larger.name} has no fixed number of decimals, and < no least difference"
    return ""


def difference_of(
    larger: Column, above: Above, values: Mapping[str, NDArray[Any]]
) -> tuple[Column, NDArray[np.float64]]:
    """The column that is learned in the place of a larger one, and its numbers [N]."""
    numbers = values[larger.name].astype(np.float64) - above.base(values)
    decimals = larger.decimals if _is_exact(larger) else None
    if decimals is not None:
        numbers = np.round(numbers, decimals)
    return Column(above.difference, decimals=decimals, hidden=True), np.maximum(numbers, 0)


def _is_exact(column: Column) -> bool:
    return column.decimals is not None and column.decimals <= _MOST_DECIMALS


def name_difference(larger: str, below: Sequence[str], taken: Sequence[str]) -> str:
    """A name for it, which no other column has."""
    several = len(below) > 1
    name = f"{larger} - " + (f"max({', '.join(below)})" if several else below[0])
    while name in taken:
        name += "'"
    return name
