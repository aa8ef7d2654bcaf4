"""What holds in every row of a table: conditions, equations and functional dependencies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gan_runner.data.column import Column
from gan_runner.data.expressions.formulas import (
    And,
    CategoryChoice,
    Formula,
    Mask,
    NumericColumn,
    Term,
    Values,
    is_missing,
)
from gan_runner.data.expressions.tokens import write_name

_FLOAT32_DIGITS = 1e-6  # of a column without a fixed number of decimals, relative
_ROUNDING = 1e-12  # of sums in float64, relative


@dataclass(frozen=True)
class Condition:
    """What is true or false in each row, such as `20 <= age < 30 and sex = 'Female'`."""

    formula: Formula

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns, each once, in order."""
        return self.formula.columns

    @property
    def text(self) -> str:
        """Its text in the one spelling."""
        return self.formula.text

    def holds(self, values: Values) -> Mask:
        """The rows, bool [N], in which it is true: none in which a missing value decides."""
        return self.formula.truth(values).true

    def violations(self, values: Values) -> Mask:
        """The rows, bool [N], in which it is false: none in which a missing value decides, as with
        CHECK of SQL."""
        return self.formula.truth(values).false


@dataclass(frozen=True)
class Equation:
    """A numeric column that others give, such as `total = a + b`."""

    left: NumericColumn
    right: Term

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns, each once, in order."""
        return tuple(dict.fromkeys(self.left.columns + self.right.columns))

    @property
    def text(self) -> str:
        """Its text in the one spelling."""
        return f"{self.left.text} = {self.right.text}"

    def violations(self, values: Values) -> Mask:
        """The rows, bool [N], in which the sides differ by more than half a unit of the last
        decimal of the left column, of a column without decimals by a millionth; none in which a
        number is missing."""
        left, right = self.left.numbers(values), self.right.numbers(values)
        size = np.maximum(np.abs(left), np.abs(right))
        decimals = self.left.column.decimals
        tolerance = _FLOAT32_DIGITS * size if decimals is None else 0.5 * 10.0**-decimals
        return np.asarray(np.abs(left - right) > tolerance + _ROUNDING * size, np.bool_)


@dataclass(frozen=True)
class Dependency:
    """A column that is a function of others, such as `city -> state`."""

    determining: tuple[Column, ...]
    determined: Column

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns, in order."""
        return (*(column.name for column in self.determining), self.determined.name)

    @property
    def text(self) -> str:
        """Its text in the one spelling."""
        names = ", ".join(write_name(column.name) for column in self.determining)
        return f"{names} -> {write_name(self.determined.name)}"

    def violations(self, values: Values) -> Mask:
        """The rows, bool [N], that contradict others: of those with the same determining values,
        the ones without the most frequent determined value, of equally frequent ones the first.
        None in which a value is missing."""
        return Function.of(self, values).violations(values)


class Step(NamedTuple):
    """How a determining column makes the place of a combination: its `values`, sorted, and the
    `pairs` of the place so far and the place of the value, sorted, as int64 numbers."""

    values: NDArray[Any]
    pairs: NDArray[np.int64]


@dataclass(frozen=True)
class Function:
    """The function that a dependency is in some rows.

    `steps`: one for each determining column; `results` [K]: the determined value of each
    combination of their values.
    """

    dependency: Dependency
    steps: tuple[Step, ...]
    results: NDArray[Any]

    @classmethod
    def of(cls, dependency: Dependency, values: Values) -> Function:
        """The function that most rows agree with."""
        complete = _is_complete(dependency, values)
        steps, keys = [], np.zeros(np.count_nonzero(complete), np.int64)
        for column in dependency.determining:
            known, places = np.unique(values[column.name][complete], return_inverse=True)
            pairs, keys = np.unique(keys * len(known) + places, return_inverse=True)
            steps.append(Step(known, pairs))
        determined = values[dependency.determined.name][complete]
        return cls(dependency, tuple(steps), _most_frequent(keys, determined))

    def apply(self, values: Values) -> tuple[NDArray[Any], Mask]:
        """The determined value [N] of each row, and whether its determining values are known."""
        columns = [values[column.name] for column in self.dependency.determining]
        keys, is_known = np.zeros(len(columns[0]), np.int64), np.ones(len(columns[0]), np.bool_)
        if not len(self.results):
            return np.zeros(len(keys), self.results.dtype), ~is_known
        for step, column in zip(self.steps, columns, strict=True):
            places, is_value = _find(step.values, column)
            keys, is_pair = _find(step.pairs, keys * len(step.values) + places)
            is_known &= is_value & is_pair
        return self.results[keys], is_known

    def violations(self, values: Values) -> Mask:
        """The rows, bool [N], with another determined value; none in which a value is missing, or
        with determining values that the function doesn't know."""
        results, is_known = self.apply(values)
        agrees = np.asarray(values[self.dependency.determined.name] == results, np.bool_)
        return is_known & ~agrees & _is_complete(self.dependency, values)


def _is_complete(dependency: Dependency, values: Values) -> Mask:
    """The rows, bool [N], in which no value of a dependency is missing."""
    columns = (*dependency.determining, dependency.determined)
    incomplete = np.logical_or.reduce([is_missing(column, values) for column in columns])
    return np.asarray(~incomplete, np.bool_)


def _most_frequent(keys: NDArray[np.int64], values: NDArray[Any]) -> NDArray[Any]:
    """For each key, 0 to K - 1, the most frequent of its values [N], of equally frequent ones the
    one that comes first."""
    different, places = np.unique(values, return_inverse=True)
    pairs = keys * len(different) + places
    _, first, counts = np.unique(pairs, return_index=True, return_counts=True)
    order = np.lexsort((first, -counts, keys[first]))
    best = first[order][np.unique(keys[first][order], return_index=True)[1]]
    chosen: NDArray[Any] = values[best]
    return chosen


def _find(known: NDArray[Any], wanted: NDArray[Any]) -> tuple[NDArray[np.int64], Mask]:
    """The places [N] of values among sorted ones, of which there are some, and whether they are
    there."""
    places = np.searchsorted(known, wanted).clip(max=len(known) - 1)
    return places, np.asarray(known[places] == wanted, np.bool_)


Constraint = Condition | Equation | Dependency


def fixed_categories(condition: Condition) -> dict[str, str]:
    """The categories, by their columns, that every row has in which a condition is true, as far as
    it is a conjunction that says so."""
    fixed: dict[str, str] = {}
    for part in _conjuncts(condition.formula):
        if (found := _equality(part)) is not None:
            fixed.setdefault(*found)
    return fixed


def equalities(condition: Condition) -> dict[str, str] | None:
    """The categories, by their columns, that a condition says and nothing else; None for one that
    isn't a plain conjunction of equalities, or contradicts itself."""
    fixed = fixed_categories(condition)
    found = [_equality(part) for part in _conjuncts(condition.formula)]
    is_plain = all(each is not None and fixed[each[0]] == each[1] for each in found)
    return fixed if is_plain else None


def _conjuncts(formula: Formula) -> tuple[Formula, ...]:
    return formula.parts if isinstance(formula, And) else (formula,)


def _equality(formula: Formula) -> tuple[str, str] | None:
    """The column and the category of `column = 'category'`; None for another formula."""
    if isinstance(formula, CategoryChoice) and not formula.negated and len(formula.categories) == 1:
        return formula.column.name, formula.categories[0]
    return None
