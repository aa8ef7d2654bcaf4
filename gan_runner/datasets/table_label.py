"""The label of a table: the column that is named, called so, or the last one of categories."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from gan_runner.config.overrides import override
from gan_runner.data import ColumnNotes, Decision
from gan_runner.datasets.column_kinds import ColumnKind, ColumnText
from gan_runner.datasets.column_names import Remedies
from gan_runner.datasets.readers.cells import is_number
from gan_runner.errors import printable

# as tables call their label, whatever the case
_NAMES = ("label", "labels", "class", "target", "targets", "y", "outcome", "diagnosis")
_LEAST_ROWS = 3  # of a class, on average, in a column of numbers that may be the label
_MOST_CANDIDATES = 3


class FoundLabel(NamedTuple):
    """The column of the label, None for no label; `text` says why it is. `doubt`: for a fault about
    its classes, that it was guessed."""

    name: str | None
    text: str = ""
    doubt: str = ""
    decisions: tuple[Decision, ...] = ()


def find_label(
    asked: str | None,
    columns: Sequence[ColumnText],
    kinds: Mapping[str, ColumnKind],
    *,
    settled: Collection[str],
    remedies: Remedies,
) -> FoundLabel:
    """The label: `asked`, or where that is `auto` one that is called so or the last column. It
    must have categories. `settled` are columns that are meant to be numbers."""
    if asked is None:
        return FoundLabel(None)
    if asked != "auto":
        return FoundLabel(asked, f"column {printable(asked)}, by dataset.label")
    named = [column for column in columns if column.name.lower() in _NAMES]
    numbers = (c for c in named if kinds[c.name].form is not None and c.name not in settled)
    decisions = tuple(each for each in (_may_be_classes(c, remedies) for c in numbers) if each)
    called = next((column.name for column in named if kinds[column.name].is_category), None)
    if called is not None:
        text = f"column {printable(called)}, by its name"
        by_name = Decision(f"the label is {text}", "None: dataset.label=null", doubtful=False)
        return FoundLabel(called, text, decisions=(by_name, *decisions))
    last = columns[-1].name if columns else None
    if last is None or not kinds[last].is_category:
        return FoundLabel(None, decisions=(*decisions, *_other_labels(columns, kinds)))
    shown = printable(last)
    no_label = override("dataset.label", None)
    remedy = f"Use {no_label} for no label or {override('dataset.label', last)} for this one"
    if kinds[last].guess:
        remedy += f" or {remedies.add('numeric', [last])} for numbers"
    remedy += "."
    by_place = Decision(f"the last column, {shown}, is taken for the label", remedy)
    doubt = (
        f"Column {shown} was taken for the label as the last one: use {no_label} if it has no "
        "classes."
    )
    text = f"column {shown}, found as the last categorical column"
    return FoundLabel(last, text, doubt, (by_place, *decisions))


def label_candidates(columns: Sequence[ColumnNotes]) -> list[str]:
    """The settings of columns that can be the label, those first that are called so."""
    called = [c.name for c in columns if c.name.lower() in _NAMES and c.role != "ignored"]
    others = [c.name for c in reversed(columns) if c.role == "categorical"]
    names = list(dict.fromkeys([*called, *others]))
    return [override("dataset.label", name) for name in names[:_MOST_CANDIDATES]]


def _other_labels(columns: Sequence[ColumnText], kinds: Mapping[str, ColumnKind]) -> list[Decision]:
    """A note that a table without a label has columns that can be one."""
    names = [c.name for c in columns if kinds[c.name].is_category and len(c.counts) > 1]
    if not names:
        return []
    settings = [override("dataset.label", name) for name in names[:_MOST_CANDIDATES]]
    text = "no column is taken for the label, since the last one has numbers"
    return [Decision(text, f"If there is one: {' or '.join(settings)}", doubtful=False)]


def _may_be_classes(column: ColumnText, remedies: Remedies) -> Decision | None:
    """A doubt: a column called so was read as numbers, which may be the numbers of classes."""
    number = len(column.counts)
    if number > column.most_categories or number * _LEAST_ROWS > len(column.cells):
        return None
    if not all(is_number(cell) and float(cell).is_integer() for cell in column.counts):
        return None
    shown = printable(column.name)
    return Decision(
        f"column {shown} is taken for a measurement and not for the label: it has {number} "
        f"different whole numbers in {len(column.cells)} rows",
        f"Use {override('dataset.label', column.name)} if it is the label or "
        f"{remedies.add('numeric', [column.name])} if it isn't.",
    )
