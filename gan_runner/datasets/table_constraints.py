"""The constraints of a table: checked in its rows, and offered where rules were found in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan_runner.config.overrides import override
from gan_runner.data import Column, Constraint, Decision, RulesFound
from gan_runner.data.kept_constraints import Keeping
from gan_runner.errors import DataError, plural, printable

Lines = Sequence[int] | NDArray[np.int64]

_KEY = "dataset.constraints"
_MOST_LINES = 5  # of a file, in a message
_MOST_BROKEN = 8  # constraints in a message
_LONGEST_OFFER = 600  # characters of a setting that is to be pasted


def check_constraints(
    constraints: Sequence[Constraint],
    table: Sequence[tuple[Column, NDArray[Any]]],
    lines: Lines,
) -> None:
    """Raise DataError where rows break a constraint, with their lines in the file.

    `table`: the columns with their values [N] each; `lines` [N]: where each row stands.
    """
    values = {column.name: each for column, each in table}
    broken = []
    for constraint in constraints:
        rows = np.flatnonzero(constraint.violations(values))
        if len(rows):
            broken.append((constraint, rows))
    if not broken:
        return
    constraint, rows = broken[0]
    others = [f"{len(r)} rows also break {printable(c.text)}" for c, r in broken[1:_MOST_BROKEN]]
    more = len(broken) - _MOST_BROKEN
    others += [f"and {plural(more, 'more constraint')}"] if more > 0 else []
    raise DataError(
        f"{len(rows)} of {plural(len(lines), 'row')} break a constraint, "
        f"{override(_KEY, [constraint.text])}. {_places(rows, lines)}; "
        f"{_row(constraint, table, int(rows[0]))}. Correct them, or remove the constraint."
        + "".join(f"\n    {other}" for other in others)
    )


def _places(rows: NDArray[np.int64], lines: Lines) -> str:
    """The lines of the first rows, and how many more there are."""
    shown = ", ".join(str(lines[row]) for row in rows[:_MOST_LINES].tolist())
    more = len(rows) - _MOST_LINES
    return f"Line{'s' if len(rows) > 1 else ''} {shown}" + (f" and {more} more" * (more > 0))


def _row(constraint: Constraint, table: Sequence[tuple[Column, NDArray[Any]]], row: int) -> str:
    """The values of a row in the columns of a constraint."""
    columns = {column.name: (column, values[row]) for column, values in table}
    cells = (_cell(*columns[name]) for name in constraint.columns)
    pairs = zip(constraint.columns, cells, strict=True)
    return "in the first " + ", ".join(f"{printable(name, 60)}={cell}" for name, cell in pairs)


def _cell(column: Column, value: Any) -> str:
    if column.categories:
        return printable(column.categories[int(value)] or "missing", 60)
    if np.isnan(value):
        return "missing"
    if column.dates is not None:
        return column.dates.cells(np.array([float(value)]))[0]
    return repr(value.item()).removesuffix(".0")


def offer_rules(found: RulesFound, given: Sequence[Constraint]) -> Iterator[Decision]:
    """The rules that were found and aren't constraints yet, with the setting that makes them so;
    and that a wide table wasn't searched whole."""
    known = [constraint.text for constraint in given]
    new = [rule.text for rule in found.rules if rule.text not in known]
    typed = list(_typeable(new, sum(map(len, known))))
    if typed:
        more = f" and {len(new) - len(typed)} more" if len(new) > len(typed) else ""
        yield Decision(
            f"rules that hold in all rows: {'; '.join(typed)}{more}",
            f"Samples keep them with {override(_KEY, [*known, *typed])}",
            doubtful=False,
        )
    if found.compared < found.columns:
        yield Decision(
            f"rules were searched among the first {found.compared} of {found.columns} columns",
            f"Others can be set: {_KEY}",
            doubtful=False,
        )


def note_orders(keeping: Keeping) -> Iterator[Decision]:
    """Which orders are kept by what is learned, and which by drawing rows again, and why."""
    by_order = {one.gives: one.above for one in keeping.kept if one.above is not None}
    for name, above in by_order.items():
        yield Decision(
            f"column {printable(name)} is learned as {printable(above.difference)}, which is never "
            "negative",
            "",
            doubtful=False,
        )
    for text, why in keeping.obstacles.items():
        yield Decision(
            f"rows that break {printable(text)} are drawn again, since {printable(why)}",
            "",
            doubtful=False,
        )


def _typeable(rules: Sequence[str], used: int) -> Iterator[str]:
    """The first rules, as far as a setting can hold them that is typed in a shell."""
    for rule in rules:
        used += len(rule) + 5
        if used > _LONGEST_OFFER:
            return
        if rule.isprintable() and "${" not in rule:  # which Hydra would interpolate
            yield rule
