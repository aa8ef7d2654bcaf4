"""SIGINT and SIGTERM: before the loop they end the command, in the loop they wait for the step."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(BaseException):
    """A signal asked the process to end. No Exception: nothing but `main` may catch it."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


class Watch:
    """Notes the first signal, so that the step can be finished; the second one ends at once."""

    def __init__(self) -> None:
        self.received: int | None = None

    def note(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None:
            raise Interrupted(number)
        self.received = number

    def check(self) -> None:
        """Raise Interrupted if a signal has come."""
        if self.received is not None:
            raise Interrupted(self.received)


def end_at_once() -> None:
    """Make both signals raise Interrupted wherever the process is."""
    _handle(_raise)


@contextmanager
def watched() -> Iterator[Watch]:
    """Within this context a signal is noted only."""
    watch = Watch()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    _handle(watch.note)
    try:
        yield watch
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _handle(handler: object) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)  # type: ignore[arg-type]


def _raise(number: int, frame: FrameType | None) -> None:
    raise Interrupted(number)
