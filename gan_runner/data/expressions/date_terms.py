"""Dates in an expression: texts that are dates, and columns of dates in different units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gan_runner.data.column import Column
from gan_runner.data.dates import SECONDS, DateForm
from gan_runner.data.expressions.formulas import Constant, NumericColumn, Term, Values
from gan_runner.data.expressions.tokens import Source, Span, write_name, write_text
from gan_runner.errors import printable

_EXAMPLE, _EXAMPLE_TIME = 18_627 * 86_400, 30_600  # 2020-12-31 and 8:30, in seconds
_EXAMPLE_MONTH = 611  # December 2020


@dataclass(frozen=True)
class DateText(Term):
    """A date that is written out, as a number in the unit of the column beside it."""

    number: float
    written: str

    @property
    def columns(self) -> tuple[str, ...]:
        return ()

    @property
    def text(self) -> str:
        return write_text(self.written)

    def numbers(self, values: Values) -> NDArray[np.float64]:
        return np.array(self.number, np.float64)


@dataclass(frozen=True)
class Seconds(Term):
    """The dates of a column in seconds, beside a column in another unit."""

    column: Column
    length: int

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column.name,)

    @property
    def text(self) -> str:
        return write_name(self.column.name)

    def numbers(self, values: Values) -> NDArray[np.float64]:
        return NumericColumn(self.column).numbers(values) * self.length


def read_date(source: Source, column: Column, text: str, span: Span) -> DateText:
    """A text as a date of a column. Raises ConfigError for what isn't one."""
    assert column.dates is not None, "asked of a column of dates"
    number = column.dates.read(text)
    if number is None:
        what = f"column {printable(column.name)} has dates, and {printable(text)} is none"
        raise source.fault(what, f"Write one as in {_example(column.dates)}", span)
    return DateText(number, text)


def in_one_unit(source: Source, left: Term, right: Term, span: Span) -> tuple[Term, Term]:
    """Two terms that are compared: columns of dates in different units in seconds. Raises
    ConfigError for dates beside numbers, and for units that don't go together."""
    forms = {form.unit if form.has_date else "time" for form in (*left.dates, *right.dates)}
    for one, other in (left, right), (right, left):
        if isinstance(one, NumericColumn) and one.column.dates is not None:
            _refuse_number(source, one.column, other, span)
    if len(forms) < 2:
        return left, right
    if (
        isinstance(left, NumericColumn)
        and isinstance(right, NumericColumn)
        and not forms & {"months", "time"}
    ):
        return _in_seconds(left.column), _in_seconds(right.column)
    what = f"dates that count {' and '.join(sorted(forms))}"
    raise source.fault(what, "Compare two columns of dates with a day, or of one unit.", span)


def _refuse_number(source: Source, column: Column, other: Term, span: Span) -> None:
    """Raise ConfigError for a number, or a column of numbers, beside a column of dates."""
    is_column = isinstance(other, NumericColumn) and other.column.dates is None
    if isinstance(other, Constant) or is_column:
        assert column.dates is not None, "asked of a column of dates"
        what = f"column {printable(column.name)} has dates, not numbers"
        raise source.fault(what, f"Compare it with a date, as in {_example(column.dates)}", span)


def _in_seconds(column: Column) -> Seconds:
    assert column.dates is not None and column.dates.unit != "months", "asked of days and times"
    return Seconds(column, SECONDS[column.dates.unit])


def _example(form: DateForm) -> str:
    """A date in the column's own spelling, and where that is another one in ISO 8601."""
    seconds = _EXAMPLE if form.has_date else _EXAMPLE_TIME
    number = _EXAMPLE_MONTH if form.unit == "months" else seconds / SECONDS[form.unit]
    own = write_text(form.cells(np.array([number]))[0])
    iso = write_text("2020-12" if form.unit == "months" else "2020-12-31")
    return own if not form.has_date or own == iso else f"{own} or {iso}"
