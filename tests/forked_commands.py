"""Commands of ours, each in a fork of a process that has imported everything already: as separate
as a process of its own, without the seconds that its imports take."""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import IO, NoReturn

from gan_runner.system.signals import exit_process

_COMMANDS = {
    "gan-train": "gan_runner.train",
    **{f"gan-{name}": f"gan_runner.cli.{name}" for name in ("sample", "evaluate", "augment")},
    **{f"gan-{name}": f"gan_runner.cli.{name}" for name in ("compare", "report", "runs", "data")},
}
_IMPORTED = (
    *("gan_runner.runs.finish", "gan_runner.runs.resume", "gan_runner.runs.evaluate"),
    *("gan_runner.cli.plugin_options", "gan_runner.cli.hydra.composer", "sklearn.datasets"),
    "matplotlib.figure",
)
_HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP)
_LONGEST = 120  # seconds that a fork may take
_REQUEST = 1 << 18  # bytes: its environment is most of it
_ANSWER = 64  # bytes: a number


def program(name: str) -> str:
    """What Python does for a command."""
    return f"from {_COMMANDS[name]} import main; main()"


class ForkServer:
    """The process that forks for a whole session of tests, to be closed at the end. It imports
    when it is first asked: most sessions don't."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()  # others can't read it
        self.address = f"{self._folder.name}/socket"
        with _socket() as listener:
            listener.bind(self.address)
            listener.listen()
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(listener.fileno())],
                stdin=PIPE,
                pass_fds=[listener.fileno()],
                env=os.environ | {"OMP_NUM_THREADS": "1"},
                start_new_session=True,  # Ctrl-C is for the tests, which end what they began
            )

    def close(self) -> None:
        """End the process and what it forked."""
        self._process.communicate(timeout=30)
        self._folder.cleanup()


class ForkedCommands:
    """Has the process at an address fork."""

    def __init__(self, address: str) -> None:
        self._address = address

    def __call__(
        self,
        name: str,
        *arguments: str,
        cwd: Path,
        site: Path | None = None,
        environment: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """The answer of a command in the folder `cwd`; `site` is a folder with installed packages,
        `environment` what differs from that of this process."""
        path = [] if site is None else [str(site)]
        installed = f"import sys; sys.path[:1] = {path!r}; {program(name)}"
        with self.popen(
            [sys.executable, "-c", installed, *arguments],
            cwd=cwd,
            env=os.environ | (environment or {}),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
        ) as process:
            out, err = process.communicate()
            code = process.wait()
        return subprocess.CompletedProcess([name, *arguments], code, out, err)

    def popen(
        self,
        command: Sequence[str],
        *,
        cwd: Path | None = None,
        env: dict[str, str] | None = None,
        stdin: int | IO[str] | None = None,
        stdout: int | IO[str] | None = None,
        stderr: int | IO[str] | None = None,
        text: bool = True,
        start_new_session: bool = False,
    ) -> ForkedProcess:
        """As subprocess.Popen, of `python -c` and in text only."""
        python, option, code, *arguments = command
        assert (python, option, text) == (sys.executable, "-c", True)
        request = {
            "program": code,
            "arguments": arguments,
            "cwd": str(cwd or Path.cwd()),
            "env": dict(os.environ if env is None else env),
            "start_new_session": start_new_session,
        }
        ours, theirs = zip(
            *(_ends(stream, number) for number, stream in enumerate((stdin, stdout, stderr))),
            strict=True,
        )
        link = _socket()
        link.connect(self._address)
        socket.send_fds(link, [json.dumps(request).encode()], theirs)
        for end in theirs:
            os.close(end)
        return ForkedProcess(link, ours)


class ForkedProcess:
    """As subprocess.Popen, but what still runs at the end of `with` is killed."""

    def __init__(self, link: socket.socket, ends: Sequence[int | None]) -> None:
        self._link = link
        self.stdin, self.stdout, self.stderr = (
            None if end is None else os.fdopen(end, mode)
            for end, mode in zip(ends, "wrr", strict=True)
        )
        self.returncode: int | None = None
        self.pid = int(link.recv(_ANSWER))

    def __enter__(self) -> ForkedProcess:
        return self

    def __exit__(self, *failure: object) -> None:
        self.kill()
        self.wait()
        self._link.close()
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream is not None:
                stream.close()

    def poll(self) -> int | None:
        """The exit code, if it has ended; that of a signal is negative."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once it has ended. Raises TimeoutExpired."""
        if self.returncode is None:
            self._link.settimeout(timeout)
            try:
                self.returncode = int(self._link.recv(_ANSWER))
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0) from None
        return self.returncode

    def communicate(self) -> tuple[str, str]:
        """What it still writes to its pipes, once it has ended."""
        with ThreadPoolExecutor() as pool:
            out, err = pool.map(_read, (self.stdout, self.stderr))
        self.wait()
        return out, err

    def send_signal(self, number: int) -> None:
        """Signal it, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)


def _socket() -> socket.socket:
    return socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)  # which keeps messages apart


def _ends(stream: int | IO[str] | None, number: int) -> tuple[int | None, int]:
    """Our end of a pipe, if it is one, and the descriptor for the fork."""
    if stream is None:
        return None, os.dup(number)
    if stream == DEVNULL:
        return None, os.open(os.devnull, os.O_RDWR)
    if stream == PIPE:
        reading, writing = os.pipe()
        return (writing, reading) if number == 0 else (reading, writing)
    return None, os.dup(stream if isinstance(stream, int) else stream.fileno())


def _read(stream: IO[str] | None) -> str:
    return "" if stream is None else stream.read()


# ---------------------------------------------------------------- the process that forks

Forks = dict[int, tuple[int, socket.socket]]
"""Descriptors that tell the end of a fork, its number and who asked for it."""


def _serve(listener: socket.socket) -> None:
    if listener not in select.select([listener, sys.stdin], [], [])[0]:
        return  # no test asked
    handlers = {number: signal.getsignal(number) for number in _HANDLED}
    _warm_up()
    for number, handler in handlers.items():
        signal.signal(number, handler)
    gc.collect()
    gc.freeze()  # which forks need not search
    forks: Forks = {}
    while True:
        ready, _, _ = select.select([listener, sys.stdin, *forks], [], [])
        if sys.stdin in ready:  # the session of tests has ended
            break
        if listener in ready:
            forks.update([_fork(listener, forks)])
        for ended in forks.keys() & {*ready}:
            _report(*forks.pop(ended))
            os.close(ended)
    for process, _ in forks.values():
        os.kill(process, signal.SIGKILL)
    os._exit(0)  # to take apart all that was imported takes a second


def _warm_up() -> None:
    for module in (*_COMMANDS.values(), *_IMPORTED):
        import_module(module)
    import_module("gan_runner.cli.hydra.composer").compose([])  # reads most of the YAML files


def _fork(listener: socket.socket, forks: Forks) -> tuple[int, tuple[int, socket.socket]]:
    """Do what is asked next in a fork."""
    link, _ = listener.accept()
    request, streams, _, _ = socket.recv_fds(link, _REQUEST, 3)
    process = os.fork()
    if process == 0:
        others = [other.fileno() for _, other in forks.values()]
        _carry_out(request, streams, [*forks, *others, listener.fileno(), link.fileno()])
    for stream in streams:
        os.close(stream)
    _answer(link, process)
    return os.pidfd_open(process), (process, link)


def _report(process: int, link: socket.socket) -> None:
    _, status = os.waitpid(process, 0)
    _answer(link, os.waitstatus_to_exitcode(status))
    link.close()


def _answer(link: socket.socket, number: int) -> None:
    with suppress(OSError):  # whoever asked may be gone
        link.send(str(number).encode())


def _carry_out(request: bytes, streams: list[int], taken: list[int]) -> NoReturn:
    code = 1
    try:
        signal.alarm(_LONGEST)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        for descriptor in (*streams, *taken):
            os.close(descriptor)
        code = _run(**json.loads(request))
    except SystemExit as end:
        code = int(end.code or 0)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.raise_signal(signal.SIGINT)
    except BaseException:
        traceback.print_exc()
    finally:
        exit_process(code)


def _run(
    program: str, arguments: list[str], cwd: str, env: dict[str, str], start_new_session: bool
) -> int:
    """Do what `python -c` does with a program in a process that has only begun."""
    if start_new_session:
        os.setsid()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    tempfile.tempdir = None  # which follows from the environment
    sys.argv[:] = ["-c", *arguments]
    sys.path[0] = ""
    # as they are made for a terminal or for a file
    sys.stdin, sys.stdout = os.fdopen(0), os.fdopen(1, "w")
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace")
    exec(program, {"__name__": "__main__"})
    return 0


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
