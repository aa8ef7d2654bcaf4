"""A table of one's own, in a CSV file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import field_validator

from gan_runner.data import Column, Decision, Reading
from gan_runner.datasets.readers.cells import (
    are_codes,
    categories,
    decimals,
    is_number,
    parse_numbers,
)
from gan_runner.datasets.readers.csv import TextTable, read_csv
from gan_runner.datasets.readers.paths import Location, expand_path, refuse_missing
from gan_runner.datasets.tabular import ColumnValues, TableContents, Tabular
from gan_runner.errors import ConfigError, DataError, did_you_mean, printable

_MOST_CATEGORIES = 256
_LABELS = ("label", "class", "target", "y")  # as tables call their label, whatever the case


class Table(Tabular):
    """Rows below a row of names. The kind of a column is guessed unless a setting names it.

    `label`: a column, `auto` for the one called label, class, target or y, or else the last if it
    is categorical; None for no label. `missing_values`: the texts of cells without a value.
    """

    path: Location | None
    delimiter: str
    decimal: Literal[".", ","]
    label: str | None
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    ignore: tuple[str, ...]
    missing: Literal["error", "drop"]
    missing_values: tuple[str, ...]

    @field_validator("delimiter")
    @classmethod
    def _check_delimiter(cls, delimiter: str) -> str:
        if delimiter not in ("auto", "tab") and (len(delimiter) != 1 or delimiter in '\r\n"'):
            raise ValueError("A delimiter is a single character, tab or auto")
        return delimiter

    @property
    def setting(self) -> str:
        return f"dataset.path={printable(self.path)}"

    def check_present(self) -> None:
        refuse_missing(self._file, setting=self.setting)

    @property
    def _file(self) -> Path:
        return expand_path(self.path, key="dataset.path", wanted="a CSV file")

    def contents(self) -> TableContents:
        named = {"auto": None, "tab": "\t"}
        delimiter = named.get(self.delimiter, self.delimiter)
        table = read_csv(self._file, delimiter=delimiter, setting=self.setting)
        self._check_named(table)
        used = {name: cells for name, cells in table.columns.items() if name not in self.ignore}
        table = self._drop_missing_values(TextTable(used, table.lines))
        categorical = {name: self._is_categorical(name, table) for name in table.columns}
        label = self._label_of(categorical)
        filled = [
            self._categorical_values(name, cells, label=name == label)
            if categorical[name] or name == label
            else self._numeric_values(name, table)
            for name, cells in table.columns.items()
        ]
        return TableContents(filled, Reading(decisions=self._guessed_kinds(filled)))

    def _fault(self, what: str, remedy: str) -> DataError:
        return DataError(f"{what}, {self.setting}. {remedy}")

    def _check_named(self, table: TextTable) -> None:
        """Raise ConfigError for a column that isn't there, or is in two settings."""
        label = () if self.label in (None, "auto") else (self.label,)
        lists = {
            "label": label,
            "numeric": self.numeric,
            "categorical": self.categorical,
            "ignore": self.ignore,
        }
        settings: dict[str, str] = {}
        for setting, names in lists.items():
            for name in names:
                assert name is not None
                key = f"dataset.{setting}={printable(name)}"
                if name not in table.columns:
                    shown = map(printable, table.columns)
                    raise ConfigError(f"no such column, {key}. {did_you_mean(name, shown)}")
                if name in settings and (settings[name], setting) != ("label", "categorical"):
                    raise ConfigError(
                        f"named twice, {key} and dataset.{settings[name]}. Choose one."
                    )
                settings[name] = setting

    def _drop_missing_values(self, table: TextTable) -> TextTable:
        """The table without missing values. Raises DataError for some, unless they may go."""
        absent = {value.lower() for value in self.missing_values}
        holes = {
            name: [row for row, cell in enumerate(cells) if cell.lower() in absent]
            for name, cells in table.columns.items()
        }
        rows = {row for at in holes.values() for row in at}
        if not rows:
            return table
        name, where = next((name, at[0]) for name, at in holes.items() if at)
        what = f"missing values in {len(rows)} of {len(table.lines)} rows"
        first = f"the first in column {printable(name)}, line {table.lines[where]}"
        if self.missing == "error":
            remedy = "Repair them, or use dataset.missing=drop, which leaves out these rows."
            raise self._fault(f"{what}, {first}", remedy)
        whole = [row for row in range(len(table.lines)) if row not in rows]
        if not whole:
            raise self._fault(
                what, f"No row is left. Leave it out: dataset.ignore=['{printable(name)}']."
            )
        columns = {k: [cells[row] for row in whole] for k, cells in table.columns.items()}
        return TextTable(columns, [table.lines[row] for row in whole])

    def _is_categorical(self, name: str, table: TextTable) -> bool:
        """Whether a column holds names, by the settings or else by its cells. Raises DataError."""
        if name in self.categorical or name in self.numeric:
            return name in self.categorical
        cells = [self._with_decimal_point(cell) for cell in table.columns[name]]
        numbers = sum(map(is_number, cells))
        if numbers == len(cells):
            return are_codes(cells)
        if numbers and name != self.label:
            raise self._mixed_cells(name, table)
        if all(is_number(cell.replace(",", ".")) for cell in cells):
            what = f"numbers with a decimal comma in column {printable(name)}"
            raise self._fault(what, "Use dataset.decimal=','.")
        return True

    def _label_of(self, categorical: dict[str, bool]) -> str | None:
        if self.label != "auto":
            return self.label
        last = list(categorical)[-1:]
        called = [name for name in categorical if name.lower() in _LABELS]
        return next((name for name in called + last if categorical[name]), None)

    def _guessed_kinds(self, filled: list[ColumnValues]) -> tuple[Decision, ...]:
        """The columns of few whole numbers, whose kind was guessed."""
        codes = [
            printable(column.name)
            for column, *_ in filled
            if column.name not in (*self.categorical, self.label) and not column.label
            if column.categories and all(map(is_number, column.categories))
        ]
        if not codes:
            return ()
        listed = ", ".join(f"'{name}'" for name in codes)
        return (
            Decision(
                f"columns of few whole numbers are taken for categories: {listed}",
                f"If they are numbers, use dataset.numeric=[{listed}]; else dataset.categorical.",
            ),
        )

    def _categorical_values(self, name: str, cells: list[str], *, label: bool) -> ColumnValues:
        """A column of categories. Raises DataError for too many of them."""
        names = categories(cells)
        if len(names) > min(_MOST_CATEGORIES, max(2, len(cells) // 2)):
            what = f"{len(names)} categories in the {len(cells)} rows of column {printable(name)}"
            remedy = f"Leave it out: dataset.ignore=['{printable(name)}']."
            other = "Name another label, or none: dataset.label=null."
            raise self._fault(what, other if label else remedy)
        places = {category: place for place, category in enumerate(names)}
        values = np.array([places[cell] for cell in cells], dtype=np.int64)
        return ColumnValues(Column(name, names, label=label), values)

    def _numeric_values(self, name: str, table: TextTable) -> ColumnValues:
        """A column of numbers. Raises DataError for a cell that isn't one."""
        cells = [self._with_decimal_point(cell) for cell in table.columns[name]]
        if not all(map(is_number, cells)):
            raise self._mixed_cells(name, table)
        return ColumnValues(Column(name, decimals=decimals(cells)), parse_numbers(cells))

    def _mixed_cells(self, name: str, table: TextTable) -> DataError:
        cells = table.columns[name]
        row = next(
            row for row, cell in enumerate(cells) if not is_number(self._with_decimal_point(cell))
        )
        shown = printable(name)
        what = "is to be numeric" if name in self.numeric else "mixes numbers and text"
        return self._fault(
            f"column {shown} {what}, {printable(cells[row], limit=40)} in line {table.lines[row]}",
            f"Repair it, or use dataset.categorical=['{shown}']; if the cell stands for a missing "
            "value, add it to dataset.missing_values.",
        )

    def _with_decimal_point(self, cell: str) -> str:
        """A cell with the decimal sign of numbers in the place of the file's own."""
        return cell if self.decimal == "." else cell.replace(",", ".")
