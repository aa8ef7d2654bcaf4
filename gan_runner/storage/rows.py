"""What the rows of a run say, torn ones left out. Needs no torch."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gan_runner.system.files import open_regular

_TAIL = 1 << 16  # bytes, many rows
_LONGEST = 1 << 20  # bytes of a row; an evaluation of a hundred classes has a twentieth of it


def best_evaluation(path: Path, direction: str) -> dict[str, Any] | None:
    """The best row of evaluations.jsonl, the first of equal ones; None without any.

    Its `step` is an int and its `best` a finite float. Raises OSError.
    """
    sign = 1 if direction == "min" else -1
    return min(
        (row for line in _lines(path) if (row := _row(line)) is not None),
        key=lambda row: (sign * row["best"], row["step"]),
        default=None,
    )


def rows(path: Path, *, left_out: Callable[[], object] = lambda: None) -> Iterator[dict[str, Any]]:
    """Every whole row with a step, in their order; their `step` is an int of at least 0.

    `left_out` hears of each other line, but for a last one, which a crash may have torn. Nothing if
    there is no such file. Raises OSError, for links and pipes too.
    """
    torn = False
    for line in _lines(path):
        if torn:
            left_out()
        row = _stepped(line)
        torn = row is None
        if row is not None:
            yield row


def _stepped(line: bytes) -> dict[str, Any] | None:
    try:
        row: dict[str, Any] = json.loads(line)
        step = row["step"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    return row if type(step) is int and 0 <= step < 2**63 else None


def last_step(path: Path) -> object:
    """What the newest whole row of metrics.jsonl calls its step; None without any. Reads the end
    of the file only. Raises OSError."""
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
        lines = file.read().splitlines()
    for line in reversed(lines):
        try:
            return json.loads(line)["step"]
        except (KeyError, TypeError, ValueError, RecursionError):
            continue
    return None


def _lines(path: Path) -> Iterator[bytes]:
    try:
        file = open_regular(path)
    except FileNotFoundError:
        return
    with file:
        while line := file.readline(_LONGEST):
            yield line


def _row(line: bytes) -> dict[str, Any] | None:
    """A row that can be compared; None for one that a crash of the machine left damaged."""
    try:
        row = json.loads(line)
        step, best = float(row["step"]), float(row["best"])
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError):
        return None
    if not (math.isfinite(step) and math.isfinite(best)):
        return None
    return {**row, "step": int(step), "best": best}
