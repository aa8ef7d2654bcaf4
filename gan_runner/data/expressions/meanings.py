"""The meanings of the parts of an expression: which can be compared, calculated with and joined.

Each function raises ConfigError for parts that don't go together, with their place in the text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from gan_runner.data.column import Column
from gan_runner.data.expressions.date_terms import in_one_unit, read_date
from gan_runner.data.expressions.formulas import (
    MISSING,
    CategoryChoice,
    CategoryComparison,
    Formula,
    NumberComparison,
    NumericColumn,
    Order,
    Term,
)
from gan_runner.data.expressions.tokens import Source, Span, Token, write_name, write_text
from gan_runner.errors import did_you_mean, printable

_LISTED = 12  # categories in a message

MIRRORED: dict[Order, Order] = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!="}
"""Each order as it is with the sides exchanged."""


class CategoryColumn(NamedTuple):
    """The categories of a column, which aren't numbers."""

    column: Column


class Text(NamedTuple):
    """A text in single quotes."""

    text: str


class Part(NamedTuple):
    """A part of an expression, and where it stands."""

    of: Term | Formula | CategoryColumn | Text
    span: Span


def compare(source: Source, left: Part, order: Order, sign: Span, right: Part) -> Part:
    """A comparison of two parts. Raises ConfigError for what can't be compared."""
    span = left.span.to(right.span)
    if isinstance(right.of, CategoryColumn) and not isinstance(left.of, CategoryColumn):
        left, order, right = right, MIRRORED[order], left
    if isinstance(left.of, CategoryColumn):
        if order not in ("=", "!="):
            raise source.fault("categories have no order", "Use =, != or in ('a', 'b')", sign)
        negated = order == "!="
        if isinstance(right.of, CategoryColumn):
            return Part(CategoryComparison(left.of.column, right.of.column, negated), span)
        name = category(source, left.of.column, right)
        return Part(CategoryChoice(left.of.column, (name,), negated), span)
    terms = as_term(source, left, right), as_term(source, right, left)
    if not (terms[0].columns or terms[1].columns):
        raise source.fault("a comparison of no column", "Name a column in it.", span)
    one, other = in_one_unit(source, *terms, span)
    return Part(NumberComparison(one, order, other), span)


def category(source: Source, column: Column, part: Part) -> str:
    """A text as a category of a column. Raises ConfigError for what isn't one."""
    shown = printable(column.name)
    if isinstance(part.of, Text):
        if part.of.text == MISSING:
            remedy = f"Write {write_name(column.name)} is missing"
            raise source.fault("a text without letters", remedy, part.span)
        if part.of.text in column.categories:
            return part.of.text
        remedy = _nearest(part.of.text, column.categories)
        raise source.fault(f"no such category of column {shown}", remedy, part.span)
    written = source.text[slice(*part.span)]
    remedy = f"Compare it with a text, as in {_example(column)}"
    if written in column.categories:
        remedy = f"Write it in single quotes: {write_text(written)}"
    raise source.fault(f"column {shown} has categories, not numbers", remedy, part.span)


def as_term(source: Source, part: Part, other: Part | None) -> Term:
    """A part as a number; `other`: that it is compared with. Raises ConfigError."""
    if isinstance(part.of, Term):
        return part.of
    if isinstance(part.of, CategoryColumn):
        what = f"column {printable(part.of.column.name)} has categories, not numbers"
        raise source.fault(what, f"Compare it, as in {_example(part.of.column)}", part.span)
    if isinstance(part.of, Formula):
        remedy = "Join conditions with and, or"
        raise source.fault("a condition in the place of a number", remedy, part.span)
    if other is not None and isinstance(other.of, NumericColumn) and other.of.column.dates:
        return read_date(source, other.of.column, part.of.text.strip(), part.span)
    what = "a text in the place of a number"
    if other is not None and isinstance(other.of, NumericColumn):
        what = f"column {printable(other.of.column.name)} has numbers, not texts"
    text = part.of.text.strip()
    is_number = bool(text) and text.lstrip("+-").replace(".", "", 1).isdecimal()
    remedy = f"Write {text} without quotes." if is_number else "Compare it with a number."
    raise source.fault(what, remedy, part.span)


def constant(source: Source, part: Part, other: Part) -> Term:
    """The number or the date that a part is. Raises ConfigError for an expression of columns."""
    term = as_term(source, part, other)
    if term.columns:
        raise source.fault("a column within in (...)", "List numbers there.", part.span)
    of = other.of
    return in_one_unit(source, of, term, part.span)[1] if isinstance(of, Term) else term


def as_formula(source: Source, part: Part) -> Formula:
    """A part as a condition. Raises ConfigError."""
    if isinstance(part.of, Formula):
        return part.of
    if isinstance(part.of, CategoryColumn):
        remedy = f"Compare it, as in {_example(part.of.column)}"
    elif isinstance(part.of, NumericColumn):
        remedy = f"Compare it, as in {part.of.text} > 0"
    else:
        remedy = "Compare a column with it."
    raise source.fault("not a condition", remedy, part.span)


def remedy_for_name(token: Token, columns: Mapping[str, Column]) -> str:
    """What may have been meant by a name that no column has."""
    name = token.text
    if any(name in column.categories for column in columns.values()):
        return f"If it is a text, write it in single quotes: {write_text(name)}"
    before, minus, after = name.partition("-")
    if minus and {before, after} <= {*columns} and not token.quoted:
        return f"If it is a difference, write spaces: {before} - {after}"
    longer = [each for each in columns if each.startswith(f"{name} ")]
    if longer and not token.quoted:
        return f"A name with spaces has double quotes: {write_name(longer[0])}"
    return did_you_mean(name, map(printable, columns))


def _example(column: Column) -> str:
    """A comparison of a column with one of its categories."""
    first = next((name for name in column.categories if name != MISSING), "text")
    return f"{write_name(column.name)} = {write_text(first)}"


def _nearest(name: str, categories: Sequence[str]) -> str:
    """The remedy for a category that there isn't: the nearest, or the first ones."""
    known = [category for category in categories if category != MISSING]
    in_lower = {category.lower(): category for category in reversed(known)}
    near = get_close_matches(name.strip().lower(), in_lower, n=3, cutoff=0.6)
    if near:
        *others, last = [printable(write_text(in_lower[each]), 60) for each in near]
        return f"Did you mean {', '.join(others)}{' or ' if others else ''}{last}?"
    listed = ", ".join(printable(write_text(each), 60) for each in known[:_LISTED])
    more = f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
    return f"Choose one of: {listed}{more}."
