"""The table report, typed and frozen, read from and written to `table.json`. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from gan_runner.system.files import write_text
from gan_runner.system.reports import read_json_report

MOST_COLUMNS = 40
"""Columns that are shown, those that differ most."""
MOST_PAIRED = 30
"""Columns whose pairs are shown, the first ones."""
MOST_BINS = 24
MOST_BARS = 16
NAME_LETTERS = 100

_LARGEST_FILE_BYTES = 1 << 20  # several times the largest report that these allow

Name = Annotated[str, Field(max_length=NAME_LETTERS)]
Count = Annotated[int, Field(ge=0, lt=2**63)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Strength = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]
Shares = Annotated[tuple[Share, ...], Field(max_length=MOST_BINS)]
Strengths = Annotated[tuple[Strength, ...], Field(max_length=MOST_PAIRED * (MOST_PAIRED - 1) // 2)]
Scale = Literal["linear", "logarithmic"]
BarKind = Literal["value", "missing", "below", "above", "others"]


@dataclass(frozen=True)
class Histogram:
    """Shares of all real and of all sampled rows [B], between edges [B + 1] in the column's unit.
    `ends` are the least and the greatest real number in it.

    Raises ValueError for edges that don't fit them.
    """

    edges: Annotated[tuple[Number, ...], Field(max_length=MOST_BINS + 1)]
    scale: Scale
    ends: tuple[Number, Number]
    real: Shares
    sampled: Shares

    def __post_init__(self) -> None:
        if not len(self.real) == len(self.sampled) == len(self.edges) - 1 > 0:
            raise ValueError("A histogram has an edge more than bins.")
        if not all(low <= high for low, high in pairwise(self.edges)):
            raise ValueError("Edges rise.")
        if self.scale == "logarithmic" and self.edges[0] <= 0:
            raise ValueError("Logarithmic edges are positive.")


@dataclass(frozen=True)
class Bar:
    """The shares of all real and of all sampled rows that have one value of a column, or one of
    several: numbers `below` and `above` those of the histogram, or `others`. `name` is empty for
    missing values."""

    name: Name
    kind: BarKind
    real: Share
    sampled: Share


@dataclass(frozen=True)
class ComparedColumn:
    """A column real against sampled: the histogram of its numbers, if there is one, and bars of
    values. `distance` is that of Kolmogorov and Smirnov for numbers, total variation for
    categories, 0 for equal ones and 1 at most."""

    name: Name
    is_numeric: bool
    distance: Share
    histogram: Histogram | None
    bars: Annotated[tuple[Bar, ...], Field(max_length=MOST_BARS)]


@dataclass(frozen=True)
class Associations:
    """The association of each column with each one before it, real and sampled: pairs row by row
    below the diagonal, [K * (K - 1) / 2] for K columns.

    Raises ValueError for another number of pairs.
    """

    names: Annotated[tuple[Name, ...], Field(max_length=MOST_PAIRED)]
    are_numeric: Annotated[tuple[bool, ...], Field(max_length=MOST_PAIRED)]
    real: Strengths
    sampled: Strengths

    def __post_init__(self) -> None:
        count = len(self.names)
        pairs = count * (count - 1) // 2
        if not (len(self.are_numeric) == count and len(self.real) == len(self.sampled) == pairs):
            raise ValueError("Every column has a pair with each one before it.")


@dataclass(frozen=True)
class TableReport:
    """A table of samples beside the real rows in use. `columns` are those of `total_columns` that
    differ most, the worst first; `step` is the checkpoint's, None until it is kept."""

    real_rows: Count
    sampled_rows: Count
    total_columns: Count
    columns: Annotated[tuple[ComparedColumn, ...], Field(max_length=MOST_COLUMNS)]
    associations: Associations
    step: Count | None = None


def read_table_report(path: Path) -> TableReport:
    """The report in a file, which may come from a stranger.

    Raises FileNotFoundError for a run without one, CheckpointError for what isn't a report.
    """
    return read_json_report(path, _adapter(), kind="table report", most_bytes=_LARGEST_FILE_BYTES)


def write_table_report(path: Path, report: TableReport) -> None:
    """Replace the report in a file. Raises OSError; then the old one is untouched."""
    write_text(path, _adapter().dump_json(report).decode() + "\n")


@cache
def _adapter() -> TypeAdapter[TableReport]:
    return TypeAdapter(TableReport)
