"""Searches that stop early: all settings for a few steps, the best of them for more, in brackets.

Successive halving (Jamieson & Talwalkar 2016, arXiv:1502.07943) in the brackets of Hyperband (Li et
al. 2018, arXiv:1603.06560): those of a later bracket get more steps before the first of them ends,
so that slow starters aren't lost. Jobs that are sure to go on do so at once; a worker that would
wait takes one that is ahead so far, as in ASHA (Li et al. 2020, arXiv:1810.05934). With one job at
a time nothing is taken ahead, and the outcome depends on the results alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from gan_runner.errors import ConfigError


class Standing(NamedTuple):
    """How far a job has come: its best value up to each rung that it has reached, and the step from
    which on it is ill, None for a healthy one. `is_out`: it goes no further, whatever its place;
    `is_open`: it has begun the way to its next rung, and goes on there first."""

    values: tuple[float | None, ...] = ()
    ill_from: int | None = None
    is_out: bool = False
    is_open: bool = False


class Leg(NamedTuple):
    """A job to be brought to a rung."""

    name: str
    rung: int


@dataclass
class _Trial:
    name: str
    bracket: int
    sent: int  # the highest rung that it was sent to
    standing: Standing = field(default=Standing())
    is_running: bool = False

    def has_arrived(self, rung: int) -> bool:
        return len(self.standing.values) > rung or self.standing.is_out

    def value(self, rung: int) -> float | None:
        """Its value at a rung; None if it hasn't reached it, or has none there."""
        values = self.standing.values
        return values[rung] if rung < len(values) else None


def rung_steps(steps: int, interval: int, *, factor: int, rungs: int) -> tuple[int, ...]:
    """The steps at which jobs pause, the last of them the end: each a `factor` of the one before,
    and a multiple of the evaluations' `interval`. Raises ConfigError where they fall together."""
    parts = [steps / factor**k for k in range(rungs - 1, 0, -1)]
    found = [max(1, round(part / interval)) * interval for part in parts]
    if steps < factor ** (rungs - 1):
        raise ConfigError(
            f"too short to stop early, train.steps={steps} with {rungs} rungs. "
            f"Use train.steps={factor ** (rungs - 1)} or more."
        )
    if any(a >= b for a, b in zip(found, [*found[1:], steps], strict=True)):
        raise ConfigError(
            f"too few evaluations to stop at, train.eval_every={interval} with {rungs} rungs of "
            f"train.steps={steps}. Use train.eval_every={steps // factor ** (rungs - 1)}"
        )
    return (*found, steps)


def automatic_interval(steps: int, *, factor: int, rungs: int) -> int:
    """The steps between two evaluations of jobs that pause at each rung: the first rung's."""
    return -(-steps // int(factor ** (rungs - 1)))


def bracket_of_each(count: int, *, factor: int, rungs: int, brackets: int) -> list[int]:
    """The bracket of each of `count` jobs, which is the rung that it is brought to first. Hyperband
    gives all brackets the same steps; more jobs change nothing of the first ones."""
    weights = [float(factor) ** (rungs - 1 - k) / (rungs - k) for k in range(brackets)]
    counts, found = [0] * brackets, []
    for number in range(1, count + 1):
        lacks = [number * w / sum(weights) - c for w, c in zip(weights, counts, strict=True)]
        bracket = max(range(brackets), key=lambda k: (round(lacks[k], 9), -k))
        counts[bracket] += 1
        found.append(bracket)
    return found


def expected_legs(starts: Sequence[int], *, factor: int, rungs: int) -> list[int]:
    """The number of jobs that are brought to each rung, if none fails or is taken ahead."""
    legs = [0] * rungs
    for bracket in set(starts):
        count = starts.count(bracket)
        for rung in range(bracket, rungs):
            legs[rung] += count
            count = _quota(count, factor)
    return legs


class Halving:
    """Which job of a search is brought to which rung next, by what `note` was given of all."""

    def __init__(
        self,
        starts: Mapping[str, int],
        *,
        rungs: Sequence[int],
        factor: int,
        direction: Literal["min", "max"],
    ) -> None:
        """`starts` are the jobs in their order, each with its bracket; `rungs` are steps."""
        self.rungs = tuple(rungs)
        self._factor = factor
        self._sign = 1 if direction == "min" else -1
        self._trials = {name: _Trial(name, start, start) for name, start in starts.items()}
        self._begun: set[str] = set()
        self._brackets = sorted(set(starts.values()))

    def note(self, name: str, standing: Standing) -> None:
        """Learn how far a job has come, from its folder."""
        trial = self._trials[name]
        trial.standing, trial.is_running = standing, False
        reached = len(standing.values)
        underway = standing.is_open or standing.is_out
        trial.sent = max(trial.sent, min(reached - (not underway), len(self.rungs) - 1))
        if reached or underway:
            self._begun.add(name)

    def take(self) -> Leg | None:
        """The next job and its rung; None if there is none before another one has ended."""
        while (leg := self._choose()) is not None:
            trial = self._trials[leg.name]
            trial.sent = max(trial.sent, leg.rung)
            if not trial.has_arrived(leg.rung):  # one that ended by itself is there already
                trial.is_running = True
                self._begun.add(leg.name)
                return leg
        return None

    @property
    def is_waiting(self) -> bool:
        """Whether a job that was taken has not ended yet."""
        return any(trial.is_running for trial in self._trials.values())

    def standing(self, name: str) -> Standing:
        """How far a job had come when it was noted last."""
        return self._trials[name].standing

    @property
    def winner(self) -> str | None:
        """The job with the best value at the end, a healthy one if there is any; None before."""
        last = len(self.rungs) - 1
        ended = [trial for trial in self._trials.values() if trial.has_arrived(last)]
        ranked = self._ranked(ended, last)
        return ranked[0].name if ranked else None

    def _choose(self) -> Leg | None:
        for trial in self._trials.values():  # those that a kill has interrupted
            idle = not trial.is_running and not trial.has_arrived(trial.sent)
            if idle and trial.name in self._begun:
                return Leg(trial.name, trial.sent)
        places = [(rung, b) for rung in range(len(self.rungs) - 2, -1, -1) for b in self._brackets]
        places = [(rung, bracket) for rung, bracket in places if bracket <= rung]
        for rung, bracket in places:
            if (sure := self._sure(bracket, rung)) is not None:
                return Leg(sure.name, rung + 1)
        for trial in self._trials.values():
            if trial.name not in self._begun:
                return Leg(trial.name, trial.sent)
        for rung, bracket in places:
            if (ahead := self._ahead(bracket, rung)) is not None:
                return Leg(ahead.name, rung + 1)
        return None

    def _sure(self, bracket: int, rung: int) -> _Trial | None:
        """The best job that goes on from a rung whatever those come to that are still on their
        way."""
        awaited, quota = self._awaited(bracket, rung), self._quota(bracket, rung)
        for place, trial in enumerate(self._ranked(self._sent(bracket, rung), rung)):
            if place + awaited >= quota:
                return None
            if trial.sent == rung:
                return trial
        return None

    def _ahead(self, bracket: int, rung: int) -> _Trial | None:
        """The best job that goes on if those on their way are like those that have arrived."""
        there = [t for t in self._sent(bracket, rung) if t.has_arrived(rung)]
        first = self._ranked(there, rung)[: len(there) // self._factor]
        return next((trial for trial in first if trial.sent == rung), None)

    def _sent(self, bracket: int, rung: int) -> list[_Trial]:
        """The jobs of a bracket that are at a rung, on their way to it, or beyond."""
        return [t for t in self._trials.values() if t.bracket == bracket and t.sent >= rung]

    def _awaited(self, bracket: int, rung: int) -> int:
        """The number of jobs that may still come to a rung, at most."""
        on_their_way = sum(not t.has_arrived(rung) for t in self._sent(bracket, rung))
        if rung == bracket:
            return on_their_way
        below, quota = rung - 1, self._quota(bracket, rung - 1)
        if self._awaited(bracket, below):
            return on_their_way + quota
        first = self._ranked(self._sent(bracket, below), below)[:quota]
        return on_their_way + sum(trial.sent == below for trial in first)

    def _ranked(self, trials: Sequence[_Trial], rung: int) -> list[_Trial]:
        """The jobs that may go on from a rung, the best first: the healthy ones, and only where
        all there are ill, these. A failed one has no value."""
        valued = [(self._sign * v, t) for t in trials if (v := t.value(rung)) is not None]
        healthy = [pair for pair in valued if not self._is_ill(pair[1], rung)]
        is_open = any(not trial.has_arrived(rung) for trial in trials)
        shown = healthy if healthy or is_open else valued
        return [trial for _, trial in sorted(shown, key=lambda pair: pair[0])]

    def _is_ill(self, trial: _Trial, rung: int) -> bool:
        ill_from = trial.standing.ill_from
        return ill_from is not None and ill_from <= self.rungs[rung]

    def _quota(self, bracket: int, rung: int) -> int:
        """The number of jobs of a bracket that go on from a rung."""
        count = sum(trial.bracket == bracket for trial in self._trials.values())
        for _ in range(bracket, rung + 1):
            count = _quota(count, self._factor)
        return count


def _quota(count: int, factor: int) -> int:
    return max(1, count // factor) if count else 0
