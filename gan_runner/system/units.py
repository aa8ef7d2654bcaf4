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


def four_digits(value: float) -> str:
    """A number in four digits: 0.6931, 12.30, 1235, 12,350, 1.235e-05."""
    rounded = float(f"{value:.4g}")
    if 1000 <= abs(rounded) < 1e9:
        return f"{rounded:,.0f}" if abs(rounded) >= 10_000 else f"{rounded:.0f}"
    return f"{value:#.4g}"


def count_text(count: int) -> str:
    """A count in three digits from a thousand on: 812, 23.1 k, 1.20 M."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if count >= 0.9995 * size:
            return f"{count / size:#.3g}".rstrip(".") + f" {unit}"
    return str(count)


def clock_text(seconds: float) -> str:
    """A duration as a clock shows it: 0:42, 3:05, 2:10:00."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
