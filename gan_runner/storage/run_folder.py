"""The run folder: made exclusively, held by one process at a time, with a status that is whole."""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, TYPE_CHECKING

from gan_runner import __version__
from gan_runner.config.names import without_time
from gan_runner.config.overrides import override
from gan_runner.errors import CheckpointError, ConfigError, InUseError, MachineError, printable
from gan_runner.storage.status import Status, read_status, write_status
from gan_runner.system.files import READ_ONLY

if TYPE_CHECKING:
    from gan_runner.config.schema import Config
    from gan_runner.data_report.report import ReadingReport

LOCK = ".lock"
EVENT_FILES = "events.out.tfevents"
"""The beginning of the names of TensorBoard's files."""

_TAKEN = ("samples", "checkpoints", "wandb")  # names of folders in a run folder
_RETRY_SECONDS = 0.1  # far longer than `is_held` takes


class RunFolder:
    """The paths of everything of a run, its lock and its status."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.yaml"
        self.data = path / "data.json"
        self.real = path / "real.png"
        self.overrides = path / ".hydra" / "overrides.yaml"
        self.metrics = path / "metrics.jsonl"
        self.evaluations = path / "evaluations.jsonl"
        self.later_evaluations = path / "later_evaluations.jsonl"
        self.table = path / "table.json"
        self.events = path / "events.jsonl"
        self.train_log = path / "train.log"
        self.metrics_csv = path / "metrics.csv"
        self.trackers = path / "trackers.json"
        self.samples = path / "samples"
        self.checkpoints = path / "checkpoints"
        self._status = path / "status.json"
        self._lock: IO[str] | None = None

    @property
    def title(self) -> str:
        """A short name that is unlike others, as in loss=hinge (losses)."""
        return f"{self.path.name} ({self.path.parent.name})"

    @property
    def name(self) -> str:
        """The name that says what the run is, without the time at which it was made."""
        return without_time(self.path.name)

    @property
    def sweep(self) -> str | None:
        """The name of the sweep that the run is a job of."""
        records, parent = self.path / ".hydra", self.path.parent
        is_job = (records / "overrides.yaml").exists() and not (records / "hydra.yaml").exists()
        return parent.name if is_job and (parent / LOCK).exists() else None

    @property
    def tensorboard(self) -> Path:
        """The folder of the event files, of whose path TensorBoard makes the name that it shows.

        In a sweep it is the run folder itself, elsewhere a folder of the run's own name in it;
        event files that are elsewhere already, as those of an earlier version, stay there.
        """
        places = [self.path / "tensorboard", self.path, *_folders_in(self.path)]
        for place in places:
            if any(place.glob(f"{EVENT_FILES}.*")):
                return place
        if self.sweep is not None:
            return self.path
        return self.path / (self.name if self.name not in _TAKEN else f"{self.name}_run")

    def remove_event_files(self) -> None:
        """Remove the event files, and their folder if nothing else is in it."""
        folder = self.tensorboard
        for path in folder.glob(f"{EVENT_FILES}.*"):
            path.unlink(missing_ok=True)
        if folder != self.path:
            _remove_empty([folder])

    def refuse_links(self) -> None:
        """Raise CheckpointError if something in the folder is neither a file nor a folder, such as
        a link.

        The folder may come from a stranger: writing and deleting in it must not leave it.
        """
        for path in _walk(self.path):
            try:
                mode = path.lstat().st_mode
            except FileNotFoundError:  # a live run has given its file another name since
                continue
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                raise CheckpointError(
                    f"neither a file nor a folder, {printable(path)}. "
                    "Replace a link by a copy of its target."
                )

    def lock(self) -> None:
        """Hold the folder until the process ends, however it ends.

        Raises InUseError if another living process holds it.
        """
        try:
            self._lock = (self.path / LOCK).open("a+")
            is_ours = _hold(self._lock)
        except OSError as error:
            raise MachineError(f"can't lock, {printable(self.path)}. {printable(error)}") from None
        if not is_ours:
            raise InUseError(
                f"run folder in use by a live process, {printable(self.path)}. "
                "Wait for it to end, or stop it."
            )

    def is_held(self) -> bool:
        """Whether a living process holds the folder. Raises OSError if that can't be known.

        It takes nothing away from that process.
        """
        try:
            handle = os.open(self.path / LOCK, READ_ONLY)
        except FileNotFoundError:
            return False
        try:
            return not _lock_for_a_moment(handle)
        finally:
            os.close(handle)

    def release(self) -> None:
        """Let another process hold the folder."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def status(self) -> Status:
        """The status in `status.json`; an empty one if the run was killed before its first.

        Raises CheckpointError.
        """
        return read_status(self._status)

    def saved_config(self) -> Config:
        """The configuration in `config.yaml`. Raises CheckpointError, which says of a run of
        another version which version that is."""
        from gan_runner.config import schema  # not before: pydantic would slow down gan-runs

        try:
            return schema.read(self.config)
        except CheckpointError as error:
            raise CheckpointError(f"{error}{self.other_version()}") from None

    def other_version(self) -> str:
        """A line for a run of another version of gan-runner; empty for one of this version."""
        try:
            status = self.status()
        except CheckpointError:
            return ""
        theirs, git = status.versions.get("gan_runner"), status.git or {}
        if theirs in (None, __version__):
            return ""
        commit = f" (commit {printable(git['commit'])})" if "commit" in git else ""
        return (
            f"\nThe run was made by gan-runner {printable(theirs)}{commit}, this is {__version__}. "
            "Install that version to use it, or train it anew."
        )

    def reading_report(self) -> ReadingReport:
        """The report on reading the data, `data.json`. Raises CheckpointError, also without that
        file."""
        from gan_runner.data_report.report import read_report  # not before, as with pydantic above

        try:
            return read_report(self.data)
        except FileNotFoundError:
            what = "no reading report" if self.config.is_file() else "not a run folder"
            remedy = "Name the data set: gan-data dataset=NAME"
            raise CheckpointError(f"{what}, RUN={printable(self.path)}. {remedy}") from None

    def write_status(self, status: Status) -> None:
        """Replace `status.json`. Raises OSError."""
        write_status(self._status, status)


def claim(path: Path, *, generated: bool) -> tuple[Path, list[Path]]:
    """Make a run folder that no other run has or gets; it, and every folder made for it.

    A generated name that is taken gets -2, -3 ...; a path that the user gave must be new or an
    empty folder. Raises ConfigError if it isn't, MachineError if the disk refuses.
    """
    path = path.absolute()
    made: list[Path] = []
    try:
        made += [parent for parent in reversed(path.parents) if not parent.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        for candidate in _candidates(path) if generated else [path]:
            try:
                candidate.mkdir()
            except FileExistsError:
                continue
            made.append(candidate)
            if _is_ours(candidate):
                return candidate, made
        if path.is_dir() and not any(path.iterdir()) and _is_ours(path):
            return path, []
    except OSError as error:
        _remove_empty(made)
        raise MachineError(
            f"can't make the run folder, hydra.run.dir={printable(path)}. {printable(error)}"
        ) from None
    if not path.is_dir():
        raise ConfigError(f"a file, hydra.run.dir={printable(path)}. Name a folder.")
    remedy = "Name another one"
    if RunFolder(path).config.is_file():
        remedy += f", or continue that run: gan-train {override('resume', str(path))}"
    raise ConfigError(
        f"run folder exists and is not empty, hydra.run.dir={printable(path)}. {remedy}"
    )


@contextmanager
def claim_until_begun(
    path: Path,
    *,
    generated: bool,
    undo_on: Callable[[Callable[[], None]], object] = lambda undo: None,
) -> Iterator[Path]:
    """A run folder that no other process has, made by `claim`. Nothing is left of it unless the run
    begins; `undo_on` is given what undoes it, for ends of the process that come as no exception.
    """
    path, made = claim(path, generated=generated)

    def discard_unless_begun() -> None:
        if not (path / "status.json").exists():
            discard(path, made)

    undo_on(discard_unless_begun)
    try:
        yield path
    finally:
        discard_unless_begun()


def discard(path: Path, made: list[Path]) -> None:
    """Undo a claim: remove a run whose training never began.

    Only what gan-runner and Hydra put there is removed, and of the folders only those in `made`.
    """
    RunFolder(path).remove_event_files()
    for name in (".hydra", "samples", "checkpoints", "wandb"):
        shutil.rmtree(path / name, ignore_errors=True)
    for name in (
        *("config.yaml", "data.json", "metrics.jsonl", "metrics.csv", "events.jsonl"),
        *("trackers.json", "real.png", "train.log", LOCK),
    ):
        (path / name).unlink(missing_ok=True)
    _remove_empty(made)


def current_time() -> str:
    """The present moment for a status or an event, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _hold(lock: IO[str]) -> bool:
    """Whether a lock is held from now on: no other process holds it for longer than `is_held`
    takes. Raises OSError."""
    from filelock import lock_descriptor  # not before: it would slow down --help

    for _ in range(2):
        if lock_descriptor(lock.fileno(), blocking=False):
            return True
        time.sleep(_RETRY_SECONDS)
    return False


def _lock_for_a_moment(handle: int) -> bool:
    """Whether a lock can be had, which the caller gives up by closing the file. Raises OSError."""
    try:
        import fcntl
    except ImportError:  # as on Windows, where another one that looks may be taken for a holder
        from filelock import lock_descriptor

        return lock_descriptor(handle, blocking=False)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: others can look, too
    except BlockingIOError:
        return False
    return True


def _is_ours(folder: Path) -> bool:
    """Whether this process was the first to put its lock file into an empty folder."""
    try:
        (folder / LOCK).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _remove_empty(folders: list[Path]) -> None:
    for folder in reversed(folders):
        with suppress(OSError):
            folder.rmdir()


def _folders_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.is_dir() and p.name not in _TAKEN)


def _walk(folder: Path) -> Iterator[Path]:
    """Everything in a folder and in its folders, links not followed."""
    for path in folder.iterdir() if folder.is_dir() else []:
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path)


def _candidates(path: Path) -> Iterator[Path]:
    yield path
    for number in range(2, 10_000):
        yield path.with_name(f"{path.name}-{number}")
