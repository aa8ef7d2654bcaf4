"""Numbers as files write them: decimal and thousands signs, and what stands around them."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple

from gan_runner.datasets.readers.cells import are_numbers

_CURRENCY = r"(?:[$€£¥₹₽₩₺₫₪¢]|[A-Z]{1,2}\$|[A-Z]{3}|Fr\.?|kr\.?)"
_UNIT = r"(?:[%‰°]|[A-Za-zµμΩ°²³][A-Za-zµμΩ°²³/.]{0,9})"
_AFFIXED = re.compile(
    rf"(?P<sign>[+-]?)(?P<before>{_CURRENCY}?)\s*(?P<inner>[+-]?)(?P<digits>[0-9.,' ]*[0-9])\s*"
    rf"(?P<after>(?:{_CURRENCY}|{_UNIT})?)"
)
# signs that look like those of a keyboard
_LOOK_ALIKES = str.maketrans({"\u2212": "-", "\u2019": "'", "\u00a0": " ", "\u202f": " "})


class NumberForm(NamedTuple):
    """The form in which a column writes numbers. `around`: what stands around each of them, with a
    zero in the place of the number: 0%, $0."""

    decimal: str = "."
    thousands: str = ""
    around: str = "0"

    def is_plain(self, cells: Collection[str]) -> bool:
        """Whether Python reads the cells as they are."""
        return self == _PLAIN and all(map(str.isascii, cells))

    def plain(self, cell: str) -> str:
        """A cell as Python writes its number."""
        if self == _PLAIN and cell.isascii():
            return cell
        cell = cell.translate(_LOOK_ALIKES)
        if self.around != "0":
            cell = _without_affix(cell)
        return cell.replace(self.thousands or "\0", "").replace(self.decimal, ".")

    @property
    def taken_off(self) -> str:
        """The text that `plain` takes off, in words; "" for nothing."""
        parts = [f"'{self.around.replace('0', '')}'"] if self.around != "0" else []
        if self.thousands:
            parts.append(f"the thousands sign '{self.thousands}'")
        return " and ".join(parts)


_PLAIN = NumberForm()


class FoundForm(NamedTuple):
    """The form of cells that are numbers, or why they can't be read: `ambiguous` groups of three
    digits behind what may be a decimal or a thousands sign, the `other` decimal sign, or `text`."""

    form: NumberForm | None
    problem: Literal["", "ambiguous", "other", "text"] = ""


def find_form(cells: Collection[str], *, decimal: str, thousands: str | None) -> FoundForm:
    """The form in which the cells of a column write numbers. `thousands` None: found from them."""
    if decimal == "." and not thousands and are_numbers(cells):
        return FoundForm(_PLAIN)
    if not all(any(map(str.isdigit, cell)) for cell in cells):
        return FoundForm(None, "text")
    common = [cell.translate(_LOOK_ALIKES) for cell in cells]
    found = _find_signs(common, decimal, thousands)
    if found.problem != "text":
        return found
    around = {_around(cell) for cell in common}
    same = around.pop()
    if around or same is None:
        return found
    form, problem = _find_signs([_without_affix(cell) for cell in common], decimal, thousands)
    return FoundForm(None if form is None else form._replace(around=same), problem)


def are_thousands(cells: Collection[str], sign: str, *, always: bool) -> bool:
    """Whether numbers with a decimal sign look like thousands instead: three digits behind it
    wherever it is, none that begins with 0, and, unless they `always` do, whole numbers below
    1,000 beside them."""
    groups = re.compile(rf"[+-]?[1-9][0-9]{{0,2}}(?P<group>{re.escape(sign)}[0-9]{{3}})?|0")
    grouped = 0
    for cell in cells:
        match = groups.fullmatch(cell)
        if match is None:  # as of nearly all columns, soon
            return False
        grouped += match["group"] is not None
    return 0 < grouped < len(cells) + always


def confirms_decimal(cells: Collection[str], form: NumberForm) -> bool:
    """Whether numbers of this form leave no doubt that their decimal sign is one."""
    if not any(form.decimal in cell for cell in cells):
        return False
    if form.thousands:
        return True
    return form.around == "0" and not are_thousands(cells, form.decimal, always=True)


def affix(cell: str) -> str | None:
    """The text around the number of a cell, with a zero in its place: 0 kg, $0. None for a cell
    that isn't a number with at most that."""
    return _around(cell.translate(_LOOK_ALIKES))


def _around(cell: str) -> str | None:
    match = _AFFIXED.fullmatch(cell)
    return None if match is None else f"{match['before']}0{match['after']}"


def _without_affix(cell: str) -> str:
    match = _AFFIXED.fullmatch(cell)
    assert match is not None, "every cell of the column has this form"
    return match["sign"] + match["inner"] + match["digits"].strip()


def _find_signs(cells: Sequence[str], decimal: str, thousands: str | None) -> FoundForm:
    other = "," if decimal == "." else "."
    signs = ("", thousands) if thousands else ("", " ", "'")
    sure = next((sign for sign in signs if _all(cells, decimal, sign)), None)
    if sure is not None:
        return FoundForm(NumberForm(decimal, sure))
    if thousands:
        return FoundForm(None, "text")
    if _all(cells, decimal, other):
        if any(cell.count(other) > 1 or {decimal, other} <= set(cell) for cell in cells):
            return FoundForm(NumberForm(decimal, other))
        begins_with_zero = any(cell.lstrip("+-").startswith(f"0{other}") for cell in cells)
        return FoundForm(None, "other" if begins_with_zero else "ambiguous")
    is_other = any(_all(cells, other, sign) for sign in ("", decimal, " ", "'"))
    return FoundForm(None, "other" if is_other else "text")


def _all(cells: Sequence[str], decimal: str, thousands: str) -> bool:
    """Whether all cells are numbers with these signs."""
    point = re.escape(decimal)
    grouped = rf"|[0-9]{{1,3}}({re.escape(thousands)}[0-9]{{3}})+" if thousands else ""
    whole = rf"([0-9]+{grouped})({point}[0-9]*)?"
    number = re.compile(rf"[+-]?({whole}|{point}[0-9]+)([eE][+-]?[0-9]{{1,3}})?")
    return all(map(number.fullmatch, cells))
