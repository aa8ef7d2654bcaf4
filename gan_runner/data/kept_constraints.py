"""The constraints of a table, kept: columns that others give, and rows that break one.

A column that others give isn't learned: it is computed when rows are written, and so is one that
lies above others, of how far. What can't be computed is checked, so that rows which break it can be
drawn again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

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
from gan_runner.data.ordered_columns import (
    Above,
    Ends,
    Order,
    as_order,
    difference_of,
    find_obstacle,
    name_difference,
    split_orders,
)

SETTING = "dataset.constraints"


@dataclass(frozen=True)
class KeptConstraint:
    """A constraint by its text. `gives`: the column that it computes, if any. `known`: of a
    functional dependency each combination of values that the data have, by column. `low` and
    `high`: the least and the greatest number of the data in a column that an equation gives.
    `above`: how the column is computed that orders give, at the first of these."""

    text: str
    gives: str | None = None
    known: tuple[tuple[str, tuple[float, ...]], ...] = ()
    low: float | None = None
    high: float | None = None
    above: Above | None = None


class Keeping(NamedTuple):
    """How constraints are `kept`, and the columns that are learned for those that lie above others,
    with their values [N], by the names of these. `obstacles`: why an order isn't kept so, by its
    text."""

    kept: tuple[KeptConstraint, ...]
    differences: dict[str, tuple[Column, NDArray[Any]]]
    obstacles: dict[str, str]


def keep_constraints(
    constraints: Sequence[Constraint],
    table: Sequence[tuple[Column, NDArray[Any]]],
    *,
    ends: Mapping[str, Ends] | None = None,
    learned: Mapping[str, str] | None = None,
) -> Keeping:
    """How each of the constraints, which all rows of a table fulfil, is kept. A column is computed
    by the first constraint that gives it, unless it is the label, some of its values are missing,
    or the others are computed of it; by orders, where nothing else gives it.

    `ends`: the bounds of columns that aren't those of the table. `learned`: columns that no order
    is to give, with the reason.
    """
    constraints = tuple(split_orders(constraints))
    values, columns = {c.name: v for c, v in table}, {c.name: c for c, _ in table}
    sources: dict[str, tuple[str, ...]] = {}
    given: list[str | None] = []
    for constraint in constraints:
        gives, others = _given(constraint)
        if gives is not None:
            if _can_be_given(columns[gives], others, columns, values, sources):
                sources[gives] = others
            else:
                gives = None
        given.append(gives)
    orders, obstacles = _find_orders(constraints, values, sources, learned or {})
    above = _find_above(list(orders.values()), columns, values, ends or {})
    kept: list[KeptConstraint] = []
    for constraint, gives in zip(constraints, given, strict=True):
        order = orders.get(constraint.text)
        name = gives if order is None else order.larger.name
        is_first = order is not None and name not in (one.gives for one in kept)
        one = _keep(constraint, name, values)
        kept.append(replace(one, above=above[str(name)]) if is_first else one)
    differences = {n: difference_of(columns[n], each, values) for n, each in above.items()}
    return Keeping(tuple(kept), differences, obstacles)


def _find_orders(
    constraints: Sequence[Constraint],
    values: Values,
    sources: dict[str, tuple[str, ...]],
    learned: Mapping[str, str],
) -> tuple[dict[str, Order], dict[str, str]]:
    """The orders that give their larger column, and why others don't, by their texts. Adds to the
    `sources` of columns."""
    by_others = set(sources)
    orders: dict[str, Order] = {}
    obstacles: dict[str, str] = {}
    for constraint in constraints:
        order = as_order(constraint)
        if order is None or constraint.text in orders:
            continue
        smaller, larger = order.smaller.name, order.larger.name
        obstacle = find_obstacle(order, values) or learned.get(larger, "")
        if larger in by_others:
            obstacle = f"another constraint gives {larger}"
        elif _needs(smaller, larger, sources):
            obstacle = f"{smaller} is computed of {larger}"
        if obstacle:
            obstacles[constraint.text] = obstacle
        else:
            sources[larger] = (*sources.get(larger, ()), smaller)
            orders[constraint.text] = order
    return orders, obstacles


def _find_above(
    orders: Sequence[Order],
    columns: Mapping[str, Column],
    values: Values,
    ends: Mapping[str, Ends],
) -> dict[str, Above]:
    """How each column is computed that orders give."""
    below: dict[str, dict[str, float]] = {}
    for order in orders:
        steps = below.setdefault(order.larger.name, {})
        steps[order.smaller.name] = max(order.step, steps.get(order.smaller.name, 0.0))
    found: dict[str, Above] = {}
    for name, steps in below.items():
        taken = (*columns, *(each.difference for each in found.values()))
        difference = name_difference(name, list(steps), taken)
        low, high = ends.get(name, (float(values[name].min()), float(values[name].max())))
        found[name] = Above(difference, tuple(steps.items()), low, high)
    return found


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
    if gives is None or isinstance(constraint, Condition):
        return KeptConstraint(constraint.text, gives)
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
        shown = [column for column in columns if not column.hidden]
        self._kept = [(one, parse_constraint(one.text, shown, setting=SETTING)) for one in kept]

    @cached_property
    def may_break(self) -> bool:
        """Whether rows may break a constraint: one that isn't an order that gives a column, or
        computed of a single column."""
        return any(
            each.gives is None or not (isinstance(constraint, Condition) or len(each.known) == 2)
            for each, constraint in self._kept
        )

    def complete(self, values: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """The values [N] of the columns with those that others give."""
        found = dict(values)
        waiting = [pair for pair in self._kept if _gives(*pair)]
        while waiting:
            ready = [pair for pair in waiting if set(_needed(*pair)) <= found.keys()]
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


def _gives(kept: KeptConstraint, constraint: Constraint) -> bool:
    """Whether a column is computed by a constraint itself, and not by another one of its orders."""
    is_order = isinstance(constraint, Condition)
    return kept.gives is not None and (kept.above is not None or not is_order)


def _needed(kept: KeptConstraint, constraint: Constraint) -> tuple[str, ...]:
    """The columns that a column is computed of."""
    return kept.above.needs if kept.above is not None else _given(constraint)[1]


def _compute(
    kept: KeptConstraint, constraint: Constraint, column: Column, values: Values
) -> NDArray[Any]:
    if kept.above is not None:
        return _in_type(column, kept.above.compute(values))
    if isinstance(constraint, Dependency):
        results, _ = _function(kept, constraint).apply(values)
        return _in_type(column, results)
    assert isinstance(constraint, Equation), "conditions give nothing"
    return _in_type(column, np.asarray(constraint.right.numbers(values), np.float64))


def _in_type(column: Column, values: NDArray[Any]) -> NDArray[Any]:
    if column.categories:
        return values.astype(np.int64)
    if column.decimals is None:
        return values if values.dtype == np.float32 else values.astype(np.float64)
    rounded = np.round(values.astype(np.float64), column.decimals) + 0.0
    if column.decimals == 0:
        return rounded.astype(np.int64)
    # as the columns beside it, with which it can be compared then
    return rounded.astype(np.float32) if values.dtype == np.float32 else rounded


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
