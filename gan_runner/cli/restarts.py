"""The run of ranks that torch's launcher may start again: where it is."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def remember_run(path: Path) -> None:
    """Keep where the run of these ranks is, if their launcher may start them again."""
    if os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0") == "0":
        return
    with suppress(OSError), _note().open("x", encoding="utf-8") as file:
        file.write(str(path.absolute()))


def forget_run() -> None:
    """The run has ended as it should."""
    with suppress(OSError):
        _note().unlink()


def run_before_restart() -> Path | None:
    """The run that these ranks were started again for; None at a first start."""
    if os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") == "0":
        return None
    with suppress(OSError), _note().open(encoding="utf-8") as file:
        owner = os.fstat(file.fileno()).st_uid
        if owner == getattr(os, "getuid", lambda: owner)():  # no stranger's, in a shared folder
            path = Path(file.read())
            return path if (path / "status.json").exists() else None
    return None


def _note() -> Path:
    from gan_runner.system.processes import start_of_process

    launcher = os.getppid()
    name = f"gan_runner_{launcher}_{start_of_process(launcher):.2f}"
    return Path(tempfile.gettempdir()) / name
