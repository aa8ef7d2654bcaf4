"""Image files decoded in their order, by as many processes as there are cores and work for them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from typing import IO, TypeVar

from gan_runner.decoding.images import Failure, Pixels, Result, Wanted, try_decode
from gan_runner.decoding.members import Member
from gan_runner.decoding.messages import READY, read_pixels, read_results, write_plain

Source = str | Member
"""An image file: its path below a root, or where it lies in another file."""

T = TypeVar("T")

# not of multiprocessing, which would run a user's script once more in each of them; the same
# modules as here, from wherever they came: a wheel, an editable install, a checkout
_CODE = "import sys; sys.path[:] = {path!r}; from gan_runner.decoding.worker import main; main()"
_ENVIRONMENT = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "PYTHONHASHSEED": "0",  # the same pixels have the same hash in all of them
}

_MOST_PROCESSES = 8  # so many results one process can take in
_SECONDS_OF_A_FILE, _SECONDS_OF_A_BYTE = 5e-4, 1e-8  # rough ones, of one core
_SECONDS_OF_A_PROCESS = 0.5  # less work than that isn't worth its start
_CHUNK_FILES, _CHUNK_BYTES = 64, 2 << 20  # that are decoded at a time
_PIPE_BYTES = 1 << 20  # of an answer, which a process can leave before it is read
_AHEAD = 2  # chunks for each process, before they are wanted


class ProcessEndedError(Exception):
    """A process has ended while it decoded some of these files; how."""

    def __init__(self, sources: Sequence[Source], how: str) -> None:
        super().__init__(how)
        self.sources = sources
        self.how = how


@contextmanager
def decode_files(
    root: Path, sources: Sequence[Source], wanted: Wanted, *, size: int
) -> Iterator[Iterator[Result]]:
    """The results of files below `root` or members, of `size` bytes together, in their order.

    They raise ProcessEndedError. With the context all processes end.
    """
    count = processes_for(len(sources), size)
    with ExitStack() as stack:
        workers = start_workers(count, root, wanted, stack) if count > 1 else []
        if workers:
            yield _decode_in(workers, sources, wanted, stack)
        else:
            yield (try_decode(locate(root, source), wanted) for source in sources)


def locate(root: Path, source: Source) -> Path | Member:
    """A member as it is, or the path of a file below the root."""
    return source if isinstance(source, Member) else root / source


def processes_for(files: int, size: int, *, most: int = _MOST_PROCESSES) -> int:
    """The number of processes that decode so many files of `size` bytes together fastest."""
    seconds = files * _SECONDS_OF_A_FILE + size * _SECONDS_OF_A_BYTE
    return min(_available_cores(), most, int(seconds / _SECONDS_OF_A_PROCESS))


def _available_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def start_workers(
    count: int, root: Path, wanted: Wanted, stack: ExitStack, *, pixels_only: bool = False
) -> list[Worker]:
    """Processes that are ready, which end with the stack; none where they can't be had."""
    workers: list[Worker] = []
    if not sys.executable or getattr(sys, "frozen", False):
        return []
    with suppress(OSError, EOFError):
        for _ in range(count):
            workers.append(Worker(root, wanted, pixels_only=pixels_only))
            stack.callback(workers[-1].end)
        for worker in workers:
            worker.await_start()
        return workers
    return []


def _decode_in(
    workers: Sequence[Worker], sources: Sequence[Source], wanted: Wanted, stack: ExitStack
) -> Iterator[Result]:
    """Results in the order of the sources, few enough ahead to fit in memory."""
    idle: SimpleQueue[Worker] = SimpleQueue()
    for worker in workers:
        idle.put(worker)

    def decode(chunk: Sequence[Source]) -> list[Result]:
        worker = idle.get()
        try:
            return worker.decode(chunk)
        finally:
            idle.put(worker)

    pool = ThreadPoolExecutor(len(workers))
    stack.callback(pool.shutdown, cancel_futures=True)
    for worker in workers:
        stack.callback(worker.end)  # before the pool, whose threads wait for them
    size = max(1, min(_CHUNK_FILES, _CHUNK_BYTES // (wanted.channels * wanted.size**2)))
    ahead: deque[Future[list[Result]]] = deque()
    for start in range(0, len(sources), size):
        ahead.append(pool.submit(decode, sources[start : start + size]))
        if len(ahead) > _AHEAD * len(workers):
            yield from ahead.popleft().result()
    while ahead:
        yield from ahead.popleft().result()


class Worker:
    """A process of `worker.py`, whose results are pixels only, or with how they were stored."""

    def __init__(self, root: Path, wanted: Wanted, *, pixels_only: bool) -> None:
        from PIL import Image, ImageFile

        self._wanted = wanted
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CODE.format(path=sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | _ENVIRONMENT,
            start_new_session=True,  # Ctrl-C comes to us alone
        )
        _widen(self._answers)
        order = {
            "root": str(root),
            "wanted": wanted,
            "pixels_only": pixels_only,
            "most_pixels": Image.MAX_IMAGE_PIXELS,
            "takes_truncated": ImageFile.LOAD_TRUNCATED_IMAGES,
        }
        with suppress(OSError):  # it has ended already, which `await_start` says
            write_plain(self._questions, order)

    @property
    def _questions(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def _answers(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout

    def await_start(self) -> None:
        """Raises EOFError where it doesn't start."""
        if self._answers.read(1) != READY:
            raise EOFError

    def decode(self, sources: Sequence[Source]) -> list[Result]:
        """The results of these files. Raises ProcessEndedError."""
        return self._ask(sources, read_results)

    def decode_pixels(self, sources: Sequence[Source]) -> list[Pixels | Failure]:
        """The same of a process whose results are pixels only."""
        return self._ask(sources, read_pixels)

    def _ask(self, sources: Sequence[Source], read: Callable[[IO[bytes], Wanted], T]) -> T:
        try:
            write_plain(self._questions, sources)
            return read(self._answers, self._wanted)
        except (OSError, EOFError):
            code = self._process.wait()
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            raise ProcessEndedError(sources, how) from None

    def end(self) -> None:
        """End it wherever it is."""
        self._process.kill()
        self._process.wait()
        for pipe in self._questions, self._answers:
            with suppress(OSError):
                pipe.close()


def _widen(pipe: IO[bytes]) -> None:
    """Let a process leave its answer and decode on, on Linux and as far as the user may."""
    with suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
