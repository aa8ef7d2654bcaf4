"""The record of a run for comparisons: numbers by step, evaluations with their protocols, pictures.

Read from its files without torch, and nothing is touched. The folder may come from a stranger: what
isn't a plain file or a number, and what is too much, is left out.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from gan_runner.config.plain_yaml import read_overrides
from gan_runner.data_report.report import ReadingReport, read_report
from gan_runner.errors import CheckpointError, ConfigError, printable
from gan_runner.evaluation.protocol import digest_of
from gan_runner.evaluation.table_report.report import TableReport, read_table_report
from gan_runner.storage.rows import rows
from gan_runner.storage.run_folder import RunFolder
from gan_runner.storage.status import Status
from gan_runner.storage.summary import Summary, run_folders, summarize

Series = Mapping[int, float]
"""Values by step."""

ENDED = ("completed", "stopped")
"""States of a run whose last numbers are final."""

_LARGEST_NUMBER = 1e39  # no float32 is larger
_LARGEST_FILE_BYTES = 1 << 28  # bytes, hundreds of thousands of rows
_MOST_NAMES = 1 << 16  # of numbers in a run: a stranger's file could have any number of them
_PICTURE = r"_(\d{8,18})\.png"  # of a step, behind what it shows


class Measure(NamedTuple):
    """A measured number: its name in rows, and the digest of how it came about.

    `metric` is its name in the registry of metrics, None for a number that was only logged;
    `column` is the column of a table that it is of.
    """

    name: str
    protocol: str
    metric: str | None = None
    column: str | None = None


class Record(NamedTuple):
    """A run and all that it can be compared by.

    `logged` are the numbers of metrics.jsonl by name, `measured` those of evaluations, in training
    and later, by name and protocol, `protocols` what the digests stand for, `seconds` the time of
    training so far, `pictures` the sample grids by step, `ways_back` those of the other direction
    of a translator that has one, `reading` how its data was read, None
    where it isn't known; `real` the picture of real examples, if there is one, and `overrides` the
    settings of its command line. `table`: what the last evaluation of a table's columns showed.
    """

    name: str
    summary: Summary
    logged: Mapping[str, Series]
    measured: Mapping[Measure, Series]
    protocols: Mapping[str, Mapping[str, Any]]
    seconds: float | None
    pictures: Mapping[int, Path]
    reading: ReadingReport | None = None
    real: Path | None = None
    overrides: tuple[str, ...] = ()
    ways_back: Mapping[int, Path] = MappingProxyType({})
    table: TableReport | None = None

    @property
    def state(self) -> str:
        """Its state, or `diverged` if it failed by NaN or Inf."""
        failed = self.summary.state == "failed"
        return "diverged" if failed and self.status.exit_code == 5 else self.summary.state

    @property
    def status(self) -> Status:
        """The run's status; empty where that is unreadable."""
        return self.summary.status

    @property
    def is_quick(self) -> bool:
        """Whether quick=true made it small, so that its numbers aren't results."""
        return self.summary.settings.get("quick") is True

    @property
    def seed(self) -> Any:
        return self.summary.settings.get("seed")


def find_records(places: Iterable[Path]) -> list[Record]:
    """Every run at these places or below them, once. Raises ConfigError for a place without any."""
    found: dict[Path, tuple[Path, Path]] = {}
    for place in places:
        if not place.is_dir():
            what = "not a folder" if place.exists() else "no such folder"
            raise ConfigError(
                f"{what}, RUN={printable(place)}. Name a run folder, or a folder of runs."
            )
        runs = sorted(run_folders(place))
        if not runs:
            raise ConfigError(
                f"no run in this folder, RUN={printable(place)}. A run has a config.yaml and a "
                "status.json; gan-runs lists those below a folder."
            )
        for run in runs:
            found.setdefault(run.resolve(), (place, run))
    names = _names(list(found.values()))
    return [_read_record(run, name) for name, (_, run) in zip(names, found.values(), strict=True)]


def _names(found: list[tuple[Path, Path]]) -> list[str]:
    """The shortest names that differ: of the place that was given, of what lies in it."""
    several = len({place for place, run in found if place != run}) > 1
    names = []
    for place, run in found:
        inner, outer = run.relative_to(place).as_posix(), place.resolve().name
        if run == place:
            names.append(outer)
        else:
            names.append(f"{outer}/{inner}" if several else inner)
    if len(set(names)) == len(names):
        return names
    return [str(run) for _, run in found]


def _read_record(path: Path, name: str) -> Record:
    folder = RunFolder(path)
    logged, seconds = _read_metrics(folder)
    measured, protocols = _read_evaluations(folder)
    return Record(
        name=name,
        summary=summarize(path),
        logged=logged,
        measured=measured,
        protocols=protocols,
        seconds=seconds,
        pictures=dict(_pictures(folder.samples, "step")),
        reading=_reading(folder),
        real=folder.real if folder.real.is_file() else None,
        overrides=() if folder.overrides.parent.is_symlink() else read_overrides(folder.overrides),
        ways_back=dict(_pictures(folder.samples, "back")),
        table=_table(folder),
    )


def _reading(folder: RunFolder) -> ReadingReport | None:
    with suppress(FileNotFoundError):
        try:
            return read_report(folder.data)
        except CheckpointError as error:
            print(f"warning: {error}", file=sys.stderr)
    return None


def _table(folder: RunFolder) -> TableReport | None:
    with suppress(FileNotFoundError):
        try:
            return read_table_report(folder.table)
        except CheckpointError as error:
            print(f"warning: {error}", file=sys.stderr)
    return None


def _read_metrics(folder: RunFolder) -> tuple[dict[str, dict[int, float]], float | None]:
    found: dict[str, dict[int, float]] = {}
    seconds = None
    with suppress(OSError):
        for row in _rows(folder.metrics):
            for name, text in row.items():
                value = _number(text)
                if value is None or name == "step":
                    continue
                if name == "seconds":
                    seconds = value
                elif name in found or len(found) < _MOST_NAMES:
                    found.setdefault(name, {})[row["step"]] = value
    return found, seconds


def _read_evaluations(
    folder: RunFolder,
) -> tuple[dict[Measure, dict[int, float]], dict[str, Mapping[str, Any]]]:
    found: dict[Measure, dict[int, float]] = {}
    protocols: dict[str, Mapping[str, Any]] = {}
    for path in folder.later_evaluations, folder.evaluations:  # those of the training come last
        with suppress(OSError):
            for row in _rows(path):
                for measure, value, protocol in _results(row):
                    if measure in found or len(found) < _MOST_NAMES:
                        found.setdefault(measure, {})[row["step"]] = value
                        protocols[measure.protocol] = protocol
    return {measure: dict(sorted(values.items())) for measure, values in found.items()}, protocols


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file, none of one that is too large to hold. Raises OSError."""
    if path.lstat().st_size > _LARGEST_FILE_BYTES:
        print(f"warning: too large to compare, {printable(path)}.", file=sys.stderr)
        return
    damaged: list[None] = []
    for row in rows(path, on_damaged=lambda: damaged.append(None)):
        yield row
        if not all(_is_finite(value) for value in _values(row)):
            damaged.append(None)
    if damaged:
        what = f"left out {len(damaged)} damaged rows or values that aren't numbers"
        print(f"warning: {what}, {printable(path)}.", file=sys.stderr)


def _values(row: Mapping[str, Any]) -> Iterator[object]:
    """All that should be numbers in a row of metrics.jsonl, or in an evaluation."""
    if "results" not in row:
        yield from row.values()
    elif isinstance(row["results"], dict):
        yield from (r.get("value") for r in row["results"].values() if isinstance(r, dict))


def _is_finite(value: object) -> bool:
    return _number(value) is not None


def _results(row: Mapping[str, Any]) -> Iterator[tuple[Measure, float, Mapping[str, Any]]]:
    results = row.get("results")
    for name, result in results.items() if isinstance(results, dict) else ():
        if isinstance(result, dict) and _is_protocol(result.get("protocol")):
            value = _number(result.get("value"))
            protocol = {k: v for k, v in result["protocol"].items() if k != "id"}
            # made anew: a stranger's `id` might put numbers together that don't belong so
            measure = Measure(name, digest_of(protocol), *_fields(result, "metric", "column"))
            if value is not None:
                yield measure, value, protocol


def _fields(result: Mapping[str, Any], *keys: str) -> Iterator[str | None]:
    """Texts of a result, None for one that it lacks."""
    for key in keys:
        text = result.get(key)
        yield text if isinstance(text, str) else None


def _is_protocol(found: object) -> bool:
    """Whether it could be one: named plain values, among them the metric's own."""
    if not isinstance(found, dict):
        return False
    inner = found.get("parameters")
    values = [v for k, v in found.items() if k != "parameters"]
    values += inner.values() if isinstance(inner, dict) else [inner]
    leaves = [leaf for v in values for leaf in (v if isinstance(v, list) else [v])]
    return not any(isinstance(leaf, (dict, list)) for leaf in leaves)


def _number(value: object) -> float | None:
    """A finite number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    with suppress(OverflowError):
        number = float(value)
        return number if math.isfinite(number) and abs(number) < _LARGEST_NUMBER else None
    return None


def _pictures(folder: Path, shown: str) -> Iterator[tuple[int, Path]]:
    """The sample grids by step, or other pictures, as far as their names are ours."""
    if folder.is_symlink() or not folder.is_dir():
        return
    with suppress(OSError):
        for path in sorted(folder.iterdir()):
            if match := re.fullmatch(shown + _PICTURE, path.name):
                yield int(match[1]), path
