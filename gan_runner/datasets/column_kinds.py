"""The kind of a table's column: numbers or categories, and why."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gan_runner.config.column_settings import ColumnSettings
from gan_runner.config.overrides import override
from gan_runner.data import Decision
from gan_runner.data.dates import DateForm
from gan_runner.data.unlearned import Constant, Identifier, Unlearned
from gan_runner.datasets.column_names import column_setting
from gan_runner.datasets.missing_values import POSSIBLE, Missing
from gan_runner.datasets.readers.cells import (
    are_codes,
    find_leading_zero,
    is_number,
    whole_numbers,
)
from gan_runner.datasets.readers.coded import CodedCells
from gan_runner.datasets.readers.dates import FoundDates, find_dates, read_dates
from gan_runner.datasets.readers.notations import find_notation
from gan_runner.datasets.readers.numbers import (
    FoundForm,
    NumberForm,
    confirms_decimal,
    find_form,
)
from gan_runner.datasets.readers.table_rows import skip_more
from gan_runner.datasets.readers.texts import Counts
from gan_runner.datasets.readers.units import find_units
from gan_runner.errors import ConfigError, DataError, printable

MOST_CATEGORIES = 256
LEAST_ROWS = 10  # for a pattern in the values of rows
_ID = re.compile(r"(.*[_ ])?(id|idx|index|nr|no\.?|row|rownames|key)|unnamed: \d+", re.I)
_NUMBERED = re.compile(r"(.*?)([0-9]+)([^0-9]*)", re.DOTALL)
_LONGEST_SPELLING = 40  # characters
_FEW_SPELLINGS = 3  # texts among numbers that are likely to stand for missing values

WantedKind = Literal["numeric", "categorical", "date", "identifier", "constant"]


class ColumnText(NamedTuple):
    """A column as text: its cells and the lines of the file they are in; the rows of these, None
    for all."""

    name: str
    cells: CodedCells
    lines: NDArray[np.int64]
    rows: NDArray[np.int64] | None = None

    @property
    def counts(self) -> Counts:
        return self.cells.counts

    @property
    def most_categories(self) -> int:
        """The number of categories that so many rows can have."""
        return min(MOST_CATEGORIES, max(2, len(self.cells) // 2))


class ColumnKind(NamedTuple):
    """Numbers written in a form, dates, nothing to be learned, or categories (all three None).
    `note` says why. `guess`: few whole numbers that were taken for categories."""

    form: NumberForm | None
    note: str
    guess: bool = False
    decisions: tuple[Decision, ...] = ()
    dates: FoundDates | None = None
    unlearned: Unlearned | None = None

    is_ordinal: bool = False

    @property
    def is_category(self) -> bool:
        return self.form is None and self.dates is None and self.unlearned is None


class KindFinder(NamedTuple):
    """Finds the kind of the columns of one file of so many `rows`. `skip_lines` are left out of it;
    `setting` names it in messages."""

    columns: Sequence[ColumnText]
    decimal: str
    thousands: str | None
    missing: Missing
    skip_lines: Collection[int]
    setting: str
    rows: int

    def find(
        self, column: ColumnText, wanted: WantedKind | None, settings: ColumnSettings
    ) -> ColumnKind:
        """The kind by its settings, or else by its cells. Raises DataError for a column that can be
        none, ConfigError for a format that is none."""
        if wanted not in (None, "numeric"):
            return self._asked(column, wanted, settings)
        form, problem = self.find_form(column.cells)
        if wanted is None and _is_identifier(column, form, self.rows):
            return self._identifier(column)
        if form is not None:
            return self._numbers(column, form, is_wanted=wanted == "numeric")
        if problem in ("ambiguous", "other"):
            raise self._signs_fault(column, ambiguous=problem == "ambiguous")
        if wanted == "numeric" or any(map(is_number, column.counts)):
            raise self.mixed_cells(column, is_wanted=wanted == "numeric")
        return self._text(column)

    def _asked(
        self, column: ColumnText, wanted: WantedKind | None, settings: ColumnSettings
    ) -> ColumnKind:
        """The kind that settings name."""
        match wanted:
            case "date":
                return self._asked_dates(column, settings.format)
            case "identifier":
                return self._identifier(column)._replace(decisions=(), note="by dataset.columns")
            case "constant":
                return self._asked_constant(column)
        is_ordinal = settings.order is not None
        return ColumnKind(None, _category_note(settings), is_ordinal=is_ordinal)

    def find_form(self, cells: CodedCells) -> FoundForm:
        """The form in which cells write numbers, with the signs of the file."""
        if self.decimal == "." and not self.thousands and cells.are_numbers:
            return FoundForm(NumberForm())
        return find_form(cells.different, decimal=self.decimal, thousands=self.thousands)

    def _numbers(self, column: ColumnText, form: NumberForm, *, is_wanted: bool) -> ColumnKind:
        name = printable(column.name)
        if is_wanted:
            return ColumnKind(form, "by dataset.numeric", decisions=self._taken_off(column, form))
        zero = find_leading_zero(column.counts)
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
        if len(column.counts) <= MOST_CATEGORIES and are_codes(
            {form.plain(cell) for cell in column.counts}, len(column.cells)
        ):
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
        dates = find_dates(column.counts)
        if dates is not None:
            return self._dates(column, dates)
        kind = self._names_or_units(column, printable(column.name))
        return self._identifier(column) if kind.note == "text" and _names_rows(column) else kind

    def _dates(self, column: ColumnText, dates: FoundDates) -> ColumnKind:
        """Dates; a decision reports several spellings, and an ambiguous order of day and month.
        Raises DataError for cells that aren't dates."""
        name, add = printable(column.name), self.missing.remedies.add
        if dates.others:
            raise self._odd_date(column, dates)
        note = f"{'dates' if dates.forms[0].has_date else 'times'}, {dates.form.pattern}"
        decisions = []
        if len(dates.forms) > 1:
            examples = _examples(column, dates)
            decisions.append(
                Decision(
                    f"column {name} has dates in {len(dates.forms)} forms, as {examples}; samples "
                    "are written in the first",
                    f"Write them alike, or leave them out with {add('ignore', [column.name])} or, "
                    f"for categories, {add('categorical', [column.name])}",
                )
            )
        if dates.unsure is not None:
            read, other = dates.unsure
            example = next(cell for cell in column.counts if DateForm(read).reads(cell))
            decisions.append(
                Decision(
                    f"column {name} has dates of which all may begin with the day or the month, as "
                    f"{printable(example, limit=40)}, and is read as {read}",
                    f"If they are {other}: {column_setting(column.name, 'format', other)}",
                )
            )
        return ColumnKind(None, note, decisions=tuple(decisions), dates=dates)

    def _asked_dates(self, column: ColumnText, pattern: str | None) -> ColumnKind:
        name = printable(column.name)
        if pattern is None:
            dates = find_dates(column.counts)
            if dates is None:
                example = printable(column.cells[0], limit=40)
                what = f"column {name} is to be a date, and {example} isn't read as one"
                remedy = f"Name its format: {column_setting(column.name, 'format', '%d.%m.%Y')}"
                raise self._fault(what, remedy)
            return self._dates(column, dates)._replace(decisions=())
        try:
            dates = read_dates(column.counts, pattern)
        except ValueError as error:
            key = f"dataset.columns.{name}.format={printable(pattern)}"
            raise ConfigError(f"not a format of dates, {key}. {error}.") from None
        return self._dates(column, dates)

    def _asked_constant(self, column: ColumnText) -> ColumnKind:
        if len(column.counts) > 1:
            first, second = list(column.counts)[:2]
            what = f"column {printable(column.name)} is to be constant, but has {printable(first)} "
            remedy = "Use dataset.columns.*.kind=category for categories, or ignore"
            raise self._fault(f"{what}and {printable(second)}", remedy)
        return as_constant(column, ColumnKind(None, ""))

    def _odd_date(self, column: ColumnText, dates: FoundDates) -> DataError:
        odd = dates.others[0]
        line = column.lines[column.cells.index(odd)]
        more = f" and {len(dates.others) - 1} other texts" if len(dates.others) > 1 else ""
        what = (
            f"column {printable(column.name)} has dates, as {dates.forms[0].pattern}, but "
            f"{printable(odd, limit=40)} in line {line}{more}"
        )
        missing = self.missing.adding(dates.others[:_FEW_SPELLINGS])
        ignore = self.missing.remedies.add("ignore", [column.name])
        return self._fault(
            what, f"Repair it, or use {missing} if it stands for a missing value, or {ignore}"
        )

    def _identifier(self, column: ColumnText) -> ColumnKind:
        """What names the rows: nothing of it is learned."""
        made = find_numbering(column)
        name, example = printable(column.name), printable(made.cells(1)[0], limit=40)
        keep = (
            self.missing.remedies.add("numeric", [column.name])
            if column.cells.are_numbers
            else column_setting(column.name, "kind", "category")
        )
        decision = Decision(
            f"column {name} has a number of its own in each row, as a row's number or name has: it "
            f"isn't learned, and samples have new ones from {example} on",
            f"Leave out: {self.missing.remedies.add('ignore', [column.name])} or, to learn it as "
            f"it is, {keep}",
        )
        return ColumnKind(None, "one in each row", decisions=(decision,), unlearned=made)

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
        found = ((column.counts, self.find_form(column.cells).form) for column in self.columns)
        return any(form and confirms_decimal(cells, form) for cells, form in found)

    def mixed_cells(self, column: ColumnText, *, is_wanted: bool) -> DataError:
        """The fault of a column that has numbers beside other cells, or was to have only them."""
        form = partial(find_form, decimal=self.decimal, thousands=self.thousands)
        texts = [cell for cell in column.counts if form([cell]).form is None]
        texts = texts or [cell for cell in column.counts if not is_number(cell)]
        name = printable(column.name)
        what = "is to be numeric" if is_wanted else "mixes numbers and text"
        line = int(column.lines[column.cells.index(texts[0])])
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


def _category_note(settings: ColumnSettings) -> str:
    if settings.order is not None:
        return "in the order of dataset.columns"
    return "by dataset.columns" if settings.kind else "by dataset.categorical"


def find_numbering(column: ColumnText) -> Identifier:
    """How identifiers go on: with the next number behind the greatest one, in the same text around
    it; else with the name of their column and a number."""
    cells = column.cells.different
    plain = whole_numbers(cells, signed=False)
    if plain is not None and find_leading_zero(cells) is None:
        return Identifier("", int(plain.max()) + 1)
    found = [_NUMBERED.fullmatch(cell) for cell in cells]
    around = {(each[1], each[3]) for each in found if each is not None}
    if len(around) != 1 or not all(found):
        return Identifier(f"{column.name} ", 1)
    before, after = around.pop()
    numbers = [each[2] for each in found if each is not None]
    width = {len(number) for number in numbers}
    is_padded = any(number[0] == "0" and len(number) > 1 for number in numbers)
    start = max(map(int, numbers)) + 1
    return Identifier(before, start, width.pop() if is_padded and len(width) == 1 else 1, after)


def as_constant(column: ColumnText, kind: ColumnKind) -> ColumnKind:
    """The kind of a column that has the same cell in each row."""
    return kind._replace(note="constant", unlearned=Constant(column.cells[0]), form=None)


def _is_identifier(column: ColumnText, form: NumberForm | None, rows: int) -> bool:
    """Whether each row has a whole number of its own that counts the rows, or is called so."""
    cells = column.cells
    if form is None or len(cells.different) < max(LEAST_ROWS, len(cells)):
        return False
    # others, as with signs between thousands, measure something
    numbers = whole_numbers(cells.different, signed=True)
    if numbers is None:
        return False
    span = int(numbers.max()) - int(numbers.min())
    return span < rows or _ID.fullmatch(column.name) is not None


def _names_rows(column: ColumnText) -> bool:
    """Whether each row has a text of its own."""
    return len(column.counts) == len(column.cells) >= LEAST_ROWS


def _examples(column: ColumnText, dates: FoundDates) -> str:
    """A cell of each form, with the number of rows."""
    parts = []
    for form, rows in list(zip(dates.forms, dates.rows, strict=True))[:_FEW_SPELLINGS]:
        known = (cell for cell in column.counts if form.reads(cell))
        parts.append(f"{printable(next(known, ''), limit=40)} ({rows} rows)")
    return ", ".join(parts)
