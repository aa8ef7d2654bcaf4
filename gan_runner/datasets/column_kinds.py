"""The kind of a table's column: numbers or categories, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple

from gan_runner.config.overrides import override
from gan_runner.data import Decision
from gan_runner.datasets.missing_values import POSSIBLE, Missing
from gan_runner.datasets.readers.cells import (
    are_codes,
    date_forms,
    dates_or_times,
    has_leading_zero,
    is_number,
)
from gan_runner.datasets.readers.notations import find_notation
from gan_runner.datasets.readers.numbers import (
    FoundForm,
    NumberForm,
    confirms_decimal,
    find_form,
)
from gan_runner.datasets.readers.table_rows import skip_more
from gan_runner.datasets.readers.units import find_units
from gan_runner.errors import DataError, printable

MOST_CATEGORIES = 256
_LONGEST_SPELLING = 40  # characters
_FEW_SPELLINGS = 3  # texts among numbers that are likely to stand for missing values


class ColumnText(NamedTuple):
    """A column as text: its cells, how often each comes, and the lines of the file they are in;
    the rows of these, None for all."""

    name: str
    cells: Sequence[str]
    counts: Counter[str]
    lines: Sequence[int]
    rows: Sequence[int] | None = None

    @property
    def most_categories(self) -> int:
        """The number of categories that so many rows can have."""
        return min(MOST_CATEGORIES, max(2, len(self.cells) // 2))


class ColumnKind(NamedTuple):
    """Numbers written in a form, or categories (`form` None). `note` says why. `guess`: few whole
    numbers that were taken for categories."""

    form: NumberForm | None
    note: str
    guess: bool = False
    decisions: tuple[Decision, ...] = ()


class KindFinder(NamedTuple):
    """Finds the kind of the columns of one file. `skip_lines` are left out of it; `setting` names
    it in messages."""

    columns: Sequence[ColumnText]
    decimal: str
    thousands: str | None
    missing: Missing
    skip_lines: Collection[int]
    setting: str

    def find(
        self, column: ColumnText, wanted: Literal["numeric", "categorical"] | None
    ) -> ColumnKind:
        """The kind by its setting, or else by its cells. Raises DataError for a column that can be
        neither."""
        if wanted == "categorical":
            return ColumnKind(None, "by dataset.categorical")
        form, problem = self.find_form(column.counts)
        if form is not None:
            return self._numbers(column, form, is_wanted=wanted == "numeric")
        if problem in ("ambiguous", "other"):
            raise self._signs_fault(column, ambiguous=problem == "ambiguous")
        if wanted == "numeric" or any(map(is_number, column.counts)):
            raise self.mixed_cells(column, is_wanted=wanted == "numeric")
        return self._text(column)

    def find_form(self, cells: Collection[str]) -> FoundForm:
        """The form in which different cells write numbers, with the signs of the file."""
        return find_form(cells, decimal=self.decimal, thousands=self.thousands)

    def _numbers(self, column: ColumnText, form: NumberForm, *, is_wanted: bool) -> ColumnKind:
        plain = {form.plain(cell) for cell in column.counts}
        name = printable(column.name)
        if is_wanted:
            return ColumnKind(form, "by dataset.numeric", decisions=self._taken_off(column, form))
        zero = next((cell for cell in column.counts if has_leading_zero(cell)), None)
        if zero is not None:
            numeric = self.missing.remedies.add("numeric", [column.name])
            what = f"column {name} has numbers that begin with 0, as {zero}"
            if len(column.counts) > column.most_categories:
                raise self._fault(
                    f"{what}, and {len(column.counts)} different ones: too many for categories",
                    f"Leave it out with {self.missing.remedies.add('ignore', [column.name])} or "
                    f"read them as numbers, which lose these zeros: {numeric}",
                )
            decision = Decision(f"{what}: it is read as categories", f"Numbers: {numeric}", False)
            return ColumnKind(None, f"numbers that begin with 0, as {zero}", False, (decision,))
        if are_codes(plain, len(column.cells)):
            return ColumnKind(None, "few different whole numbers", guess=True)
        return ColumnKind(form, "", decisions=self._taken_off(column, form))

    def _taken_off(self, column: ColumnText, form: NumberForm) -> tuple[Decision, ...]:
        if not form.taken_off:
            return ()
        remedy = self.missing.remedies.add("categorical", [column.name])
        return (
            Decision(
                f"column {printable(column.name)} is read as numbers without {form.taken_off}, and "
                "so are samples written",
                f"Texts: {remedy}",
                doubtful=False,
            ),
        )

    def _text(self, column: ColumnText) -> ColumnKind:
        kind = dates_or_times(column.counts)
        name = printable(column.name)
        if not kind:
            return self._names_or_units(column, name)
        example = printable(column.cells[0], limit=40)
        ignore = self.missing.remedies.add("ignore", [column.name])
        since = "minutes" if kind == "times" else "days since the first"
        remedy = (
            f"If their order matters, write them as numbers, such as {since}, or leave them out "
            f"with {ignore}"
        )
        number = len(column.counts)
        if number > column.most_categories:
            what = f"column {name} has {number} different {kind}, as {example}"
            raise self._fault(f"{what}: too many for categories", remedy)
        forms = date_forms(column.counts)
        if len(forms) > 1:
            kind = f"{kind} in {len(forms)} forms"
            example = " and ".join(printable(each, limit=40) for each in forms[:3])
        what = f"column {name} has {kind}, as {example}, and they are read as {number} categories"
        silent = (
            f"or say that they are with {self.missing.remedies.add('categorical', [column.name])}"
        )
        return ColumnKind(None, kind, decisions=(Decision(what, f"{remedy} {silent}"),))

    def _names_or_units(self, column: ColumnText, name: str) -> ColumnKind:
        """Names, or what is taken for names: numbers with different units, or written in a way
        that isn't read."""
        units = find_units(column.counts)
        notation = "" if units else find_notation(column.counts)
        if not units and not notation:
            return ColumnKind(None, "text")
        units = units or notation
        what = f"column {name} has {units}, and is read as {len(column.counts)} categories"
        remedy = (
            f"Write it as {'plain numbers' if notation else 'numbers in one unit'}, or leave it "
            "out: "
            f"{self.missing.remedies.add('ignore', [column.name])} or, for categories, "
            f"{self.missing.remedies.add('categorical', [column.name])}"
        )
        return ColumnKind(None, units, decisions=(Decision(what, remedy),))

    def _signs_fault(self, column: ColumnText, *, ambiguous: bool) -> DataError:
        other = "," if self.decimal == "." else "."
        cell = next(cell for cell in column.counts if other in cell)
        where = f"column {printable(column.name)}, {printable(cell, limit=40)}"
        as_decimal = override("dataset.decimal", other)
        if not ambiguous:
            return self._fault(
                f"numbers with another decimal sign than {self.decimal!r} in {where}",
                f"Use {as_decimal}",
            )
        remedy = f"Use {override('dataset.thousands', other)} for thousands"
        if not self._is_decimal_confirmed():  # by other columns, which the other sign would ruin
            remedy += f" or {as_decimal} for a decimal one."
        return self._fault(f"{other!r} may be a decimal or a thousands sign in {where}", remedy)

    def _is_decimal_confirmed(self) -> bool:
        found = ((column.counts, self.find_form(column.counts).form) for column in self.columns)
        return any(form and confirms_decimal(cells, form) for cells, form in found)

    def mixed_cells(self, column: ColumnText, *, is_wanted: bool) -> DataError:
        """The fault of a column that has numbers beside other cells, or was to have only them."""
        texts = [cell for cell in column.counts if self.find_form([cell]).form is None]
        texts = texts or [cell for cell in column.counts if not is_number(cell)]
        name = printable(column.name)
        what = "is to be numeric" if is_wanted else "mixes numbers and text"
        line = column.lines[column.cells.index(texts[0])]
        where = f"{printable(texts[0], limit=40)} in line {line}"
        fits = len(column.counts) <= column.most_categories
        as_other = self.missing.remedies.add("categorical" if fits else "ignore", [column.name])
        if units := find_units(column.counts):
            remedy = f"Write it as numbers in one unit, or use {as_other}"
            return self._fault(f"column {name} has {units}, {where}", remedy)
        other = "," if self.decimal == "." else "."
        if all(other in text and is_number(text.replace(other, ".")) for text in texts):
            remedy = f"Write them with {self.decimal!r}, or use {as_other}"
            what = f"has numbers with {self.decimal!r} and others with {other!r}"
            return self._fault(f"column {name} {what}, {where}", remedy)
        if len(texts) > _FEW_SPELLINGS and (notation := find_notation(column.counts)):
            remedy = f"Write it as plain numbers, or use {as_other}"
            return self._fault(f"column {name} has {notation}, in line {line}", remedy)
        remedy = f"Repair it, or use {as_other}"
        if len(texts) <= _FEW_SPELLINGS and max(map(len, texts)) <= _LONGEST_SPELLING:
            purpose = "for categories" if fits else "to leave the column out"
            stands = "it stands" if len(texts) == 1 else "they stand"
            missing = self.missing.adding(texts)
            parts = [f"{missing} if {stands} for missing values", f"{as_other} {purpose}"]
            is_word = any(cell.lower() not in POSSIBLE and cell[:1].isalnum() for cell in texts)
            remedy = f"Use {' or '.join(reversed(parts) if is_word else parts)}."
            is_single = len(texts) == 1 and column.counts[texts[0]] == 1
            if is_single and line in (column.lines[0], column.lines[-1]):
                skipping = skip_more([line], self.skip_lines)
                remedy = f"If it is no row of values, leave it out: {skipping}; or u{remedy[1:]}"
        others = f" and {len(texts) - 1} other texts" if len(texts) > 1 else ""
        return self._fault(f"column {name} {what}, {where}{others}", remedy)

    def _fault(self, what: str, remedy: str) -> DataError:
        return DataError(f"{what}, {self.setting}. {remedy}")
