"""Commands of ours, each in a fork of a process that has imported everything already: as separate
as a process of its own, without the seconds that its imports take."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

_COMMANDS = {
    "gan-train": "gan_runner.train",
    **{f"gan-{name}": f"gan_runner.cli.{name}" for name in ("sample", "evaluate", "augment")},
    **{f"gan-{name}": f"gan_runner.cli.{name}" for name in ("compare", "report", "runs")},
}
_IMPORTED = (
    *("gan_runner.runs.finish", "gan_runner.runs.resume", "gan_runner.runs.evaluate"),
    *("gan_runner.cli.plugin_options", "gan_runner.cli.hydra.composer", "sklearn.datasets"),
    "matplotlib.figure",
)


class ForkedCommands:
    """Runs commands one after the other, each in a fork; to be closed at the end."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )

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
        request = {
            "module": _COMMANDS[name],
            "arguments": arguments,
            "cwd": str(cwd),
            "site": None if site is None else str(site),
            "environment": {k: v for k, v in os.environ.items() if k.startswith("GAN_RUNNER")}
            | (environment or {}),
        }
        assert self._process.stdin is not None and self._process.stdout is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        answer = json.loads(self._process.stdout.readline())
        return subprocess.CompletedProcess(
            [name, *arguments], answer["code"], answer["out"], answer["err"]
        )

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=30)


def _serve() -> None:
    for module in (*_COMMANDS.values(), *_IMPORTED):
        import_module(module)
    import_module("gan_runner.cli.hydra.composer").compose([])  # reads most of the YAML files
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), flush=True)
    os._exit(0)  # to take apart all that was imported takes a second


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    outputs = [os.memfd_create(name) for name in ("out", "err")]
    child = os.fork()
    if child == 0:
        _carry_out(request, outputs)
    _, status = os.waitpid(child, 0)
    out, err = (_read(output) for output in outputs)
    return {"code": os.waitstatus_to_exitcode(status), "out": out, "err": err}


def _carry_out(request: dict[str, Any], outputs: list[int]) -> None:
    code = 1
    try:
        for number, output in enumerate(outputs, start=1):
            os.dup2(output, number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(request["cwd"])
        os.environ.update(request["environment"])
        if request["site"] is not None:
            sys.path.insert(0, request["site"])
        code = import_module(request["module"]).run_command(request["arguments"])
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _read(output: int) -> str:
    with os.fdopen(output, "rb") as file:
        file.seek(0)
        return file.read().decode()


if __name__ == "__main__":
    _serve()
