"""Constraints are checked in the rows of a table, and rules that were found are offered."""

from __future__ import annotations

import shlex

import numpy as np
import pytest

from gan_runner.cli.hydra.command_line import read_command_line
from gan_runner.data import Column, Constraint, Decision, RulesFound, find_rules, parse_constraint
from gan_runner.datasets.table_constraints import check_constraints, offer_rules
from gan_runner.errors import DataError

START, END = Column("start", decimals=0), Column("end (h)", decimals=1)
CITY, STATE = Column("city", ("Bonn", "Kiel", "")), Column("state", ("NW", "SH"))
TABLE = [
    (START, np.array([1.0, 5.0, 3.0, np.nan, 9.0, 9.0, 9.0, 9.0, 9.0])),
    (END, np.array([2.0, 4.5, 3.0, 1.0, 8.0, 8.0, 8.0, 8.0, 8.0])),
    (CITY, np.array([0, 1, 0, 2, 1, 1, 1, 1, 0])),
    (STATE, np.array([0, 1, 0, 0, 1, 1, 1, 1, 1])),
]
LINES = [2, 3, 5, 6, 7, 8, 9, 10, 11]


def parsed(*written: str) -> list[Constraint]:
    columns = [column for column, _ in TABLE]
    return [parse_constraint(text, columns, setting="dataset.constraints") for text in written]


def typed(decision: Decision) -> list[str]:
    """The constraints that the setting in a remedy has, as Hydra reads them from a shell."""
    words = [w for w in shlex.split(decision.remedy) if w.startswith("dataset.constraints=")]
    (override,) = read_command_line(words).overrides
    value = override.value()
    assert isinstance(value, list)
    return [str(each) for each in value]


def test_rows_that_keep_the_constraints_pass() -> None:
    check_constraints(parsed("start > 0", "start is missing or start < 10"), TABLE, LINES)
    check_constraints([], TABLE, LINES)


def test_a_broken_constraint_is_named_with_its_rows_their_lines_and_values() -> None:
    with pytest.raises(DataError) as caught:
        check_constraints(parsed('start <= "end (h)"'), TABLE, LINES)
    assert str(caught.value) == (
        "6 of 9 rows break a constraint, "
        """'dataset.constraints=["start <= \\"end (h)\\""]'. """
        "Lines 3, 7, 8, 9, 10 and 1 more; in the first start=5, end (h)=4.5. "
        "Correct them, or remove the constraint."
    )


def test_a_broken_dependency_shows_the_row_that_differs() -> None:
    with pytest.raises(DataError, match=r"1 of 9 rows.*Line 11; in the first city=Bonn, state=SH"):
        check_constraints(parsed("city -> state"), TABLE, LINES)


def test_every_broken_constraint_is_named() -> None:
    texts = [f"start < {number}" for number in range(12)]
    with pytest.raises(DataError) as caught:
        check_constraints(parsed("start > 0", *texts), TABLE, LINES)
    first, *others = str(caught.value).split("\n")
    assert first.startswith("8 of 9 rows break a constraint, 'dataset.constraints=[\"start < 0\"]'")
    assert others[0] == "    8 rows also break start < 1"
    assert others[-1] == "    and 2 more constraints"
    assert len(others) < 11


def test_missing_values_are_shown_by_their_name() -> None:
    with pytest.raises(DataError, match="in the first start=missing, city=missing"):
        check_constraints(parsed("start is not missing or city is not missing"), TABLE, LINES)


def test_rules_that_were_found_are_offered_with_a_setting_to_paste() -> None:
    rng = np.random.default_rng(0)
    start, code = rng.uniform(0, 9, 500), rng.integers(0, 5, 500)
    table = [
        (Column('the "start"'), start),
        (Column("end (h)"), start + rng.uniform(0, 5, 500)),
        (Column("it's", tuple("abcde")), code),
        (Column("half", tuple("abc")), code // 2),
    ]
    found = find_rules(table)
    (decision,) = offer_rules(found, [])
    assert not decision.doubtful
    assert decision.text.startswith('rules that hold in all rows: "it\'s" -> half; ')
    columns = [column for column, _ in table]
    again = [parse_constraint(text, columns, setting="x") for text in typed(decision)]
    assert tuple(again) == found.rules and len(again) == 2


def test_constraints_that_are_set_already_are_not_offered_and_stay() -> None:
    rules = tuple(parsed("city -> state", "start > 0"))
    (decision,) = offer_rules(RulesFound(rules, 4, 4), parsed("start > 0", "start < 10"))
    assert decision.text == "rules that hold in all rows: city -> state"
    assert typed(decision) == ["start > 0", "start < 10", "city -> state"]
    assert list(offer_rules(RulesFound(rules, 4, 4), parsed(*(rule.text for rule in rules)))) == []


def test_many_rules_are_offered_as_far_as_they_can_be_pasted() -> None:
    column = Column("x" * 40)
    rules = [parse_constraint(f"{column.name} < {n}", [column], setting="x") for n in range(50)]
    (decision,) = offer_rules(RulesFound(tuple(rules), 1, 1), [])
    offered = typed(decision)
    assert offered == [rule.text for rule in rules[: len(offered)]]
    assert 5 < len(offered) < 50 and f"and {50 - len(offered)} more" in decision.text


def test_names_that_hydra_would_change_are_not_offered() -> None:
    rules = [
        parse_constraint('"${oc.env:HOME}" < 3', [Column("${oc.env:HOME}")], setting="x"),
        parse_constraint('"a\tb" < 3', [Column("a\tb")], setting="x"),
    ]
    assert list(offer_rules(RulesFound(tuple(rules), 2, 2), [])) == []


def test_a_wide_table_says_how_many_columns_were_searched() -> None:
    (decision,) = offer_rules(RulesFound((), 100, 5000), [])
    assert decision.text == "rules were searched among the first 100 of 5000 columns"
