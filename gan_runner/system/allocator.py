"""The memory that a step frees, kept for the next one. Needs nothing of torch."""

from __future__ import annotations

import ctypes
import os
import sys

# of malloc.h, with the names that mallopt(3) has for them
_MMAP_MAX = (-4, 0)  # no block is mapped for itself, to be given back when it is freed
_TRIM_THRESHOLD = (-1, 2**31 - 1)  # nor is the end of the heap given back
_TOP_PAD = (-2, 256 << 20)  # bytes by which the heap grows; they take room when they are used
_USERS_OWN = (
    *("GLIBC_TUNABLES", "MALLOC_MMAP_MAX_", "MALLOC_MMAP_THRESHOLD_"),
    *("MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_"),
)


def keep_freed_memory() -> bool:
    """Have glibc keep what is freed, for the rest of the process; whether it does.

    By default it gives each large block back and takes it again in the next step: thousands of
    page faults, which cost convolutional networks a tenth of their speed. No number changes. Other
    allocators, and one that the environment has settings for, are left as they are.
    """
    if not sys.platform.startswith("linux") or any(name in os.environ for name in _USERS_OWN):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
        ctypes.CDLL(None).gnu_get_libc_version  # noqa: B018 - another libc hasn't got it
    except (OSError, AttributeError):
        return False
    # it refuses some values silently, but for what it returns
    return all(mallopt(*setting) == 1 for setting in (_MMAP_MAX, _TRIM_THRESHOLD, _TOP_PAD))
