"""What other systems lack is needed by no import: Windows has no fcntl, no resource, no SIGHUP."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil  # which needs resource here, but not on Windows
import pytest
import torch

from gan_runner.system import machine

MODULES = ("fcntl", "resource", "termios", "pwd", "grp", "pty", "tty")
NAMES = {
    "signal": ("SIGHUP", "SIGKILL", "SIGUSR1", "SIGUSR2", "SIGALRM", "setitimer", "pause"),
    "os": ("O_NOFOLLOW", "O_NONBLOCK", "fork", "getuid", "uname", "sched_getaffinity", "killpg"),
}

HIDE = f"""
import os, signal, sys
for module in {MODULES}:
    sys.modules[module] = None
"""
HIDE_NAMES = f"""
for module, names in ((os, {NAMES["os"]}), (signal, {NAMES["signal"]})):
    for name in names:
        vars(module).pop(name, None)
"""
IMPORT_ALL = """
import pkgutil, importlib, gan_runner
for found in pkgutil.walk_packages(gan_runner.__path__, "gan_runner."):
    importlib.import_module(found.name)
"""
# libraries look for what they need when they are imported, on a system that has its own of it
LIBRARIES = """
import importlib, socket, subprocess, multiprocessing, filelock, torch, torch.utils.tensorboard
import matplotlib.pyplot, scipy.stats, hydra, rich.live, PIL.Image, jinja2
"""
LOCK_A_RUN = """
from pathlib import Path
from gan_runner.errors import InUseError
from gan_runner.storage.run_folder import RunFolder
ours, other = RunFolder(Path(sys.argv[1])), RunFolder(Path(sys.argv[1]))
assert not other.is_held()
ours.lock()
assert other.is_held()
try:
    other.lock()
except InUseError:
    print("refused")
ours.release()
assert not other.is_held()
other.lock()
"""


@pytest.mark.calibration
def test_every_module_is_imported_where_these_are_missing(tmp_path: Path) -> None:
    code = LIBRARIES + HIDE + HIDE_NAMES + IMPORT_ALL + LOCK_A_RUN
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "refused\n"


def test_the_peak_of_memory_is_found_without_resource(monkeypatch: pytest.MonkeyPatch) -> None:
    with_it = machine.peak_memory(torch.device("cpu"))
    monkeypatch.setitem(sys.modules, "resource", None)
    without = machine.peak_memory(torch.device("cpu"))
    assert with_it / 10 < without < 10 * with_it
    assert without == pytest.approx(psutil.Process().memory_info().rss, rel=0.2)
