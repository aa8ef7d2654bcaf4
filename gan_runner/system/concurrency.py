"""Two independent parts of a step at the same time, on a CPU's threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

import torch

from gan_runner.system.machine import share_threads

A = TypeVar("A")
B = TypeVar("B")


def call_both(
    first: Callable[[], A], second: Callable[[], B], *, concurrently: bool
) -> tuple[A, B]:
    """What both return. `concurrently`: at the same time, each on its half of torch's CPU threads,
    which wait for each other after every operation where all of them share each one.

    They may add to the same gradients, each once: a sum of two has no order. What else one changes,
    as a random stream, the other must not use.
    """
    threads = torch.get_num_threads()
    if not concurrently or threads == 1:
        return first(), second()
    learns, half = torch.is_grad_enabled(), threads // 2
    with share_threads(threads - half), ThreadPoolExecutor(1) as executor:
        # a thread begins without the context and the modes of the one that it was started by
        other = executor.submit(copy_context().run, _call, second, threads=half, learns=learns)
        return first(), other.result()


def _call(work: Callable[[], B], *, threads: int, learns: bool) -> B:
    torch.set_num_threads(threads)
    with torch.set_grad_enabled(learns):
        return work()
