"""The mode of the terminal while a display is drawn again and again in place."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any

_modes: dict[int, list[Any]] = {}
"""By the file number of a terminal: the mode that it had before."""


def keep_output() -> None:
    """From now on Ctrl-C neither discards what is on its way to the terminal nor shows as ^C.

    A display of which the end was discarded leaves the cursor somewhere within it: what comes next
    can't erase it. Does nothing in the background, where a change would stop the process, and
    where there is no such terminal.
    """
    with suppress(ImportError, OSError, ValueError, AttributeError):
        import termios  # Windows has none

        number = sys.stdout.fileno()
        if number in _modes or not _is_in_foreground(number):
            return
        mode = termios.tcgetattr(number)
        _modes[number] = list(mode)
        mode[3] = mode[3] & ~termios.ECHOCTL | termios.NOFLSH
        termios.tcsetattr(number, termios.TCSANOW, mode)


def restore_mode() -> None:
    """Give the terminal its mode back."""
    while _modes:
        number, mode = _modes.popitem()
        with suppress(ImportError, OSError):
            import termios

            if _is_in_foreground(number):  # else it has the shell's own
                termios.tcsetattr(number, termios.TCSANOW, mode)


def _is_in_foreground(number: int) -> bool:
    return os.tcgetpgrp(number) == os.getpgrp()
