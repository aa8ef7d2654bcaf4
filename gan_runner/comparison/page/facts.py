"""What a reader needs to make the runs again: the command, the code, the machine, the time; as data
for `facts.html`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from gan_runner.comparison.commands import run_command, sweep_command
from gan_runner.comparison.page.tables import NOT_RECORDED
from gan_runner.comparison.record import Record
from gan_runner.errors import plural
from gan_runner.system.units import duration_text, four_digits, size_text

_COMMIT = 12  # letters, by which git finds it
_MOST_VALUES = 3  # of a fact that differs between runs


def facts(records: Sequence[Record]) -> dict[str, Any]:
    """The command, and rows of a head and a text, of one run or of several."""
    rows = [
        ("code", _join_different(_code(record) for record in records)),
        ("versions", _join_different(_versions(record) for record in records)),
        ("machine", _join_different(_machine(record) for record in records)),
        ("privacy", _join_different(_privacy(record) for record in records)),
        ("plugins", _join_different(_plugins(record) for record in records)),
        ("started", _start_text(records)),
        ("duration", _duration(records)),
    ]
    if len(records) == 1:
        rows += [("size", _size(records[0])), ("folder", str(records[0].summary.path))]
    command = run_command(records[0]) if len(records) == 1 else sweep_command(records)
    note = None
    if command is None:
        several = "differs from run to run: the table of runs has each"
        known = len(records) > 1 and any(record.overrides for record in records)
        note = several if known else NOT_RECORDED
    return {"command": command, "note": note, "rows": [row for row in rows if row[1]]}


def _join_different(texts: Iterable[str]) -> str:
    """Each different text once, as far as they are few."""
    different = list(dict.fromkeys(text for text in texts if text))
    more = len(different) - _MOST_VALUES
    return "; ".join(different[:_MOST_VALUES]) + (f"; and {more} more" if more > 0 else "")


def _code(record: Record) -> str:
    version, git = record.status.versions.get("gan_runner"), record.status.git or {}
    if version is None:
        return ""
    commit = f", commit {str(git['commit'])[:_COMMIT]}" if "commit" in git else ""
    return f"gan-runner {version}{commit}{' with changes' if git.get('changed') is True else ''}"


def _versions(record: Record) -> str:
    others = {k: v for k, v in record.status.versions.items() if k != "gan_runner"}
    return ", ".join(f"{name} {version}" for name, version in others.items())


def _machine(record: Record) -> str:
    status = record.status
    threads = None if status.threads is None else plural(status.threads, "thread")
    return ", ".join(part for part in (status.device, threads, status.machine) if part)


def _privacy(record: Record) -> str:
    spent = record.status.privacy
    if not {"epsilon", "delta"} <= spent.keys():
        return ""
    return f"epsilon {four_digits(spent['epsilon'])} for delta {spent['delta']:.2g}"


def _plugins(record: Record) -> str:
    return str(record.summary.settings.get("plugins") or "")


def _start_text(records: Sequence[Record]) -> str:
    starts = sorted({moment_text(r.summary.started) for r in records if r.summary.started})
    if not starts:
        return NOT_RECORDED
    return starts[0] if len(starts) == 1 else f"{starts[0]}, the last {starts[-1]}"


def moment_text(moment: str) -> str:
    """A moment in ISO format for a reader, to the minute."""
    return datetime.fromisoformat(moment).strftime("%Y-%m-%d %H:%M %Z")


def _duration(records: Sequence[Record]) -> str:
    seconds = [record.seconds for record in records if record.seconds is not None]
    if not seconds:
        return NOT_RECORDED
    total = f"{duration_text(sum(seconds))} of training, evaluations included"
    if len(records) == 1:
        return total
    return f"{total}; {duration_text(sum(seconds) / len(seconds))} a run"


def _size(record: Record) -> str:
    """The parameters of its networks, and the memory that it took at most."""
    parts = [f"{count:,} parameters of {name}" for name, count in record.status.parameters.items()]
    if record.status.peak_memory is not None:
        parts.append(f"peak memory {size_text(record.status.peak_memory)}")
    return ", ".join(parts)
