"""A terminal has one status line, a panel and a preview; a pipe has plain lines."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import numpy as np
import pytest
from rich.console import Console

from gan_runner.errors import printable
from gan_runner.logs.preview import draw_preview
from gan_runner.logs.status_line import TrainingStatus
from gan_runner.logs.terminal import StartPanel, Terminal

ROW = {
    "loss/discriminator": 0.69314718055994531,
    "loss/generator": 12.345678901234567,
    "accuracy/discriminator": 0.71,
    "speed/images_per_second": 4012.3456,
}
PANEL = StartPanel("run", [(head, f"of {head}") for head in ("data", "steps", "folder")])
GRAY = np.full((64, 8, 8, 1), 128, np.uint8)

Open = Callable[..., tuple[Terminal, io.StringIO]]


class Clock:
    """A clock that is set by hand."""

    now = 100.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    moment = Clock()
    monkeypatch.setattr("time.monotonic", lambda: moment.now)
    return moment


@pytest.fixture
def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Open:
    """A terminal of a size, and what it was sent."""
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)

    def make(
        width: int, height: int = 24, colors: str = "truecolor"
    ) -> tuple[Terminal, io.StringIO]:
        terminal, shown = Terminal(), Utf8()
        console = Console(
            file=shown,
            force_terminal=True,
            width=width,
            height=height,
            color_system=colors,  # type: ignore[arg-type]
            soft_wrap=True,
            highlight=False,
        )
        monkeypatch.setattr(terminal, "_console", console)
        monkeypatch.setattr(terminal._region, "_console", console)
        return terminal, shown

    return make


class Utf8(io.StringIO):
    """Text that knows every letter."""

    encoding = "utf-8"  # type: ignore[assignment]


def trained(status: TrainingStatus, clock: Clock, folder: Path) -> TrainingStatus:
    """A status at step 1250 of 5000, of which all is known."""
    for step in (1000, 1250):
        status.move(step)
        clock.now += 5
    status.log(ROW)
    status.save(1000)
    status.score("frechet 12.31 at 1,000 (best)")
    status.draw(folder / "samples" / "step_00001000.png")
    return status


def begin(terminal: Terminal, *, preview: str = "auto") -> None:
    terminal.begin(PANEL, step=0, total=500, unit="img/s", preview=preview)  # type: ignore[arg-type]


# ---------------------------------------------------------------- the status line


def test_a_wide_status_line_says_all_in_the_order_of_their_weight(
    clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    status = TrainingStatus(step=0, total=5000, unit="img/s")
    line = trained(status, clock, tmp_path / "outputs" / "run").line(200)
    assert line == (
        "step 1,250/5,000  D 0.6931 G 12.35  D accuracy 0.7100  4,012 img/s  2 min 30 s left  "
        "saved 1,000  frechet 12.31 at 1,000 (best)  outputs/run/samples/step_00001000.png"
    )


def test_a_status_line_of_eighty_columns_leaves_out_what_matters_least(
    clock: Clock, tmp_path: Path
) -> None:
    status = trained(TrainingStatus(step=0, total=5000, unit="img/s"), clock, tmp_path)
    line = status.line(79)
    assert line.startswith("1,250/5,000  D 0.6931 G 12.35  acc 0.7100  4,012 img/s  2:30 left")
    assert "step_" not in line


@pytest.mark.parametrize("width", [12, 40, 60, 79, 99, 119, 159])
def test_no_status_line_is_wider_than_the_terminal(
    clock: Clock, tmp_path: Path, width: int
) -> None:
    status = trained(TrainingStatus(step=0, total=5000, unit="img/s"), clock, tmp_path)
    assert 0 < len(status.line(width)) <= width


def test_the_time_left_is_unknown_until_training_took_a_second(clock: Clock) -> None:
    status = TrainingStatus(step=0, total=100, unit="img/s")
    status.move(1)
    clock.now += 0.5
    status.move(2)
    assert status.seconds_left() is None
    clock.now += 1.5
    status.move(11)
    assert status.seconds_left() == pytest.approx(89 * 2.0 / 10)
    assert status.seconds_in_all() == pytest.approx(100 * 2.0 / 10)


def test_the_first_step_which_makes_ready_is_not_in_the_speed(clock: Clock) -> None:
    status = TrainingStatus(step=0, total=11, unit="img/s")
    clock.now += 60
    status.move(1)
    clock.now += 2
    status.move(2)
    assert status.seconds_left() == pytest.approx(18)


# ---------------------------------------------------------------- a terminal


def test_saves_and_rows_do_not_scroll_on_a_terminal(
    on_a_terminal: Open, clock: Clock, tmp_path: Path
) -> None:
    terminal, shown = on_a_terminal(80)
    begin(terminal)
    for step in range(1, 9):
        clock.now += 1
        terminal.step(step)
        terminal.row(step, ROW)
        terminal.checkpoint(step, tmp_path / "step")
    before = shown.getvalue().count("\n")
    for step in range(9, 99):
        clock.now += 1
        terminal.step(step)
        terminal.row(step, ROW)
        terminal.checkpoint(step, tmp_path / "step")
    assert shown.getvalue().count("\n") == before
    assert "saved 98" in shown.getvalue()
    terminal.end()


def test_the_panel_has_eight_lines_and_says_how_long_it_will_take(
    on_a_terminal: Open, clock: Clock
) -> None:
    terminal, shown = on_a_terminal(80)
    rows = [(head, "x" * 99) for head in ("data", "model", "loss", "device", "steps", "folder")]
    terminal.begin(StartPanel("run", rows), step=0, total=500, unit="img/s", preview="auto")
    terminal.step(1)
    clock.now += 2
    assert "about" not in shown.getvalue()
    terminal.step(2)
    (panel,) = [part for part in shown.getvalue().split("\x1b[J") if "about" in part]
    lines = panel.splitlines()[:8]
    assert (lines[0][0], lines[7][0]) == ("\u256d", "\u2570")  # the corners of the frame
    assert "about 16 min 40 s" in lines[5]
    terminal.end()


def test_a_run_that_ends_at_once_leaves_its_panel(on_a_terminal: Open, clock: Clock) -> None:
    terminal, shown = on_a_terminal(80)
    begin(terminal)
    terminal.end()
    left = shown.getvalue().rpartition("\x1b[J")[2]
    assert left.count("\n") == 2 + len(PANEL.rows)


def test_the_end_leaves_no_display_and_the_streams_as_they_were(
    on_a_terminal: Open, clock: Clock
) -> None:
    terminal, shown = on_a_terminal(80)
    streams = sys.stdout, sys.stderr
    begin(terminal)
    assert (sys.stdout, sys.stderr) != streams
    terminal.end()
    assert (sys.stdout, sys.stderr) == streams
    shown.truncate(0)
    terminal.say("after")
    assert shown.getvalue().strip("\0") == "after\n"


def test_what_a_library_prints_goes_above_the_display(on_a_terminal: Open, clock: Clock) -> None:
    terminal, shown = on_a_terminal(80)
    begin(terminal)
    print("a warning of a library")
    terminal.end()
    assert "\r\x1b[Ja warning of a library\n" in shown.getvalue()


def test_what_is_announced_is_for_a_person_at_a_terminal(
    on_a_terminal: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal, shown = on_a_terminal(80)
    terminal.announce("starting")
    assert shown.getvalue() == "starting\n"
    Terminal().announce("starting")
    assert capsys.readouterr().out == ""


def test_a_verdict_has_a_color_and_its_advice_a_line(on_a_terminal: Open) -> None:
    terminal, shown = on_a_terminal(60)
    terminal.verdict("verdict at step 5, oscillation", "swings " * 9, "Smaller steps, lr=0.1.")
    lines = shown.getvalue().splitlines()
    assert lines[0].startswith("\x1b[1;33mverdict at step 5, oscillation\x1b[0m: swings")
    assert lines[-1].rstrip() == "  try: Smaller steps, lr=0.1."


def test_a_display_that_counts_leaves_nothing_behind(on_a_terminal: Open) -> None:
    terminal, shown = on_a_terminal(80)
    assert list(terminal.track(range(3), description="features", total=3)) == [0, 1, 2]
    assert "features" in shown.getvalue()
    assert shown.getvalue().endswith("\x1b[J")  # the line is erased, not ended


def test_after_ctrl_z_the_display_is_drawn_whole(
    on_a_terminal: Open, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal, shown = on_a_terminal(120, 40)
    begin(terminal, preview="always")
    for step in (1, 2):
        clock.now += 2
        terminal.step(step)
    terminal.picture(Path("x.png"), GRAY)
    stopped: list[int] = []
    monkeypatch.setattr("os.kill", lambda _, number: stopped.append(number))
    handler = signal.getsignal(signal.SIGTSTP)
    assert callable(handler)
    handler(signal.SIGTSTP, None)
    assert stopped == [signal.SIGTSTP]
    shown.truncate(0)
    terminal.row(2, ROW)
    assert (
        "\N{UPPER HALF BLOCK}" in shown.getvalue()
    )  # else the status line alone is drawn, the preview as it was
    terminal.end()
    assert signal.getsignal(signal.SIGTSTP) == signal.SIG_DFL


@pytest.fixture
def real_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[TextIO]:
    """An output on a terminal whose reader isn't looking, as PYTHONUNBUFFERED makes it."""
    pty = pytest.importorskip("pty", reason="no pseudo-terminals here")
    master, slave = pty.openpty()
    with io.FileIO(master), io.FileIO(slave, "w") as raw:
        monkeypatch.setenv("TERM", "xterm-256color")
        yield io.TextIOWrapper(raw, encoding="utf-8", write_through=True)  # type: ignore[arg-type]


def test_ctrl_c_discards_no_output_while_there_is_a_display(
    real_terminal: TextIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    import termios  # where there are pseudo-terminals

    monkeypatch.setattr("os.tcgetpgrp", lambda number: os.getpgrp())
    monkeypatch.setattr(sys, "stdout", real_terminal)
    before = termios.tcgetattr(real_terminal.fileno())
    terminal = Terminal()
    begin(terminal)
    during = termios.tcgetattr(real_terminal.fileno())[3]
    assert during & termios.NOFLSH
    assert not during & termios.ECHOCTL
    assert isinstance(sys.stdout.buffer, io.BufferedWriter)  # which writes on after a signal
    terminal.end()
    assert termios.tcgetattr(real_terminal.fileno()) == before
    assert sys.stdout is real_terminal


def test_a_display_in_the_background_leaves_the_terminal_its_mode(
    real_terminal: TextIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.tcgetpgrp", lambda number: os.getpgrp() + 1)
    monkeypatch.setattr(sys, "stdout", real_terminal)
    monkeypatch.setattr("termios.tcsetattr", lambda *_: pytest.fail("it would stop the process"))
    terminal = Terminal()
    begin(terminal)
    terminal.end()


def test_a_warning_is_broken_between_words_and_a_command_nowhere(on_a_terminal: Open) -> None:
    terminal, shown = on_a_terminal(40)
    words = "warning: " + "unbroken " * 9
    terminal.say(words.strip(), style="yellow")
    terminal.say("gan-train " + "resume " * 9)
    *lines, command = shown.getvalue().splitlines()
    assert max(map(len, (line.replace("\x1b[33mwarning:\x1b[0m", "") for line in lines))) <= 40
    assert all(line.endswith("unbroken") for line in (line.rstrip() for line in lines))
    assert len(command) > 40


def test_long_names_in_a_listing_are_broken_behind_commas(on_a_terminal: Open) -> None:
    terminal, shown = on_a_terminal(60)
    name = "norm=instance,discriminator.lr=0.0002,generator.lr=0.0001"
    terminal.listing(("state", "best", "job"), [("completed", "", name), ("failed", "", "a: b")])
    assert shown.getvalue().splitlines() == [
        "state      job",
        "completed  norm=instance,discriminator.lr=0.0002,",
        "           generator.lr=0.0001",
        "failed     a: b",
    ]


def test_a_paragraph_is_broken_between_words_on_a_terminal_and_whole_in_a_pipe(
    on_a_terminal: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "note: the forest predicts no better than a mean, lr=0.0001,seed=0"
    terminal, shown = on_a_terminal(40)
    terminal.paragraph(text)
    assert shown.getvalue().splitlines() == [
        "note: the forest predicts no better",
        "  than a mean, lr=0.0001,seed=0",
    ]
    Terminal().paragraph(text)
    assert capsys.readouterr().out == f"{text}\n"


def test_entries_that_are_too_wide_have_the_first_cell_above_the_others(
    on_a_terminal: Open,
) -> None:
    heads = ("run", "state", "none", "best", "verdicts", "age")
    long = "2026-07-03/12-00-00_digits_dcgan_hinge_lr=1e-3"
    rows = [(long, "completed", "-", "kid 0.01", "mode_collapse, oscillation", "2 min 5 s")]
    terminal, shown = on_a_terminal(48)
    terminal.entries(heads, rows)
    assert [line.rstrip() for line in shown.getvalue().splitlines()] == [
        "run",
        "  state      best      verdicts        age",
        long,
        "  completed  kid 0.01  mode_collapse,  2 min 5",
        "                       oscillation     s",
    ]
    terminal, shown = on_a_terminal(20)  # no room for the longest words
    terminal.entries(heads, rows)
    assert "  state     completed" in shown.getvalue().splitlines()
    terminal, shown = on_a_terminal(120)  # room for a table
    terminal.entries(heads, rows)
    assert len(shown.getvalue().splitlines()) == 2


def test_lines_have_a_width_on_a_terminal_and_none_in_a_pipe(on_a_terminal: Open) -> None:
    assert Terminal().width is None
    assert on_a_terminal(97)[0].width == 97


# ---------------------------------------------------------------- the preview


@pytest.mark.parametrize(
    ("size", "colors", "preview", "seen"),
    [
        ((120, 40), "truecolor", "auto", True),
        ((120, 40), "256", "auto", True),
        ((120, 40), "standard", "auto", False),
        ((80, 24), "truecolor", "auto", False),
        ((80, 24), "standard", "always", True),
        ((120, 40), "truecolor", "never", False),
        ((80, 24), None, "always", False),
    ],
)
def test_samples_are_seen_where_there_are_room_and_colors(
    on_a_terminal: Open,
    clock: Clock,
    tmp_path: Path,
    size: tuple[int, int],
    colors: str,
    preview: str,
    seen: bool,
) -> None:
    terminal, shown = on_a_terminal(*size, colors=colors)
    begin(terminal, preview=preview)
    for step in (1, 2):
        clock.now += 2
        terminal.step(step)
    terminal.picture(tmp_path / "step.png", GRAY)
    assert ("\N{UPPER HALF BLOCK}" in shown.getvalue()) == seen
    terminal.end()


@pytest.mark.parametrize("shape", [(9, 8, 8, 1), (3, 64, 64, 3), (5, 28, 28, 4), (2, 5, 300, 2)])
@pytest.mark.parametrize("width", [1, 12, 80, 119])
def test_a_preview_has_nine_lines_within_the_width_at_most(
    shape: tuple[int, ...], width: int
) -> None:
    lines = draw_preview(np.zeros(shape, np.uint8), width)
    assert 1 <= len(lines) <= 9
    assert all(0 < len(line) <= width for line in lines)


def test_a_half_block_has_the_colors_of_its_two_pixels() -> None:
    image = np.array([[[255, 0, 0]], [[0, 0, 255]]], np.uint8)
    (line,) = draw_preview(image[None], 10)
    assert line.plain == "\N{UPPER HALF BLOCK}"
    style = str(line.spans[0].style)
    assert style == "#ff0000 on #0000ff"


# ---------------------------------------------------------------- a pipe


def test_a_pipe_gets_plain_lines(
    clock: Clock, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    terminal = Terminal()
    begin(terminal, preview="always")
    for step in (1, 250):
        clock.now += 6
        terminal.step(step)
    terminal.row(250, ROW)
    terminal.picture(tmp_path / "step.png", GRAY)
    terminal.checkpoint(250, tmp_path / "step_250")
    terminal.verdict("verdict at step 250, oscillation", "It swings.", "Smaller steps.")
    terminal.end()
    out = capsys.readouterr().out
    assert all(line == printable(line) for line in out.splitlines())
    assert out.splitlines() == [
        *("data      of data", "steps     of steps", "folder    of folder"),
        "step 250/500  D 0.6931  G 12.35  4,012 img/s  6 s left",
        f"saved step 250 {tmp_path / 'step_250'}",
        *("verdict at step 250, oscillation: It swings.", "  try: Smaller steps."),
    ]
