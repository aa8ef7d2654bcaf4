"""The notes of a table that was read: a line for each column, and what was guessed about them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np

from gan_runner.config.overrides import override
from gan_runner.data import ColumnNotes, Decision
from gan_runner.data.reading import Role
from gan_runner.data.unlearned import Constant
from gan_runner.datasets.column_kinds import ColumnKind, ColumnText
from gan_runner.datasets.column_names import Remedies, listed
from gan_runner.datasets.missing_values import Missing
from gan_runner.datasets.readers.cells import digits
from gan_runner.datasets.readers.coded import CodedCells
from gan_runner.datasets.readers.csv import NUMBERED, TextTable
from gan_runner.datasets.readers.numbers import NumberForm, are_thousands, confirms_decimal
from gan_runner.datasets.repetitions import find_repeated
from gan_runner.datasets.table_doubts import ReadColumn
from gan_runner.datasets.tabular import ColumnValues
from gan_runner.errors import printable

_LARGE_SHARE = 0.25  # of a single value, worth a note
_YES_NO = (
    *({"yes", "no"}, {"y", "n"}, {"true", "false"}, {"t", "f"}, {"1", "0"}, {"on", "off"}),
    *({"ja", "nein"}, {"j", "n"}, {"oui", "non"}, {"sí", "no"}, {"si", "no"}, {"sim", "não"}),
)


def notes(
    table: TextTable,
    read: Sequence[ReadColumn],
    kinds: Mapping[str, ColumnKind],
    missing: Missing,
    label: str | None,
    *,
    ignored: Mapping[str, str],
) -> tuple[ColumnNotes, ...]:
    """A line for each column of the file, in its order. `ignored`: the setting that leaves each of
    the others out."""
    columns = {column.name: column for column in read}
    same = _same_columns(read)
    lines = []
    for name in table.columns:
        if name not in columns:
            lines.append(ColumnNotes(name, "ignored", note=ignored[name]))
            continue
        kind, column = kinds[name], columns[name]
        parts = [kind.note, *_value_notes(column, kind)]
        parts += [f"the same as {same[name]}"] if name in same else []
        role = _role(kind, is_label=name == label)
        long = 0 if kind.form is None else _digits(column, kind.form)
        text = "; ".join(filter(None, parts))
        lines.append(ColumnNotes(name, role, missing.count(name), long, text))
    return tuple(lines)


def _role(kind: ColumnKind, *, is_label: bool) -> Role:
    if is_label:
        return "label"
    if kind.unlearned is not None:
        return "constant" if isinstance(kind.unlearned, Constant) else "identifier"
    if kind.form or kind.dates:
        return "numeric" if kind.form else "date"
    return "ordinal" if kind.is_ordinal else "categorical"


def names_among_cells(columns: Mapping[str, CodedCells]) -> Iterator[Decision]:
    """A doubt: the first row may have values, since its cells come below it, too."""
    found = [name for name, cells in columns.items() if name in cells.different]
    if found:
        yield Decision(
            f"the first row is taken for names, but {listed(found)} also comes as a value below",
            f"If it has no names, put a row of them above it, or number the columns: {NUMBERED}",
        )


def guessed_kinds(
    kinds: Mapping[str, ColumnKind],
    columns: Sequence[ColumnText],
    label: str | None,
    remedies: Remedies,
) -> Iterator[Decision]:
    """The columns of few whole numbers, whose kind was guessed."""
    codes = [name for name, kind in kinds.items() if kind.guess and name != label]
    if not codes:
        return
    numbers = {column.name for column in columns if column.cells.are_numbers}
    others = numbers - set(codes)
    # numbers that are read as such anyway may fit the pattern, but not the label
    numeric = remedies.add("numeric", codes, unfit=others & {label})
    categorical = remedies.add("categorical", codes, unfit=others)
    yield Decision(
        f"columns of few whole numbers are taken for categories: {listed(codes)}",
        f"Use {numeric} if they are numbers or {categorical} if they aren't.",
    )


def possible_thousands(
    columns: Sequence[ColumnText], kinds: Mapping[str, ColumnKind], *, is_asked: bool
) -> Iterator[Decision]:
    """Columns whose decimal sign has three digits behind it, as one of thousands has.

    `is_asked`: the sign is a comma, which a setting says, and only other columns can confirm.
    """
    numbers = [(column, kinds[column.name].form) for column in columns]
    if any(form and form.thousands and confirms_decimal(c.counts, form) for c, form in numbers):
        return
    plain = [(column, form) for column, form in numbers if form and not form.thousands]
    unsure = [are_thousands(c.counts, form.decimal, always=is_asked) for c, form in plain]
    signs = (any(form.decimal in cell for cell in column.counts) for column, form in plain)
    if is_asked and sum(signs) > sum(unsure):
        return
    for (column, form), is_unsure in zip(plain, unsure, strict=True):
        if not is_unsure:
            continue
        example = next(cell for cell in column.counts if form.decimal in cell)
        other = "," if form.decimal == "." else "."
        settings = [
            override("dataset.thousands", form.decimal),
            override("dataset.decimal", other),
        ]
        yield Decision(
            f"column {printable(column.name)} has three digits behind each '{form.decimal}', as in "
            f"{example}, and is read as numbers below 1,000",
            f"If they are thousands: {' '.join(settings)}",
        )


def repeats(columns: Sequence[ColumnValues]) -> list[Decision]:
    """Rows that are the same as others."""
    # two missing values are the same, which NaN isn't
    numbers = (column.values.astype(np.float64) for column in columns)
    rows = np.column_stack([np.nan_to_num(each, nan=np.inf) for each in numbers])
    remedy = "They may be in training and held out at once. Remove them if that wasn't meant: "
    remedy += "pandas.DataFrame.drop_duplicates"
    return find_repeated(rows).decisions("rows", remedy, least=0)


def _digits(column: ReadColumn, form: NumberForm) -> int:
    after = column.filled.column.decimals
    if after is None:
        return digits(map(form.plain, column.counts))
    before = int(np.abs(column.filled.values).max())
    return len(str(before)) + after if before else after


def _is_yes_no(cells: Collection[str]) -> bool:
    """Whether cells are two answers, such as yes and no."""
    return {cell.strip().lower() for cell in cells} in _YES_NO and len(cells) == 2


def _value_notes(column: ReadColumn, kind: ColumnKind) -> Iterator[str]:
    if len(column.counts) == 1:
        if kind.note != "constant":
            yield "constant"
        yield f"always {printable(column.last, limit=40)}"
    elif kind.dates is not None:
        form, values = kind.dates.form, kind.dates.values
        first, last = form.cells(np.array([np.nanmin(values), np.nanmax(values)]))
        yield f"{first} to {last}"
    elif kind.is_category and _is_yes_no(column.counts):
        yield "yes/no"
    elif kind.form is not None:
        if kind.form.taken_off:
            yield f"without {kind.form.taken_off}"
        value, count = column.counts.most_common
        rows = len(column.filled.values)
        if count >= _LARGE_SHARE * rows:
            yield f"{value} in {100 * count / rows:.0f} % of the rows"


def _same_columns(read: Sequence[ReadColumn]) -> dict[str, str]:
    """Columns with the same values as one before them, and its name."""
    seen: dict[bytes, str] = {}
    same = {}
    for column in read:
        first = seen.setdefault(column.filled.values.tobytes(), column.name)
        if first != column.name:
            same[column.name] = first
    return same
