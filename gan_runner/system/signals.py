"""SIGINT, SIGTERM and, where there is one, SIGHUP: before the loop they end the command, in it they
wait for the step."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from gan_runner.system.terminal_mode import restore_mode

HANGUP: signal.Signals | None = getattr(signal, "SIGHUP", None)  # Windows has none
SIGNALS = tuple(number for number in (signal.SIGINT, signal.SIGTERM, HANGUP) if number is not None)


class Interrupted(BaseException):
    """A signal asked the process to end. No Exception: nothing but `main` may catch it."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


class SignalWatch:
    """Notes the first signal, so that the step can be finished; the second one ends at once."""

    def __init__(self) -> None:
        self.received: int | None = None
        self._ends_work = False

    def note(self, number: int, frame: FrameType | None) -> None:
        if self.received is None:
            self.received = number
            if self._ends_work:
                raise Interrupted(number)
        elif number != HANGUP:  # which the kernel and the shell both send
            raise Interrupted(number)

    def end_early(self, work: Callable[[], None]) -> None:
        """Do what takes long before a step: the first signal ends it, and is noted as well."""
        if self.received is not None:
            return
        try:
            self._ends_work = True
            work()
        except Interrupted:
            pass  # the caller sees that it was received
        finally:
            self._ends_work = False

    def check(self) -> None:
        """Raise Interrupted if a signal has come."""
        if self.received is not None:
            raise Interrupted(self.received)


def end_at_once(undo: Callable[[], None] = lambda: None) -> None:
    """Make the signals end the process wherever it is, once `undo` has cleaned up.

    Not by an exception: in the middle of an import it can be swallowed, or leave half a module.
    """

    def end(number: int, frame: FrameType | None) -> None:
        undo()
        _clear_line()
        _say_interrupted(number)
        os._exit(128 + number)

    _handle(end)


def _say_interrupted(number: int) -> None:
    """Say why a command ends that did nothing yet; of several ranks one does, unless it is their
    launcher that ends them, which says why."""
    rank = os.environ.get("RANK")
    if rank is None or (rank == "0" and number == signal.SIGINT):
        with suppress(OSError):
            os.write(2, f"interrupted by {signal.Signals(number).name}\n".encode())


def _clear_line() -> None:
    """Erase what a display that is being drawn has left at the cursor and below it, and give the
    terminal its mode back."""
    restore_mode()
    with suppress(OSError, ValueError, AttributeError):
        if sys.stdout.isatty() and os.environ.get("TERM") not in (None, "dumb"):
            os.write(sys.stdout.fileno(), b"\r\x1b[J")


def watch_suspension(resumed: Callable[[], None]) -> Callable[[], None]:
    """From now on Ctrl-Z clears the display before it stops the process, and `resumed` is called
    when that goes on; what is returned ends that."""
    number = getattr(signal, "SIGTSTP", None)  # Windows has none
    in_thread = threading.current_thread() is not threading.main_thread()
    if number is None or in_thread or signal.getsignal(number) is signal.SIG_IGN:
        return lambda: None

    def stop(number: int, frame: FrameType | None) -> None:
        _clear_line()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)  # until `fg` the process stands still here
        signal.signal(number, stop)
        resumed()

    earlier = signal.signal(number, stop)
    return lambda: _set_handler(number, earlier)


def _set_handler(number: int, handler: object) -> None:
    if threading.current_thread() is threading.main_thread():
        signal.signal(number, handler)  # type: ignore[arg-type]


def ask_to_end() -> None:
    """Ask this process to end as SIGTERM does, unless it waits for the end of a step already."""
    watch = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    if not isinstance(watch, SignalWatch) or watch.received is None:
        os.kill(os.getpid(), signal.SIGTERM)


def ignore_signals() -> None:
    """Let no signal end this process, or be noted, from now on."""
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)


def exit_process(exit_code: int) -> NoReturn:
    """End the process when all is done. What torch does at exit takes two seconds, in which a
    signal could still change the exit code."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, AttributeError):  # a stream can be closed, or None
            stream.flush()
    os._exit(exit_code)


@contextmanager
def watch_signals() -> Iterator[SignalWatch]:
    """Within this context a signal is noted only."""
    watch = SignalWatch()
    with _with_handler(watch.note):
        yield watch


@contextmanager
def raise_on_signals() -> Iterator[None]:
    """Within this context a signal raises Interrupted, so that what is half made is removed."""
    came: list[int] = []  # here, not where a step has noted it and said so

    def end(number: int, frame: FrameType | None) -> None:
        came.append(number)
        raise Interrupted(number)

    with _with_handler(end):
        try:
            yield
        except Interrupted:
            for number in came[:1]:
                _clear_line()
                _say_interrupted(number)
            raise


@contextmanager
def _with_handler(handler: object) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # Python lets no other thread handle signals
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    _handle(handler)
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def _handle(handler: object) -> None:
    for number in SIGNALS:
        if number == HANGUP and signal.getsignal(number) is signal.SIG_IGN:
            continue  # as nohup wants it
        signal.signal(number, handler)  # type: ignore[arg-type]
