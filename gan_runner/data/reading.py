"""The notes of a reader: where examples come from, what was left out, what it decided by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

Role = Literal[
    "numeric",
    "categorical",
    "ordinal",
    "date",
    "label",
    "condition",
    "identifier",
    "constant",
    "ignored",
]
"""The roles of columns: identifiers and constants are in samples, but nothing is learned of
them."""


class Decision(NamedTuple):
    """Something that reading decided by itself.

    `text` says what, `remedy` what decides otherwise: the setting, as it can be typed in a shell.
    `doubtful`: often wrong, so that a run warns of it.
    """

    text: str
    remedy: str
    doubtful: bool = True

    @property
    def sentences(self) -> str:
        """Both, as a warning has them."""
        return f"{self.text}. {self.remedy}".rstrip()


@dataclass(frozen=True)
class LeftOut:
    """`count` of `total` things (`what`: rows, files, arrays, columns) that were left out, and the
    names of the first of them."""

    count: int
    total: int
    what: str
    why: str
    names: tuple[str, ...] = ()


class ColumnNotes(NamedTuple):
    """A column as it stands in its file. `missing`: cells without a value. `digits`: the decimal
    digits that the largest of its numbers has, 0 for categories. `note`: why it is of its kind, or
    what was taken off its cells."""

    name: str
    role: Role
    missing: int = 0
    digits: int = 0
    note: str = ""


@dataclass(frozen=True)
class Reading:
    """The notes of a reader.

    `source`: the file, the folder or the set, and which part of it. `stored`: how the examples are
    stored there, such as "float64 [400, 3]" or "40 PNG, 2 JPEG, 640 x 480 to 800 x 600 px".
    `labels`: where they come from, such as "column species" or "sub-folders"; empty without labels.
    `columns`: those of a table's file, in its order, also the ignored ones. `held_out`: the number
    of held-out examples, where it is known without reading them.
    """

    source: str = ""
    stored: str = ""
    labels: str = ""
    left_out: tuple[LeftOut, ...] = ()
    decisions: tuple[Decision, ...] = ()
    columns: tuple[ColumnNotes, ...] = ()
    held_out: int | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """The doubtful decisions, each with its remedy."""
        return tuple(each.sentences for each in self.decisions if each.doubtful)

    def with_decisions(self, *decisions: Decision) -> Reading:
        """The same with more decisions."""
        return replace(self, decisions=(*self.decisions, *decisions))
