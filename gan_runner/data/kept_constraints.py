"""The constraints of a table, kept: columns that others give, and rows that break one.

A column that others give isn't learned: it is computed when rows are written. What can't be
computed is checked, so that rows which break it can be drawn again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan_runner.data.column import Column
from gan_runner.data.expressions import (
    Condition,
    Constraint,
    Dependency,
    Equation,
    Function,
    Mask,
    Values,
    parse_constraint,
)

SETTING = "dataset.constraints"


@dataclass(frozen=True)
class KeptConstraint:
    """A constraint by its text. `gives`: the column that it computes, if any. `known`: of a
    functional dependency each combination of values that the data have, by column. `low` and
    `high`: the least and the greatest number of the data in a column that an equation gives."""

    text: str
    gives: str | None = None
    known: tuple[tuple[str, tuple[float, ...]], ...] = ()
    low: float | None = None
    high: float | None = None


def keep_constraints(
    constraints: Sequence[Constraint], table: Sequence[tuple[Column, NDArray[Any]]]
) -> tuple[KeptConstraint, ...]:
    """How each of the constraints, which all rows of a table fulfil, is kept. A column is computed
    by the first constraint that gives it, unless it is the label, some of its values are missing,
    or the others are computed of it."""
    values, columns = {c.name: v for c, v in table}, {c.name: c for c, _ in table}
    sources: dict[str, tuple[str, ...]] = {}
    kept = []
    for constraint in constraints:
        gives, others = _given(constraint)
        if gives is not None:
            if _can_be_given(columns[gives], others, columns, values, sources):
                sources[gives] = others
            else:
                gives = None
        kept.append(_keep(constraint, gives, values))
    return tuple(kept)


def _given(constraint: Constraint) -> tuple[str | None, tuple[str, ...]]:
    """The column that a constraint gives, and those that give it."""
    if isinstance(constraint, Condition):
        return None, ()
    if isinstance(constraint, Equation):
        return constraint.left.column.name, tuple(dict.fromkeys(constraint.right.columns))
    return constraint.determined.name, tuple(c.name for c in constraint.determining)


def _can_be_given(
    given: Column,
    others: Sequence[str],
    columns: Mapping[str, Column],
    values: Values,
    sources: Mapping[str, tuple[str, ...]],
) -> bool:
    if given.label or given.condition or given.name in sources or given.name in others:
        return False
    if any(_needs(other, given.name, sources) for other in others):
        return False
    return not any(_has_missing(columns[name], values[name]) for name in (given.name, *others))


def _needs(name: str, wanted: str, sources: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether a column is computed of another one, at whatever distance."""
    return any(o == wanted or _needs(o, wanted, sources) for o in sources.get(name, ()))


def _has_missing(column: Column, values: NDArray[Any]) -> bool:
    if column.categories:
        return "" in column.categories
    return bool(np.isnan(values).any())


def _keep(constraint: Constraint, gives: str | None, values: Values) -> KeptConstraint:
    if isinstance(constraint, Dependency):
        return KeptConstraint(constraint.text, gives, _combinations(constraint, values))
    if gives is None:
        return KeptConstraint(constraint.text)
    low, high = float(values[gives].min()), float(values[gives].max())
    return KeptConstraint(constraint.text, gives, low=low, high=high)


def _combinations(
    dependency: Dependency, values: Values
) -> tuple[tuple[str, tuple[float, ...]], ...]:
    """The different combinations of a dependency's values, by column."""
    columns = (*dependency.determining, dependency.determined)
    rows = np.column_stack([np.asarray(values[c.name], np.float64) for c in columns])
    different = np.unique(rows[~np.isnan(rows).any(1)], axis=0)
    return tuple(
        (column.name, tuple(different[:, place].tolist())) for place, column in enumerate(columns)
    )


class Keeper:
    """Completes rows with the columns that constraints give, and finds those that break one."""

    def __init__(self, kept: Sequence[KeptConstraint], columns: Sequence[Column]) -> None:
        self._columns = {column.name: column for column in columns}
        self._kept = [(one, parse_constraint(one.text, columns, setting=SETTING)) for one in kept]

    @cached_property
    def may_break(self) -> bool:
        """Whether rows may break a constraint: one that isn't computed of a single column."""
        return any(each.gives is None or len(each.known) != 2 for each, _ in self._kept)

    def complete(self, values: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """The values [N] of the columns with those that others give."""
        found = dict(values)
        waiting = [(one, constraint) for one, constraint in self._kept if one.gives is not None]
        while waiting:
            ready = [pair for pair in waiting if set(_given(pair[1])[1]) <= found.keys()]
            if not ready:
                break  # rows without the label of a condition lack what it gives
            for one, constraint in ready:
                assert one.gives is not None, "chosen so"
                column = self._columns[one.gives]
                found[column.name] = _compute(one, constraint, column, found)
            waiting = [pair for pair in waiting if pair not in ready]
        return found

    @property
    def texts(self) -> tuple[str, ...]:
        """The constraints."""
        return tuple(one.text for one, _ in self._kept)

    def broken(self, values: Values) -> list[Mask]:
        """Of each constraint the rows, bool [N], that break it; none where one of its columns isn't
        there."""
        return [self.breaks(index, values) for index in range(len(self._kept))]

    def breaks(self, index: int, values: Values) -> Mask:
        """The same of one constraint."""
        one, constraint = self._kept[index]
        if set(constraint.columns) <= values.keys():
            return _breaks(one, constraint, values)
        return np.zeros(len(next(iter(values.values()))), np.bool_)


def _compute(
    kept: KeptConstraint, constraint: Constraint, column: Column, values: Values
) -> NDArray[Any]:
    if isinstance(constraint, Dependency):
        results, _ = _function(kept, constraint).apply(values)
        return _in_type(column, results)
    assert isinstance(constraint, Equation), "conditions give nothing"
    return _in_type(column, np.asarray(constraint.right.numbers(values), np.float64))


def _in_type(column: Column, values: NDArray[Any]) -> NDArray[Any]:
    if column.categories:
        return values.astype(np.int64)
    if column.decimals is None:
        return values.astype(np.float64)
    rounded = np.round(values.astype(np.float64), column.decimals) + 0.0
    return rounded.astype(np.int64) if column.decimals == 0 else rounded


def _function(kept: KeptConstraint, dependency: Dependency) -> Function:
    known = {
        name: np.array(numbers, np.int64 if column.categories else np.float64)
        for (name, numbers), column in zip(
            kept.known, (*dependency.determining, dependency.determined), strict=True
        )
    }
    return Function.of(dependency, known)


def _breaks(kept: KeptConstraint, constraint: Constraint, values: Values) -> Mask:
    if isinstance(constraint, Dependency):
        function = _function(kept, constraint)
        if kept.gives is None:
            return function.violations(values)
        return ~function.apply(values)[1]
    if kept.gives is None or kept.low is None or kept.high is None:
        return constraint.violations(values)
    found = values[kept.gives]
    return np.asarray((found < kept.low) | (found > kept.high), np.bool_)
