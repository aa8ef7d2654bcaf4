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


class Contender(NamedTuple):
    """A method with the settings that it tries: overrides that all its jobs have, and more for each
    of its samples."""

    name: str
    overrides: tuple[str, ...]
    samples: tuple[tuple[str, ...], ...]

    def job(self, sample: tuple[str, ...], seed: int) -> list[str]:
        """The overrides of a run."""
        return [*self.overrides, *sample, f"seed={seed}"]


class TuningResult(NamedTuple):
    """The result of a contender: the value of each sample and, for the best one, of each new
    seed; None where a run has none, as one that failed. `best` is None where no sample has one.
    """

    contender: Contender
    values: tuple[float | None, ...]
    best: int | None
    repeats: tuple[float | None, ...] = ()

    @property
    def row(self) -> tuple[str, ...]:
        """Its row of a table, beneath `HEAD`."""
        tried = f"{len(_without_failures(self.values))} of {len(self.values)}"
        if self.best is None:
            return (self.contender.name, "no run has a value", tried, "", "0", "", "")
        known = _without_failures(self.repeats)
        spread = (f"{mean(known):.4g}", f"{min(known):.4g} to {max(known):.4g}") if known else ()
        return (
            self.contender.name,
            ", ".join(self.contender.samples[self.best]) or "as they stand",
            tried,
            f"{self.values[self.best]:.4g}",
            f"{len(known)} of {len(self.repeats)}",
            *(spread or ("", "")),
        )

    @property
    def record(self) -> dict[str, Any]:
        """The same as plain data, with all samples."""
        return {
            "name": self.contender.name,
            "overrides": list(self.contender.overrides),
            "samples": [
                {"overrides": list(sample), "value": value}
                for sample, value in zip(self.contender.samples, self.values, strict=True)
            ],
            "best": self.best,
            "repeats": list(self.repeats),
        }


HEAD = (
    "method",
    "best settings",
    "with a value",
    "its value",
    "new seeds",
    "mean",
    "lowest to highest",
)


def tune(
    contenders: Sequence[Contender],
    launch: Launch,
    *,
    seed: int,
    repeats: int,
    direction: Literal["min", "max"],
) -> list[TuningResult]:
    """Run every sample of every contender with `seed`, then the best of each with the seeds after
    it."""
    jobs = [one.job(sample, seed) for one in contenders for sample in one.samples]
    values = iter(launch(jobs))
    searched = [
        _best_of(one, tuple(next(values) for _ in one.samples), direction) for one in contenders
    ]
    seeds = range(seed + 1, seed + 1 + repeats)
    again = [
        found.contender.job(found.contender.samples[found.best], fresh)
        for found in searched
        if found.best is not None
        for fresh in seeds
    ]
    values = iter(launch(again) if again else ())
    return [
        found if found.best is None else found._replace(repeats=tuple(next(values) for _ in seeds))
        for found in searched
    ]


def _best_of(
    contender: Contender, values: tuple[float | None, ...], direction: Literal["min", "max"]
) -> TuningResult:
    done = [index for index, value in enumerate(values) if value is not None]
    if not done:
        return TuningResult(contender, values, None)
    sign = 1 if direction == "min" else -1
    return TuningResult(
        contender, values, min(done, key=lambda index: sign * (values[index] or 0.0))
    )


def _without_failures(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]
