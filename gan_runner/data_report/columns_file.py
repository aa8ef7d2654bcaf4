"""The file of a table's columns as they were read, to be edited: kinds, and evidence for them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import yaml

from gan_runner.data import Column, Data
from gan_runner.data.reading import Role
from gan_runner.data_report.report import ReadingReport
from gan_runner.data_report.text import part_cells
from gan_runner.errors import ConfigError, printable

_KINDS: dict[Role, str] = {
    **{"numeric": "number", "categorical": "category", "ordinal": "ordinal", "date": "date"},
    **{"label": "category", "condition": "category", "identifier": "identifier"},
    **{"constant": "constant", "ignored": "ignore"},
}
_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_LONGEST = 120  # characters of a comment
_HEAD = """\
# Columns of {name} as they were read. What is removed here is guessed again.
#   kind: number, category, ordinal (with order: [low, high]), date (with format: "%d.%m.%Y"),
#         yes_no (a category of two),
#         identifier (made new in samples), constant, ignore
#   bounds: observed, none or [low, high]; encoding: plain, quantile or modes; spikes: [0, 99999]
#   rare: keep, or a share such as 0.01 below which categories are merged into one
"""


def columns_text(report: ReadingReport, data: Data) -> str:
    """The file as YAML. Raises ConfigError for data that isn't a table."""
    if data.space.columns is None:
        what = f"no columns, --write-columns with {printable(report.name)}"
        raise ConfigError(f"{what}. It is for tables: dataset=table dataset.path=FILE")
    columns = {column.name: column for column in data.space.columns.columns}
    lines = [_HEAD.format(name=printable(report.name))]
    for note, part in zip(data.reading.columns, report.parts, strict=False):
        _, role, *evidence = part_cells(part)
        texts = ["the label" if role.startswith("label") else "", *evidence]
        text = printable("; ".join(filter(None, texts)), limit=_LONGEST)
        lines.append(f"{_name(note.name)}:\n")
        lines.append(f"  kind: {_KINDS[note.role]}{f'  # {text}' if text else ''}\n")
        lines += (f"  {line}\n" for line in _details(columns.get(note.name)))
    return "".join(lines)


def _name(name: str) -> str:
    """A name as YAML reads it back."""
    return name if _BARE.fullmatch(name) and yaml.safe_load(name) == name else json.dumps(name)


def _details(column: Column | None) -> Iterator[str]:
    if column is not None and column.dates is not None:
        yield f"format: {json.dumps(column.dates.pattern)}"
    if column is not None and column.ordinal:
        yield f"order: {json.dumps([name for name in column.categories if name])}"
