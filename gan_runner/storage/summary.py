"""How runs stand, read from the files that they leave: no torch, and nothing is touched."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from gan_runner.config import schema as config
from gan_runner.errors import CheckpointError, printable
from gan_runner.storage.rows import best_evaluation, last_step
from gan_runner.storage.run_folder import RunFolder

_TOLD = ("running", "completed", "stopped", "interrupted", "failed")  # by a run itself
STATES = (*_TOLD, "died", "unreadable")


class BestResult(NamedTuple):
    """The best evaluation of a run: the number by its name in rows, its value, and the digest of
    the protocol."""

    metric: str
    value: float
    step: int
    direction: str
    protocol: str | None


class Summary(NamedTuple):
    """How a run stands; None is what it doesn't say.

    `step` is that of the newest row while it runs, else what its status says. `changed` is when it
    ended, else the newest change of its files, in seconds since 1970; `size` is the sum of its
    files in bytes; `settings` are the leaves of its config.yaml by dotted key, beside the options
    chosen for each group.
    """

    path: Path
    state: str
    step: int | None
    steps: int | None
    best: BestResult | None
    verdicts: tuple[str, ...]
    started: str | None
    changed: float
    size: int
    settings: Mapping[str, Any]


def run_folders(top: Path) -> Iterator[Path]:
    """Every run folder at `top` or below it. Links and hidden folders are not followed, and
    nothing is looked for within a run."""
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
    """How the run in a folder stands. A status that isn't ours has the state `unreadable`."""
    folder = RunFolder(path)
    settings = _settings(folder)
    status = status_of(folder)
    size, newest = _disk(path)
    ended = _moment(status.get("ended"))
    return Summary(
        path=path,
        state=status.get("state", "unreadable"),
        step=_step(folder, status),
        steps=_whole(settings.get("train.steps")),
        best=_best(folder, settings),
        verdicts=tuple(dict.fromkeys(verdict["name"] for verdict in status.get("verdicts", []))),
        started=status["started"] if _moment(status.get("started")) is not None else None,
        changed=newest if ended is None else ended,
        size=size,
        settings=settings,
    )


def _settings(folder: RunFolder) -> dict[str, Any]:
    """What config.yaml sets, and what was chosen, as in loss=hinge; empty if it can't be read."""
    with suppress(CheckpointError):
        plain = config.read_plain(folder.config)
        chosen = plain.get("choices")
        return {**(chosen if isinstance(chosen, dict) else {}), **config.flat(plain)}
    return {}


def status_of(folder: RunFolder) -> dict[str, Any]:
    """The status, with the state `died` where nobody is at work; empty if it isn't ours."""
    status = _told(folder)
    if status.get("state") == "running" and not _is_held(folder):
        status = _told(folder)  # it may have ended between the two looks
        if status.get("state") == "running":
            return {**status, "state": "died"}
    return status


def _told(folder: RunFolder) -> dict[str, Any]:
    with suppress(CheckpointError):
        status = folder.status()
        verdicts = status.get("verdicts", [])
        if (
            status.get("state") in _TOLD
            and _whole(status.get("step")) is not None
            and isinstance(verdicts, list)
            and all(isinstance(v, dict) and isinstance(v.get("name"), str) for v in verdicts)
        ):
            return status
    return {}


def _is_held(folder: RunFolder) -> bool:
    try:
        return folder.is_held()
    except OSError:
        return True  # it can't be known, so the run's own word counts


def _step(folder: RunFolder, status: Mapping[str, Any]) -> int | None:
    saved = status.get("step")
    if status.get("state") != "running":
        return saved
    with suppress(OSError):
        if _is_file(folder.metrics):
            return max(saved or 0, _whole(last_step(folder.metrics)) or 0)
    return saved


def _disk(path: Path) -> tuple[int, float]:
    """The size of all files in a folder, and when the newest was changed; links don't count."""
    size, newest, pending = 0, 0.0, [path]
    while pending:
        folder = pending.pop()
        for entry in _entries(folder):
            with suppress(FileNotFoundError):  # a run at work deletes old checkpoints
                found = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(found.st_mode):
                    pending.append(folder / entry.name)
                elif stat.S_ISREG(found.st_mode):
                    size += found.st_size
                    newest = max(newest, found.st_mtime)
    return size, newest


def _best(folder: RunFolder, settings: Mapping[str, Any]) -> BestResult | None:
    metric, direction = (settings.get(f"evaluation.best.{k}") for k in ("metric", "direction"))
    if not isinstance(metric, str) or direction not in ("min", "max"):
        return None
    row = None
    with suppress(OSError):
        if _is_file(folder.evaluations):
            row = best_evaluation(folder.evaluations, direction)
    if row is None:
        return None
    name, protocol = _result(row, metric)
    return BestResult(name, row["best"], row["step"], direction, protocol)


def _result(row: Mapping[str, Any], metric: str) -> tuple[str, str | None]:
    """The name of a metric's number in an evaluation, as in frechet_classifier; its protocol."""
    results = row.get("results")
    for name, result in results.items() if isinstance(results, dict) else ():
        # that of a single column of a table isn't the one whose best is kept
        if isinstance(result, dict) and result.get("metric") == metric and "column" not in result:
            protocol = result.get("protocol")
            identifier = protocol.get("id") if isinstance(protocol, dict) else None
            return name, identifier if isinstance(identifier, str) else None
    return metric, None


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
        print(f"warning: can't look into {printable(folder)}: {reason}.", file=sys.stderr)
        return []


def _moment(text: object) -> float | None:
    """A moment of a status in seconds since 1970; None if it isn't one."""
    if not isinstance(text, str):
        return None
    with suppress(ValueError):
        moment = datetime.fromisoformat(text)
        return None if moment.tzinfo is None else moment.timestamp()
    return None


def _whole(value: object) -> int | None:
    """A number of steps; None for what can't be one."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63:
        return value
    return None
