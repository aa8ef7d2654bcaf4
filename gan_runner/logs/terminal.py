"""The terminal: a live display for a person, plain lines in a pipe."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TypeVar

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

T = TypeVar("T")

_SHORT_NAMES = {"D": "loss/discriminator", "G": "loss/generator", "ELBO": "elbo"}
_TRAINING = "training"
_LINE_EVERY_SECONDS = 5.0  # plain lines
_GAP = 2  # characters between the columns of a table
_DRAW_EVERY_SECONDS = 0.1  # updates of the live display


class Terminal:
    """Standard output. A reader that goes away (`| head`) silences it and harms nothing else."""

    def __init__(self, *, quiet: bool = False) -> None:
        """`quiet`: nothing is shown."""
        self._quiet = quiet
        self._console = Console(
            highlight=False, markup=False, emoji=False, soft_wrap=True, quiet=quiet
        )
        self._live: Progress | None = None
        self._overview: Live | None = None
        self._task = TaskID(0)
        self._total = 0
        self._drawn_at = 0.0
        self._row_shown_at = 0.0

    def say(self, text: str) -> None:
        """One or more whole lines."""
        if self._quiet:
            return
        try:
            self._print(text)
        except UnicodeEncodeError:
            # names in the user's data must not end a run where the locale hasn't their letters
            encoding = sys.stdout.encoding or "ascii"
            self._print(text.encode(encoding, "backslashreplace").decode(encoding))
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.EIO):  # EIO: the terminal was closed
                raise
            # later writes, and Python's own flush at exit, must find an open descriptor
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def _print(self, text: str) -> None:
        if self._console.is_terminal:
            self._console.print(text)
        else:
            print(text, flush=True)

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Cells in aligned columns, each row in a whole line."""
        widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
        for cells in (heads, *rows):
            padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
            self.say("  ".join(padded).rstrip())

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
        return self._console.is_terminal

    @property
    def width(self) -> int | None:
        """Letters in a line of a terminal; None in a pipe, which has no end of a line."""
        return self._console.width if self._console.is_terminal else None

    def overview(self, rows: Sequence[Sequence[str]], foot: str) -> None:
        """Show a table with a line below it, instead of the one before, on a live terminal; lines
        that are printed meanwhile go above it."""
        if self._overview is None:
            self._overview = Live(console=self._console, auto_refresh=False, transient=True)
            self._overview.start()
        table = Table.grid(padding=(0, 2))
        for cells in rows:
            table.add_row(*map(Text, cells))
        self._overview.update(Group(table, Text(foot)), refresh=True)

    def begin(self, *, step: int, total: int) -> None:
        """Show the progress of a training run from now on."""
        self._total = total
        if self._console.is_terminal:
            self._live = _training_display(self._console)
            self._task = self._live.add_task(_TRAINING, completed=step, total=total, numbers="")
            self._live.start()

    def step(self, step: int) -> None:
        """A step is done. Cheap: most calls draw nothing."""
        if self._live is not None and time.monotonic() - self._drawn_at > _DRAW_EVERY_SECONDS:
            self._live.update(self._task, completed=step)
            self._drawn_at = time.monotonic()

    def row(self, step: int, values: Mapping[str, float]) -> None:
        """Show a logged row: the losses and the speed."""
        shown = [
            f"{short} {values[name]:.3f}" for short, name in _SHORT_NAMES.items() if name in values
        ]
        numbers = "  ".join([*shown, f"{values['speed/images_per_second']:.0f} img/s"])
        if self._live is not None:
            self._live.update(self._task, completed=step, numbers=numbers)
        elif time.monotonic() - self._row_shown_at > _LINE_EVERY_SECONDS or step == self._total:
            self.say(f"step {step}/{self._total}  {numbers}")
            self._row_shown_at = time.monotonic()

    def end(self) -> None:
        """Leave the live display."""
        live, self._live, self._overview = self._live or self._overview, None, None
        if live is not None:
            with suppress(OSError):  # the terminal may be closed
                live.stop()

    def track(self, items: Iterable[T], *, description: str, total: int) -> Iterator[T]:
        """Pass items through and show how many of the total there were."""
        if self._live is not None:
            yield from self._describe_counts(self._live, items, description, total)
        elif self._console.is_terminal:
            yield from _counting_display(self._console, items, description, total)
        else:
            yield from self._print_counts(items, description, total)

    def _describe_counts(
        self, live: Progress, items: Iterable[T], description: str, total: int
    ) -> Iterator[T]:
        """In the place of the word `training` in the display that is there: a second one beside it
        is more than a terminal takes."""
        try:
            for number, item in enumerate(items):
                live.update(self._task, description=f"{description} {number}/{total}")
                yield item
        finally:
            live.update(self._task, description=_TRAINING)

    def _print_counts(self, items: Iterable[T], description: str, total: int) -> Iterator[T]:
        said = time.monotonic()
        for number, item in enumerate(items, start=1):
            yield item
            if time.monotonic() - said > _LINE_EVERY_SECONDS:
                self.say(f"{description} {number}/{total}")
                said = time.monotonic()


def _fit_widths(columns: Sequence[Sequence[str]], width: int) -> list[int] | None:
    """The widths of the columns of a table that is no wider than a terminal; None if its longest
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


def _training_display(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("{task.fields[numbers]}"),
        TimeRemainingColumn(),
        console=console,
    )


def _counting_display(
    console: Console, items: Iterable[T], description: str, total: int
) -> Iterator[T]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    # it goes when it is full: what was counted is said by whoever counts
    with Progress(*columns, console=console, transient=True) as progress:
        yield from progress.track(items, total=total, description=description)
