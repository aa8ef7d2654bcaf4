"""The base of every table: columns of numbers and of categories, training rows and test rows."""

from __future__ import annotations

from abc import abstractmethod
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, final

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt, PrivateAttr
from torch import Tensor

from gan_runner.config.overrides import override
from gan_runner.data import Column, Columns, Data, Decision, Reading, Space
from gan_runner.data.expressions import parse_constraint
from gan_runner.data.kept_constraints import SETTING, Keeping, keep_constraints
from gan_runner.data.rules import find_rules
from gan_runner.datasets.base import Dataset, Track
from gan_runner.datasets.column_names import Text
from gan_runner.datasets.conditional_vector import find_vector_columns, with_shares
from gan_runner.datasets.number_encodings import (
    MOST_KNOTS,
    AskedEncoding,
    Bounds,
    Encoder,
    Ends,
    Kind,
)
from gan_runner.datasets.shifting import Lost, shift
from gan_runner.datasets.splitting import TrainTestIndices, split_indices
from gan_runner.datasets.table_constraints import (
    Lines,
    check_constraints,
    note_orders,
    offer_rules,
)
from gan_runner.datasets.vectors import standardized_space
from gan_runner.errors import DataError, printable

_MOST_DECIMALS = 6  # more are those of a measurement, unless an origin makes room for them
_MOST_NAMED = 5  # columns of thousands
_MANY_COLUMNS, _FEW_KNOTS = 200, 33  # all knots are part of a checkpoint


class ColumnValues(NamedTuple):
    """A column and its values: numbers [N], float64, NaN for missing ones, or integers, or indices
    of categories, int64.

    Where these are numbers of examples, they are float32, less the `origin`; `lost` is what of
    their digits is not kept. `asked`: how networks are to see them by the column's own settings.
    """

    column: Column
    values: NDArray[Any]
    origin: float = 0.0
    lost: Lost | None = None
    asked: AskedEncoding = AskedEncoding()


class TableContents(NamedTuple):
    """All columns of a table, at most one of them the label, and how it was read. `label_doubt`: a
    sentence for faults about the classes of a label that was guessed. `lines`: where the rows stand
    in the file; without them they are counted."""

    columns: list[ColumnValues]
    reading: Reading = Reading()
    label_doubt: str = ""
    lines: Lines | None = None


class Tabular(Dataset):
    """Rows that are split by a seed and a ratio, stratified by the label where there is one.

    `label_as`: the label is one more `column` that the generator makes, or the `class` that it is
    conditioned on; `auto` depends on the model. `constraints` hold in all rows, and in samples.
    `conditional_vector`: columns, by names or patterns, of which the generator is given a category.
    `number_encoding`, `bounds` and `spikes` say how networks see numbers. `temperature` and
    `straight_through` belong to the Gumbel-softmax of categories and other choices.
    """

    label_as: Literal["auto", "column", "class"]
    test_ratio: Annotated[float, Field(ge=0, lt=1)]
    seed: NonNegativeInt
    constraints: tuple[str, ...]
    conditional_vector: tuple[Text, ...]
    number_encoding: Kind
    bounds: Bounds
    spikes: bool
    temperature: Annotated[float, Field(gt=0, le=100)]
    straight_through: bool
    # kept by `load`, nothing before it: a file is read once
    _test: tuple[Data | None, ...] = PrivateAttr(default=())

    @abstractmethod
    def contents(self) -> TableContents:
        """The columns of the table.

        Raises DataError or ConfigError for a table that can't be used.
        """

    @property
    @abstractmethod
    def setting(self) -> str:
        """The setting that names the table, for messages."""

    def space(self) -> Space | None:
        return None

    @final
    def load(self, cache: Path, track: Track) -> Data:
        train, test = self._split_data()
        self._test = (test,)
        held_out = 0 if test is None else len(test)
        return replace(train, reading=replace(train.reading, held_out=held_out))

    @final
    def held_out(self, cache: Path, track: Track) -> Data | None:
        return self._test[0] if self._test else self._split_data().test

    @property
    def flips(self) -> bool:
        return False

    def _split_data(self) -> TrainTestData:
        contents = self.contents()
        keeping, rules = self._constraints(contents)
        filled = [
            self._as_example_numbers(self._as_condition(each))
            for each in learned_columns(contents.columns, keeping)
        ]
        if not any(each.column.width for each in filled):
            raise DataError(f"no column to generate, {self.setting}. Use a table with more.")
        label = next((each for each in filled if each.column.label), None)
        labels = None if label is None else torch.from_numpy(label.values.astype(np.int64))
        names = () if label is None else label.column.categories
        count, doubt = len(filled[0].values), contents.label_doubt
        chosen = self._split(labels, names, count, label_doubt=doubt)
        filled = self._encoded(filled, chosen.train.numpy())
        filled = self._with_shares(filled, chosen.train.numpy())
        examples = [_examples(filled, rows) for rows in chosen]
        all_columns = tuple(each.column for each in filled)
        columns = Columns(all_columns, self.temperature, self.straight_through, keeping.kept)
        space = _space(examples[0], columns, _origin(filled))
        decisions = (*_lost_digits(filled), *rules, *self._encoding_without_use(filled))
        reading = self._with_condition(contents.reading).with_decisions(*decisions)
        train, test = (
            Data(
                of_part,
                space,
                None if labels is None else labels[rows],
                names,
                reading,
            )
            for of_part, rows in zip(examples, chosen, strict=True)
        )
        return TrainTestData(train, test if len(test) else None)

    def _constraints(self, contents: TableContents) -> tuple[Keeping, list[Decision]]:
        """How each constraint is kept, and the rules that could be more of them. Raises ConfigError
        for a text that isn't a constraint, DataError where rows break one."""
        learned = (each for each in contents.columns if each.column.unlearned is None)
        table = [(each.column, each.values) for each in learned]
        columns = [column for column, _ in table]
        constraints = [parse_constraint(c, columns, setting=SETTING) for c in self.constraints]
        counted = range(1, len(table[0][1]) + 1) if table else ()
        check_constraints(constraints, table, counted if contents.lines is None else contents.lines)
        asked = {each.column.name: each.asked for each in contents.columns}
        keeping = keep_constraints(
            constraints,
            table,
            ends=_ends({name: each.bounds or self.bounds for name, each in asked.items()}),
            learned={name: f"spikes of {name} are set" for name, a in asked.items() if a.spikes},
        )
        rules = offer_rules(find_rules(table), constraints)
        return keeping, [*rules, *note_orders(keeping)]

    def _as_condition(self, filled: ColumnValues) -> ColumnValues:
        """The label as a condition, where `label_as` is `class`."""
        if not filled.column.label or self.label_as != "class":
            return filled
        return filled._replace(column=replace(filled.column, condition=True))

    def _with_condition(self, reading: Reading) -> Reading:
        """The notes, in which the label is a condition where `label_as` is `class`."""
        if self.label_as != "class":
            return reading
        notes = (c._replace(role="condition") if c.role == "label" else c for c in reading.columns)
        return replace(reading, columns=tuple(notes))

    def _as_example_numbers(self, filled: ColumnValues) -> ColumnValues:
        """Numbers as examples have them; categories as they are. Raises DataError."""
        column, values = filled.column, filled.values
        if column.categories or not column.width:
            return filled
        missing = np.isnan(values)
        present = values[~missing] if missing.any() else values
        try:
            shifted = shift(present, column.decimals)
            if (column.decimals or 0) > _MOST_DECIMALS and (shifted.lost or not shifted.origin):
                column = replace(column, decimals=None)
                shifted = shift(present, None)
        except OverflowError:
            raise DataError(
                f"numbers too far apart for 32 bits in column {printable(column.name)}, "
                f"{self.setting}. Use a larger unit, or leave the column out."
            ) from None
        if missing.any():
            numbers = np.full(len(values), np.nan, np.float32)
            numbers[~missing] = shifted.numbers
            shifted = shifted._replace(numbers=numbers)
        return ColumnValues(column, *shifted, filled.asked)

    def _encoded(self, filled: list[ColumnValues], rows: NDArray[np.int64]) -> list[ColumnValues]:
        """Numeric columns with the encoding that these rows, those of training, give them."""
        numeric = sum(_is_numeric(each.column) for each in filled)
        knots = MOST_KNOTS if numeric <= _MANY_COLUMNS else _FEW_KNOTS
        encoder = Encoder(self.number_encoding, self.bounds, self.spikes, self.seed, knots)
        return [_fit(encoder, c, rows) if _is_numeric(c.column) else c for c in filled]

    def _encoding_without_use(self, filled: list[ColumnValues]) -> Iterator[Decision]:
        """That numbers without bounds are standardized, whichever encoding is asked for."""
        asked = {e.column.name: e.asked for e in filled if _is_numeric(e.column)}
        # quantile is what tables have without being asked
        of_table = "modes" if self.number_encoding == "modes" else "plain"
        names = [
            name
            for name, each in asked.items()
            if (each.bounds or self.bounds) == "none" and (each.kind or of_table) != "plain"
        ]
        if names:
            shown = ", ".join(map(printable, names[:_MOST_NAMED]))
            more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
            yield Decision(
                f"numbers without bounds are standardized, without another encoding: {shown}{more}",
                "quantile and modes need bounds=observed; plain goes with bounds=none",
            )

    def _with_shares(
        self, filled: list[ColumnValues], rows: NDArray[np.int64]
    ) -> list[ColumnValues]:
        """The columns of the conditional vector with the shares of their categories among these
        rows, those of training. Raises ConfigError for columns that can't be part of it."""
        columns = [each.column for each in filled]
        chosen = find_vector_columns(self.conditional_vector, columns)
        return [
            each._replace(column=with_shares(each.column, each.values[rows]))
            if each.column.name in chosen
            else each
            for each in filled
        ]

    def _split(
        self, labels: Tensor | None, names: tuple[str, ...], count: int, *, label_doubt: str
    ) -> TrainTestIndices:
        strata = torch.zeros(count, dtype=torch.int64) if labels is None else labels
        return split_indices(
            strata,
            classes=names or ("(all)",),
            test_ratio=self.test_ratio,
            seed=self.seed,
            setting=self.setting,
            label_doubt=label_doubt,
        )


class TrainTestData(NamedTuple):
    """Training rows and test rows, both scaled by the former."""

    train: Data
    test: Data | None


def learned_columns(columns: Sequence[ColumnValues], keeping: Keeping) -> Iterator[ColumnValues]:
    """The columns, of which those are given that constraints give, and beside one that lies above
    others the difference that is learned for it."""
    given = {each.gives for each in keeping.kept}
    for each in columns:
        column = replace(each.column, given=each.column.name in given)
        if column.name not in keeping.differences:
            yield each._replace(column=column)
            continue
        if (column.decimals or 0) > _MOST_DECIMALS:  # of which float32 has none but noise
            column = replace(column, decimals=None)
        yield each._replace(column=column)
        # bounded, so that a difference isn't negative
        asked = AskedEncoding(each.asked.kind, "observed")
        yield ColumnValues(*keeping.differences[column.name], asked=asked)


def _ends(bounds: Mapping[str, Bounds | Ends]) -> dict[str, tuple[float | None, float | None]]:
    """The bounds of columns, as far as they aren't those that were observed."""
    return {
        name: (None, None) if each == "none" else (float(each[0]), float(each[1]))
        for name, each in bounds.items()
        if each != "observed"
    }


def _is_numeric(column: Column) -> bool:
    return bool(column.width) and not column.categories


def _fit(encoder: Encoder, filled: ColumnValues, rows: NDArray[np.int64]) -> ColumnValues:
    missing = np.isnan(filled.values)
    may_miss = bool(missing.any())
    known = filled.values[rows]
    known = known[~np.isnan(known)] if may_miss else known
    if not len(known):  # of a few rows, all others are held out
        known = filled.values[~missing]
    encoding = encoder.asked(filled.asked, filled.origin).fit(known, missing=may_miss)
    return filled._replace(column=replace(filled.column, encoding=encoding))


def _examples(filled: list[ColumnValues], rows: Tensor) -> Tensor:
    """These rows as examples, float32 [N, D], a column after the other: a one for each category of
    all at once would take several times the memory."""
    held = [each for each in filled if each.column.width]
    examples = torch.zeros(len(rows), sum(each.column.width for each in held))
    begin = 0
    for each in held:
        _fill(examples[:, begin : begin + each.column.width], each, rows)
        begin += each.column.width
    return examples


def _fill(part: Tensor, filled: ColumnValues, rows: Tensor) -> None:
    """Fill in a column of these rows, zeros [N, width]; a missing number is the mean of all."""
    values = torch.from_numpy(filled.values)
    chosen = values[rows]
    if filled.column.categories:
        part[torch.arange(len(rows)), chosen] = 1
        return
    part[:, 0] = chosen
    if filled.column.may_miss:
        missing = values.isnan()
        mean = values[~missing].double().mean().float()
        part[:, 0] = chosen.where(~missing[rows], mean)
        part[:, 1] = missing[rows]


def _origin(filled: list[ColumnValues]) -> tuple[float, ...]:
    """The origin of each value of an example; nothing where nothing is taken off any."""
    origin = tuple(
        each.origin if place == 0 else 0.0 for each in filled for place in range(each.column.width)
    )
    return origin if any(origin) else ()


def _lost_digits(filled: list[ColumnValues]) -> Iterator[Decision]:
    """The columns whose digits can't all be kept, those that may matter apart from the others."""
    groups: dict[tuple[bool, str], list[tuple[str, str]]] = defaultdict(list)
    for column, _, _, lost, _ in filled:
        if lost is not None:
            groups[not lost.doubtful, lost.remedy].append((column.name, lost.text))
    for (is_minor, remedy), found in sorted(groups.items()):
        texts = [f"column {printable(name)} {text}" for name, text in found[:_MOST_NAMED]]
        more = f"; {len(found) - _MOST_NAMED} more like these" if len(found) > _MOST_NAMED else ""
        ignored = override("dataset.ignore", [name for name, _ in found[:_MOST_NAMED]])
        yield Decision(
            "; ".join(texts) + more, f"{remedy}; or leave them out: {ignored}", not is_minor
        )


def _space(train: Tensor, columns: Columns, origin: tuple[float, ...]) -> Space:
    """Numeric columns with mean 0 and deviation 1 over the training rows, others as they are."""
    numeric = [
        not column.categories and place == 0
        for column in columns.columns
        for place in range(column.width)
    ]
    offset, scale = np.zeros(columns.width), np.ones(columns.width)
    places = np.flatnonzero(numeric)
    if len(places):
        # one more beside a single one: numpy would add that up in another order
        beside = places if len(places) > 1 or columns.width == 1 else [*places, places[0] - 1]
        scaled = standardized_space(train[:, beside])
        offset[places], scale[places] = (
            values[: len(places)] for values in (scaled.offset, scaled.scale)
        )
    scaling = tuple(offset.tolist()), tuple(scale.tolist())
    return Space("table", (columns.width,), *scaling, columns, origin)
