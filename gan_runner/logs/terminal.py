"""The terminal: a live display for a person, plain lines in a pipe."""

from __future__ import annotations

import errno
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from rich.box import ROUNDED, SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from gan_runner.errors import cut_middle, printable
from gan_runner.logs.live_region import LiveRegion
from gan_runner.logs.status_line import TrainingStatus
from gan_runner.system.files import path_from_here
from gan_runner.system.units import duration_text

if TYPE_CHECKING:
    from gan_runner.config.schema import PreviewMode
    from gan_runner.logs.preview import Thumbnails

T = TypeVar("T")

_LINE_EVERY_SECONDS = 5.0  # plain lines
_DRAW_EVERY_SECONDS = 0.2  # updates of the live display
_GAP = 2  # characters between the columns of a table
_LEAST_ROOM = 20  # characters of the last column of a listing
_HANG = 2  # letters before the second line of a paragraph
_HEAD = 10  # letters of the words at the left of the panel
_TIMED = "steps"  # the row of the panel that says how long they will take
_PREVIEW_WIDTH, _PREVIEW_HEIGHT = 100, 30  # the least terminal that shows one unasked
_MANY_COLORS = ("256", "truecolor", "windows")


class StartPanel(NamedTuple):
    """What a run begins with: heads and texts of its rows, one of which is `steps`."""

    title: str
    rows: Sequence[tuple[str, str]]


class Terminal:
    """Standard output. A reader that goes away (`| head`) silences it and harms nothing else."""

    def __init__(self, *, quiet: bool = False) -> None:
        """`quiet`: nothing is shown."""
        self._quiet = quiet
        self._console = Console(
            highlight=False, markup=False, emoji=False, soft_wrap=True, quiet=quiet
        )
        self._region = LiveRegion(self._console)
        self._status: TrainingStatus | None = None
        self._panel: StartPanel | None = None  # until it is known how long the run will take
        self._preview: PreviewMode = "never"
        self._thumbnails: Thumbnails | None = None
        self._body: tuple[tuple[int, int], list[Text]] | None = None
        self._drawn_at = 0.0
        self._row_shown_at = 0.0

    # ------------------------------------------------------------ lines

    def say(self, text: str, *, style: str = "") -> None:
        """One or more whole lines; `style`, as rich names it, is of their first word."""
        if self._quiet:
            return
        try:
            self._print(text, style)
        except UnicodeEncodeError:
            # names in the user's data must not end a run where the locale hasn't their letters
            encoding = sys.stdout.encoding or "ascii"
            self._print(text.encode(encoding, "backslashreplace").decode(encoding), style)
        except OSError as error:
            self._silence(error)

    def paragraph(self, text: str) -> None:
        """A line of prose or names, which a terminal breaks between words and behind commas."""
        if self.width is None or len(text) < self.width:
            self.say(text)
            return
        first, *others = _break_lines(text, self.width - 1 - _HANG)
        lines = [first, *(" " * _HANG + line for line in others)]
        self.say("\n".join(line.rstrip() for line in lines))

    def announce(self, text: str) -> None:
        """A line for a person who waits at a terminal; none in a pipe."""
        if self.is_live:
            self.say(text)

    def _print(self, text: str, style: str) -> None:
        if not self._console.is_terminal:
            print(text, flush=True)
            return
        shown = Text(text)
        shown.stylize(style, 0, len(text.partition(" ")[0]))
        # sentences are broken between words; other lines may be commands, to be copied whole
        self._console.print(shown, soft_wrap=not style)

    def _silence(self, error: OSError) -> None:
        """Let nobody hear what follows, where the reader has gone. Raises other errors."""
        if error.errno not in (errno.EPIPE, errno.EIO):  # EIO: the terminal was closed
            raise error
        # later writes, and Python's own flush at exit, must find an open descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def verdict(self, head: str, evidence: str, advice: str) -> None:
        """A verdict in color with its evidence, and below it what to try."""
        lines = f"{head}: {evidence}", f"  try: {advice}"
        if not self.is_live:
            self.say("\n".join(lines))
            return
        first = Text(lines[0])
        first.stylize("bold yellow", 0, len(head))
        with self._guard():
            self._console.print(first, soft_wrap=False)
            self._console.print(Padding(Text(lines[1].strip()), (0, 0, 0, 2)), soft_wrap=False)

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Cells in aligned columns, each row in a whole line."""
        widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
        for cells in (heads, *rows):
            padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
            self.say("  ".join(padded).rstrip())

    def listing(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table whose last column has long names, which a terminal breaks behind their commas;
        columns without any cell are left out."""
        filled = [place for place in range(len(heads)) if any(cells[place] for cells in rows)]
        table = [[cells[place] for place in filled] for cells in (heads, *rows)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        before = sum(widths[:-1]) + _GAP * (len(filled) - 1)
        room = max(0 if self.width is None else self.width - 1 - before, _LEAST_ROOM)
        for cells in table:
            parts = [cells[-1]] if self.width is None else _break_lines(cells[-1], room)
            for number, part in enumerate(parts):
                first = cells[:-1] if number == 0 else [""] * (len(filled) - 1)
                padded = (cell.ljust(width) for cell, width in zip(first, widths, strict=False))
                self.say("  ".join([*padded, part]).rstrip())

    def entries(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table. On a terminal that is too narrow for it, the first cell of each row stands in a
        line of its own, with the others below it, and columns without any value are left out."""
        columns = list(zip(heads, *rows, strict=True))
        whole = sum(max(map(len, column)) for column in columns) + _GAP * (len(columns) - 1)
        if self.width is None or whole < self.width:
            self.table(heads, rows)
            return
        filled = [column for column in columns[1:] if not {"", "-"}.issuperset(column[1:])]
        widths = _fit_widths(filled, self.width - 1 - _GAP)
        if widths is None:
            self._list_rows(heads, rows)
            return
        for first, *others in zip(columns[0], *filled, strict=True):
            self.say(first)
            line = Table.grid(padding=(0, _GAP, 0, 0))
            for width in widths:
                line.add_column(width=width)
            line.add_row(*map(Text, others))
            with self._guard():
                indented = Padding(line, (0, 0, 0, _GAP), expand=False)
                self._console.print(indented, soft_wrap=False)

    def framed_table(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table within a terminal's width, a plain one in a pipe. Cells are broken between words;
        where that isn't enough, each row is a list."""
        if not self._console.is_terminal:
            self.table(heads, rows)
            return
        widths = _fit_widths(list(zip(heads, *rows, strict=True)), self._console.width)
        if widths is None:
            self._list_rows(heads, rows)
            return
        table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
        for head, width in zip(heads, widths, strict=True):
            table.add_column(Text(head), width=width)
        for cells in rows:
            table.add_row(*map(Text, cells))
        self._console.print(table, soft_wrap=False)

    def _list_rows(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        longest = max(map(len, heads))
        for cells in rows:
            self.say("")
            for head, cell in zip(heads, cells, strict=True):
                if cell:
                    self.say(f"  {head.ljust(longest)}  {cell}")
        self.say("")

    @property
    def is_live(self) -> bool:
        """Whether the output is a terminal, where lines can be redrawn."""
        console = self._console
        return console.is_terminal and not (console.is_dumb_terminal or console.legacy_windows)

    @property
    def width(self) -> int | None:
        """Letters in a line of a terminal; None in a pipe, which has no end of a line."""
        return self._console.width if self._console.is_terminal else None

    def path_text(self, path: Path) -> str:
        """A path for a person at a terminal, from the current folder; whole in a pipe."""
        return printable(path_from_here(path) if self.is_live else path, limit=1000)

    # ------------------------------------------------------------ a training run

    def begin(
        self, panel: StartPanel, *, step: int, total: int, unit: str, preview: PreviewMode
    ) -> None:
        """Show what a run begins with, and its status from now on. `unit`: of its speed."""
        self._status = TrainingStatus(step=step, total=total, unit=unit)
        self._preview = preview
        if self.is_live:
            self._panel = panel
            self._draw()
        else:
            self.say("\n".join(f"{head:<{_HEAD}}{text}" for head, text in panel.rows))

    def step(self, step: int) -> None:
        """A step is done. Cheap: most calls draw nothing."""
        if self._status is None:
            return
        self._status.move(step)
        if self.is_live and time.monotonic() - self._drawn_at > _DRAW_EVERY_SECONDS:
            self._show_panel_if_timed()
            self._draw()

    def row(self, step: int, values: Mapping[str, float]) -> None:
        """Show a logged row: the losses and the speed."""
        status = self._status
        if status is None:
            return
        status.log(values)
        if self.is_live:
            self._draw()
        elif time.monotonic() - self._row_shown_at > _LINE_EVERY_SECONDS or step == status.total:
            self.say(status.plain_line())
            self._row_shown_at = time.monotonic()

    def checkpoint(self, step: int, path: Path) -> None:
        """Show that the state of a step is in a file."""
        if self._status is None or not self.is_live:
            self.say(f"saved step {step} {printable(path, 1000)}")
            return
        self._status.save(step)
        self._draw()

    def score(self, text: str) -> None:
        """Show the generator's new score."""
        if self._status is not None:
            self._status.score(text)

    def picture(self, path: Path, thumbnails: Thumbnails | None) -> None:
        """Show where a picture of samples is, and the thumbnails of some of them."""
        self._thumbnails, self._body = thumbnails, None
        if self._status is not None:
            self._status.draw(path)
            self._draw()

    def end(self) -> None:
        """Leave the live display."""
        with suppress(OSError):  # the terminal may be closed
            self._region.end()
        panel, self._panel = self._panel, None
        if panel is not None:
            self._print_panel(panel)
        self._status = None

    def _show_panel_if_timed(self) -> None:
        panel = self._panel
        if panel is not None and self._status and self._status.seconds_in_all() is not None:
            self._panel = None
            self._print_panel(panel)

    def _print_panel(self, panel: StartPanel) -> None:
        with self._guard():
            self._console.print(self._frame(panel), soft_wrap=False)

    def _frame(self, panel: StartPanel) -> Panel:
        """The panel in a frame, with the time expected once it is known: a line for each row."""
        room = self._console.width - 4 - _HEAD  # the frame takes four
        seconds = None if self._status is None else self._status.seconds_in_all()
        lines = Text()
        for place, (head, text) in enumerate(panel.rows):
            timed = head == _TIMED and seconds is not None
            about = f", about {duration_text(seconds)}" if timed and seconds is not None else ""
            lines.append("\n" * (place > 0))
            lines.append(f"{head:<{_HEAD}}", "bold")
            lines.append(cut_middle(text, max(room - len(about), 0)) + about)
        # as narrow as it can be: a frame that a narrower window wraps is hard to read
        title = Text(panel.title)
        return Panel(lines, title=title, title_align="left", box=ROUNDED, expand=False)

    def _draw(self) -> None:
        if self._status is None or not self.is_live:
            return
        width = max(1, self._console.width - 1)  # a full line would be wrapped
        line = Text(self._status.line(width), no_wrap=True)
        line.stylize("bold", 0, len(line.plain.partition("  ")[0]))
        line.truncate(width)  # letters may be two columns wide
        if self._panel is not None:
            self._draw_region(self._frame(self._panel), [line])
        else:
            self._draw_region(line, self._preview_lines(width))

    def _draw_region(self, head: RenderableType, body: Sequence[RenderableType]) -> None:
        with self._guard():
            self._region.draw(head, body)
        self._drawn_at = time.monotonic()

    def _preview_lines(self, width: int) -> Sequence[Text]:
        """The samples in half blocks, drawn anew when they or the terminal have changed."""
        size = self._console.size
        if self._thumbnails is None or not self._has_preview(*size):
            return ()
        if self._body is None or self._body[0] != size:
            # not before: numpy is slow to import for commands that show none
            from gan_runner.logs.preview import draw_preview

            self._body = size, draw_preview(self._thumbnails, width)
        return self._body[1]

    def _has_preview(self, width: int, height: int) -> bool:
        console = self._console
        if self._preview == "never" or console.no_color or console.options.ascii_only:
            return False
        if self._preview == "always":
            return console.color_system is not None
        large = width >= _PREVIEW_WIDTH and height >= _PREVIEW_HEIGHT
        return large and console.color_system in _MANY_COLORS

    @contextmanager
    def _guard(self) -> Iterator[None]:
        """Within this context the terminal may be closed."""
        try:
            yield
        except OSError as error:
            self._silence(error)

    # ------------------------------------------------------------ counts

    def overview(self, head: str, rows: Sequence[Sequence[str]]) -> None:
        """Show a line with a table below it, instead of the one before, on a live terminal; lines
        that are printed meanwhile go above it."""
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.ljust, cells, widths)).rstrip() for cells in rows]
        width = max(1, self._console.width - 1)
        body = [Text(cut_middle(line, width), no_wrap=True) for line in lines]
        self._draw_region(Text(head[:width], "bold", no_wrap=True), body)

    def track(self, items: Iterable[T], *, description: str, total: int) -> Iterator[T]:
        """Pass items through and show how many of the total there were."""
        if not self.is_live:
            yield from self._print_counts(items, description, total)
        elif self._status is not None:
            yield from self._describe_counts(self._status, items, description, total)
        else:
            yield from self._count(items, description, total)

    def _describe_counts(
        self, status: TrainingStatus, items: Iterable[T], description: str, total: int
    ) -> Iterator[T]:
        """In the status of the run: a second display beside it is more than a terminal takes."""
        try:
            for number, item in enumerate(items):
                status.activity = f"{description} {number}/{total}"
                self._draw_if_due()
                yield item
        finally:
            status.activity = ""

    def _draw_if_due(self) -> None:
        if time.monotonic() - self._drawn_at > _DRAW_EVERY_SECONDS:
            self._draw()

    def _count(self, items: Iterable[T], description: str, total: int) -> Iterator[T]:
        """In a line that goes when all are counted: what was counted is said by whoever counts."""
        try:
            for number, item in enumerate(items):
                if number == 0 or time.monotonic() - self._drawn_at > _DRAW_EVERY_SECONDS:
                    self._draw_region(Text(f"{description} {number}/{total}", no_wrap=True), ())
                yield item
        finally:
            with suppress(OSError):
                self._region.end()

    def _print_counts(self, items: Iterable[T], description: str, total: int) -> Iterator[T]:
        said = time.monotonic()
        for number, item in enumerate(items, start=1):
            yield item
            if time.monotonic() - said > _LINE_EVERY_SECONDS:
                self.say(f"{description} {number}/{total}")
                said = time.monotonic()


def _break_lines(text: str, room: int) -> list[str]:
    """A text in lines of at most so many letters, broken behind commas and spaces if it can."""
    lines = [""]
    for part in re.findall(r"[^, ]*[, ]|[^, ]+", text):
        if lines[-1] and len(lines[-1]) + len(part.rstrip()) > room:
            lines.append("")
        whole = lines.pop() + part
        lines += [whole[place : place + room] for place in range(0, len(whole), room)]
    return lines


def _fit_widths(columns: Sequence[Sequence[str]], width: int) -> list[int] | None:
    """The widths of the columns of a table that fits a terminal; None if its longest
    words don't fit. The widest columns give way first."""
    shortest = [max(len(word) for cell in cells for word in cell.split(" ")) for cells in columns]
    widths = [max(map(len, cells)) for cells in columns]
    room = width - _GAP * (len(columns) - 1)
    while sum(widths) > room:
        wide = [place for place, least in enumerate(shortest) if widths[place] > least]
        if not wide:
            return None
        widths[max(wide, key=widths.__getitem__)] -= 1
    return widths
