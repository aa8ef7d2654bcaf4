"""The reading report, typed and frozen, read from and written to `data.json`. No torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from gan_runner.system.files import write_text
from gan_runner.system.reports import read_json_report

MOST_PARTS = 10_000
"""Columns, dimensions or channels that a report has a line for."""
MOST_CLASSES = 256
MOST_CATEGORIES = 5
"""The most frequent ones of a column."""
MOST_NAMES = 5
"""Things left out that are named, constants too."""
MOST_ENTRIES = 100
"""Decisions, and kinds of things left out."""
NAME_LETTERS, TEXT_LETTERS, REMEDY_LETTERS = 100, 1000, 20_000

# of the largest report that these allow, and of a table of 10,000 columns, it is more than double
_LARGEST_FILE_BYTES = 1 << 26

Name = Annotated[str, Field(max_length=NAME_LETTERS)]
Text = Annotated[str, Field(max_length=TEXT_LETTERS)]
LongText = Annotated[str, Field(max_length=REMEDY_LETTERS)]
Count = Annotated[int, Field(ge=0, lt=2**63)]
Number = Annotated[float, Field(allow_inf_nan=False)]
# an integer keeps digits that a float64 would lose
End = Annotated[int, Field(gt=-(2**64), lt=2**64)] | Number
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
    "dimension",
    "channel",
]


@dataclass(frozen=True)
class Tally:
    """The number of times that something of that name occurs."""

    name: Name
    count: Count


@dataclass(frozen=True)
class Numbers:
    """The range, the mean and the deviation of numbers, in the data's own units."""

    low: End
    high: End
    mean: Number
    deviation: Number


@dataclass(frozen=True)
class Part:
    """A column of a table, a dimension of a vector or of a step, a channel of an image.

    `numbers` are None for categories and where nothing is read; `categories` are the most frequent
    ones of `total_categories`. `missing`: cells without a value. `digits`: those of its largest
    number as it is stored, 0 where they aren't counted.
    """

    name: Name
    role: Role
    numbers: Numbers | None = None
    categories: Annotated[tuple[Tally, ...], Field(max_length=MOST_CATEGORIES)] = ()
    total_categories: Count = 0
    missing: Count = 0
    digits: Count = 0
    note: Annotated[str, Field(max_length=200)] = ""


@dataclass(frozen=True)
class LeftOutThings:
    """`count` of `total` things that were left out, and the names of the first of them."""

    count: Count
    total: Count
    what: Name
    why: Text
    names: Annotated[tuple[Name, ...], Field(max_length=MOST_NAMES)] = ()


@dataclass(frozen=True)
class ReadingDecision:
    """Something that reading decided by itself, and what decides otherwise."""

    text: LongText
    remedy: LongText
    doubtful: bool


@dataclass(frozen=True)
class Bytes:
    """The bytes of images: the share of 0 and of 255, and how many different values there are."""

    zeros: Number
    full: Number
    different: Count


@dataclass(frozen=True)
class ReadingReport:
    """The data that training gets from a data set, and how it was read.

    `name` is the data set's, or of a user's own its file's or folder's; `source` says all of it.
    `held_out` is None where the held-out examples can't be read. `seen` is the number of examples
    that ranges and shares are of: all, or a spread of them. `classes` are the first of
    `total_classes`, each with its training examples; `smallest_class` and `largest_class` are of
    all. `constants`: dimensions and columns that never change. `input_shape`: of the inputs of a
    translator, whose targets the examples are, and the number of `inputs` where each isn't of one
    example. `label_map` and `input_label_map`: channels are classes.
    """

    name: Name
    source: Text
    stored: Text
    kind: Literal["images", "vectors", "table", "sequences"]
    shape: Annotated[tuple[Count, ...], Field(max_length=8)]
    dtype: Name
    examples: Count
    held_out: Count | None
    mirrored: bool
    seen: Count
    numbers: Numbers | None
    bytes: Bytes | None
    labels: Text
    classes: Annotated[tuple[Tally, ...], Field(max_length=MOST_CLASSES)]
    total_classes: Count
    smallest_class: Count
    largest_class: Count
    left_out: Annotated[tuple[LeftOutThings, ...], Field(max_length=MOST_ENTRIES)]
    decisions: Annotated[tuple[ReadingDecision, ...], Field(max_length=MOST_ENTRIES)]
    parts: Annotated[tuple[Part, ...], Field(max_length=MOST_PARTS)]
    total_parts: Count
    constants: Annotated[tuple[Name, ...], Field(max_length=MOST_NAMES)]
    total_constants: Count
    label_map: bool = False
    input_label_map: bool = False
    input_shape: Annotated[tuple[Count, ...], Field(max_length=8)] = ()
    inputs: Count = 0

    @property
    def doubtful(self) -> tuple[ReadingDecision, ...]:
        """The decisions that are often wrong."""
        return tuple(decision for decision in self.decisions if decision.doubtful)

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    def text(self) -> str:
        """As JSON."""
        return _adapter().dump_json(self, indent=1).decode() + "\n"


def read_report(path: Path) -> ReadingReport:
    """The report in a file, which may come from a stranger.

    Raises FileNotFoundError for a run of a version that wrote none, CheckpointError for what isn't
    a report.
    """
    return read_json_report(path, _adapter(), kind="reading report", most_bytes=_LARGEST_FILE_BYTES)


def write_report(path: Path, report: ReadingReport) -> None:
    """Replace the report in a file. Raises OSError; then the old one is untouched."""
    write_text(path, report.text())


@cache
def _adapter() -> TypeAdapter[ReadingReport]:
    return TypeAdapter(ReadingReport)
