"""Reading an expression: its text becomes a condition, an equation or a functional dependency.

constraint   names "->" name  |  condition
condition    conjunction ("or" conjunction)*
conjunction  negation ("and" negation)*
negation     "not" negation  |  comparison
comparison   sum (order sum)*  |  sum ["not"] "in" "(" value ("," value)* ")"
             |  sum "is" ["not"] "missing"
sum          product (("+" | "-") product)*
product      factor (("*" | "/") factor)*
factor       "-" factor  |  number  |  'text'  |  name  |  "(" condition ")"
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from gan_runner.data.column import Column
from gan_runner.data.expressions.constraints import Condition, Constraint, Dependency, Equation
from gan_runner.data.expressions.formulas import (
    And,
    Arithmetic,
    CategoryChoice,
    Constant,
    Formula,
    MissingTest,
    Negative,
    Not,
    NumberChoice,
    NumberComparison,
    NumericColumn,
    Operation,
    Or,
    Order,
)
from gan_runner.data.expressions.meanings import (
    MIRRORED,
    CategoryColumn,
    Part,
    Text,
    as_formula,
    as_term,
    category,
    compare,
    constant,
    remedy_for_name,
)
from gan_runner.data.expressions.tokens import Source, Span, Token, tokenize
from gan_runner.errors import ConfigError, printable

_DEEPEST = 40  # parentheses and the like within each other


def parse_condition(text: str, columns: Sequence[Column], *, setting: str) -> Condition:
    """The condition that a text means for these columns.

    `setting`: that, or the option, whose value the text is, for messages. Raises ConfigError for
    what isn't a condition, with the place in the text.
    """
    source = Source(text, setting)
    parser = _Parser(source, tokenize(source), columns)
    formula = parser.formula()
    parser.end()
    return Condition(formula)


def parse_constraint(text: str, columns: Sequence[Column], *, setting: str) -> Constraint:
    """The constraint that a text means for these columns: a condition, a numeric column that equals
    an expression of others, or a functional dependency. `setting` and errors as of
    `parse_condition`."""
    source = Source(text, setting)
    tokens = tokenize(source)
    parser = _Parser(source, tokens, columns)
    if any(token.kind == "sign" and token.text == "->" for token in tokens):
        dependency = parser.dependency()
        parser.end()
        return dependency
    formula = parser.formula()
    parser.end()
    return _equation(formula) or Condition(formula)


def _equation(formula: Formula) -> Equation | None:
    """`column = expression`, or the same the other way round; None for another formula."""
    if not isinstance(formula, NumberComparison) or formula.order != "=":
        return None
    for left, right in (formula.left, formula.right), (formula.right, formula.left):
        if isinstance(left, NumericColumn) and set(right.columns) - set(left.columns):
            return Equation(left, right)
    return None


class _Parser:
    """Reads tokens from the left to the right, by a method for each rule of the grammar."""

    def __init__(self, source: Source, tokens: list[Token], columns: Sequence[Column]) -> None:
        self._source = source
        self._tokens = tokens
        self._columns = {column.name: column for column in columns}
        self._place = 0
        self._depth = 0

    def formula(self) -> Formula:
        """A condition. Raises ConfigError for another part."""
        return as_formula(self._source, self._condition())

    def dependency(self) -> Dependency:
        """A functional dependency. Raises ConfigError."""
        determining = [self._column_name()]
        while self._take("sign", ","):
            determining.append(self._column_name())
        if not self._take("sign", "->"):
            raise self._unexpected("a comma or ->")
        determined, span = self._column_name()
        names = [column.name for column, _ in determining]
        if determined.name in names or len(set(names)) < len(names):
            raise self._fault("a column that stands twice", "Name each once.", span)
        return Dependency(tuple(column for column, _ in determining), determined)

    def end(self) -> None:
        """Raise ConfigError where there is more."""
        if self._next.kind != "end":
            raise self._unexpected("and, or, or the end")

    # ---------------------------------------------------------------- rules

    def _condition(self) -> Part:
        parts = [self._conjunction()]
        while self._take("keyword", "or"):
            parts.append(self._conjunction())
        if len(parts) == 1:
            return parts[0]
        formulas = tuple(as_formula(self._source, part) for part in parts)
        flat = (f.parts if isinstance(f, Or) else (f,) for f in formulas)
        return Part(Or(tuple(f for each in flat for f in each)), _whole(parts))

    def _conjunction(self) -> Part:
        parts = [self._negation()]
        while self._take("keyword", "and"):
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else self._conjoin(parts)

    def _conjoin(self, parts: Sequence[Part]) -> Part:
        formulas = tuple(as_formula(self._source, part) for part in parts)
        flat = (f.parts if isinstance(f, And) else (f,) for f in formulas)
        return Part(And(tuple(f for each in flat for f in each)), _whole(parts))

    def _negation(self) -> Part:
        start = self._next.span
        if not self._take("keyword", "not"):
            return self._comparison()
        self._go_deeper(start)
        of = self._negation()
        self._depth -= 1
        return Part(Not(as_formula(self._source, of)), start.to(of.span))

    def _comparison(self) -> Part:
        left = self._sum()
        if self._next.kind == "keyword" and self._next.text in ("in", "not"):
            negated = self._take("keyword", "not")
            if not self._take("keyword", "in"):
                raise self._unexpected("in")
            return self._choice(left, negated=negated)
        if self._take("keyword", "is"):
            return self._missing_test(left)
        compared = []
        while self._next.kind == "sign" and self._next.text in (*MIRRORED, "=="):
            sign = self._advance()
            order = cast(Order, "=" if sign.text == "==" else sign.text)
            right = self._sum()
            compared.append(compare(self._source, left, order, sign.span, right))
            left = right
        if not compared:
            return left
        return compared[0] if len(compared) == 1 else self._conjoin(compared)

    def _choice(self, left: Part, *, negated: bool) -> Part:
        """The rest of `left in ('a', 'b')`."""
        if not self._take("sign", "("):
            raise self._unexpected("( and values, as in ('a', 'b')")
        values = [self._sum()]
        while self._take("sign", ","):
            values.append(self._sum())
        end = self._next.span
        if not self._take("sign", ")"):
            raise self._unexpected("a comma or )")
        span = left.span.to(end)
        if isinstance(left.of, CategoryColumn):
            names = tuple(category(self._source, left.of.column, value) for value in values)
            return Part(CategoryChoice(left.of.column, names, negated), span)
        term = as_term(self._source, left, values[0])
        if not term.columns:
            raise self._fault("a choice of no column", "Name a column before in.", span)
        found = [constant(self._source, value, left) for value in values]
        numbers = tuple(float(each.numbers({})) for each in found)
        texts = tuple(each.text for each in found) if term.dates else ()
        return Part(NumberChoice(term, numbers, negated, texts), span)

    def _missing_test(self, left: Part) -> Part:
        """The rest of `left is not missing`."""
        negated = self._take("keyword", "not")
        end = self._next
        if end.kind != "name" or end.quoted or end.text.lower() != "missing":
            raise self._unexpected("missing or not missing")
        self._advance()
        span = left.span.to(end.span)
        if isinstance(left.of, CategoryColumn | NumericColumn):
            return Part(MissingTest(left.of.column, negated), span)
        raise self._fault("a missing value of no column", "Name a column before is.", left.span)

    def _sum(self) -> Part:
        parts, signs = [self._product()], list[Operation]()
        while self._next.kind == "sign" and self._next.text in ("+", "-"):
            signs.append(cast(Operation, self._advance().text))
            parts.append(self._product())
        return self._calculate(parts, signs)

    def _product(self) -> Part:
        parts, signs = [self._factor()], list[Operation]()
        while self._next.kind == "sign" and self._next.text in ("*", "/"):
            signs.append(cast(Operation, self._advance().text))
            parts.append(self._factor())
        return self._calculate(parts, signs)

    def _calculate(self, parts: Sequence[Part], signs: Sequence[Operation]) -> Part:
        if not signs:
            return parts[0]
        first, *rest = (as_term(self._source, part, None) for part in parts)
        return Part(Arithmetic(first, tuple(zip(signs, rest, strict=True))), _whole(parts))

    def _factor(self) -> Part:
        token = self._next
        if self._take("sign", "-"):
            self._go_deeper(token.span)
            of = self._factor()
            self._depth -= 1
            span = token.span.to(of.span)
            term = as_term(self._source, of, None)
            negative = Constant(-term.number) if isinstance(term, Constant) else Negative(term)
            return Part(negative, span)
        if self._take("sign", "("):
            self._go_deeper(token.span)
            inner = self._condition()
            end = self._next.span
            if not self._take("sign", ")"):
                raise self._unexpected(")")
            self._depth -= 1
            return Part(inner.of, token.span.to(end))
        if token.kind == "number":
            return Part(Constant(float(self._advance().text)), token.span)
        if token.kind == "text":
            return Part(Text(self._advance().text), token.span)
        if token.kind != "name":
            raise self._unexpected("a column, a number or a text in single quotes")
        column, span = self._column_name()
        of_column = CategoryColumn(column) if column.categories else NumericColumn(column)
        return Part(of_column, span)

    def _column_name(self) -> tuple[Column, Span]:
        """The column of the next name. Raises ConfigError where there is none, or no such one."""
        token = self._next
        if token.kind != "name":
            raise self._unexpected("the name of a column")
        self._advance()
        if token.text in self._columns:
            return self._columns[token.text], token.span
        raise self._fault("no such column", remedy_for_name(token, self._columns), token.span)

    # ---------------------------------------------------------------- tokens

    @property
    def _next(self) -> Token:
        return self._tokens[self._place]

    def _advance(self) -> Token:
        token = self._next
        self._place += 1
        return token

    def _take(self, kind: str, text: str) -> bool:
        """Go past the next token, if it is this one."""
        if (self._next.kind, self._next.text) != (kind, text):
            return False
        self._place += 1
        return True

    def _go_deeper(self, span: Span) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            what = f"more than {_DEEPEST} parts within each other"
            raise self._fault(what, "Write a simpler expression.", span)

    def _fault(self, what: str, remedy: str, span: Span) -> ConfigError:
        return self._source.fault(what, remedy, span)

    def _unexpected(self, wanted: str) -> ConfigError:
        token = self._next
        if token.kind == "end":
            return self._fault("an expression that isn't complete", f"Add {wanted}", token.span)
        written = printable(self._source.text[slice(*token.span)], 40)
        return self._fault(f"unexpected {written}", f"Expected {wanted}", token.span)


def _whole(parts: Sequence[Part]) -> Span:
    return parts[0].span.to(parts[-1].span)
