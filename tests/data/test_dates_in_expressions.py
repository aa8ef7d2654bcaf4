"""Dates in conditions: texts in the column's spelling or in ISO 8601, and columns in two units."""

from __future__ import annotations

import numpy as np
import pytest

from gan_runner.data import Column
from gan_runner.data.dates import DateForm
from gan_runner.data.expressions import parse_condition, parse_constraint
from gan_runner.errors import ConfigError

START = Column("start", decimals=0, dates=DateForm("%d/%m/%Y"))
END = Column("end", decimals=0, dates=DateForm("%Y-%m-%d %H:%M", "minutes"))
MONTH = Column("month", decimals=0, dates=DateForm("%b %Y", "months"))
CLOCK = Column("clock", decimals=0, dates=DateForm("%H:%M", "minutes"))
COLUMNS = [START, END, MONTH, CLOCK, Column("age")]
DAY = 18_262  # 2020-01-01
VALUES = {
    "start": np.array([DAY, DAY + 31, DAY + 400]),
    "end": np.array([DAY, DAY + 30.5, DAY + 401]) * 1440,
    "month": np.array([600, 601, 613]),
    "clock": np.array([0, 720, 1439]),
    "age": np.array([1.0, 2.0, 3.0]),
}


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("start >= '2020-02-01'", [False, True, True]),
        ("start >= '01/02/2020'", [False, True, True]),
        ("'2020-01-15' < start and start < '31.12.2020'", [False, True, False]),
        ("end < '2020-01-31 12:00'", [True, False, False]),
        ("end = '2020-01-31 12:00'", [False, True, False]),
        ("end >= '2020-01-31'", [False, True, True]),
        ("start in ('01/01/2020', '2020-02-01')", [True, True, False]),
        ("month = 'Feb 2020' or month = '2021-02'", [False, True, True]),
        ("clock >= '12:00'", [False, True, True]),
        ("start <= end", [True, False, True]),
        ("end - end + 3 > 2", [True, True, True]),
    ],
)
def test_dates_are_compared_as_dates(text: str, rows: list[bool]) -> None:
    condition = parse_condition(text, COLUMNS, setting="--where")
    assert condition.holds(VALUES).tolist() == rows
    again = parse_constraint(condition.text, COLUMNS, setting="--where")
    assert again == condition  # as runs keep constraints


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("start >= '2020-02-30'", "has dates, and 2020-02-30 is none"),
        ("start >= 'soon'", r"Write one as in '31/12/2020' or '2020-12-31'"),
        ("start >= 2020", r"column start has dates, not numbers.*as in '31/12/2020'"),
        ("start in (2020, 2021)", "column start has dates, not numbers"),
        ("age <= start", "column start has dates, not numbers"),
        ("month = '2020-02-01'", "Write one as in 'Dec 2020' or '2020-12'"),
        ("clock > '2020-02-01'", "Write one as in '08:30'"),
        ("month <= start", "dates that count days and months"),
        ("clock <= end", "dates that count minutes and time"),
        ("end - start > 5", "dates that count days and minutes"),
        ("age >= '2020-01-01'", "column age has numbers, not texts"),
    ],
)
def test_what_is_no_date_is_refused_with_an_example(text: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=f"(?s){fault}"):
        parse_condition(text, COLUMNS, setting="--where")
