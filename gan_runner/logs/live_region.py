"""The live region: lines at the end of a terminal that are drawn anew in place.

Not rich's own `Live`: that goes up by as many lines as it drew, which are others once the window is
narrower and the terminal has wrapped them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from io import RawIOBase
from typing import TextIO, cast

from rich.console import (
    Console,
    ConsoleOptions,
    ConsoleRenderable,
    RenderableType,
    RenderHook,
    RenderResult,
)
from rich.file_proxy import FileProxy
from rich.segment import ControlType, Segment
from rich.text import Text

from gan_runner.system.signals import watch_suspension
from gan_runner.system.terminal_mode import keep_output, restore_mode


class LiveRegion(RenderHook):
    """A head, mostly a line, and what is below it. Whatever is printed meanwhile goes above.

    Between drawings the cursor rests at the head's beginning: to erase what is below the cursor is
    right however the terminal has wrapped, cut or moved the lines.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._head: RenderableType = Text()
        self._body: Sequence[RenderableType] = ()
        self._drawn: tuple[Sequence[RenderableType], tuple[int, int]] | None = None
        self._streams: tuple[TextIO, TextIO] | None = None
        self._end_watch: Callable[[], None] = lambda: None

    def draw(self, head: RenderableType, body: Sequence[RenderableType] = ()) -> None:
        """Show a head and what is below it, in place of what was. Raises OSError.

        Above a body that is the same object the head is a line.
        """
        self._head, self._body = head, body
        self._start()
        # a body that is as it was needn't be sent again, several times a second
        drawn_body, size = self._drawn or (None, None)
        is_as_drawn = drawn_body is body and size == self._console.size
        self._console.print(_HeadAlone(head) if is_as_drawn else _NOTHING, end="")

    def end(self) -> None:
        """Leave nothing of it, and the cursor where it began. Raises OSError."""
        if self._streams is None:
            return
        for proxy in (sys.stdout, sys.stderr):
            proxy.flush()
        (sys.stdout, sys.stderr), self._streams = self._streams, None
        self._end_watch()
        restore_mode()
        self._drawn = None
        self._console.pop_render_hook()
        self._console.print(_Control("\r\x1b[J"), end="")

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Whatever the console prints, with this region moved below it."""
        if any(isinstance(each, _HeadAlone) for each in renderables):
            return renderables
        self._drawn = self._body, self._console.size
        return [_Control("\r\x1b[J"), *renderables, _Whole(self._head, self._body)]

    def _start(self) -> None:
        if self._streams is None:
            self._streams = sys.stdout, sys.stderr
            keep_output()
            self._end_watch = watch_suspension(self._forget)
            self._console.push_render_hook(self)
            # what other libraries print goes above, too
            sys.stdout = cast("TextIO", FileProxy(self._console, _with_buffer(sys.stdout)))
            sys.stderr = cast("TextIO", FileProxy(self._console, sys.stderr))

    def _forget(self) -> None:
        """The terminal has shown other things: next time all is drawn, wherever the cursor is."""
        keep_output()
        self._drawn = None


def _with_buffer(stream: TextIO) -> TextIO:
    """A stream that writes all, also if a signal comes meanwhile. One without a buffer, as
    PYTHONUNBUFFERED makes it, would leave out the rest."""
    if not isinstance(getattr(stream, "buffer", None), RawIOBase):
        return stream
    number, encoding, errors = stream.fileno(), stream.encoding, stream.errors
    return open(number, "w", encoding=encoding, errors=errors, closefd=False)


class _Control:
    """What moves the cursor or erases."""

    def __init__(self, codes: str) -> None:
        self._codes = codes

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Segment(self._codes, None, [(ControlType.CARRIAGE_RETURN,)])


class _HeadAlone:
    """The head in place of the one that was."""

    def __init__(self, head: RenderableType) -> None:
        self._head = head

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield _Control("\r\x1b[K")
        yield from _lines(console, options, self._head)[0]
        yield _Control("\r")


class _Whole:
    """The head and what is below it, no more than the terminal has room for."""

    def __init__(self, head: RenderableType, body: Sequence[RenderableType]) -> None:
        self._parts = (head, *body)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = [line for part in self._parts for line in _lines(console, options, part)]
        lines = lines[: max(1, console.height - 1)]
        for place, line in enumerate(lines):
            if place:
                yield Segment.line()
            yield from line
        up = len(lines) - 1
        yield _Control(f"\x1b[{up}A\r" if up else "\r")


_NOTHING = _Control("")


def _lines(console: Console, options: ConsoleOptions, part: RenderableType) -> list[list[Segment]]:
    return console.render_lines(part, options, pad=False)
