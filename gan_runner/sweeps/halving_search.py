"""A search that stops early, on the jobs of a sweep: how far each has come, and what it found."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from gan_runner.comparison.search import (
    RECORD,
    doubts,
    headline,
    importance_lines,
    importances,
    rung_lines,
    search_record,
)
from gan_runner.config.dotted import flatten
from gan_runner.config.names import key_of
from gan_runner.errors import CheckpointError, ConfigError, NumbersError, plural, printable
from gan_runner.storage.status import Status
from gan_runner.sweeps.halving import Halving, Standing, bracket_of_each, expected_legs
from gan_runner.sweeps.jobs import DONE, PAUSED, Job, JobResult, has_begun
from gan_runner.system.files import write_text

ILLNESSES = ("mode_collapse", "divergence")
"""The verdicts with which a job gives its place away."""

_WERE = ("is", "are")


class HalvingPlan(NamedTuple):
    """The rungs of a search, in steps, the bracket of each of its jobs, and what it looks for."""

    rungs: tuple[int, ...]
    factor: int
    starts: tuple[int, ...]
    metric: str
    direction: str

    @property
    def legs(self) -> list[int]:
        """The number of jobs that are brought to each rung, if all goes as planned."""
        return expected_legs(self.starts, factor=self.factor, rungs=len(self.rungs))

    @property
    def share(self) -> float:
        """The steps of the search over those of all jobs at their full length."""
        firsts = [self.rungs[start] for start in self.starts]
        begun = [self.starts.count(rung) for rung in range(len(self.rungs))]
        further = [
            (total - new) * (self.rungs[rung] - self.rungs[rung - 1])
            for rung, (total, new) in enumerate(zip(self.legs, begun, strict=True))
            if rung
        ]
        return (sum(firsts) + sum(further)) / (len(self.starts) * self.rungs[-1])

    def text(self) -> str:
        """The plan in a line."""
        parts = [
            f"{count} to step {step:,}" for count, step in zip(self.legs, self.rungs, strict=True)
        ]
        return f"halving: {', '.join(parts)}: {self.share:.0%} of the steps of all at full length"


def make_plan(
    count: int,
    rungs: tuple[int, ...],
    *,
    factor: int,
    brackets: int,
    metric: str,
    direction: str,
) -> HalvingPlan:
    """The plan of a search with `count` jobs."""
    starts = bracket_of_each(count, factor=factor, rungs=len(rungs), brackets=brackets)
    return HalvingPlan(rungs, factor, tuple(starts), metric, direction)


class HalvingSearch:
    """The jobs of a search and what became of them so far."""

    def __init__(
        self, jobs: Mapping[str, Job], plan: HalvingPlan, starts: Mapping[str, int]
    ) -> None:
        """`starts` is the bracket of each job."""
        self.repeats: Sequence[float | None] = ()
        self._jobs, self._plan, self._starts = jobs, plan, starts
        self._keys = self._drawn()
        self._halving = Halving(
            starts,
            rungs=plan.rungs,
            factor=plan.factor,
            direction="max" if plan.direction == "max" else "min",
        )
        for name, job in jobs.items():
            if has_begun(job.folder):
                self._halving.note(name, standing(job, plan.rungs))

    @property
    def total(self) -> int:
        """The number of times that a job is brought to a rung."""
        return sum(expected_legs(list(self._starts.values()), **self._shape()))

    @property
    def earlier(self) -> Iterator[tuple[Job, JobResult]]:
        """The jobs that were paused or done before, once for each rung that they had reached."""
        for name, job in self._jobs.items():
            if not has_begun(job.folder):
                continue
            status = _status(job)
            if status.state not in (*DONE, PAUSED):
                continue
            result = JobResult(status.state, 0, status.step, 0.0, "")
            for _ in self._halving.standing(name).values[self._starts[name] :]:
                yield job, result

    @property
    def winner(self) -> str | None:
        """The name of the best job that came to the end; None if none did."""
        return self._halving.winner

    def value(self, name: str) -> float | None:
        """The value of a job at the end; None if it didn't come there."""
        values = self._halving.standing(name).values
        return values[-1] if len(values) == len(self._plan.rungs) else None

    def legs(self) -> Iterator[Job | None]:
        """The jobs in the order in which they go on, each with the step at which it pauses; None
        while that depends on a job that runs."""
        while (leg := self._halving.take()) is not None or self._halving.is_waiting:
            if leg is None:
                yield None
                continue
            is_last = leg.rung == len(self._plan.rungs) - 1
            step = None if is_last else self._plan.rungs[leg.rung]
            yield replace(self._jobs[leg.name], pause_at=step)

    def note_end(self, job: Job, result: JobResult) -> None:
        """Learn how a job ended. One that failed gives its place away."""
        found = standing(job, self._plan.rungs)
        gives_up = result.is_failure and result.state != "interrupted"
        self._halving.note(job.name, found._replace(is_out=found.is_out or gives_up))

    def write(self, folder: Path) -> None:
        """Keep all of it in `halving.json` in the folder of the sweep. Raises OSError."""
        write_text(folder / RECORD, json.dumps(self._plain(), indent=1) + "\n")

    def changes(self, folder: Path) -> list[str]:
        """What differs from the search that an earlier command made in the folder, in lines."""
        record = search_record(folder)
        if record is None:
            return []
        lines, plan = [], self._plan
        if record.rungs != plan.rungs:
            before, now = (", ".join(f"{step:,}" for step in r) for r in (record.rungs, plan.rungs))
            lines.append(
                f"the rungs were {before}, now they are {now}: jobs go on from where they are"
            )
        brackets = {job.name: job.bracket for job in record.jobs if job.name in self._starts}
        if any(self._starts[name] != bracket for name, bracket in brackets.items()):
            lines.append("jobs are first compared at other rungs than before")
        if left := len(record.jobs) - len(brackets):
            lines.append(f"{plural(left, 'job')} of an earlier command {_WERE[left > 1]} left out")
        return lines

    def findings(self, folder: Path) -> list[str]:
        """What the search found, in lines."""
        record = search_record(folder)
        if record is None:
            return []
        found = importances(record)
        lines = [f"search: {headline(record)}", *rung_lines(record), *importance_lines(found)]
        lines += [f"note: {doubt}" for doubt in doubts(record, found)]
        return ["", *(printable(line, 1000) for line in lines)]

    def _shape(self) -> dict[str, int]:
        return {"factor": self._plan.factor, "rungs": len(self._plan.rungs)}

    def _plain(self) -> dict[str, Any]:
        plan = self._plan
        return {
            "format": 1,
            "metric": plan.metric,
            "direction": plan.direction,
            "factor": plan.factor,
            "rungs": list(plan.rungs),
            "winner": self.winner,
            "repeats": list(self.repeats),
            "jobs": [self._plain_job(name, job) for name, job in self._jobs.items()],
        }

    def _drawn(self) -> list[str]:
        """The keys of the settings in which the jobs differ."""
        lines = [set(job.overrides) for job in self._jobs.values()]
        common = set.intersection(*lines) if lines else set()
        return sorted({key_of(text) for job in lines for text in job - common})

    def _plain_job(self, name: str, job: Job) -> dict[str, Any]:
        settings = {**flatten(job.config.plain()), **job.config.choices}
        found, status = self._halving.standing(name), _status(job)
        return {
            "name": name,
            "settings": {key: settings.get(key) for key in self._keys},
            "bracket": self._starts[name],
            "state": status.state,
            "step": status.step,
            "ill_from": found.ill_from,
            "values": list(found.values),
        }


def refuse_other_plan(jobs: Iterable[Job]) -> None:
    """Raise ConfigError if jobs have begun in a way that can't be compared with the others: they
    were evaluated at other steps, or went further than all are to go."""
    for job in jobs:
        if not has_begun(job.folder):
            continue
        asked, name = job.config.train, printable(job.name)
        before = job.folder.saved_config().train.eval_every
        if before != asked.eval_every:
            raise ConfigError(
                f"jobs of this search were evaluated at other steps, train.eval_every={before} "
                f"before and {asked.eval_every} now, as of {name}. "
                f"Use train.eval_every={before} or another name with sweep=NAME"
            )
        step = _status(job).step or 0
        if step > asked.steps:
            raise ConfigError(
                f"a job of this search is at step {step} already, train.steps={asked.steps} with "
                f"{name}. Name more steps, or another name with sweep=NAME"
            )


def standing(job: Job, rungs: Sequence[int]) -> Standing:
    """How far a job has come, by what its folder says."""
    status = _status(job)
    step = status.step or 0
    # one that completed a shorter search goes on like one that paused
    ends = status.state == "stopped" or (status.state == "completed" and step >= rungs[-1])
    reached = len(rungs) if ends else sum(rung <= step for rung in rungs)
    values = tuple(job.value(until=rung) for rung in rungs[:reached])
    ill = [verdict.step for verdict in status.verdicts if verdict.name in ILLNESSES]
    diverged = status.state == "failed" and status.exit_code == NumbersError.exit_code
    is_between = step > (rungs[reached - 1] if reached else 0)
    return Standing(
        values,
        ill_from=min(ill, default=None),
        is_out=ends or diverged,
        is_open=is_between and not diverged and status.state not in (*DONE, PAUSED),
    )


def _status(job: Job) -> Status:
    try:
        return job.folder.status()
    except CheckpointError:
        return Status()
