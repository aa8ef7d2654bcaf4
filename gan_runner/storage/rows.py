"""Rows of metrics.jsonl and evaluations.jsonl, read without torch; torn ones are left out."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from gan_runner.system.files import open_regular

_TAIL_BYTES = 1 << 16  # many rows, unless a table has thousands of columns
_LONGEST_ROW_BYTES = 1 << 26  # an evaluation of 5,000 columns has a fortieth of it


def best_evaluation(
    path: Path, direction: str, *, until: float = math.inf
) -> dict[str, Any] | None:
    """The best row of evaluations.jsonl up to a step, the first of equal ones; None without any.

    Its `step` is an int and its `best` a finite float. Raises OSError.
    """
    sign = 1 if direction == "min" else -1
    return min(
        (
            row
            for line in _lines(path)
            if (row := _parse_evaluation(line)) is not None and row["step"] <= until
        ),
        key=lambda row: (sign * row["best"], row["step"]),
        default=None,
    )


def rows(
    path: Path, *, on_damaged: Callable[[], object] = lambda: None
) -> Iterator[dict[str, Any]]:
    """Every whole row with a step, in their order; their `step` is an int of at least 0.

    `on_damaged` is called for each other line, but for a last one, which a crash may have torn.
    None if there is no such file. Raises OSError, for links and pipes too.
    """
    torn = False
    for line in _lines(path):
        if torn:
            on_damaged()
        row = _parse_row(line)
        torn = row is None
        if row is not None:
            yield row


def _parse_row(line: bytes) -> dict[str, Any] | None:
    try:
        row: dict[str, Any] = json.loads(line)
        step = row["step"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    return row if type(step) is int and 0 <= step < 2**63 else None


def last_step(path: Path) -> object:
    """The step in the newest whole row of metrics.jsonl, of any type; None without any. Reads the
    end of the file only. Raises OSError."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        tail = _TAIL_BYTES
        while True:
            file.seek(max(0, size - tail))
            for line in reversed(file.read().splitlines()):
                with suppress(KeyError, TypeError, ValueError, RecursionError):
                    return json.loads(line)["step"]
            if tail >= min(size, 2 * _LONGEST_ROW_BYTES):
                return None
            tail *= 16


def _lines(path: Path) -> Iterator[bytes]:
    try:
        file = open_regular(path)
    except FileNotFoundError:
        return
    with file:
        while line := file.readline(_LONGEST_ROW_BYTES):
            yield line


def _parse_evaluation(line: bytes) -> dict[str, Any] | None:
    """An evaluation that can be compared; None for a row that a crash left damaged."""
    try:
        row = json.loads(line)
        step, best = float(row["step"]), float(row["best"])
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError):
        return None
    if not (math.isfinite(step) and math.isfinite(best)):
        return None
    return {**row, "step": int(step), "best": best}
