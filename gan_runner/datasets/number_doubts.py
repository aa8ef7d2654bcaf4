"""Numbers that mean something else than they measure: codes of missing values, dates, padding."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timezone
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[Any]

_KNOWN = (
    *(-1, -9, -99, -999, -9999, -99999, -999999, -32768, -2147483648),
    *(99, 999, 9999, 99999, 999999, 9999999, 32767, 2147483647),
)
_LEAST_GAP = 0.5  # between a usual code and the other values, as a share of their range
_FAR = 3  # times the range of the others lies between them and any other code
_MOST_CODES = 3  # at either end
_ENOUGH = 10  # different values, to know their range
_LEAST_SHARE = 1e-3  # of the range, in which all but a few numbers lie
_LEAST_LONELY_GAP = 0.2  # amounts of which many are 0 begin nearer to it
_FIRST_SECOND, _LAST_SECOND = 631_152_000, 2_208_988_800  # of 1990 and 2040
_JULIAN_OF_1970 = 2_440_587.5
_FIRST_JULIAN, _LAST_JULIAN = 2_415_020.5, 2_488_069.5  # of 1900 and 2100
_UNITS = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}
_MOST_INSIDE = 0.05  # of the steps elsewhere: a constant that ends sequences is rare there
_NOTABLE = 0.05  # of the sequences
_SHORTEST_PADDING, _SHORTEST_HOLD = 2, 3  # steps


def find_sentinels(values: Numbers) -> list[float]:
    """The numbers [N] that are likely to be codes of missing values, in order: the usual ones that
    stand apart, others that come again and are far from all the rest, and a 0 or a negative number
    that is the only one. Anything else, such as a code of many categories, is left alone."""
    distinct, counts = np.unique(values, return_counts=True)
    distinct = distinct.astype(np.float64)
    if len(distinct) < 3:
        return []
    found = [*_usual_codes(distinct, counts), *_far_codes(distinct, counts)]
    found += _lonely_value(distinct, counts)
    return sorted(set(found))


def _usual_codes(distinct: Numbers, counts: Numbers) -> list[float]:
    """Those that are usual, and stand apart; once is enough for one that is far away."""
    is_usual = np.isin(distinct, _KNOWN)
    others = distinct[~is_usual]
    if not is_usual.any() or not len(others):
        return []
    low, high = float(others[0]), float(others[-1])
    spread = (high - low) or 1.0
    are_fractions = bool((others != np.rint(others)).any())
    found = []
    for value, count in zip(distinct[is_usual].tolist(), counts[is_usual].tolist(), strict=True):
        gap = max(value - high, low - value)
        is_below_zero = value < 0 <= low and (value <= -9 or spread > 20 or are_fractions)
        is_apart = gap > _LEAST_GAP * spread and (value >= 99 or value <= -9)
        is_far = gap > _FAR * spread and abs(value) >= 999 and len(others) >= _ENOUGH
        if (count > 1 and (is_apart or is_below_zero)) or is_far:
            found.append(value)
    return found


def _far_codes(distinct: Numbers, counts: Numbers) -> list[float]:
    """A few values at the ends that all come again, several times the range of the rest away."""
    number = len(distinct)
    if number <= _ENOUGH:
        return []
    inner = distinct[min(_MOST_CODES, number - 1)], distinct[max(0, number - 1 - _MOST_CODES)]
    if (inner[1] - inner[0]) * (1 + _FAR) >= distinct[-1] - distinct[0]:
        return []  # as of nearly all columns
    for below, above in sorted(product(range(_MOST_CODES + 1), repeat=2), key=sum, reverse=True):
        rest = distinct[below : number - above]
        codes = np.r_[0:below, number - above : number]
        if len(rest) < _ENOUGH or not len(codes) or (counts[codes] < 2).any():
            continue
        with np.errstate(over="ignore"):
            gap = np.maximum(distinct[codes] - rest[-1], rest[0] - distinct[codes])
            if (gap > _FAR * (rest[-1] - rest[0])).all():
                found: list[float] = distinct[codes].tolist()
                return found
    return []


def _lonely_value(distinct: Numbers, counts: Numbers) -> list[float]:
    """A 0, or a single negative number, that comes again but is rarer than the others, which all
    have another sign, and lies apart from them."""
    if len(distinct) <= _ENOUGH:
        return []
    is_below = int((distinct < 0).sum()) == 1
    place = 0 if is_below else int(np.searchsorted(distinct, 0)) % len(distinct)
    others, number = np.delete(distinct, place), int(counts[place])
    if (
        not (is_below or distinct[place] == 0)
        or not 1 < number < counts.sum() / 2
        or others[0] < 0 < others[-1]
    ):
        return []
    gap = np.abs(others - distinct[place]).min()
    return [float(distinct[place])] if gap >= _LEAST_LONELY_GAP * np.ptp(others) else []


def find_outliers(values: Numbers) -> list[float]:
    """The few numbers [N], in order, beside which all others are nearly one: so far away that these
    lie in a thousandth of the range."""
    if len(values) < _ENOUGH:
        return []
    values = np.sort(values.astype(np.float64))
    few = min(_MOST_CODES, len(values) // _ENOUGH)
    low, high = values[few], values[-1 - few]
    with np.errstate(over="ignore"):
        if low == high or (high - low) > _LEAST_SHARE * (values[-1] - values[0]):
            return []
        far = (high - low) * _LEAST_SHARE**-0.5
    ends = [*values[:few], *values[-few:]]
    return sorted({float(v) for v in ends if v < low - far or v > high + far})


def look_like_dates(values: Numbers) -> str:
    """The form of numbers that are dates: 20200309, 202003 or one with a time, 202003092359 or
    20200309235959; "" where they aren't."""
    if not len(values) or (values % 1 != 0).any():
        return ""
    for form, unit in _DATE_FORMS.items():
        days, times = values // unit, values % unit
        if _are_days(days) and _are_times(times, unit):
            return form
    is_varied = len(np.unique(values)) >= _ENOUGH  # six digits may be anything
    return "202003" if is_varied and _are_days(values * 100 + 1) else ""


_DATE_FORMS = {"20200309": 1, "202003092359": 10**4, "20200309235959": 10**6}


def _are_days(values: Numbers) -> bool:
    month, day = values // 100 % 100, values % 100
    is_date = (values >= 19000101) & (values <= 21001231)
    return bool((is_date & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)).all())


def _are_times(values: Numbers, unit: int) -> bool:
    """Whether numbers below a `unit` are hours, minutes and, below 10**6, seconds."""
    if unit == 1:
        return True
    parts = (values // (unit // 100) < 24, values // 100 % 100 < 60, values % 100 < 60)
    return all(bool(part.all()) for part in parts)


class DateText(NamedTuple):
    """What to say of numbers that are dates: which dates, and what to do."""

    problem: str
    remedy: str


def describe_dates(forms: Collection[str]) -> DateText:
    """The doubt about numbers in these forms."""
    unit = "hours" if any(len(form) > 8 for form in forms) else "days"
    unit = "months" if set(forms) == {"202003"} else unit
    shown = ", ".join(dict.fromkeys(forms))
    problem = f"like dates written as numbers ({shown}), whose differences aren't {unit}"
    return DateText(problem, f"{unit} since the first")


def describe_times(values: Numbers) -> str:
    """Such as "seconds since 1970, 2020-03-09 to 2021-01-31" where numbers look like it, or Julian
    dates; "" otherwise."""
    low, high = float(values.min()), float(values.max())
    if _FIRST_JULIAN <= low < high <= _LAST_JULIAN:
        first, last = (
            datetime.fromtimestamp((v - _JULIAN_OF_1970) * 86400, timezone.utc) for v in (low, high)
        )
        return f"Julian dates, {first:%Y-%m-%d} to {last:%Y-%m-%d}"
    for unit, in_a_second in _UNITS.items():
        if _FIRST_SECOND * in_a_second <= low < high <= _LAST_SECOND * in_a_second:
            first, last = (
                datetime.fromtimestamp(v / in_a_second, timezone.utc) for v in (low, high)
            )
            return f"{unit} since 1970, {first:%Y-%m-%d} to {last:%Y-%m-%d}"
    return ""


class Padding(NamedTuple):
    """What fills up a `number` of sequences. `value`: a constant, None where it is the last step of
    each. `least`: the steps that all sequences have without it. `lengths`: how many different ones
    it has."""

    number: int
    at_end: bool
    value: float | None
    least: int
    lengths: int


def find_padding(sequences: Numbers) -> Padding | None:
    """What fills up sequences [N, T, D] of unequal lengths: a constant that elsewhere is rare, or
    the last step again and again."""
    if len(sequences) < 2 or sequences.shape[1] < _SHORTEST_HOLD + 1:
        return None
    for at_end in (True, False):
        steps = sequences if at_end else sequences[:, ::-1]
        last = steps[:, -1]
        alike = (last == last[:, :1]).all(axis=1)
        ends, counts = np.unique(last[alike, 0], return_counts=True)
        for value in ends[np.argsort(-counts)[:2]].tolist():
            filled = (steps == value).all(axis=2)
            if found := _padding(filled, _SHORTEST_PADDING):
                return found._replace(value=value, at_end=at_end)
        held = np.zeros(steps.shape[:2], bool)
        held[:, 1:] = (steps[:, 1:] == steps[:, :-1]).all(axis=2)
        if found := _padding(held, _SHORTEST_HOLD):
            return found._replace(at_end=at_end)
    return None


def find_filling(filled: NDArray[np.bool_]) -> Padding | None:
    """What fills up sequences of which some steps [N, T] are empty: those at their ends alone."""
    for at_end in (True, False):
        steps = filled if at_end else filled[:, ::-1]
        found = _padding(steps, 1)
        if found is not None and (np.diff(steps.astype(np.int8), axis=1) >= 0).all():
            return found._replace(at_end=at_end)
    return None


def _padding(filled: NDArray[np.bool_], shortest: int) -> Padding | None:
    """Whether steps [N, T] that are filled are at the end of sequences, and hardly elsewhere."""
    lengths = np.where(filled.all(axis=1), filled.shape[1], np.argmin(filled[:, ::-1], axis=1))
    lengths[lengths < shortest] = 0
    number, total = int((lengths > 0).sum()), filled.shape[1]
    elsewhere = int(filled.sum() - lengths.sum()) / max(1, int((total - lengths).sum()))
    if number < max(2, _NOTABLE * len(filled)) or elsewhere > _MOST_INSIDE:
        return None
    if (lengths == total).sum() + (lengths == 0).sum() == len(filled):
        return None  # whole sequences of it
    least = int(total - lengths[lengths < total].max())
    return Padding(number, True, None, least, len(np.unique(lengths[lengths > 0])))
