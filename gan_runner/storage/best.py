"""The best checkpoint of a run that measured none while it was trained."""

from __future__ import annotations

import math
from collections.abc import Collection
from contextlib import suppress
from typing import Literal

from gan_runner.storage.rows import rows
from gan_runner.storage.run_folder import RunFolder
from gan_runner.storage.summary import find_result


def best_measured_step(
    folder: RunFolder,
    kept: Collection[int],
    *,
    metric: str,
    direction: Literal["min", "max"],
    weights: str,
) -> int | None:
    """The best of the checkpoints of these steps, by the newest way of measuring a metric in which
    gan-evaluate measured all of them; None if there is no such way: the best of a few says nothing
    of the others. `weights`: ema or raw, those that were measured."""
    by_protocol: dict[str, dict[int, float]] = {}
    with suppress(OSError):
        for row in rows(folder.later_evaluations):
            result, value = find_result(row, metric), row.get("best")
            if not (isinstance(value, float | int) and math.isfinite(value)):
                continue
            if result.protocol is None or result.weights != weights:
                continue
            values = by_protocol.pop(result.protocol, {})
            by_protocol[result.protocol] = values | {row["step"]: value}
    sign = 1 if direction == "min" else -1
    for values in reversed(by_protocol.values()):
        if kept and values.keys() >= set(kept):
            return min(kept, key=lambda step: (sign * values[step], step))
    return None
