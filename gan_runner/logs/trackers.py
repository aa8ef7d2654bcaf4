"""The trackers of a run, beside its own rows; one that fails never ends a training."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, ClassVar, NamedTuple

from gan_runner.errors import printable
from gan_runner.sampling.pictures.png import Picture
from gan_runner.storage.rows import last_step, rows
from gan_runner.storage.run_folder import RunFolder
from gan_runner.system.files import write_text

_LARGEST_FILE_BYTES = 1 << 16
_OF_THE_RUN_FOLDER = (OSError, UnicodeEncodeError)  # of its disk or its name: faults of the run


class RunFacts(NamedTuple):
    """The facts of a run that a tracker shows: a title unlike others, the configuration as text and
    as settings by dotted key."""

    title: str
    text: str
    settings: Mapping[str, Any]


class Tracker(ABC):
    """A place to which one process logs one run. Nothing is written outside of the run folder
    before `begin`."""

    is_outside: ClassVar[bool]
    """Whether it can't be rewound: what it has of a run stays."""

    @abstractmethod
    def begin(self, facts: RunFacts, tracked_id: str | None) -> str | None:
        """Begin to log a run, or go on with the one of this id; the id that it has from now on."""

    @abstractmethod
    def scalars(self, step: int, seconds: float, values: Mapping[str, float]) -> None:
        """Log named numbers."""

    @abstractmethod
    def picture(self, name: str, step: int, picture: Picture, content: bytes) -> None:
        """Log a picture; `content` is that of its PNG file."""

    @abstractmethod
    def text(self, name: str, text: str, step: int) -> None:
        """Log a text."""

    @abstractmethod
    def flush(self) -> None:
        """Write what is held back."""

    @abstractmethod
    def close(self, *, success: bool | None) -> None:
        """End the session; `success` is None for a run that will go on."""


class Trackers:
    """All trackers of a run, by name. One that fails is left out from then on, and said once.

    `trackers.json` keeps, of each that is outside of the run folder, the id of the run there and
    the last step that it has: a resumed run goes on with it, and logs nothing twice.
    """

    def __init__(
        self,
        folder: RunFolder,
        makers: Mapping[str, Callable[[RunFolder], Tracker]],
        warn: Callable[[int, str], None],
    ) -> None:
        """`warn` takes the step and the text of a warning."""
        self._folder = folder
        self._warn = warn
        self._trackers: dict[str, Tracker] = {}
        self._sent: dict[str, int] = {}  # by name, of those that are outside and have begun
        self._broken: dict[str, str] = {}  # those of which the warning is still to be said
        for name, make in makers.items():
            try:
                self._trackers[name] = make(folder)
            except _OF_THE_RUN_FOLDER:
                raise
            except Exception as error:
                self._broken[name] = _failure(name, error)

    def begin(self, step: int, facts: RunFacts) -> None:
        """Begin to log a run, or go on with it at this step. One that is new to a resumed run gets
        the rows that there are."""
        for text in self._broken.values():
            self._warn(step, text)
        self._broken = {}
        notes = read_notes(self._folder)
        for name in tuple(self._trackers):
            self._try(name, step, lambda name=name: self._begin(name, facts, notes))  # type: ignore[misc]
        if notes:
            write_notes(self._folder, notes)

    def _begin(self, name: str, facts: RunFacts, notes: dict[str, Note]) -> None:
        tracker, note = self._trackers[name], notes.get(name)
        tracked_id = tracker.begin(facts, None if note is None else note.tracked_id)
        if tracked_id is None or not tracker.is_outside:
            return
        is_known = note is not None and note.tracked_id == tracked_id
        self._sent[name] = note.sent if is_known and note is not None else -1
        notes[name] = Note(tracked_id, self._sent[name])
        if not is_known and self._folder.metrics.exists():
            for row in rows(self._folder.metrics):
                values = {k: v for k, v in row.items() if k not in ("step", "seconds")}
                tracker.scalars(row["step"], row.get("seconds", 0.0), values)

    def scalars(self, step: int, seconds: float, values: Mapping[str, float]) -> None:
        self._each(step, lambda tracker: tracker.scalars(step, seconds, values))

    def picture(self, name: str, step: int, picture: Picture, content: bytes) -> None:
        self._each(step, lambda tracker: tracker.picture(name, step, picture, content))

    def text(self, name: str, text: str, step: int) -> None:
        self._each(step, lambda tracker: tracker.text(name, text, step))

    def flush(self) -> None:
        for name in tuple(self._trackers):
            self._try(name, 0, self._trackers[name].flush)

    def close(self, *, success: bool | None) -> None:
        for name, tracker in tuple(self._trackers.items()):
            self._try(name, 0, lambda tracker=tracker: tracker.close(success=success))  # type: ignore[misc]

    def _each(self, step: int, act: Callable[[Tracker], None]) -> None:
        """Have every tracker do something, those aside that have this step already or that haven't
        begun."""
        for name, tracker in tuple(self._trackers.items()):
            if not tracker.is_outside or step > self._sent.get(name, step):
                self._try(name, step, lambda tracker=tracker: act(tracker))  # type: ignore[misc]

    def _try(self, name: str, step: int, act: Callable[[], None]) -> None:
        """Do something with a tracker. A disk that refuses a file of the run folder ends a run, as
        it does with any file of it."""
        try:
            act()
        except Exception as error:
            if isinstance(error, _OF_THE_RUN_FOLDER) and not self._trackers[name].is_outside:
                raise
            del self._trackers[name]
            self._warn(step, _failure(name, error))


class Note(NamedTuple):
    """The id of a run in a tracker, and the last step that the tracker has of it."""

    tracked_id: str
    sent: int


def read_notes(folder: RunFolder) -> dict[str, Note]:
    """The notes of a run folder, which may come from a stranger, by the names of trackers."""
    found = {}
    with suppress(OSError, ValueError, RecursionError, AttributeError):
        if folder.trackers.stat().st_size <= _LARGEST_FILE_BYTES:
            plain = json.loads(folder.trackers.read_text(encoding="utf-8"))
            for name, note in plain.items():
                tracked_id, sent = note.get("id"), note.get("sent")
                if isinstance(tracked_id, str) and type(sent) is int:
                    found[name] = Note(tracked_id, sent)
    return found


def write_notes(folder: RunFolder, notes: Mapping[str, Note]) -> None:
    """Replace the notes of a run folder. Raises OSError."""
    plain = {name: {"id": note.tracked_id, "sent": note.sent} for name, note in notes.items()}
    write_text(folder.trackers, json.dumps(plain, indent=1) + "\n")


def note_sent_steps(folder: RunFolder) -> None:
    """Note the last row as sent to all trackers, before the log is rewound."""
    notes, step = read_notes(folder), -1
    if not notes:
        return
    with suppress(OSError):
        last = last_step(folder.metrics)
        step = last if isinstance(last, int) else -1
    write_notes(folder, {k: note._replace(sent=max(note.sent, step)) for k, note in notes.items()})


def _failure(name: str, error: Exception) -> str:
    text = printable(f"{type(error).__name__}: {error}", limit=200)
    return f"the run isn't logged to {name} from here on, logger={name}. {text}"
