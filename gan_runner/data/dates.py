"""Dates and times as numbers, and numbers as dates and times in the spelling of a table.

A date is a number of days since 1970-01-01; one with a time a number of hours, minutes or seconds,
whatever is exact; a month a number of months since January 1970; a time a number since midnight.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
Unit = Literal["months", "days", "hours", "minutes", "seconds"]
SECONDS: dict[Unit, int] = {"days": 86_400, "hours": 3600, "minutes": 60, "seconds": 1}

_PIVOT = 69  # years of two digits from here on are of the last century, as POSIX has them
_MOST_DAYS = 2_900_000  # of the year 9909; sampled numbers without bounds may be anything
_DIRECTIVE = re.compile(r"%([-^]?[a-zA-Z%])")
_DIGITS = {
    **{"Y": "(?P<Y>[0-9]{4})", "y": "(?P<y>[0-9]{2})", "f": "(?P<f>[0-9]{1,6})"},
    **{name: f"(?P<{name}>[0-9]{{2}})" for name in "mdHIMS"},
    **{f"-{name}": f"(?P<{name}>[0-9]{{1,2}})" for name in "mdHI"},
    **dict.fromkeys(("b", "^b"), f"(?P<b>{'|'.join(month[:3] for month in MONTHS)})"),
    **dict.fromkeys(("B", "^B"), f"(?P<b>{'|'.join(MONTHS)})"),
    **dict.fromkeys(("p", "P"), "(?P<p>[AP]M)"),
    "%": "%",
}


class _Group(Protocol):
    def __call__(self, name: str, other: int = 0, /) -> NDArray[np.int64]:
        """A part of all dates as whole numbers [N]; `other` where they lack it."""


@dataclass(frozen=True)
class DateForm:
    """A spelling of dates: `pattern` has the directives of strftime, with - for numbers without a
    leading zero (%-d), ^ for capitals (%^b) and %P for am and pm. `unit`: what numbers count.
    `fraction`: digits of a second."""

    pattern: str
    unit: Unit = "days"
    fraction: int = 0

    def __post_init__(self) -> None:
        """Raises ValueError for a pattern that isn't a date or time."""
        names = _DIRECTIVE.findall(self.pattern)
        unknown = next((name for name in names if name not in _DIGITS), None)
        if unknown is not None:
            known = ", ".join(f"%{name}" for name in sorted(_DIGITS))
            raise ValueError(f"%{unknown} isn't read; the directives are {known}")
        plain = [name.lstrip("-^") for name in names if name != "%"]
        if len(set(plain)) < len(plain):
            raise ValueError("A directive comes twice")
        if not self.has_date and not {"H", "I"} & set(plain):
            raise ValueError("A date has a year and a month, a time an hour, as in %d.%m.%Y %H:%M")

    @property
    def has_date(self) -> bool:
        """Whether it says the month, and not just a time."""
        names = {name.lstrip("-^") for name in _DIRECTIVE.findall(self.pattern)}
        return bool(names & {"Y", "y"}) and bool(names & {"m", "b", "B"})

    @property
    def has_day(self) -> bool:
        """Whether it says the day of the month."""
        return re.search("%-?d", self.pattern) is not None

    @property
    def has_time(self) -> bool:
        """Whether it says the hour."""
        return re.search("%-?[HI]", self.pattern) is not None

    @cached_property
    def _reader(self) -> re.Pattern[str]:
        parts, end = [], 0
        for match in _DIRECTIVE.finditer(self.pattern):
            parts += [re.escape(self.pattern[end : match.start()]), _DIGITS[match[1]]]
            end = match.end()
        return re.compile("".join(parts) + re.escape(self.pattern[end:]), re.IGNORECASE)

    def reads(self, cell: str) -> bool:
        """Whether a cell is written so."""
        return self._reader.fullmatch(cell) is not None

    def seconds(self, cells: Sequence[str]) -> NDArray[np.float64]:
        """The seconds of cells since 1970, of times since midnight, [N]; of months, these. NaN for
        a cell in another spelling, and for days that there aren't."""
        fullmatch = self._reader.fullmatch
        found = [match.groupdict("0") if (match := fullmatch(cell)) else None for cell in cells]
        known = [each for each in found if each is not None]
        seconds = np.full(len(cells), np.nan)
        if known:
            seconds[[each is not None for each in found]] = self._seconds(known)
        return seconds

    def _seconds(self, known: Sequence[dict[str, str]]) -> NDArray[np.float64]:
        def whole(name: str, other: int = 0, /) -> NDArray[np.int64]:
            if name not in known[0]:
                return np.full(len(known), other)
            return np.array([each[name] for each in known], dtype=np.str_).astype(np.int64)

        hour = whole("H")
        if "p" in known[0]:
            is_late = np.array([each["p"].upper() == "PM" for each in known])
            hour = np.where(whole("I") <= 12, whole("I") % 12 + 12 * is_late, 99)
        within = hour * 3600 + whole("M") * 60 + whole("S")
        wrong = (hour > 23) | (whole("M") > 59) | (whole("S") > 59)
        seconds = within.astype(np.float64)
        if "f" in known[0]:
            seconds += np.array([float(f"0.{each['f']}") for each in known])
        if self.has_date:
            month, day = self._month(known, whole), whole("d", 1)
            months = (self._year(known, whole) - 1970) * 12 + month - 1
            starts = months.astype("M8[M]").astype("M8[D]")
            length = ((months + 1).astype("M8[M]").astype("M8[D]") - starts).astype(np.int64)
            wrong |= (month < 1) | (month > 12) | (day < 1) | (day > length)
            seconds += (starts.astype(np.int64) + day - 1) * 86_400.0
            if not self.has_day and not self.has_time:
                seconds = months.astype(np.float64)
        return np.where(wrong, np.nan, seconds)

    @staticmethod
    def _year(known: Sequence[dict[str, str]], whole: _Group) -> NDArray[np.int64]:
        if "y" not in known[0]:
            return whole("Y")
        return whole("y") + np.where(whole("y") < _PIVOT, 2000, 1900)

    @staticmethod
    def _month(known: Sequence[dict[str, str]], whole: _Group) -> NDArray[np.int64]:
        if "b" not in known[0]:
            return whole("m")
        return np.array([_SHORT.index(each["b"][:3].title()) + 1 for each in known])

    def numbers(self, cells: Sequence[str]) -> NDArray[np.float64]:
        """Cells as numbers of the unit, [N]; NaN for one in another spelling."""
        seconds = self.seconds(cells)
        return seconds if self.unit == "months" else seconds / SECONDS[self.unit]

    def read(self, text: str) -> float | None:
        """A date in this spelling, in ISO 8601 or as 31.12.2020, as a number of the unit; None for
        another text, and for a day that there isn't."""
        known = _TIMES if not self.has_date else _MONTHS if self.unit == "months" else _DAYS
        forms = (self, *(DateForm(pattern, self.unit) for pattern in known))
        found = (float(form.numbers([text])[0]) for form in forms)
        return next((number for number in found if not math.isnan(number)), None)

    def cells(self, numbers: NDArray[np.float64]) -> list[str]:
        """Numbers of the unit [N] in this spelling, NaN as the empty text."""
        different, places = np.unique(numbers, return_inverse=True)
        texts = self._texts(different)
        return [texts[place] for place in places.ravel().tolist()]

    def _texts(self, numbers: NDArray[np.float64]) -> list[str]:
        missing = np.isnan(numbers)
        numbers = np.where(missing, 0, numbers)
        if self.unit == "months":
            days = np.rint(numbers).clip(-23_000, 95_000).astype("M8[M]").astype("M8[D]")
            within = np.zeros(len(numbers))
        else:
            seconds = np.round(numbers * SECONDS[self.unit], self.fraction)
            whole = np.floor(seconds / 86_400)
            within = np.round(seconds - whole * 86_400, self.fraction)
            days = whole.clip(-700_000, _MOST_DAYS).astype(np.int64).astype("M8[D]")
        months = days.astype("M8[M]")
        parts = {
            "Y": months.astype("M8[Y]").astype(np.int64) + 1970,
            "month": months.astype(np.int64) % 12,
            "d": (days - months.astype("M8[D]")).astype(np.int64) + 1,
            "within": within,
        }
        columns = [part.tolist() for part in parts.values()]
        texts = [self._text(*each) for each in zip(*columns, strict=True)]
        return ["" if lost else text for lost, text in zip(missing.tolist(), texts, strict=True)]

    def _text(self, year: int, month: int, day: int, within: float) -> str:
        whole = int(within)
        hour, minute, second = whole // 3600, whole // 60 % 60, whole % 60
        fraction = f"{within - whole:.{self.fraction}f}"[2:]
        numbers = {"m": month + 1, "d": day, "H": hour, "I": (hour + 11) % 12 + 1}
        texts = {
            **{name: f"{number:02d}" for name, number in numbers.items()},
            **{f"-{name}": str(number) for name, number in numbers.items()},
            **{"Y": f"{year:04d}", "y": f"{year % 100:02d}", "M": f"{minute:02d}"},
            **{"S": f"{second:02d}", "f": fraction, "p": "PM" if hour >= 12 else "AM"},
            **{"b": _SHORT[month], "B": MONTHS[month], "P": "pm" if hour >= 12 else "am"},
            **{"^b": _SHORT[month].upper(), "^B": MONTHS[month].upper(), "%": "%"},
        }
        return _DIRECTIVE.sub(lambda match: texts[match[1]], self.pattern)


_TIMES = ("%H:%M", "%H:%M:%S")
_MONTHS = ("%Y-%m",)
_DAYS = tuple(
    day + time
    for day in ("%Y-%m-%d", "%-d.%-m.%Y")
    for time in ("", " %H:%M", "T%H:%M", " %H:%M:%S", "T%H:%M:%S")
)
"""The spellings in which dates are read besides a column's own."""

_SHORT = [month[:3] for month in MONTHS]
