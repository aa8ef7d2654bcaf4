"""A table of Python's own as a file, which a run reads again when it is resumed."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from gan_runner.datasets.readers.coded import CodedCells, code_values
from gan_runner.errors import ConfigError, printable
from gan_runner.system.files import write_text


class TableColumns(Protocol):
    """A mapping of names to arrays [N], as a pandas DataFrame is one."""

    def items(self) -> Iterable[tuple[Any, Any]]:
        """The columns by their names."""


def save_table(table: TableColumns, folder: Path) -> Path:
    """The CSV file of a table in a folder, named after its content, so that the same one is
    written once. Raises ConfigError for data that isn't a table, OSError."""
    columns = _coded(table)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    content = text.getvalue()
    path = folder / f"{hashlib.sha256(content.encode()).hexdigest()[:16]}.csv"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_text(path, content)
    return path


def _coded(table: TableColumns) -> dict[str, CodedCells]:
    try:
        items = [(str(name), np.asarray(values)) for name, values in table.items()]
    except AttributeError:
        shown = type(table).__name__
        remedy = "Use a DataFrame, or a mapping of names to arrays"
        raise ConfigError(f"not a table, data={shown}. {remedy}") from None
    columns = {name: _code(name, values) for name, values in items}
    if len(columns) < len(items):
        raise ConfigError("two columns of one name, data. Rename one.")
    lengths = {len(column) for column in columns.values()}
    if len(lengths) != 1 or lengths == {0}:
        raise ConfigError(f"not a table, data: columns of {sorted(lengths)} rows. Use one length.")
    return columns


def _code(name: str, values: np.ndarray[Any, Any]) -> CodedCells:
    if values.ndim != 1:
        shown = f"column {printable(name)} has the shape {list(values.shape)}"
        raise ConfigError(f"not a table, data: {shown}. Use one value a row.")
    try:
        if values.dtype.kind == "O":
            places: dict[Any, int] = {}
            codes = np.array([places.setdefault(each, len(places)) for each in values])
            return code_values(places, codes)
        different, codes = np.unique(values, return_inverse=True)
        return code_values(different, codes.ravel())
    except TypeError as error:
        what = f"column {printable(name)} has values that aren't plain ({printable(error)})"
        raise ConfigError(f"{what}, data. Use numbers, texts, dates or None.") from None
