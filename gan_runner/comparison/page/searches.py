"""Searches that stopped early, as data for `search.html`: how well early ranks foretell later ones,
how much each setting matters, and how far each job came."""

from __future__ import annotations

from typing import Any

from gan_runner.comparison.compared import Comparison
from gan_runner.comparison.search import (
    SearchedJob,
    SearchRecord,
    doubts,
    headline,
    importances,
    rung_correlations,
)
from gan_runner.system.units import four_digits

_STATES = {"completed": "good", "stopped": "good", "failed": "bad", "interrupted": "warn"}


def section(comparison: Comparison) -> dict[str, Any]:
    """Every search whose jobs are on the page."""
    return {"searches": [_search(name, record) for name, record in comparison.searches]}


def _search(name: str, record: SearchRecord) -> dict[str, Any]:
    found = importances(record)
    keys = sorted({key for job in record.jobs for key in job.settings})
    return {
        "name": name,
        "headline": headline(record),
        "correlations": [
            (f"{each.earlier:,}", f"{each.later:,}", f"{each.rho:.2f}", each.jobs)
            for each in rung_correlations(record)
        ],
        "importances": [] if found is None else [(key, share) for key, share in found.shares],
        "importance_step": None if found is None else f"{found.step:,}",
        "notes": doubts(record, found),
        "heads": (*keys, "state", *(f"step {rung:,}" for rung in record.rungs)),
        "numbers": tuple(range(len(keys) + 1, len(keys) + 1 + len(record.rungs))),
        "jobs": [_job(job, record, keys) for job in _by_progress(record)],
    }


def _by_progress(record: SearchRecord) -> list[SearchedJob]:
    """Those that came furthest first, the best of them at the top."""
    sign = 1 if record.direction == "min" else -1

    def place(job: SearchedJob) -> tuple[int, bool, float]:
        last = job.values[-1] if job.values else None
        return (-len(job.values), last is None, 0.0 if last is None else sign * last)

    return sorted(record.jobs, key=place)


def _job(job: SearchedJob, record: SearchRecord, keys: list[str]) -> dict[str, Any]:
    values = [*job.values, *[None] * (len(record.rungs) - len(job.values))]
    return {
        "name": job.name,
        "is_winner": job.name == record.winner,
        "settings": [job.settings.get(key) for key in keys],
        "state": job.state
        if job.ill_from is None
        else f"{job.state}, ill at step {job.ill_from:,}",
        "kind": _STATES.get(job.state, ""),
        "values": [
            ("", None) if value is None else (four_digits(value), value) for value in values
        ],
    }
