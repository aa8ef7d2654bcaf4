"""A dry run of a sweep: its jobs, the time that they take together, and their room on the disk."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from statistics import mean
from typing import NamedTuple

import torch

from gan_runner.config.dotted import flatten
from gan_runner.config.schema import Config
from gan_runner.errors import plural, printable
from gan_runner.logs.terminal import Terminal
from gan_runner.runs.dry_run import LONG_SECONDS, Estimate, align, estimate, joined_command
from gan_runner.sweeps.jobs import Job
from gan_runner.sweeps.shares import threads_each
from gan_runner.system.machine import share_threads
from gan_runner.system.units import duration_text, size_text

_MEASURED = 12  # kinds of jobs; the others are taken to be as these are in the mean
_SHOWN = 8  # kinds in the table
_COSTS_NOTHING = ("seed", "optimizer.", "health.", "evaluation.", "choices.", "plugins", "name")


class _Kind(NamedTuple):
    """Jobs that cost the same, and what one of them takes; None where that wasn't measured."""

    jobs: tuple[Job, ...]
    found: Estimate | None


def run_sweep_dry(
    jobs: Sequence[Job],
    terminal: Terminal,
    *,
    done: int,
    n_jobs: int,
    command: Sequence[str],
    share: float = 1.0,
) -> None:
    """Print what the jobs of a sweep take that are left, `n_jobs` at a time on this machine;
    `done` others are complete. One job of each kind is tried out for a few steps, in one process.
    `command` is the line without dry_run=true; `share` is that of the steps which a search will
    have trained in the mean. Raises what a run raises."""
    threads = threads_each(n_jobs, torch.get_num_threads())
    kinds = _measure(jobs, terminal, threads)
    known = [kind.found for kind in kinds if kind.found is not None]
    each = {job.name: kind.found for kind in kinds for job in kind.jobs}
    seconds = [share * _seconds(each[job.name], known) for job in jobs]
    total = _together(seconds, n_jobs)
    complete = f", {done} complete already" if done else ""
    rows = [
        ("jobs left", f"{len(jobs)}{complete}"),
        ("at a time", f"{n_jobs} (hydra.launcher.n_jobs)" + _devices_text(known, n_jobs)),
        ("a job", _range_text(seconds) + ("" if share == 1 else ", in the mean")),
        ("all, one by one", duration_text(sum(seconds))),
        ("to the end", duration_text(total)),
        ("on the disk then", size_text(sum(_disk(each[job.name], known) for job in jobs))),
        ("measured", f"one job of {_measured_text(kinds)} for a few steps" + _process_text(jobs)),
    ]
    terminal.say(align(rows))
    if len(kinds) > 1:
        terminal.say("")
        terminal.framed_table(
            ("like this job", "jobs", "a step", "a job", "on the disk"),
            [_row(kind) for kind in kinds[:_SHOWN]],
        )
        if len(kinds) > _SHOWN:
            terminal.say(f"and {plural(len(kinds) - _SHOWN, 'other kind')}")
    for line in _shorter(total, len(jobs), n_jobs, known, command):
        terminal.say(line)
    terminal.say("\ndry run: no files were written. Remove dry_run=true to train.")


def _measure(jobs: Sequence[Job], terminal: Terminal, threads: int | None) -> list[_Kind]:
    """The kinds of the jobs, those with most jobs first; one job of each is tried out."""
    by_cost: dict[tuple[object, ...], list[Job]] = {}
    for job in jobs:
        by_cost.setdefault(_cost_key(job.config), []).append(job)
    groups = sorted(by_cost.values(), key=len, reverse=True)
    kinds = []
    what = "tried jobs"
    tried = groups[:_MEASURED]
    for group in terminal.track(tried, description=what, total=len(tried)):
        config = group[0].config.model_copy(update={"devices": 1})
        with share_threads(threads):
            kinds.append(_Kind(tuple(group), estimate(config, Terminal(quiet=True))))
    return [*kinds, *(_Kind(tuple(group), None) for group in groups[_MEASURED:])]


def _cost_key(config: Config) -> tuple[object, ...]:
    """All that a job's time and size can depend on: no seed, and no number that only weighs."""
    settings = flatten(config.plain())
    return tuple(
        (key, str(value))
        for key, value in sorted(settings.items())
        if not isinstance(value, float) and not key.startswith(_COSTS_NOTHING)
    )


def _seconds(found: Estimate | None, known: Sequence[Estimate]) -> float:
    return mean(one.seconds for one in known) if found is None else found.seconds


def _disk(found: Estimate | None, known: Sequence[Estimate]) -> float:
    return mean(one.disk for one in known) if found is None else found.disk


def _together(seconds: Sequence[float], n_jobs: int) -> float:
    """The time until the last job ends, if each begins as soon as there is room for it."""
    slots = [0.0] * n_jobs
    for each in seconds:
        heapq.heapreplace(slots, slots[0] + each)
    return max(slots)


def _devices_text(known: Sequence[Estimate], n_jobs: int) -> str:
    devices = ", ".join(sorted({one.device for one in known}))
    numbers = sorted({str(one.config.threads) for one in known})
    return f" on {devices}" + (f", threads={' or '.join(numbers)} each" if n_jobs > 1 else "")


def _range_text(seconds: Sequence[float]) -> str:
    shortest, longest = duration_text(min(seconds)), duration_text(max(seconds))
    return shortest if shortest == longest else f"{shortest} to {longest}"


def _measured_text(kinds: Sequence[_Kind]) -> str:
    measured = sum(kind.found is not None for kind in kinds)
    return (
        f"each of {measured} kinds"
        if measured == len(kinds) > 1
        else (f"{measured} of {len(kinds)} kinds; the others as these in the mean")
        if len(kinds) > 1
        else "them"
    )


def _process_text(jobs: Sequence[Job]) -> str:
    several = any(job.config.devices > 1 for job in jobs)
    return ", those on several devices in one process" if several else ""


def _row(kind: _Kind) -> tuple[str, ...]:
    name, found = printable(kind.jobs[0].name, 60), kind.found
    if found is None:
        return (name, str(len(kind.jobs)), "", "", "")
    return (
        name,
        str(len(kind.jobs)),
        f"{found.step:.3g} s",
        duration_text(found.seconds),
        size_text(found.disk),
    )


def _shorter(
    total: float, count: int, n_jobs: int, known: Sequence[Estimate], command: Sequence[str]
) -> list[str]:
    """The warning of a sweep that takes more than an hour, with lines that take less."""
    if total <= LONG_SECONDS:
        return []
    ways = [(["quick=true"], "a first look: narrow and short jobs")]
    cores = torch.get_num_threads()
    if n_jobs < min(cores, count):
        ways.append(([f"hydra.launcher.n_jobs={min(cores, count)}"], "more jobs at a time"))
    steps = min(one.config.train.steps for one in known)
    fewer = int(steps * LONG_SECONDS / total)
    if fewer >= 1:
        ways.append(([f"train.steps={fewer}"], "about an hour"))
    device = known[0].device
    return [
        f"\nwarning: {duration_text(total)} on this device ({device}), more than an hour. Shorter:",
        *(f"  {joined_command(command, more)}    # {what}" for more, what in ways),
    ]
