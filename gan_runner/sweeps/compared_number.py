"""Whether jobs have the number by which a search compares them, `evaluation.best.metric`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from gan_runner.config.overrides import override
from gan_runner.errors import ConfigError, plural, printable
from gan_runner.evaluation.metrics.registry import METRICS, numbers
from gan_runner.storage.rows import rows
from gan_runner.storage.summary import find_result
from gan_runner.sweeps.jobs import Job


def refuse_unmeasured(metrics: Sequence[str] | None, number: str) -> None:
    """Raise ConfigError if these metrics, None for all that apply, don't give a number that jobs
    are compared by."""
    if metrics is None or (missing := _missing_metric(metrics, number)) is None:
        return
    raise ConfigError(
        f"no job would have the number that a search compares, evaluation.best.metric={number} "
        f"with {override('evaluation.metrics', list(metrics))}. "
        f"Use {override('evaluation.metrics', [*metrics, missing])}"
    )


def explain_missing(done: Sequence[Job]) -> str:
    """Why jobs that are done can't be compared, and what helps; nothing if one has a value."""
    if not done or any(job.value() is not None for job in done):
        return ""
    asked, first = done[0].config.evaluation, done[0]
    wanted, metrics = str(asked["best"]["metric"]), asked["metrics"]
    have = "has" if len(done) == 1 else "have"
    head = (
        f"{plural(len(done), 'job')} {have} ended without the number that a search compares, "
        f"evaluation.best.metric={printable(wanted)}."
    )
    if metrics is not None and (missing := _missing_metric(metrics, wanted)) is not None:
        remedy = override("evaluation.metrics", [*metrics, missing])
    elif others := _comparable(first):
        remedy = f"evaluation.best.metric={others[0]}"
        if len(others) > 1:
            remedy += f" (or {', '.join(others[1:])})"
    else:
        return f"{head} The train.log of a job says why."
    return (
        f"{head} Use {remedy} and another name with sweep=NAME: what a job measures can't be "
        "changed once it has begun."
    )


def _missing_metric(metrics: Sequence[str], number: str) -> str | None:
    """The metric that would give the number; None if one of these does, or none is known to."""
    known = (m.name for m in METRICS.values() if number in {each.name for each in m.numbers})
    metric = next(known, None)
    return None if metric in metrics else metric


def _comparable(job: Job) -> list[str]:
    """The numbers that a job has measured and of which less, or more, is better."""
    measured = []
    with suppress(OSError):
        measured = list(rows(job.folder.evaluations))[-1:]
    return [
        name
        for name, number in numbers().items()
        if number.direction in ("min", "max")
        and any(find_result(row, name).protocol is not None for row in measured)
    ]
