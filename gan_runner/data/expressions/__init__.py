"""Expressions over the columns of a table: conditions, and constraints that hold in every row."""

from gan_runner.data.expressions.constraints import (
    Condition,
    Constraint,
    Dependency,
    Equation,
    Function,
    equalities,
    fixed_categories,
)
from gan_runner.data.expressions.formulas import Mask, Values
from gan_runner.data.expressions.parser import parse_condition, parse_constraint

__all__ = [
    "Condition",
    "Constraint",
    "Dependency",
    "Equation",
    "Function",
    "Mask",
    "Values",
    "equalities",
    "fixed_categories",
    "parse_condition",
    "parse_constraint",
]
