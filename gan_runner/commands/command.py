"""What the commands beside gan-train share: how they end, and options of the same meaning."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable

from gan_runner.errors import Fault, report
from gan_runner.interruption import end_at_once
from gan_runner.threads import share_cores


def exit_code(work: Callable[[], None]) -> int:
    """Do the work of a command; the exit code of the contract, a fault told in short."""
    end_at_once()
    share_cores()
    try:
        work()
    except Fault as fault:
        return report(fault)
    except Exception as error:
        from gan_runner.outcome import as_fault

        if told := as_fault(error):
            return report(told)
        raise
    return 0


def count(text: str) -> int:
    """How many of something, from a command line."""
    if not (text.isdecimal() and 1 <= int(text) <= 10_000_000):
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 to 10,000,000")
    return int(text)


def device(text: str) -> str:
    """The name of a device, from a command line."""
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", text):
        raise argparse.ArgumentTypeError(f"{text} is not auto, cpu, cuda, cuda:1 or mps")
    return text
