"""Summaries of runs, from their files: no torch, and nothing is written."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from gan_runner.config.dotted import flatten
from gan_runner.config.plain_yaml import read_plain
from gan_runner.errors import CheckpointError, printable
from gan_runner.storage.rows import best_evaluation, last_step
from gan_runner.storage.run_folder import RunFolder
from gan_runner.storage.status import RUN_STATES, Status, count_or_none

STATES = (*RUN_STATES, "died", "unreadable")


class MeasuredMetric(NamedTuple):
    """The name of a metric's number in an evaluation, as in frechet_classifier; the digest of how
    it was measured, and of which weights, ema or raw; None where the evaluation doesn't say it."""

    name: str
    protocol: str | None
    weights: str | None


class BestEvaluation(NamedTuple):
    """The best evaluation of a run; `protocol` is the digest of how the value was measured."""

    metric: str
    value: float
    step: int
    direction: str
    protocol: str | None


class Summary(NamedTuple):
    """The state of a run, how far it is, its best evaluation; None where its files don't say it.

    `step` is that of the newest row while it runs, else that of its status. `last_change` is when
    it ended, else the newest change of its files, in seconds since 1970; `size` is the sum of its
    files in bytes; `settings` are the leaves of its config.yaml by dotted key, beside the options
    chosen for each group; `status` is empty where it is unreadable.
    """

    path: Path
    state: str
    step: int | None
    steps: int | None
    best: BestEvaluation | None
    verdicts: tuple[str, ...]
    started: str | None
    last_change: float
    size: int
    settings: Mapping[str, Any]
    status: Status


def run_folders(top: Path) -> Iterator[Path]:
    """Every run folder at `top` or below it. Links and hidden folders are not followed, and
    folders within a run aren't searched."""
    pending = [top]
    while pending:
        folder = pending.pop()
        entries = _entries(folder)
        files = {entry.name for entry in entries if entry.is_file(follow_symlinks=False)}
        if {"status.json", "config.yaml"} <= files:
            yield folder
        else:
            below = [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
            pending += [folder / entry.name for entry in below if not entry.name.startswith(".")]


def summarize(path: Path) -> Summary:
    """The summary of a run folder. With a status that isn't ours its state is `unreadable`."""
    folder = RunFolder(path)
    settings = _settings(folder)
    state, status = _read_status(folder)
    size, newest = _size_and_last_change(path)
    ended = _seconds_since_1970(status.ended)
    return Summary(
        path=path,
        state=state,
        step=_step(folder, status, state),
        steps=count_or_none(settings.get("train.steps")),
        best=_best(folder, settings),
        verdicts=tuple(dict.fromkeys(verdict.name for verdict in status.verdicts)),
        started=None if _seconds_since_1970(status.started) is None else status.started,
        last_change=newest if ended is None else ended,
        size=size,
        settings=settings,
        status=status,
    )


def _settings(folder: RunFolder) -> dict[str, Any]:
    """The settings of config.yaml and the options of its groups, as in loss=hinge; empty if it
    can't be read."""
    with suppress(CheckpointError):
        plain = read_plain(folder.config)
        chosen, used = plain.get("choices"), plain.get("plugins")
        shown = {"plugins": _plugin_names(used)} if used else {}
        return {**(chosen if isinstance(chosen, dict) else {}), **flatten(plain), **shown}
    return {}


def _plugin_names(used: object) -> str:
    """The plugins of a run in a line, each with its version or the digest of its file."""
    plugins = [each for each in used if isinstance(each, dict)] if isinstance(used, list) else []
    return ", ".join(
        f"{plugin.get('name')} {plugin.get('version') or str(plugin.get('sha256'))[:12]}"
        for plugin in plugins
    )


def _read_status(folder: RunFolder) -> tuple[str, Status]:
    """The state of a run and its status; `died` where no process is at work, `unreadable` and an
    empty status where the file isn't ours."""
    status = _status_if_ours(folder)
    if status.state == "running" and not _is_held(folder):
        status = _status_if_ours(folder)  # it may have ended in between
        if status.state == "running":
            return "died", status
    return status.state or "unreadable", status


def _status_if_ours(folder: RunFolder) -> Status:
    with suppress(CheckpointError):
        status = folder.status()
        if status.state is not None and status.step is not None:
            return status
    return Status()


def _is_held(folder: RunFolder) -> bool:
    try:
        return folder.is_held()
    except OSError:
        return True  # it can't be known, so the run's own word counts


def _step(folder: RunFolder, status: Status, state: str) -> int | None:
    if state != "running":
        return status.step
    with suppress(OSError):
        if _is_file(folder.metrics):
            return max(status.step or 0, count_or_none(last_step(folder.metrics)) or 0)
    return status.step


def _size_and_last_change(path: Path) -> tuple[int, float]:
    """The size of all files in a folder, and when the newest was changed; links don't count."""
    size, newest, pending = 0, 0.0, [path]
    while pending:
        folder = pending.pop()
        for entry in _entries(folder):
            with suppress(FileNotFoundError):  # a run at work deletes old checkpoints
                details = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(details.st_mode):
                    pending.append(folder / entry.name)
                elif stat.S_ISREG(details.st_mode):
                    size += details.st_size
                    newest = max(newest, details.st_mtime)
    return size, newest


def _best(folder: RunFolder, settings: Mapping[str, Any]) -> BestEvaluation | None:
    metric, direction = (settings.get(f"evaluation.best.{k}") for k in ("metric", "direction"))
    if not isinstance(metric, str) or direction not in ("min", "max"):
        return None
    row = None
    for path in folder.evaluations, folder.later_evaluations:
        with suppress(OSError):
            if row is None and _is_file(path):
                row = best_evaluation(path, direction)
    if row is None:
        return None
    found = find_result(row, metric)
    return BestEvaluation(found.name, row["best"], row["step"], direction, found.protocol)


def find_result(row: Mapping[str, Any], metric: str) -> MeasuredMetric:
    """A metric's number in an evaluation, that of all columns of a table."""
    results = row.get("results")
    for name, result in results.items() if isinstance(results, dict) else ():
        # that of a single column of a table isn't the one whose best is kept
        if isinstance(result, dict) and result.get("metric") == metric and "column" not in result:
            protocol = result.get("protocol")
            parts = protocol if isinstance(protocol, dict) else {}
            texts = (parts.get(key) for key in ("id", "weights"))
            return MeasuredMetric(name, *(t if isinstance(t, str) else None for t in texts))
    return MeasuredMetric(metric, None, None)


def _is_file(path: Path) -> bool:
    """Whether it can be read at once: in a stranger's folder it may be a link or a pipe."""
    return stat.S_ISREG(path.lstat().st_mode)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []  # it was there a moment ago
    except OSError as error:
        reason = printable(error.strerror)
        print(f"warning: can't list {printable(folder)}: {reason}.", file=sys.stderr)
        return []


def _seconds_since_1970(moment: str | None) -> float | None:
    """None for what isn't a moment with its zone."""
    if moment is not None:
        with suppress(ValueError):
            parsed = datetime.fromisoformat(moment)
            return None if parsed.tzinfo is None else parsed.timestamp()
    return None
