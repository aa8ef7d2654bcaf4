"""The spellings of a column's dates and times, found from its cells."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gan_runner.data.dates import MONTHS, SECONDS, DateForm, Unit

_NAMES = "|".join({month[:3] for month in MONTHS} | set(MONTHS))
_DATE = re.compile(
    r"(?P<Y>0000)(?P<s1>[-/.])(?P<m>00?)((?P<s2>[-/.])(?P<d>00?))?"
    r"|(?P<a>00?)(?P<s3>[-/.])(?P<b>00?)(?P<s4>[-/.])(?P<Y2>0000|00)"
    rf"|(?P<d2>00?)(?P<s5>[-./, ]{{0,2}})(?P<n>{_NAMES})(?P<s6>[-./, ]{{0,2}})(?P<Y3>0000|00)"
    rf"|(?P<n2>{_NAMES})(?P<s7>[-./, ]{{1,2}})((?P<d3>00?)(?P<s8>[-./, ]{{1,2}}))?(?P<Y4>0000)",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"(?P<H>00?):00(?P<S>:00((?P<s>[.,])(?P<f>0{1,6}))?)?(?P<g> ?)(?P<p>[ap]m)?"
    r"(?P<z>Z| ?UTC| ?[+-][0-9]{2}:?[0-9]{2})?",
    re.IGNORECASE,
)
_ZONE = re.compile(r":00.*[+-]00:?00")
_JOINTS = re.compile(r"T|,? +")
_ZEROS = {ord(digit): "0" for digit in "123456789"}
_FEW_OTHERS = 0.05  # of the different cells, which aren't dates


class FoundDates(NamedTuple):
    """The `forms` in which a column's cells are dates, the most frequent first, and the number of
    rows of each. `seconds` are those of the different cells, NaN for `others`, which aren't dates.
    `unsure`: the two orders that all cells fit."""

    forms: tuple[DateForm, ...]
    rows: tuple[int, ...]
    seconds: NDArray[np.float64]
    others: tuple[str, ...] = ()
    unsure: tuple[str, str] | None = None

    @property
    def form(self) -> DateForm:
        """The one in which numbers are written back, with a unit that is exact for all."""
        found, known = self.forms[0], self.seconds[~np.isnan(self.seconds)]
        fraction = max((_fraction(form, known) for form in self.forms), default=0)
        if all(not form.has_day and not form.has_time for form in self.forms):
            return replace(found, unit="months")
        units = (unit for unit, length in SECONDS.items() if not (known % length).any())
        unit: Unit = "seconds" if fraction else next(units, "seconds")
        return replace(found, unit=unit, fraction=fraction)

    @property
    def values(self) -> NDArray[np.float64]:
        """The numbers of the different cells in the unit of the form, [N]."""
        form = self.form
        return self.seconds if form.unit == "months" else self.seconds / SECONDS[form.unit]


def read_dates(counts: Mapping[str, int], pattern: str) -> FoundDates:
    """The different cells as dates in this pattern. Raises ValueError for one that is none."""
    form = DateForm(pattern)
    cells = list(counts)
    seconds = form.seconds(cells)
    others = [cells[place] for place in np.flatnonzero(np.isnan(seconds)).tolist()]
    return FoundDates((form,), (sum(counts.values()),), seconds, tuple(others))


def find_dates(counts: Mapping[str, int]) -> FoundDates | None:
    """The forms of cells that are dates or times, nearly all of them, with how often each comes;
    None for other cells."""
    cells = list(counts)
    shapes = _shapes(cells)
    patterns = {shape: _pattern(shape) for shape in set(shapes)}
    strange = sum(patterns[shape] is None for shape in shapes)
    if strange > _FEW_OTHERS * len(cells) or strange == len(cells):
        return None
    if any("%B" in (pattern or "") or "%^B" in (pattern or "") for pattern in patterns.values()):
        patterns = {s: _with_long_may(s, pattern) for s, pattern in patterns.items()}
    groups: dict[str, list[int]] = defaultdict(list)
    single: dict[str, set[str]] = defaultdict(set)
    for pattern in patterns.values():
        if pattern is not None:
            single[_padded(pattern)] |= {name for name in "12dmHI" if f"%-{name}" in pattern}
    for place, shape in enumerate(shapes):
        if (pattern := patterns[shape]) is not None:
            groups[_padded(pattern)].append(place)
    return _read_groups(cells, counts, groups, single)


def _with_long_may(shape: str, pattern: str | None) -> str | None:
    """The pattern of a shape with May, which is short and long, among other long names."""
    is_may = pattern is not None and re.search(r"(?<![a-z])may(?![a-z])", shape, re.IGNORECASE)
    return pattern.replace("b", "B") if pattern is not None and is_may else pattern


def _shapes(cells: Sequence[str]) -> list[str]:
    """The cells with zeros for all digits but those of a time zone."""
    shapes = [cell.translate(_ZEROS) for cell in cells]
    zones = {
        shape: len(shape) - shape.rindex("+" if "+" in shape else "-")
        for shape in set(shapes)
        if _ZONE.search(shape)
    }
    if not zones:
        return shapes
    lengths = (
        (cell, shape, zones.get(shape, 0)) for cell, shape in zip(cells, shapes, strict=True)
    )
    return [shape[:-n] + cell[-n:] if n else shape for cell, shape, n in lengths]


def _read_groups(
    cells: Sequence[str],
    counts: Mapping[str, int],
    groups: Mapping[str, Sequence[int]],
    single: Mapping[str, set[str]],
) -> FoundDates | None:
    seconds, rows = np.full(len(cells), np.nan), Counter[str]()
    times = np.fromiter(counts.values(), np.int64, len(cells))
    unsure = None
    for pattern, places in groups.items():
        some = [cells[place] for place in places]
        tried = {each: DateForm(each).seconds(some) for each in _orders(pattern, single[pattern])}
        wrong = {each: int(np.isnan(found).sum()) for each, found in tried.items()}
        best, *others = sorted(wrong, key=lambda each: wrong[each])
        if wrong[best] > _FEW_OTHERS * len(some):
            return None
        if (
            others
            and "." not in best
            and not wrong[others[0]]
            and not (tried[best] == tried[others[0]]).all()
        ):
            unsure = (best, others[0])
        seconds[list(places)] = tried[best]
        rows[best] += int(times[list(places)].sum())
    lost = [cells[place] for place in np.flatnonzero(np.isnan(seconds)).tolist()]
    forms = dict(rows.most_common())
    made = tuple(DateForm(pattern) for pattern in forms)
    return FoundDates(made, tuple(forms.values()), seconds, tuple(lost), unsure)


def _orders(pattern: str, single: set[str]) -> Iterator[str]:
    """The patterns that are meant: %1 and %2 are the day and the month in some order, and a number
    that is single somewhere has no leading zero anywhere."""
    orders = [("d", "m"), ("m", "d")] if "%1/" not in pattern else [("m", "d"), ("d", "m")]
    if "%1" not in pattern:
        orders = [("", "")]
    for name in single:
        pattern = pattern.replace(f"%{name}", f"%-{name}")
    for first, second in orders:
        named = re.sub("%(-?)1", rf"%\g<1>{first}", pattern)
        yield re.sub("%(-?)2", rf"%\g<1>{second}", named)


def _padded(pattern: str) -> str:
    return re.sub("%-([dmHI12])", r"%\1", pattern)


def _pattern(shape: str) -> str | None:
    """The pattern of cells with this shape, which has zeros for all digits; None for no dates. %1
    and %2 stand for two numbers of which one is the day."""
    if (time := _TIME.fullmatch(shape)) is not None:
        return _time(time) if not time["z"] else None
    date = _DATE.match(shape)
    if date is None:
        return None
    rest = shape[date.end() :]
    if not rest:
        return _date(date)
    joint = _JOINTS.match(rest)
    time = None if joint is None else _TIME.fullmatch(rest, joint.end())
    made = _date(date)
    if joint is None or time is None or made is None:
        return None
    return made + joint[0] + _time(time)


def _date(match: re.Match[str]) -> str | None:
    def number(group: str, name: str) -> str:
        return f"%-{name}" if len(match[group]) == 1 else f"%{name}"

    if match["Y"]:
        if match["d"] and match["s1"] != match["s2"]:
            return None
        end = f"{match['s2']}{number('d', 'd')}" if match["d"] else ""
        return f"%Y{match['s1']}{number('m', 'm')}{end}"
    if match["Y2"]:
        if match["s3"] != match["s4"]:
            return None
        return f"{number('a', '1')}{match['s3']}{number('b', '2')}{match['s4']}{_year(match['Y2'])}"
    if match["Y3"]:
        name = _month(match["n"])
        return f"{number('d2', 'd')}{match['s5']}{name}{match['s6']}{_year(match['Y3'])}"
    day = f"{number('d3', 'd')}{match['s8']}" if match["d3"] else ""
    return f"{_month(match['n2'])}{match['s7']}{day}%Y"


def _year(zeros: str) -> str:
    return "%Y" if len(zeros) == 4 else "%y"


def _month(name: str) -> str:
    big = "^" if name.isupper() and len(name) > 1 else ""
    return f"%{big}{'b' if len(name) == 3 else 'B'}"


def _time(match: re.Match[str]) -> str:
    hour = "I" if match["p"] else "H"
    text = f"%-{hour}" if len(match["H"]) == 1 else f"%{hour}"
    text += ":%M" + (":%S" if match["S"] else "") + (f"{match['s']}%f" if match["f"] else "")
    if match["p"]:
        text += match["g"] + ("%P" if match["p"].islower() else "%p")
    return text + (match["z"] or "")


def _fraction(form: DateForm, seconds: NDArray[np.float64]) -> int:
    """The digits of a second that numbers have, at most 6; of written ones none may be 0."""
    if "%f" not in form.pattern:
        return 0
    tried = (digits for digits in range(1, 7) if (np.round(seconds, digits) == seconds).all())
    return next(tried, 6)
