"""Members decoded to pixels while others are: in processes, or in threads of this one."""

from __future__ import annotations

import os
import warnings
import weakref
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from threading import Lock

from gan_runner.decoding.images import Failure, Pixels, Wanted, try_decode_pixels
from gan_runner.decoding.members import Member
from gan_runner.decoding.processes import Worker, processes_for, start_workers

_MOST_PROCESSES = 32
_FEW = 2  # threads that decode in this process

Decoding = Future[list[Pixels | Failure]]


class DecodingPool:
    """Decodes chunks of members. It starts when it is first asked, and ends with this object.

    There are processes where so many `files` of `size` bytes together are worth their start, for
    they don't wait for this process as threads would.
    """

    def __init__(self, wanted: Wanted, *, files: int, size: int) -> None:
        self.wanted = wanted
        count = processes_for(files, size, most=_MOST_PROCESSES)
        self.width = count if count > 1 else _FEW
        self._in_processes = count > 1
        self._lock = Lock()
        self._executor: ThreadPoolExecutor | None = None
        self._idle: SimpleQueue[Worker] = SimpleQueue()

    def submit(self, members: Sequence[Member]) -> Decoding:
        """Begin to decode some. The result raises ProcessEndedError."""
        with self._lock:
            executor = self._executor or self._start()
        return executor.submit(self._decode, members)

    def _start(self) -> ThreadPoolExecutor:
        stack = ExitStack()
        workers = []
        if self._in_processes:
            workers = start_workers(self.width, Path(), self.wanted, stack, pixels_only=True)
            for worker in workers:
                self._idle.put(worker)
        self._in_processes = bool(workers)
        if not workers:
            # Pillow's are of odd metadata; set once, since threads would set it under each other
            warnings.filterwarnings("ignore", module=r"PIL\.")
        self._executor = ThreadPoolExecutor(self.width, thread_name_prefix="decoding")
        stack.callback(self._executor.shutdown, wait=False, cancel_futures=True)
        weakref.finalize(self, _end, stack, os.getpid())
        return self._executor

    def _decode(self, members: Sequence[Member]) -> list[Pixels | Failure]:
        if not self._in_processes:
            return [try_decode_pixels(member, self.wanted) for member in members]
        worker = self._idle.get()
        try:
            return worker.decode_pixels(members)
        finally:
            self._idle.put(worker)


def _end(stack: ExitStack, owner: int) -> None:
    """End workers and threads, but not from a fork of the process that owns them."""
    if os.getpid() == owner:
        stack.close()
