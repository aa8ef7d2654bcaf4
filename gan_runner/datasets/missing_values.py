"""Cells without a value: in which spellings, how many, and what leaving out their rows costs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gan_runner.config.overrides import override
from gan_runner.data import Decision, LeftOut
from gan_runner.datasets.column_names import Remedies, listed
from gan_runner.datasets.readers.cells import is_number
from gan_runner.datasets.readers.coded import CodedCells
from gan_runner.errors import printable

POSSIBLE = {
    *("-", "--", "---", ".", "..", "...", "unknown", "unknown?", "unk", "missing", "nil"),
    *("not available", "not applicable", "not specified", "n.a.", "n.a", "no data", "nodata"),
    *("undefined", "unspecified", "tbd", "void", "blank", "empty", "keine angabe", "k.a.", "na."),
}
"""Texts, in small letters, that may stand for a missing value, or for what they say."""

_DOUBTFUL_SHARE = 0.1  # of all rows, left out
_CODE = re.compile("[A-Z]{2}")  # of a country: NA is Namibia


class Missing:
    """The cells of a table that have no value, by the spellings that mean so."""

    def __init__(
        self,
        columns: Mapping[str, CodedCells],
        spellings: Iterable[str],
        remedies: Remedies,
    ) -> None:
        """A spelling that is a number means all cells of that number."""
        self.remedies = remedies
        texts = {spelling.lower() for spelling in spellings}
        self.spellings = {
            name: {cell: of.counts[cell] for cell in _find_missing(of.different, texts)}
            for name, of in columns.items()
        }
        self.rows = {
            name: columns[name].rows_of(found) for name, found in self.spellings.items() if found
        }
        self._columns = columns

    @cached_property
    def all_rows(self) -> NDArray[np.int64]:
        """The rows with a missing value, in order."""
        return self._rows_of(self.rows)

    def _rows_of(self, names: Iterable[str]) -> NDArray[np.int64]:
        """The rows in which one of these columns has no value, in order."""
        found = [self.rows[name] for name in names]
        return np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)

    def count(self, name: str) -> int:
        """The number of cells without a value in a column."""
        return len(self.rows[name]) if name in self.rows else 0

    @property
    def by_column(self) -> str:
        """The columns with the most missing values, with numbers and spellings."""
        columns = sorted(self.rows, key=lambda name: -len(self.rows[name]))
        shown = [f"{printable(c, 60)} {len(self.rows[c])} ({self._shown(c)})" for c in columns[:3]]
        more = len(columns) - len(shown)
        return ", ".join(shown) + (f" and {more} more columns" if more else "")

    def adding(self, spellings: Iterable[str]) -> str:
        """The setting that takes other spellings for missing, too."""
        found = {cell for cells in self.spellings.values() for cell in cells} - {""}
        value = ["", *sorted({*found, *spellings})]
        return override("dataset.missing_values", value)

    @property
    def keeping_texts(self) -> str:
        """The setting that takes all texts for values, and only empty cells for missing ones."""
        return override("dataset.missing_values", [""])

    @property
    def has_texts(self) -> bool:
        """Whether some of them are texts, neither empty nor numbers."""
        cells = {cell for cells in self.spellings.values() for cell in cells}
        return not all(is_number(cell) for cell in cells - {""})

    def looks_like_country(self) -> str | None:
        """A column of two letters in which NA may be a country; None if there is none."""
        for name, found in self.spellings.items():
            if "NA" not in found:
                continue
            others = set(self._columns[name].different) - found.keys()
            if others and all(map(_CODE.fullmatch, others)):
                return name
        return None

    @property
    def worst(self) -> str:
        """The column with the most missing values."""
        return max(self.rows, key=lambda name: len(self.rows[name]))

    def fault(self, lines: NDArray[np.int64]) -> tuple[str, str]:
        """The message about them, and its remedy; `lines` are where the rows end."""
        name, rows = next(iter(self.rows.items()))
        what = (
            f"missing values in {len(self.all_rows)} of {len(lines)} rows, the first in column "
            f"{printable(name)}, line {lines[rows[0]]}"
        )
        remedy = f"By column: {self.by_column}. "
        empty = [name for name, rows in self.rows.items() if len(rows) == len(lines)]
        if empty:
            one = "the column" if len(empty) == 1 else "the columns"
            add = self.remedies.add("ignore", empty)
            return what, f"{remedy}Leave out {one} without a value: {add}"
        remedy += "Repair them, or leave out these rows with dataset.missing=drop"
        if self.has_texts:
            country = self.looks_like_country()
            texts = "the texts" if country is None else f"the texts, as NA of {printable(country)},"
            remedy += f" or, if {texts} are values, use {self.keeping_texts}"
        return what, remedy

    def left_out(self, total: int) -> list[LeftOut]:
        """The rows that are left out, of `total` rows."""
        why = f"missing values: {self.by_column}"
        lost = len(self.all_rows)
        return [LeftOut(lost, total, "rows", why)] if lost else []

    def decisions(self, total: int, *, keeps: bool) -> list[Decision]:
        """What becomes of them: samples have some, too (`keeps`), or the rows are left out, of
        `total` rows."""
        if not self.rows:
            return []
        decisions = [self._kept(total) if keeps else self._loss(total)]
        country = self.looks_like_country()
        if country is not None:
            decisions.append(
                Decision(
                    f"NA is taken for a missing value in column {printable(country)}, whose other "
                    "cells have two capital letters, as codes of countries",
                    f"If it is Namibia: {self.keeping_texts}",
                )
            )
        return decisions

    def _kept(self, total: int) -> Decision:
        return Decision(
            f"{len(self.all_rows)} of {total} rows have missing values, and so will samples: "
            f"{self.by_column}",
            "dataset.missing=drop leaves these rows out.",
            doubtful=False,
        )

    def _loss(self, total: int) -> Decision:
        lost, worst = len(self.all_rows), self.worst
        others = self._rows_of(name for name in self.rows if name != worst)
        return Decision(
            f"{lost} of {total} rows are left out for missing values: {self.by_column}",
            f"{self.remedies.add('ignore', [worst])} keeps {total - len(others)} rows.",
            doubtful=lost >= _DOUBTFUL_SHARE * total,
        )

    def _shown(self, name: str) -> str:
        return listed([cell or "empty" for cell in self.spellings[name]])


def as_spelling(value: object) -> object:
    """A text, also where Hydra and YAML read a number, true or nothing."""
    return json.dumps(value) if value is None or isinstance(value, int | float) else value


def _find_missing(different: Sequence[str], texts: set[str]) -> list[str]:
    """The cells that are one of these texts in any case, or a number that is one of them, in their
    order."""
    numbers = {float(text) for text in texts if is_number(text)}
    # one look at all cells: of millions, few mean so or none
    known = texts.intersection(map(str.lower, different))
    if not known and not numbers:
        return []
    return [
        cell
        for cell in different
        if cell.lower() in known or (numbers and is_number(cell) and float(cell) in numbers)
    ]
