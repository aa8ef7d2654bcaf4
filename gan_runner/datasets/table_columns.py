"""The values of a table's columns, made of their cells by their kinds and settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gan_runner.config.column_settings import ColumnSettings
from gan_runner.config.overrides import override
from gan_runner.data import Column, Decision
from gan_runner.datasets.column_kinds import ColumnKind, ColumnText
from gan_runner.datasets.column_names import Remedies, column_setting, listed
from gan_runner.datasets.number_encodings import AskedEncoding, Bounds, Ends
from gan_runner.datasets.readers.cells import categories, decimals, is_number, parse_numbers
from gan_runner.datasets.readers.dates import FoundDates
from gan_runner.datasets.readers.notations import find_notation
from gan_runner.datasets.readers.numbers import NumberForm
from gan_runner.datasets.readers.units import find_units
from gan_runner.datasets.table_doubts import ReadColumn
from gan_runner.datasets.tabular import ColumnValues
from gan_runner.errors import ConfigError, DataError, printable

OTHER = "(other)"
"""The category that rare ones are merged into."""

_SHARES = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05)


class ColumnReader(NamedTuple):
    """Reads the columns of one file. `label`: the one that has the classes, None for none, and
    whether a setting asks for it; `setting` names the file in messages."""

    remedies: Remedies
    setting: str
    label: str | None
    label_is_asked: bool

    def read(self, column: ColumnText, kind: ColumnKind, settings: ColumnSettings) -> ReadColumn:
        """Raises DataError for too many categories, for cells that settings exclude, and
        ConfigError for settings of another kind."""
        _check_settings(column.name, kind, settings)
        decisions: tuple[Decision, ...] = ()
        bounds = _bounds(column.name, kind, settings)
        if kind.unlearned is not None:
            nothing = np.zeros(len(column.cells), dtype=np.int64)
            filled = ColumnValues(Column(column.name, unlearned=kind.unlearned), nothing)
        elif kind.dates is not None:
            filled = _date_values(column, kind.dates)
            _refuse_outside(column, filled.values, bounds, settings)
        elif kind.form is not None:
            filled = self._numeric_values(column, kind.form)
            _refuse_outside(column, filled.values, bounds, settings)
        else:
            merged = self._merged(column, settings)
            filled = self._categorical_values(column, settings, merged)
            decisions = _merge_decisions(column, settings, merged)
        asked = AskedEncoding(settings.encoding, bounds, settings.spikes)
        filled = filled._replace(asked=asked)
        return ReadColumn(filled, column.cells, column.cells[-1], kind.form, decisions)

    def _numeric_values(self, column: ColumnText, form: NumberForm) -> ColumnValues:
        plain: Sequence[str] = column.cells.different
        if not form.is_plain(plain):
            plain = [form.plain(cell) for cell in plain]
        values = parse_numbers(plain)[column.cells.codes]
        return ColumnValues(Column(column.name, decimals=decimals(plain)), values)

    def _merged(self, column: ColumnText, settings: ColumnSettings) -> frozenset[str]:
        """The categories that are merged into one."""
        if not isinstance(settings.rare, float) or column.name == self.label:
            return frozenset()
        return _rare(column, settings.rare)

    def _categorical_values(
        self, column: ColumnText, settings: ColumnSettings, merged: frozenset[str]
    ) -> ColumnValues:
        """A column of categories. Raises DataError for too many of them."""
        names = categories(column.counts.keys() - merged)
        if merged and OTHER not in names:
            names = (*names, OTHER)
        if settings.order is not None:
            names = self._ordered(column, names, settings.order)
        is_label = column.name == self.label
        if settings.kind == "yes_no" and len(column.counts) != 2:
            what = f"{len(column.counts)} different answers in column {printable(column.name)}"
            raise self._fault(what, column_setting(column.name, "kind", "category"))
        if len(names) > column.most_categories:
            raise self._too_many(column, len(names), is_label=is_label)
        places = {category: place for place, category in enumerate(names)}
        if merged:
            places |= dict.fromkeys(merged, places[OTHER])
        different = np.array([places[cell] for cell in column.cells.different], dtype=np.int64)
        values = different[column.cells.codes]
        is_ordinal = settings.order is not None
        made = Column(column.name, names, label=is_label, ordinal=is_ordinal)
        return ColumnValues(made, values)

    def _ordered(
        self, column: ColumnText, names: tuple[str, ...], order: tuple[str, ...]
    ) -> tuple[str, ...]:
        """The categories in the order of an ordinal. Raises DataError for one that isn't in it."""
        others = [name for name in names if name not in order]
        if others:
            what = f"categories that the order of column {printable(column.name)} lacks"
            raise self._fault(f"{what}, {listed(others)}", "Add them to its order")
        return tuple(name for name in order if name in names)

    def _too_many(self, column: ColumnText, number: int, *, is_label: bool) -> DataError:
        shown = printable(column.name)
        what = f"{number} categories in the {len(column.cells)} rows of column {shown}"
        if units := find_units(column.counts) or find_notation(column.counts):
            what += f", which are {units}"
        remedy = f"Leave it out: {self.remedies.add('ignore', [column.name])}"
        if units:
            remedy = f"Write it as plain numbers in one unit, or l{remedy[1:]}"
        elif share := _fitting_share(column):
            merge = column_setting(column.name, "rare", share)
            remedy += f" or merge those with less than {100 * share:g} % of the rows: {merge}"
        other = "Name another label, or none: dataset.label=null"
        if all(map(is_number, column.counts)):
            target = override("evaluation.target", column.name)
            other += f"; to have its numbers predicted, add {target}"
        return self._fault(what, other if is_label and self.label_is_asked else remedy)

    def _fault(self, what: str, remedy: str) -> DataError:
        return DataError(f"{what}, {self.setting}. {remedy}")


def spread(filled: ColumnValues, column: ColumnText, count: int) -> ColumnValues:
    """The values of some rows among those of all; others are NaN, or the category ''."""
    names = filled.column.categories
    if filled.column.unlearned is not None:
        return filled._replace(values=np.zeros(count, dtype=np.int64))
    if not names:
        values = np.full(count, np.nan)
        values[column.rows] = filled.values
        return filled._replace(values=values)
    names = names if "" in names else (*names, "")
    indices = np.full(count, names.index(""), dtype=np.int64)
    indices[column.rows] = filled.values
    return filled._replace(column=replace(filled.column, categories=names), values=indices)


def _check_settings(name: str, kind: ColumnKind, settings: ColumnSettings) -> None:
    """Raise ConfigError for settings that a column of this kind hasn't."""
    given: Mapping[str, object] = settings.model_dump(exclude_none=True)
    allowed = {"kind"}
    if kind.form is not None:
        allowed |= {"bounds", "encoding", "spikes"}
    if kind.dates is not None:
        allowed |= {"format", "bounds", "encoding"}
    if kind.is_category:
        allowed |= {"rare", "order"}
    for key in given:
        if key not in allowed:
            what = "numbers" if kind.form else "dates" if kind.dates else "categories"
            what = "not learned" if kind.unlearned is not None else f"read as {what}"
            raise ConfigError(
                f"column {printable(name)} is {what}, dataset.columns.{printable(name)}.{key}. "
                f"Remove {key}, or set its kind, too"
            )


def _bounds(name: str, kind: ColumnKind, settings: ColumnSettings) -> Bounds | Ends | None:
    """The bounds that are asked for, those of dates as numbers. Raises ConfigError for others than
    the column's kind has."""
    if not isinstance(settings.bounds, tuple):
        return settings.bounds
    key = column_setting(name, "bounds", settings.bounds)
    ends = [each for each in settings.bounds if not isinstance(each, str)]
    if kind.dates is None:
        if len(ends) == 2:
            return float(ends[0]), float(ends[1])
        raise ConfigError(f"bounds of numbers aren't texts, {key}. Write numbers, as in [0, 120]")
    found = [kind.dates.form.read(str(each)) for each in settings.bounds]
    if ends or found[0] is None or found[1] is None:
        what = f"bounds of column {printable(name)} that aren't dates"
        raise ConfigError(f"{what}, {key}. Write them as in the column, or as 2020-12-31")
    if not found[0] < found[1]:
        raise ConfigError(f"the first bound isn't before the second, {key}. Exchange them.")
    return found[0], found[1]


def _refuse_outside(
    column: ColumnText,
    values: NDArray[np.float64],
    bounds: Bounds | Ends | None,
    settings: ColumnSettings,
) -> None:
    """Raise DataError for values [N] outside of bounds that are asked for."""
    if not isinstance(bounds, tuple) or not isinstance(settings.bounds, tuple):
        return
    outside = np.flatnonzero((values < bounds[0]) | (values > bounds[1]))
    if not len(outside):
        return
    place = int(outside[0])
    where = f"{printable(column.cells[place])} in line {column.lines[place]}"
    key = column_setting(column.name, "bounds", settings.bounds)
    noun = "numbers" if bounds == settings.bounds else "dates"
    what = f"{len(outside)} {noun} outside of the bounds of column "
    what += f"{printable(column.name)}, the first {where}"
    raise DataError(f"{what}, {key}. Widen the bounds, or repair the table.")


def _date_values(column: ColumnText, dates: FoundDates) -> ColumnValues:
    values = dates.values[column.cells.codes]
    form = dates.form
    return ColumnValues(Column(column.name, decimals=form.fraction, dates=form), values)


def _rare(column: ColumnText, share: float) -> frozenset[str]:
    """The categories with a smaller share of the rows; none where it is one alone."""
    least = share * len(column.cells)
    found = frozenset(cell for cell, count in column.counts.items() if count < least)
    return found if len(found) > 1 else frozenset()


def _fitting_share(column: ColumnText) -> float | None:
    """The least of the usual shares that leaves few enough categories and yet some."""
    for share in _SHARES:
        left = len(column.counts) - len(_rare(column, share)) + 1
        if 1 < left <= column.most_categories:
            return share
    return None


def _merge_decisions(
    column: ColumnText, settings: ColumnSettings, merged: frozenset[str]
) -> tuple[Decision, ...]:
    if not merged or not isinstance(settings.rare, float):
        return ()
    what = f"{len(merged)} categories of column {printable(column.name)} with less than "
    what += f"{100 * settings.rare:g} % of the rows each are one, {OTHER}, in samples, too"
    keep = column_setting(column.name, "rare", "keep")
    return (Decision(what, f"To keep them: {keep}", doubtful=False),)
