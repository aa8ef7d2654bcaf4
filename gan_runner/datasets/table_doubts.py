"""The doubts about a table that was read: values that mean something else than they say."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gan_runner.data import Decision
from gan_runner.datasets.column_kinds import LEAST_ROWS
from gan_runner.datasets.column_names import Remedies, listed
from gan_runner.datasets.missing_values import POSSIBLE, Missing
from gan_runner.datasets.number_doubts import (
    describe_dates,
    describe_times,
    find_outliers,
    find_sentinels,
    look_like_dates,
)
from gan_runner.datasets.readers.cells import are_numbers
from gan_runner.datasets.readers.coded import CodedCells
from gan_runner.datasets.readers.numbers import NumberForm
from gan_runner.datasets.readers.texts import Counts
from gan_runner.datasets.tabular import ColumnValues
from gan_runner.errors import printable

_FEW_NUMBERS = 3  # different ones, which say nothing of what they are
_FEW_ROWS = 5  # of a category, on average
_SOME_CATEGORIES = 20
_NAMING = re.compile(
    r"(.*[_ ])?(phone|telephone|tel|telefon|fax|mobile|zip|zip ?code|postcode|postal[_ ]?code|plz|"
    r"ssn|isbn|ean|upc|gtin|sku|barcode|iban|account|fips|naics|sic|"
    r"(account|card|order|serial|user|customer|client|product|item|store|patient|subject|session|"
    r"device|station)[_ ]?(id|code|number|no|nr))",
    re.I,
)
_ONE_HOT = {"0", "1", "0.0", "1.0", "False", "True", "false", "true", "FALSE", "TRUE"}
_PARTS = {
    *("train", "training", "test", "testing", "val", "valid", "validation", "dev", "eval"),
    *("holdout", "public", "private"),
}
_TOTAL = {"total", "totals", "sum", "all", "gesamt", "summe", "subtotal", "grand total", "average"}


class ReadColumn(NamedTuple):
    """A column as it was read, and the `cells` that it was read from, the `last` one of them, and
    the form of their numbers, None for categories; what was decided about them."""

    filled: ColumnValues
    cells: CodedCells
    last: str
    form: NumberForm | None
    decisions: tuple[Decision, ...] = ()

    @property
    def name(self) -> str:
        return self.filled.column.name

    @property
    def counts(self) -> Counts:
        """How often each of its texts comes."""
        return self.cells.counts

    @property
    def is_measured(self) -> bool:
        """Whether it has numbers or categories, and not dates or what isn't learned."""
        column = self.filled.column
        return column.dates is None and column.unlearned is None

    @property
    def numbers(self) -> NDArray[np.float64] | None:
        """The values as numbers, also where they are categories; None where they have none."""
        column, numbers = self.filled.column, self.filled.values
        if column.categories:
            if not are_numbers(column.categories):
                return None
            numbers = np.array(column.categories, dtype=np.float64)[numbers]
        return np.asarray(numbers, dtype=np.float64)


def doubts(
    columns: Sequence[ReadColumn], missing: Missing, *, settled: Collection[str]
) -> Iterator[Decision]:
    """The doubts about such columns, apart from those that settings name (`settled`)."""
    columns = [column for column in columns if column.is_measured]
    yield from _totals(columns)
    columns = [column for column in columns if column.name not in settled]
    remedies = missing.remedies
    yield from _names_as_numbers(columns, remedies)
    yield from _parts_of_data(columns, remedies)
    yield from _one_hot_columns(columns)
    codes = {c.name: find_sentinels(n) for c in columns if (n := c.numbers) is not None}
    yield from _sentinels(columns, codes, missing)
    yield from _outliers(columns, codes, missing)
    yield from _dates_as_numbers(columns, codes, remedies)
    yield from _possibly_missing(columns, missing)
    yield from _rare_categories(columns, remedies)
    yield from _spellings(columns)


def _names_as_numbers(columns: Sequence[ReadColumn], remedies: Remedies) -> Iterator[Decision]:
    """Columns of whole numbers that are called as what names something, such as a zip code."""
    found = [
        column.name
        for column in columns
        if column.form is not None
        and _NAMING.fullmatch(column.name)
        and (column.filled.values == np.floor(column.filled.values)).all()
    ]
    if found:
        yield Decision(
            f"{_columns(found)} numbers that name something, by {_its(found)} name, and would be "
            "learned as measurements",
            f"Leave out: {remedies.add('ignore', found)} or, for categories, "
            f"{remedies.add('categorical', found)}",
        )


def _one_hot_columns(columns: Sequence[ReadColumn]) -> Iterator[Decision]:
    """Columns called alike of which each row has a 1 in exactly one."""
    groups: dict[str, list[ReadColumn]] = defaultdict(list)
    for column in columns:
        start = re.match(r"(.+)[_=.: -]", column.name)
        if start and column.counts.keys() <= _ONE_HOT:
            groups[start[1]].append(column)
    for name, group in groups.items():
        ones = [_ones(column) for column in group]
        if len(group) > 1 and (np.sum(ones, axis=0) == 1).all():
            yield Decision(
                f"columns {listed([column.name for column in group])} are one category in one-hot "
                "form: samples may have several of them, or none",
                f"Write them as one column, {printable(name)}",
            )


def _ones(column: ReadColumn) -> NDArray[np.float64]:
    """A column of 0 and 1, or of false and true, as numbers."""
    numbers = column.numbers
    if numbers is not None:
        return numbers
    values = [float(name.lower() == "true") for name in column.filled.column.categories]
    return np.take(values, column.filled.values)


def _parts_of_data(columns: Sequence[ReadColumn], remedies: Remedies) -> Iterator[Decision]:
    """A column that says of each row whether it is for training."""
    for column in columns:
        texts = {category.lower() for category in column.filled.column.categories}
        if len(texts) > 1 and texts <= _PARTS:
            yield Decision(
                f"column {printable(column.name)} seems to say which rows are for training "
                f"({listed(sorted(column.counts))}); all are read, and it is learned as others are",
                "To train on a part, keep its rows alone in the file; to leave the column out: "
                f"{remedies.add('ignore', [column.name])}",
            )


def _sentinels(
    columns: Sequence[ReadColumn], codes: Mapping[str, list[float]], missing: Missing
) -> Iterator[Decision]:
    """Numbers far from all others that often stand for a missing value."""
    found: dict[str, list[str]] = defaultdict(list)
    for column in columns:
        for cell in _sentinel_cells(column, codes.get(column.name, ())):
            found[cell].append(column.name)
    if not found:
        return
    parts = [f"{printable(cell)} in {listed(names)}" for cell, names in found.items()]
    elsewhere = [
        column.name
        for column in columns
        if any(cell in column.counts and column.name not in found[cell] for cell in found)
    ]
    remedy = f"If they stand for missing values: {missing.adding(found)}"
    if elsewhere:
        remedy += (
            f" (which takes them for missing ones in {listed(elsewhere)}, too; to keep those, "
        )
        remedy += "empty the others in the file)"
    yield Decision(
        f"numbers far from all others are taken as they are: {'; '.join(parts[:5])}", remedy
    )


def _outliers(
    columns: Sequence[ReadColumn], codes: Mapping[str, list[float]], missing: Missing
) -> Iterator[Decision]:
    """Numbers so far away that all others of their column are nearly one beside them."""
    found: dict[str, list[str]] = {}
    for column in columns:
        if column.form is None:
            continue
        values = column.filled.values
        numbers = set(find_outliers(values)).difference(codes[column.name])
        plain = column.form.plain
        cells = [cell for cell in column.counts if float(plain(cell)) in numbers] if numbers else []
        if cells:
            found[column.name] = cells
    if found:
        parts = [f"{listed(cells)} in {printable(name)}" for name, cells in found.items()]
        cells = [cell for each in found.values() for cell in each]
        yield Decision(
            "beside a few numbers all others of their column are nearly one, and so they would be "
            f"learned: {'; '.join(parts[:5])}",
            f"If they are errors, leave out their rows: {missing.adding(cells)}",
        )


def _sentinel_cells(column: ReadColumn, found: Collection[float]) -> list[str]:
    if not found:
        return []
    plain = (column.form or NumberForm()).plain
    return [cell for cell in column.counts if float(plain(cell)) in found]


def _dates_as_numbers(
    columns: Sequence[ReadColumn], codes: Mapping[str, list[float]], remedies: Remedies
) -> Iterator[Decision]:
    """Columns of numbers such as 20200309, or of seconds since 1970."""
    dates, times = {}, {}
    for column in columns:
        if column.filled.column.categories or len(column.counts) < _FEW_NUMBERS:
            continue
        values = column.filled.values
        if found := codes[column.name]:
            values = values[~np.isin(values, found)]
        if form := look_like_dates(values):
            dates[column.name] = form
        elif text := describe_times(values):
            times[column.name] = text
    if dates:
        problem, remedy = describe_dates(list(dates.values()))
        names = list(dates)
        yield Decision(
            f"{_columns(names)} what looks {problem}",
            f"Write them as {remedy}, or leave out: {remedies.add('ignore', names)}",
        )
    if times:
        texts = [f"{printable(name)} ({text})" for name, text in times.items()]
        yield Decision(
            f"{_columns(texts)} what looks like times: an hour or a day of the week, which they "
            "hide, isn't learned",
            "Write these as columns if they matter, or leave out: "
            f"{remedies.add('ignore', list(times))} or, to take them for numbers, "
            f"{remedies.add('numeric', list(times))}",
        )


def _possibly_missing(columns: Sequence[ReadColumn], missing: Missing) -> Iterator[Decision]:
    """Categories that may stand for a missing value."""
    found: dict[str, list[str]] = defaultdict(list)
    for column in columns:
        if column.filled.column.categories:
            for cell in column.counts:
                if cell.lower() in POSSIBLE and len(column.counts) > 1 and "+" not in column.counts:
                    found[cell].append(column.name)
    if found:
        parts = [f"'{printable(cell)}' in {listed(names)}" for cell, names in found.items()]
        yield Decision(
            f"texts that may mean a missing value are read as categories: {'; '.join(parts[:5])}",
            f"If they do: {missing.adding(found)}",
        )


def _rare_categories(columns: Sequence[ReadColumn], remedies: Remedies) -> Iterator[Decision]:
    """Columns with so many categories that each has few rows."""
    found = [
        column
        for column in columns
        if len(column.counts) > _SOME_CATEGORIES
        and column.filled.column.categories
        and len(column.filled.values) < _FEW_ROWS * len(column.counts)
    ]
    for column in found[:3]:
        rows = len(column.filled.values) / len(column.counts)
        yield Decision(
            f"column {printable(column.name)} has {len(column.counts)} categories with {rows:.1f} "
            "rows each on average, too few to learn from",
            f"Leave out: {remedies.add('ignore', [column.name])}",
        )


def _spellings(columns: Sequence[ReadColumn]) -> Iterator[Decision]:
    """Categories that differ only in capitals or spaces."""
    for column in columns:
        if not column.filled.column.categories:
            continue
        seen: dict[str, str] = {}
        for cell in column.counts:
            first = seen.setdefault(" ".join(cell.lower().split()), cell)
            if first != cell:
                yield Decision(
                    f"column {printable(column.name)} has categories that differ only in capitals "
                    f"or spaces, '{printable(first)}' and '{printable(cell)}'",
                    "Write them alike if they are one.",
                )
                break


def _totals(columns: Sequence[ReadColumn]) -> Iterator[Decision]:
    """A last row that sums up the others."""
    text = next(
        (c for c in columns if c.last.lower().rstrip(":") in _TOTAL and c.counts[c.last] == 1), None
    )
    sums = [column.name for column in columns if _ends_with_sum(column)]
    if text is not None or sums:
        why = [f"'{printable(text.last)}' in column {printable(text.name)}"] if text else []
        why += [f"the sum of the others in {listed(sums)}"] if sums else []
        yield Decision(
            f"the last row looks like a total and not an example: {', '.join(why)}",
            "Delete it from the file if so.",
        )


def _ends_with_sum(column: ReadColumn) -> bool:
    values = column.filled.values
    if column.filled.column.categories or len(values) < LEAST_ROWS or (values < 0).any():
        return False
    others = float(values[:-1].sum())
    return bool(others > values[:-1].max()) and abs(values[-1] - others) <= 1e-6 * others


def _columns(names: Sequence[str]) -> str:
    return f"columns {listed(names)} have" if len(names) > 1 else f"column {listed(names)} has"


def _its(names: Sequence[str]) -> str:
    return "their" if len(names) > 1 else "its"
