"""Evaluating a run from Python, as gan-evaluate does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal


def evaluate(
    run: str | Path,
    *,
    checkpoint: Literal["last", "best"] | int = "last",
    metrics: Sequence[str] | None = None,
    num: int | None = None,
    device: str = "auto",
) -> dict[str, dict[str, Any]]:
    raise NotImplementedError
