"""What the rows of a run say, torn ones left out. Needs no torch."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

_TAIL = 1 << 16  # bytes, many rows


def best_evaluation(path: Path, direction: str) -> dict[str, Any] | None:
    """The best row of evaluations.jsonl, the first of equal ones; None without any.

    Its `step` is an int and its `best` a finite float. Raises OSError.
    """
    if not path.exists():
        return None
    sign = 1 if direction == "min" else -1
    rows = (_row(line) for line in path.read_text(encoding="utf-8", errors="replace").splitlines())
    return min(
        (row for row in rows if row is not None),
        key=lambda row: (sign * row["best"], row["step"]),
        default=None,
    )


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


def _row(line: str) -> dict[str, Any] | None:
    """A row that can be compared; None for one that a crash of the machine left damaged."""
    try:
        row = json.loads(line)
        step, best = float(row["step"]), float(row["best"])
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError):
        return None
    if not (math.isfinite(step) and math.isfinite(best)):
        return None
    return {**row, "step": int(step), "best": best}
