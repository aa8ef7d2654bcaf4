"""A table in a Parquet file, as the cells that a file of text has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gan_runner.data import Reading
from gan_runner.datasets.readers.coded import CodedCells, code_values
from gan_runner.datasets.readers.csv import TextTable
from gan_runner.datasets.readers.paths import file_faults
from gan_runner.errors import DataError, MachineError, printable

MAGIC = b"PAR1"


def is_parquet(path: Path, *, setting: str) -> bool:
    """Whether a file begins as one does. Raises DataError and MachineError as other readers do."""
    with file_faults(path, setting=setting):
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC


def read_parquet(path: Path, *, setting: str) -> TextTable:
    """The columns of a Parquet file. Raises DataError for a damaged one and for columns of lists
    and the like, MachineError without pyarrow."""
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        remedy = 'pip install "gan-runner[parquet]"'
        raise MachineError(f"pyarrow isn't installed, {setting}. {remedy}") from None
    try:
        with file_faults(path, setting=setting):
            file = parquet.ParquetFile(path)
            names = file.schema_arrow.names
            # one column at a time, so that all of them aren't in memory twice
            columns = {name: _code(file, name, setting) for name in names}
    except (ArrowException, ValueError, EOFError) as error:
        reason = printable(str(error).splitlines()[0] if str(error) else type(error).__name__, 120)
        raise DataError(f"damaged Parquet file ({reason}), {setting}. Copy it again.") from None
    count = file.metadata.num_rows
    if not names or not count:
        raise DataError(f"no rows in the table, {setting}. Use a table with some.")
    source = f"{printable(path)}, Parquet"
    stored = f"{count} rows, {len(names)} columns"
    return TextTable(columns, np.arange(1, count + 1), Reading(source, stored))


def _code(file: Any, name: str, setting: str) -> CodedCells:
    """A column by its different values, which Parquet mostly holds so itself."""
    from pyarrow import types

    column = file.read(columns=[name]).column(0).combine_chunks()
    if types.is_nested(column.type) or types.is_binary(column.type):
        what = f"column {printable(name)} has {printable(str(column.type), 60)}, {setting}"
        raise DataError(f"{what}. Write a file without it, or with numbers and texts.")
    if not types.is_dictionary(column.type):
        column = column.dictionary_encode()
    codes = column.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    different = column.dictionary
    is_number = types.is_floating(different.type)
    # numpy's numbers of 32 bits have their own digits
    values = different.to_numpy(zero_copy_only=False) if is_number else different.to_pylist()
    return code_values(values, codes)
