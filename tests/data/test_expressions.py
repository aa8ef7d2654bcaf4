"""Expressions over a table's columns: what they mean, what they refuse, and where they point."""

from __future__ import annotations

import numpy as np
import pytest

from gan_runner.data import Column
from gan_runner.data.expressions import (
    Condition,
    Dependency,
    Equation,
    Function,
    Values,
    equalities,
    fixed_categories,
    parse_condition,
    parse_constraint,
)
from gan_runner.errors import ConfigError

AGE = Column("age", decimals=0)
SEX = Column("sex", ("", "Female", "Male"))
INCOME = Column("income", ("<=50K", ">50K"))
YEARS = Column("education-num", decimals=0)
WIDTH = Column("petal width (cm)", decimals=1)
PCLASS = Column("pclass", ("1", "2", "3"))
A, B, TOTAL = Column("a", decimals=2), Column("b", decimals=2), Column("total", decimals=2)
FREE = Column("free")
FROM, TO = Column("from", ("Bonn", "Köln", "")), Column("to", ("Essen", "Köln", ""))
COLUMNS = (AGE, SEX, INCOME, YEARS, WIDTH, PCLASS, A, B, TOTAL, FREE, FROM, TO)

NAN = np.nan
ROWS: Values = {
    "age": np.array([20.0, 29.0, 30.0, NAN, 65.0]),
    "sex": np.array([1, 2, 1, 0, 2]),
    "income": np.array([0, 1, 1, 0, 1]),
    "education-num": np.array([9, 13, 10, 10, 16]),  # whole numbers, none of them missing
    "petal width (cm)": np.array([0.1, 0.2, 1.3, 1.7, 2.5], np.float32),
    "pclass": np.array([0, 1, 2, 0, 1]),
    "a": np.array([1.0, 2.0, 3.0, 4.0, NAN]),
    "b": np.array([0.5, 0.0, -1.0, 2.0, 1.0]),
    "total": np.array([1.5, 2.0, 2.01, 6.0, 9.0]),
    "free": np.array([0.1, 0.2, 0.3, 0.4, 0.5]),
    "from": np.array([0, 1, 1, 2, 0]),
    "to": np.array([1, 1, 0, 1, 2]),
}


def condition(text: str) -> Condition:
    return parse_condition(text, COLUMNS, setting="--where")


def constraint(text: str) -> Condition | Equation | Dependency:
    return parse_constraint(text, COLUMNS, setting="dataset.constraints")


def rows(text: str) -> list[int]:
    """The places of the rows in which a condition holds."""
    return np.flatnonzero(condition(text).holds(ROWS)).tolist()


def broken(text: str) -> list[int]:
    """The places of the rows that break a constraint."""
    return np.flatnonzero(constraint(text).violations(ROWS)).tolist()


# ---------------------------------------------------------------- conditions


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("age = 30", [2]),
        ("age == 30", [2]),
        ("age != 30", [0, 1, 4]),
        ("age < 30", [0, 1]),
        ("age <= 30", [0, 1, 2]),
        ("age > 29", [2, 4]),
        ("age >= 29", [1, 2, 4]),
        ("30 > age", [0, 1]),
        ("20 <= age < 30", [0, 1]),
        ("60 >= age > 20", [1, 2]),
        ("age in (20, 65)", [0, 4]),
        ("age not in (20, 65)", [1, 2]),
        ("sex = 'Female'", [0, 2]),
        ("'Female' = sex", [0, 2]),
        ("sex != 'Female'", [1, 4]),
        ("sex in ('Female', 'Male')", [0, 1, 2, 4]),
        ("sex not in ('Female')", [1, 4]),
        ("income = '>50K' and sex = 'Male'", [1, 4]),
        ("income = '<=50K' or age > 60", [0, 3, 4]),
        ("age > 60 or income = '>50K' and sex = 'Female'", [2, 4]),
        ("(age > 60 or income = '>50K') and sex = 'Female'", [2]),
        ("not age < 30", [2, 4]),
        ("NOT age < 30 AND income IN ('>50K')", [2, 4]),
        ("education-num >= 13", [1, 4]),
        ("age - education-num > 20", [4]),
        ("-b * 2 + a / 2 > 2", [2]),
        ("(a + b) * 2 = 3", [0]),
        ("a - b - 1 = -0.5", [0]),
        ('"petal width (cm)" <= 0.2', [0, 1]),
        ("`petal width (cm)` = 1.3", [2]),
        ("pclass = '2'", [1, 4]),
        ("from = to", [1]),
        ("from != to", [0, 2]),
        (".5 < b <= 1e0", [4]),
    ],
)
def test_a_condition_holds_where_its_words_say(text: str, expected: list[int]) -> None:
    assert rows(text) == expected


def test_numbers_are_those_that_are_written_also_where_they_are_held_in_32_bits() -> None:
    assert rows('"petal width (cm)" in (0.1, 1.7)') == [0, 3]
    assert rows('1.3 <= "petal width (cm)" <= 1.7') == [2, 3]


def test_a_comparison_with_a_missing_value_is_neither_true_nor_false() -> None:
    for text in ("age < 30", "age >= 30", "sex = 'Male'", "sex != 'Male'", "age in (20)"):
        assert 3 not in rows(text)
        assert 3 not in rows(f"not ({text})")
        assert 3 not in broken(text)


def test_a_missing_value_that_does_not_decide_changes_nothing() -> None:
    assert 3 in rows("age < 30 or education-num = 10")
    assert 3 in broken("age < 30 and education-num = 11")
    assert 3 not in broken("age < 30 and education-num = 10")


def test_missing_values_are_asked_for_by_their_name() -> None:
    assert rows("age is missing") == rows("sex is missing") == [3]
    assert rows("age is not missing") == [0, 1, 2, 4]
    assert rows("not (sex is missing)") == [0, 1, 2, 4]
    assert rows("education-num is missing or income is missing") == []


def test_a_quotient_by_zero_is_missing() -> None:
    assert rows("a / b > 0 or a / b <= 0") == [0, 2, 3]


def test_rows_are_looked_at_and_not_changed() -> None:
    before = {name: values.copy() for name, values in ROWS.items()}
    rows("-age + 1 < a and sex = 'Male' or \"petal width (cm)\" > 1")
    for name, values in before.items():
        np.testing.assert_array_equal(ROWS[name], values)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  age>30   AND sex=='Male'", "age > 30 and sex = 'Male'"),
        ("20<=age<30", "20 <= age and age < 30"),
        ("'Male' != sex", "sex != 'Male'"),
        ("`petal width (cm)` > 1.50", '"petal width (cm)" > 1.5'),
        ("((age > 3) or (a < 1)) and not (b = 1 or b = 2)",
         "(age > 3 or a < 1) and not (b = 1 or b = 2)"),
        ("(a + b) * -3 - (1 - a) > 2", "(a + b) * -3 - (1 - a) > 2"),
        ("a - (b - 1) / 2 > -(a + 1)", "a - (b - 1) / 2 > -(a + 1)"),
        ("from in ('Köln', 'Bonn')", "from in ('Köln', 'Bonn')"),
        ("not sex is not missing", "not sex is not missing"),
        ("age > 1000000000000000000000", "age > 1e+21"),
    ],
)  # fmt: skip
def test_the_text_of_a_condition_means_the_same(text: str, expected: str) -> None:
    read = condition(text)
    assert read.text == expected
    assert condition(read.text) == read


def test_names_and_texts_with_quotes_within_are_written_with_two() -> None:
    columns = (Column('12" "disk', ("it's", "and")), Column("not"), Column("2020"))
    text = '"12"" ""disk" = \'it\'\'s\' and `not` > 1 and "2020" > 3'
    read = parse_condition(text, columns, setting="--where")
    assert read.columns == ('12" "disk', "not", "2020")
    assert equalities(
        parse_condition(text.split(" and `", maxsplit=1)[0], columns, setting="x")
    ) == {'12" "disk': "it's"}
    assert parse_condition(read.text, columns, setting="--where") == read


def test_names_begin_with_digits_and_hold_dots_and_dashes() -> None:
    columns = tuple(map(Column, ("2nd_floor", "1e5x", "a.b-c", "größe")))
    text = "2nd_floor > 1e5 and 1e5x < 2. and a.b-c - größe = .5"
    read = parse_condition(text, columns, setting="--where")
    assert read.text == "2nd_floor > 100000 and 1e5x < 2 and a.b-c - größe = 0.5"


def test_the_columns_of_a_condition_are_named_once_and_in_order() -> None:
    assert condition("b > 1 and (a < b or sex is missing)").columns == ("b", "a", "sex")


@pytest.mark.parametrize(
    ("text", "marked", "words"),
    [
        ("incom = '>50K'", "incom", ["no such column, --where=", "Did you mean 'income'?"]),
        ("sex = 'Femal'", "'Femal'", ["no such category of column sex", "'Female' or 'Male'"]),
        ("income = 'rich'", "'rich'", ["Choose one of: '<=50K', '>50K'."]),
        ("sex = 1", "1", ["has categories, not numbers", "as in sex = 'Female'"]),
        ("pclass = 1", "1", ["Write it in single quotes: '1'"]),
        ("pclass in ('1', 2)", "2", ["Write it in single quotes: '2'"]),
        ("sex < 'Male'", "<", ["categories have no order", "in ('a', 'b')"]),
        ("from <= to", "<=", ["categories have no order"]),
        ("age = '30'", "'30'", ["column age has numbers, not texts", "Write 30 without quotes"]),
        ("age in (20, 'x')", "'x'", ["has numbers, not texts", "Compare it with a number"]),
        ("sex = Female", "Female", ["write it in single quotes: 'Female'"]),
        ("sex = ''", "''", ["Write sex is missing"]),
        ("a-b > 1", "a-b", ["write spaces: a - b"]),
        ("petal > 1", "petal", ['double quotes: "petal width (cm)"']),
        ("age", "age", ["not a condition", "as in age > 0"]),
        ("sex and age > 3", "sex", ["not a condition", "as in sex = 'Female'"]),
        ("3 < 4", "3 < 4", ["a comparison of no column"]),
        ("3 in (3, 4)", "3 in (3, 4)", ["a choice of no column"]),
        ("a + b is missing", "a + b", ["a missing value of no column"]),
        ("sex + 1 > 3", "sex", ["has categories, not numbers"]),
        ("(age > 3) + 1 > 3", "(age > 3)", ["a condition in the place of a number"]),
        ("age in (a)", "a", ["a column within in (...)"]),
        ("age > 3 age", "age", ["unexpected age", "Expected and, or, or the end"]),
        ("age is mising", "mising", ["Expected missing or not missing"]),
        ("age not 3", "3", ["Expected in"]),
        ("age & 3", "&", ["unknown sign &", "Write and"]),
        ("age > 3 && a > 1", "&&", ["Write and"]),
        ("age <> 3", "<>", ["Write !="]),
        ("age => 3", "=>", ["Write >="]),
        ("age ≥ 3", "≥", ["Write >="]),
        ("!age > 3", "!", ["Write not"]),
        ("age # 3", "#", ["unexpected character #"]),
        ("sex = 'Male", "'Male", ["a ' that isn't closed"]),
        ("age > ", "", ["isn't complete", "Add a column, a number or a text"]),
        ("(age > 3", "", ["isn't complete", "Add )"]),
        ("", "", ["isn't complete"]),
        ("__import__('os')", "__import__", ["no such column"]),
    ],
)  # fmt: skip
def test_a_fault_points_at_its_place_and_says_the_remedy(
    text: str, marked: str, words: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        condition(text)
    message, shown, marks = str(caught.value).split("\n")
    for each in words:
        assert each in message
    assert message.find(f"--where={text}") > 0
    assert shown == f"    {text}"
    begin, end = marks.index("^"), marks.rindex("^") + 1
    assert shown[begin:end].strip() == marked
    if not marked:
        assert begin - 4 == len(text.rstrip())


def test_a_fault_in_a_long_expression_shows_the_part_around_it() -> None:
    with pytest.raises(ConfigError) as caught:
        condition("age > 3 and " * 30 + "agee < 3 and " + "age > 3 and " * 30 + "age > 4")
    _, shown, marks = str(caught.value).split("\n")
    assert len(shown) < 90 and shown.startswith("    ...") and shown.endswith("...")
    assert shown[marks.index("^") : marks.rindex("^") + 1] == "agee"


def test_control_characters_do_not_reach_the_message() -> None:
    with pytest.raises(ConfigError) as caught:
        condition("agee\t<\n3\x1b[31m")
    assert "\x1b" not in str(caught.value) and len(str(caught.value).split("\n")) == 3


@pytest.mark.parametrize(
    "text",
    ["(" * 450 + "age > 3" + ")" * 450, "not " * 500 + "age > 3", "age > " + "- " * 500 + "3"],
)
def test_nesting_without_end_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="more than 40 parts within each other"):
        condition(text)


def test_an_expression_without_end_is_refused() -> None:
    with pytest.raises(ConfigError, match="more than 1000 words and signs"):
        condition(" or ".join(["age > 3"] * 300))
    assert len(condition(" or ".join(["age > 3"] * 200)).holds(ROWS)) == 5


def test_a_sum_of_hundreds_of_parts_is_evaluated() -> None:
    assert rows(" + ".join(["a"] * 400) + " = 400") == [0]


# ---------------------------------------------------------------- categories that are fixed


@pytest.mark.parametrize(
    ("text", "fixed", "plain"),
    [
        ("income = '>50K'", {"income": ">50K"}, True),
        ("income in ('>50K')", {"income": ">50K"}, True),
        ("income='>50K' and (sex='Female')", {"income": ">50K", "sex": "Female"}, True),
        ("income = '>50K' and age > 30", {"income": ">50K"}, False),
        ("income = '>50K' and sex in ('Male', 'Female')", {"income": ">50K"}, False),
        ("sex = 'Male' and sex = 'Female'", {"sex": "Male"}, False),
        ("income != '>50K'", {}, False),
        ("not income = '>50K'", {}, False),
        ("income = '>50K' or sex = 'Female'", {}, False),
        ("age = 30", {}, False),
    ],
)  # fmt: skip
def test_a_conjunction_fixes_the_categories_that_it_names(
    text: str, fixed: dict[str, str], plain: bool
) -> None:
    assert fixed_categories(condition(text)) == fixed
    assert equalities(condition(text)) == (fixed if plain else None)


# ---------------------------------------------------------------- constraints


def test_a_condition_is_broken_where_it_is_false() -> None:
    assert isinstance(constraint("a <= total"), Condition)
    assert broken("a <= total") == [2]
    assert broken("sex != 'Male'") == [1, 4]


def test_an_equation_holds_to_half_a_unit_of_its_last_decimal() -> None:
    assert constraint("total = a + b") == constraint("a + b == total")
    assert isinstance(constraint("total = a + b"), Equation)
    assert constraint("total = a + b").text == "total = a + b"
    assert constraint("total = a + b").columns == ("total", "a", "b")
    assert broken("total = a + b") == [2]
    table = {
        "total": np.array([3.0, 3.0, 3.0]),
        "a": np.array([1.995, 1.9949, 2.0051]),
        "b": np.ones(3),
    }
    assert constraint("total = a + b").violations(table).tolist() == [False, True, True]
    halves = {"petal width (cm)": np.array([1.0]), "a": np.array([1.05])}  # 0.05 in decimals alone
    assert not constraint('"petal width (cm)" = a').violations(halves).any()


def test_an_equation_of_a_column_without_decimals_holds_to_a_millionth() -> None:
    table = {"free": np.array([1e6, 1e6, 1e-6]), "a": np.array([1e6 + 0.5, 1e6 + 3, 2e-6])}
    assert constraint("free = a").violations(table).tolist() == [False, True, True]


def test_an_equation_names_another_column_and_else_is_a_condition() -> None:
    for text in (
        "a = 5",
        "a = a",
        "sex = 'Male'",
        "from = to",
        "a + b = total + 1",
        "a = b or b > 1",
    ):
        assert isinstance(constraint(text), Condition), text


def test_a_dependency_is_broken_where_a_rarer_value_stands() -> None:
    columns = (Column("city", ("Bonn", "Kiel", "Ulm", "")), Column("state", ("NW", "SH", "BW", "")))
    read = parse_constraint("city -> state", columns, setting="x")
    assert isinstance(read, Dependency) and read.columns == ("city", "state")
    assert read.text == "city -> state"
    city = np.array([0, 0, 0, 1, 1, 2, 3, 3, 0])
    state = np.array([1, 0, 0, 2, 1, 2, 0, 1, 3])
    # Kiel has two states, each once: the first counts; neither a missing city nor state breaks it
    found = read.violations({"city": city, "state": state})
    assert np.flatnonzero(found).tolist() == [0, 4]


def test_a_dependency_has_several_determining_columns_and_numbers_too() -> None:
    read = constraint("sex, age -> education-num")
    assert isinstance(read, Dependency)
    assert [column.name for column in read.determining] == ["sex", "age"]
    table = {
        "sex": np.array([1, 1, 2, 2, 1, 1]),
        "age": np.array([20.0, 20.0, 20.0, 30.0, NAN, NAN]),
        "education-num": np.array([1.0, 2.0, 3.0, 3.0, 4.0, 5.0]),
    }
    assert np.flatnonzero(read.violations(table)).tolist() == [1]
    table["education-num"][1] = 1.0
    assert not read.violations(table).any()


def test_a_dependency_of_many_columns_with_many_values_is_exact() -> None:
    rng = np.random.default_rng(0)
    columns = [Column(f"c{place}") for place in range(8)]
    table = {column.name: rng.normal(size=5000) for column in columns}
    table = {name: np.concatenate([each, each]) for name, each in table.items()}
    names = ", ".join(table)
    last = Column("last")
    read = parse_constraint(f"{names} -> last", [*columns, last], setting="x")
    once = rng.normal(size=5000)
    assert not read.violations(table | {"last": np.concatenate([once, once])}).any()
    other = np.concatenate([once, once])
    other[7000] += 1
    assert np.flatnonzero(read.violations(table | {"last": other})).tolist() == [7000]


def test_a_function_that_was_learned_is_compared_with_other_rows() -> None:
    read = constraint("pclass -> income")
    assert isinstance(read, Dependency)
    real = {"pclass": np.array([0, 0, 1, 1, 1]), "income": np.array([1, 1, 0, 0, 1])}
    function = Function.of(read, real)
    samples = {"pclass": np.array([0, 0, 1, 1, 2]), "income": np.array([0, 1, 0, 1, 0])}
    assert function.violations(samples).tolist() == [True, False, False, True, False]
    results, is_known = function.apply(samples)
    assert is_known.tolist() == [True, True, True, True, False]
    assert results[:4].tolist() == [1, 1, 0, 0]


def test_a_dependency_in_rows_without_values_is_not_broken() -> None:
    read = constraint("age -> sex")
    assert isinstance(read, Dependency)
    table = {"age": np.array([NAN, NAN]), "sex": np.array([1, 2])}
    assert read.violations(table).tolist() == [False, False]
    assert read.violations({name: each[:0] for name, each in table.items()}).tolist() == []


@pytest.mark.parametrize(
    ("text", "marked", "words"),
    [
        ("sex ->", "", ["isn't complete", "Add the name of a column"]),
        ("-> sex", "->", ["unexpected ->"]),
        ("sex -> sex", "sex", ["a column that stands twice"]),
        ("sex, sex -> age", "age", ["a column that stands twice"]),
        ("sexx -> age", "sexx", ["no such column", "Did you mean 'sex'?"]),
        ("sex -> age > 3", ">", ["unexpected >"]),
        ("sex age -> a", "age", ["Expected a comma or ->"]),
        ("'sex' -> age", "'sex'", ["Expected the name of a column"]),
    ],
)  # fmt: skip
def test_a_fault_in_a_dependency_points_at_its_place(
    text: str, marked: str, words: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        constraint(text)
    message, shown, marks = str(caught.value).split("\n")
    assert f"dataset.constraints={text}" in message
    for each in words:
        assert each in message
    place = marks.index("^")
    assert shown[place : marks.rindex("^") + 1] == marked
    assert marked == "" or place == shown.rindex(marked)
