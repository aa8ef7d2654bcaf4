"""The folders of a sweep's jobs: named whatever the order of the arguments, found by earlier names,
too."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

from gan_runner.config.names import earlier_job_name, job_name, naming_overrides
from gan_runner.system.files import write_text

_LARGEST_FILE_BYTES = 1 << 20


def job_folders(sweep: Path, jobs: Sequence[Sequence[str]], fixed: Collection[str]) -> list[str]:
    """The name of the folder of each job, given by its overrides, in the folder of its sweep.

    `fixed` are the keys that all jobs share. A folder that an earlier version named in the order of
    another command line is that of its job still.
    """
    names = [job_name(job, fixed) for job in jobs]
    if all((sweep / name).exists() for name in names) or not sweep.is_dir():
        return names
    earlier = _earlier_names(sweep, fixed)
    return [
        name if (sweep / name).exists() else earlier.get(_identity(job, fixed), name)
        for name, job in zip(names, jobs, strict=True)
    ]


def write_overrides(folder: Path, overrides: Sequence[str]) -> None:
    """Note in a job's folder what the command line says of it; a run alone has Hydra's records.
    Raises OSError."""
    path = _overrides_file(folder)
    if path.with_name("hydra.yaml").exists():
        return
    path.parent.mkdir(exist_ok=True)
    write_text(path, "".join(f"- {json.dumps(text)}\n" for text in overrides))


def _earlier_names(sweep: Path, fixed: Collection[str]) -> dict[frozenset[str], str]:
    """The names of the folders that have the one of an earlier version, by what they are of."""
    found = {}
    for folder in sorted(path for path in sweep.iterdir() if path.is_dir()):
        overrides = _read_overrides(folder)
        if overrides and earlier_job_name(overrides, fixed) == folder.name:
            found[_identity(overrides, fixed)] = folder.name
    return found


def _identity(overrides: Sequence[str], fixed: Collection[str]) -> frozenset[str]:
    return frozenset(naming_overrides(overrides, fixed))


def _read_overrides(folder: Path) -> list[str]:
    """The overrides that are noted in a job's folder; none where that isn't readable."""
    path = _overrides_file(folder)
    with suppress(OSError, ValueError, RecursionError):
        if path.stat().st_size <= _LARGEST_FILE_BYTES:
            lines = path.read_text(encoding="utf-8").splitlines()
            texts = [json.loads(line.removeprefix("- ")) for line in lines]
            return [text for text in texts if isinstance(text, str)]
    return []


def _overrides_file(folder: Path) -> Path:
    return folder / ".hydra" / "overrides.yaml"
