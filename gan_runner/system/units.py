"""Durations and sizes for people."""

from __future__ import annotations

from itertools import pairwise


def duration_text(seconds: float) -> str:
    """A duration in at most two units: 42 s, 3 min 5 s, 2 h 10 min, 3 d."""
    whole = round(seconds)
    units = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
    for (unit, length), (below, part) in pairwise(units):
        if whole >= length:
            many, rest = whole // length, whole % length // part
            return f"{many} {unit} {rest} {below}" if rest else f"{many} {unit}"
    return f"{whole} s"


def size_text(count: float) -> str:
    """Bytes in three digits: 512 B, 1.5 kB, 12.3 GB."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:  # rounded to three digits it would be 1000
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"
