"""The status of a training run in one line, as much of it as a terminal is wide."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from gan_runner.errors import printable
from gan_runner.system.files import path_from_here
from gan_runner.system.units import clock_text, duration_text, four_digits

LOSSES = {
    "D": "loss/discriminator",
    "G": "loss/generator",
    "ELBO": "elbo",
    "L1": "reconstruction/l1",
    "cycle": "cycle/inputs",
    "NCE": "contrast/inputs",
}
_EPSILON = "privacy/epsilon"
_GAP = "  "
_MARK_EVERY_SECONDS = 2.0
_MARKS = 60  # the speed is that of the last two minutes: evaluations and saves are in it
_ENOUGH_SECONDS = 1.0  # of training, to say how long it will take

Part = tuple[int, Sequence[str]]
"""A place among what gives way, 0 the last to go, and its texts, the shortest first."""


class TrainingStatus:
    """How far a training run is, and what it last saved, measured and drew."""

    def __init__(self, *, step: int, total: int, unit: str) -> None:
        """`unit`: of the speed, such as img/s."""
        self.step = self._first_step = step
        self.total = total
        self.activity = ""
        self._unit = unit
        self._row: Mapping[str, float] = {}
        self._saved: int | None = None
        self._score = ""
        self._picture: Path | None = None
        self._marks: deque[tuple[float, int]] = deque(maxlen=_MARKS)

    def move(self, step: int) -> None:
        """A step is done."""
        self.step = step
        moment = time.monotonic()
        if not self._marks or moment - self._marks[-1][0] > _MARK_EVERY_SECONDS:
            self._marks.append((moment, step))  # the first one is after a step that made ready

    def log(self, values: Mapping[str, float]) -> None:
        """A row has come."""
        self._row = values

    def save(self, step: int) -> None:
        """The state of a step is saved."""
        self._saved = step

    def score(self, text: str) -> None:
        """The generator is measured; a name, its value, and whether it is the best."""
        self._score = text

    def draw(self, path: Path) -> None:
        """There is a picture of samples."""
        self._picture = path

    def seconds_left(self) -> float | None:
        """The time to the end, by the speed of the last minutes; None before it is known."""
        return self._seconds_for(self.total - self.step)

    def seconds_in_all(self) -> float | None:
        """The time of all steps of this process; None before it is known."""
        return self._seconds_for(self.total - self._first_step)

    def _seconds_for(self, steps: int) -> float | None:
        if not self._marks:
            return None
        moment, step = self._marks[0]
        passed = time.monotonic() - moment
        if passed < _ENOUGH_SECONDS or self.step <= step:
            return None
        return steps * passed / (self.step - step)

    def line(self, width: int) -> str:
        """The line, of at most so many letters: what matters least goes first, and what is left is
        said in full where there is room."""
        parts = [(place, texts) for place, texts in self._parts() if texts[0]]
        shown: dict[int, str] = {}
        for place, texts in sorted(parts):
            _put(shown, place, texts[0], width)
        for place, texts in sorted(parts):
            for longer in texts[1:] if place in shown else ():
                _put(shown, place, longer, width)
        return _GAP.join(shown[place] for place, _ in parts if place in shown)[:width]

    def plain_line(self) -> str:
        """The line of a row in a pipe."""
        left = self.seconds_left()
        parts = [
            f"step {self.step}/{self.total}",
            *losses(self._row),
            *self._epsilon(),
            self._speed(),
            "" if left is None or self.step == self.total else f"{duration_text(left)} left",
        ]
        return _GAP.join(part for part in parts if part)

    def _parts(self) -> Iterator[Part]:
        counts, left = f"{self.step:,}/{self.total:,}", self.seconds_left()
        yield 0, (counts, f"step {counts}")
        yield 1, (printable(self.activity),)
        yield 2, (" ".join([*losses(self._row), *self._epsilon()]),)
        yield 4, self._accuracy()
        yield 5, (self._speed(),)
        yield 3, ("",) if left is None else _left_texts(left)
        yield 7, ("",) if self._saved is None else (f"saved {self._saved:,}",)
        yield 6, (printable(self._score),)
        yield 8, self._paths()

    def _epsilon(self) -> list[str]:
        return [f"epsilon {four_digits(self._row[_EPSILON])}"] if _EPSILON in self._row else []

    def _accuracy(self) -> tuple[str, ...]:
        value = self._row.get("accuracy/discriminator")
        if value is None:
            return ("",)
        shown = four_digits(value)
        return f"acc {shown}", f"D accuracy {shown}"

    def _speed(self) -> str:
        value = self._row.get("speed/images_per_second")
        return "" if value is None else f"{speed_digits(value)} {self._unit}"

    def _paths(self) -> tuple[str, ...]:
        if self._picture is None:
            return ("",)
        below = Path(*self._picture.parts[-2:])
        shortest, whole = printable(below), printable(path_from_here(self._picture), 1000)
        return shortest, whole


def losses(values: Mapping[str, float]) -> list[str]:
    """The losses in a row, each with its name."""
    return [f"{name} {four_digits(values[key])}" for name, key in LOSSES.items() if key in values]


def _left_texts(seconds: float) -> tuple[str, ...]:
    return f"{clock_text(seconds)} left", f"{duration_text(seconds)} left"


def speed_digits(value: float) -> str:
    """A speed, whole from a hundred on."""
    return f"{float(f'{value:.4g}'):,.0f}" if value >= 100 else four_digits(value)


def _put(shown: dict[int, str], place: int, text: str, width: int) -> None:
    """Show a text in its place, if it fits beside the others."""
    others = [len(other) for key, other in shown.items() if key != place]
    if sum(others) + len(text) + len(_GAP) * len(others) <= width:
        shown[place] = text
