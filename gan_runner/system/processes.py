"""Other processes of this machine."""

from __future__ import annotations


def start_of_process(number: int) -> float:
    """The moment at which a process began, in seconds since 1970: with its number, its identity."""
    import psutil

    return float(psutil.Process(number).create_time())


def has_ended(number: int) -> bool:
    """Whether the process of this number has ended, whether or not whoever started it has noticed
    that."""
    import psutil

    try:
        return psutil.Process(number).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
