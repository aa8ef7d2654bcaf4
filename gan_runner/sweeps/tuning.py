"""Tuned comparisons: every method tries as many settings, and its best runs again with new seeds.

Lucic et al. 2018, "Are GANs created equal?", arXiv:1711.10337, compare losses so: with equal
budgets for the search, and by the spread over seeds of the best settings. The value that was the
best of several is a lucky one; that of a new seed is not. The value of a run is the best that its
evaluations gave, as in their study: with an evaluation at the end alone, its last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import mean
from typing import Any, Literal, NamedTuple

Launch = Callable[[list[list[str]]], Sequence[float | None]]
"""Brings the jobs with these overrides to their end: the value of each, None if it has failed."""


class Cell(NamedTuple):
    """A method with the settings that it tries: overrides that all its jobs have, and more for each
    of its samples."""

    name: str
    overrides: tuple[str, ...]
    samples: tuple[tuple[str, ...], ...]

    def job(self, sample: tuple[str, ...], seed: int) -> list[str]:
        """The overrides of a run."""
        return [*self.overrides, *sample, f"seed={seed}"]


class Found(NamedTuple):
    """What was found of a cell: the value of each sample and, for the best one, of each new seed;
    None where a run has failed. `best` is None if all have."""

    cell: Cell
    values: tuple[float | None, ...]
    best: int | None
    repeats: tuple[float | None, ...] = ()

    @property
    def row(self) -> tuple[str, ...]:
        """What a table says of it, beneath `HEAD`."""
        tried = f"{len(_known(self.values))} of {len(self.values)}"
        if self.best is None:
            return (self.cell.name, "every run has failed", tried, "", "0", "", "")
        known = _known(self.repeats)
        spread = (f"{mean(known):.4g}", f"{min(known):.4g} to {max(known):.4g}") if known else ()
        return (
            self.cell.name,
            ", ".join(self.cell.samples[self.best]) or "as they stand",
            tried,
            f"{self.values[self.best]:.4g}",
            f"{len(known)} of {len(self.repeats)}",
            *(spread or ("", "")),
        )

    @property
    def record(self) -> dict[str, Any]:
        """The same as plain data, with all samples."""
        return {
            "name": self.cell.name,
            "overrides": list(self.cell.overrides),
            "samples": [
                {"overrides": list(sample), "value": value}
                for sample, value in zip(self.cell.samples, self.values, strict=True)
            ],
            "best": self.best,
            "repeats": list(self.repeats),
        }


HEAD = ("method", "best settings", "done", "its value", "new seeds", "mean", "lowest to highest")


def tune(
    cells: Sequence[Cell],
    launch: Launch,
    *,
    seed: int,
    repeats: int,
    direction: Literal["min", "max"],
) -> list[Found]:
    """Run every sample of every cell with `seed`, then the best of each with the seeds after it."""
    jobs = [cell.job(sample, seed) for cell in cells for sample in cell.samples]
    values = iter(launch(jobs))
    searched = [
        _chosen(cell, tuple(next(values) for _ in cell.samples), direction) for cell in cells
    ]
    seeds = range(seed + 1, seed + 1 + repeats)
    again = [
        found.cell.job(found.cell.samples[found.best], fresh)
        for found in searched
        if found.best is not None
        for fresh in seeds
    ]
    values = iter(launch(again) if again else ())
    return [
        found if found.best is None else found._replace(repeats=tuple(next(values) for _ in seeds))
        for found in searched
    ]


def _chosen(
    cell: Cell, values: tuple[float | None, ...], direction: Literal["min", "max"]
) -> Found:
    done = [index for index, value in enumerate(values) if value is not None]
    if not done:
        return Found(cell, values, None)
    sign = 1 if direction == "min" else -1
    return Found(cell, values, min(done, key=lambda index: sign * (values[index] or 0.0)))


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]
