"""A table of one's own, in a file of text or in Parquet."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, PositiveInt, ValidationInfo, field_validator

from gan_runner.config.column_settings import ColumnSettings
from gan_runner.config.overrides import override
from gan_runner.data import Decision, LeftOut, Reading
from gan_runner.datasets.column_kinds import (
    ColumnKind,
    ColumnText,
    KindFinder,
    WantedKind,
    as_constant,
)
from gan_runner.datasets.column_names import Remedies, Text, matching
from gan_runner.datasets.missing_values import Missing, as_spelling
from gan_runner.datasets.readers.cells import is_number
from gan_runner.datasets.readers.coded import CodedCells
from gan_runner.datasets.readers.csv import CSVForm, TextTable, read_csv
from gan_runner.datasets.readers.parquet_table import is_parquet, read_parquet
from gan_runner.datasets.readers.paths import Location, expand_path, refuse_missing
from gan_runner.datasets.table_columns import ColumnReader, spread
from gan_runner.datasets.table_doubts import doubts
from gan_runner.datasets.table_label import find_label
from gan_runner.datasets.table_notes import (
    guessed_kinds,
    names_among_cells,
    notes,
    possible_thousands,
    repeats,
)
from gan_runner.datasets.tabular import TableContents, Tabular
from gan_runner.errors import ConfigError, DataError, did_you_mean, printable

_List = Literal["label", "numeric", "categorical", "ignore"]
_Wanted = _List | WantedKind
_KINDS: dict[str, _Wanted] = {
    **{"number": "numeric", "category": "categorical", "ordinal": "categorical", "date": "date"},
    "yes_no": "categorical",
    **{"identifier": "identifier", "constant": "constant", "ignore": "ignore"},
}


class Table(Tabular):
    """Rows below a row of names. The kind of a column is guessed unless a setting names it.

    `names`: of the columns of a file that has no row of names; `skip_lines`: those of the file to
    leave out, counted from 1.
    `label`: a column, `auto` for the one that is called so, or else the last if it is categorical;
    None for no label. `columns`: settings of single columns. `missing_values`: the texts of cells
    without a value.
    """

    path: Location | None
    delimiter: str
    encoding: str
    names: tuple[Text, ...]
    skip_lines: tuple[PositiveInt, ...]
    decimal: Literal[".", ","]
    thousands: Literal["auto", ",", ".", " ", "'"]
    label: Text | None
    numeric: tuple[Text, ...]
    categorical: tuple[Text, ...]
    ignore: tuple[Text, ...]
    columns: dict[str, ColumnSettings]
    missing: Literal["state", "error", "drop"]
    missing_values: tuple[Annotated[str, BeforeValidator(as_spelling)], ...]

    @field_validator("delimiter")
    @classmethod
    def _check_delimiter(cls, delimiter: str) -> str:
        named = ("auto", "tab", "space")
        if delimiter not in named and (len(delimiter) != 1 or delimiter in '\r\n"'):
            raise ValueError("A delimiter is a single character, tab, space or auto")
        return delimiter

    @field_validator("encoding")
    @classmethod
    def _check_encoding(cls, encoding: str) -> str:
        try:
            is_text = encoding == "auto" or bool("a".encode(encoding))
        except (LookupError, ValueError):
            is_text = False
        if not is_text:
            raise ValueError("An encoding is auto, utf-8, utf-16, cp1252, latin-1 or the like")
        return encoding

    @field_validator("thousands")
    @classmethod
    def _check_signs(cls, thousands: str, settings: ValidationInfo) -> str:
        decimal = settings.data.get("decimal")
        if thousands == decimal:
            other = override("dataset.decimal", "," if decimal == "." else ".")
            raise ValueError(f"It is the decimal sign, too. If it is one of thousands, add {other}")
        return thousands

    @property
    def setting(self) -> str:
        return f"dataset.path={printable(self.path)}"

    def check_present(self) -> None:
        refuse_missing(self._file, setting=self.setting)

    @property
    def _file(self) -> Path:
        return expand_path(self.path, key="dataset.path", wanted="a CSV file")

    def contents(self) -> TableContents:
        table = self._text()
        wanted = self._wanted_kinds(table)
        used = {name: cells for name, cells in table.columns.items() if wanted[name] != "ignore"}
        remedies = Remedies(table.columns, {str(key): names for key, names in self._lists.items()})
        missing = Missing(used, self.missing_values, remedies)
        keeps = self._keeps_missing_values(missing, table.lines)
        columns = self._columns_of(used, table.lines, missing, keeps=keeps)
        finder = KindFinder(
            columns,
            self.decimal,
            self._thousands,
            missing,
            self.skip_lines,
            self.setting,
            len(table.lines),
        )
        kinds = {
            each.name: finder.find(
                each, self._asked(each, wanted, finder), self._settings_of(each.name)
            )
            for each in columns
        }
        label = find_label(self.label, columns, kinds, settled=self.numeric, remedies=remedies)
        by_kind = [name for name, of in self.columns.items() if of.kind or of.format]
        settled = {*self.numeric, *self.categorical, *by_kind}
        kinds = _with_constants(columns, kinds, {*settled, label.name}, len(table.lines))
        reader = ColumnReader(
            remedies, self.setting, label.name, label_is_asked=self.label != "auto"
        )
        read = [reader.read(c, kinds[c.name], self._settings_of(c.name)) for c in columns]
        complete = [
            each.filled if column.rows is None else spread(each.filled, column, len(table.lines))
            for each, column in zip(read, columns, strict=True)
        ]
        unsettled = [each for each in columns if each.name not in settled]
        decisions = [
            *table.reading.decisions,
            *([] if self.names else names_among_cells(used)),
            *missing.decisions(len(table.lines), keeps=keeps),
            *label.decisions,
            *(decision for kind in kinds.values() for decision in kind.decisions),
            *(decision for each in read for decision in each.decisions),
            *guessed_kinds(kinds, columns, label.name, remedies),
            *self._possible_thousands(unsettled, kinds),
            *doubts(read, missing, settled=settled),
            *repeats(complete),
        ]
        ignored = {n: self._ignored_by(n) for n in table.columns if wanted[n] == "ignore"}
        reading = Reading(
            source=table.reading.source,
            stored=table.reading.stored,
            labels=label.text,
            left_out=(
                *table.reading.left_out,
                *_ignored(ignored, len(table.columns)),
                *([] if keeps else missing.left_out(len(table.lines))),
            ),
            decisions=tuple(decisions),
            columns=notes(table, read, kinds, missing, label.name, ignored=ignored),
        )
        whole = next((c.lines for c in columns if c.rows is None), table.lines)
        return TableContents(complete, reading, label.doubt, whole)

    def _text(self) -> TextTable:
        delimiter = {"auto": None, "tab": "\t", "space": " "}.get(self.delimiter, self.delimiter)
        encoding = None if self.encoding == "auto" else self.encoding
        form = CSVForm(delimiter, encoding, self.skip_lines, self.names)
        file = self._file
        if is_parquet(file, setting=self.setting):
            return read_parquet(file, setting=self.setting)
        return read_csv(file, form, setting=self.setting)

    @property
    def _lists(self) -> dict[_List, tuple[str, ...]]:
        """The settings that name columns."""
        return {
            "numeric": self.numeric,
            "categorical": self.categorical,
            "ignore": self.ignore,
        }

    @property
    def _thousands(self) -> str | None:
        return None if self.thousands == "auto" else self.thousands

    def _fault(self, what: str, remedy: str) -> DataError:
        return DataError(f"{what}, {self.setting}. {remedy}")

    def _wanted_kinds(self, table: TextTable) -> dict[str, _Wanted | None]:
        """The setting that names each column, by its own name or else by a pattern.

        Raises ConfigError for a column that isn't there, or is in two settings.
        """
        settings: dict[_List, tuple[str, ...]] = {
            "label": () if self.label in (None, "auto") else (self.label or "",),
            **self._lists,
        }
        by_name: dict[str, _Wanted] = {}
        by_pattern: dict[str, _Wanted] = {}
        for setting, names in settings.items():
            for name in names:
                key = f"dataset.{setting}={printable(name)}"
                found = matching(name, table.columns)
                if not found or (setting == "label" and name not in table.columns):
                    shown = map(printable, table.columns)
                    raise ConfigError(f"no such column, {key}. {did_you_mean(name, shown)}")
                chosen = by_name if name in table.columns else by_pattern
                for column in found:
                    before = chosen.setdefault(column, setting)
                    if before != setting and (before, setting) != ("label", "categorical"):
                        raise ConfigError(
                            f"column {printable(column)} is named twice, {key} and "
                            f"dataset.{before}. Choose one."
                        )
        self._add_own_kinds(by_name, table)
        return {name: by_name.get(name, by_pattern.get(name)) for name in table.columns}

    def _add_own_kinds(self, by_name: dict[str, _Wanted], table: TextTable) -> None:
        """Add the kinds of dataset.columns. Raises ConfigError as `_wanted_kinds` does."""
        for name, settings in self.columns.items():
            key = f"dataset.columns.{printable(name)}"
            if name not in table.columns:
                shown = map(printable, table.columns)
                raise ConfigError(f"no such column, {key}. {did_you_mean(name, shown)}")
            kind = settings.kind or ("date" if settings.format else None)
            if kind is None:
                continue
            before = by_name.setdefault(name, _KINDS[kind])
            if before not in (_KINDS[kind], "label"):
                raise ConfigError(
                    f"column {printable(name)} is named twice, {key}.kind={kind} and "
                    f"dataset.{before}. Choose one."
                )

    def _settings_of(self, name: str) -> ColumnSettings:
        return self.columns.get(name) or ColumnSettings()

    def _keeps_missing_values(self, missing: Missing, lines: NDArray[np.int64]) -> bool:
        """Whether a missing value is a value of its own. Raises DataError for some, unless they are
        or their rows may go, and for a column without any value."""
        if not len(missing.all_rows):
            return False
        without = any(missing.count(name) == len(lines) for name in missing.rows)
        if self.missing == "error" or (without and self.missing == "state"):
            raise self._fault(*missing.fault(lines))
        return self.missing == "state"

    def _columns_of(
        self,
        used: Mapping[str, CodedCells],
        lines: NDArray[np.int64],
        missing: Missing,
        *,
        keeps: bool,
    ) -> list[ColumnText]:
        """The columns, without the cells that have no value or without their rows. Raises DataError
        where no row is left."""
        if not len(missing.all_rows):
            return [ColumnText(name, cells, lines) for name, cells in used.items()]
        if keeps:
            return [_present(name, cells, lines, missing) for name, cells in used.items()]
        whole = np.delete(np.arange(len(lines)), missing.all_rows)
        if not len(whole):
            worst = missing.remedies.add("ignore", [missing.worst])
            what = f"missing values in {len(lines)} of {len(lines)} rows: {missing.by_column}"
            raise self._fault(what, f"No row is left. Leave the worst column out: {worst}")
        return [ColumnText(name, cells.take(whole), lines[whole]) for name, cells in used.items()]

    def _asked(
        self, column: ColumnText, wanted: Mapping[str, _Wanted | None], finder: KindFinder
    ) -> WantedKind | None:
        """The kind that settings ask for. A pattern asks for numbers where there are some."""
        asked = wanted[column.name]
        is_named = column.name in self.numeric or column.name in self.columns
        if asked == "numeric" and not is_named:
            is_text = finder.find_form(column.cells).problem == "text"
            return None if is_text and not any(map(is_number, column.counts)) else "numeric"
        return "categorical" if asked == "label" else None if asked == "ignore" else asked

    def _ignored_by(self, name: str) -> str:
        """The setting that leaves a column out."""
        is_own = self._settings_of(name).kind == "ignore"
        return "dataset.columns, kind: ignore" if is_own else "dataset.ignore"

    def _possible_thousands(
        self, columns: Sequence[ColumnText], kinds: Mapping[str, ColumnKind]
    ) -> Iterator[Decision]:
        if self.thousands == "auto":
            yield from possible_thousands(columns, kinds, is_asked=self.decimal == ",")


def _present(
    name: str, cells: CodedCells, lines: NDArray[np.int64], missing: Missing
) -> ColumnText:
    """A column without the cells that have no value."""
    if name not in missing.rows:
        return ColumnText(name, cells, lines)
    rows = np.delete(np.arange(len(lines)), missing.rows[name])
    return ColumnText(name, cells.take(rows), lines[rows], rows)


def _with_constants(
    columns: Sequence[ColumnText],
    kinds: Mapping[str, ColumnKind],
    others: Collection[str | None],
    rows: int,
) -> dict[str, ColumnKind]:
    """The kinds, of which those are constants that have the same cell in all of many rows, and
    aren't among the `others`."""
    constant = {
        c.name: as_constant(c, kinds[c.name])
        for c in columns
        if len(c.counts) == 1 and len(c.cells) == rows > 1 and c.name not in others
    }
    return {**kinds, **constant}


def _ignored(settings: Mapping[str, str], total: int) -> Iterator[LeftOut]:
    """The columns that aren't read, by each setting that says so."""
    for why in sorted({*settings.values()}, reverse=True):
        names = [name for name, setting in settings.items() if setting == why]
        yield LeftOut(len(names), total, "columns", why, tuple(names[:5]))
