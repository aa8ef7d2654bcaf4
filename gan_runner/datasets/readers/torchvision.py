"""torchvision, imported when it's used, and its downloads, which are whole or absent.

Its import takes two seconds, and a torchvision built for CUDA needs help beside a torch without.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import torch

from gan_runner.errors import MachineError, printable

TIMEOUT_SECONDS = 30.0

_declared: list[torch.library.Library] = []


def torchvision() -> ModuleType:
    """The module torchvision. Raises MachineError if it can't be imported."""
    try:
        return _import()
    except (ImportError, OSError, RuntimeError) as error:
        raise MachineError(
            f"torchvision fails ({printable(error)}), torch={torch.__version__}. "
            "Install the torchvision that belongs to this torch: pip install torch torchvision"
        ) from None


def fetch(name: str, root: Path) -> None:
    """Download the data set that torchvision calls `name` into `root`, in torchvision's layout.

    Raises MachineError. A file appears under its own name when it's whole, or not at all.
    """
    source = getattr(torchvision().datasets, name)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".download-", dir=root) as unfinished, _socket_timeout():
            source(unfinished, download=True)
            _move_files(Path(unfinished), root)
    except Exception as error:  # whatever a network, a mirror, an archive or a disk can raise
        reason = printable(" ".join(str(error).split()))
        raise MachineError(
            f"download of {name} failed ({reason}), dataset.root={printable(root)}. "
            "Check the network and that the folder can be written, "
            "or put the files there by hand and set dataset.download=false"
        ) from None


def _import() -> ModuleType:
    try:
        return import_module("torchvision")
    except RuntimeError:
        _declare_operators()
        return import_module("torchvision")


def _declare_operators() -> None:
    """Declare two operators that torchvision describes even if its own library won't load.

    Without them its import ends with "operator torchvision::nms does not exist".
    """
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        schema = f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        library.define(schema)
    _declared.append(library)  # the operators go when the library goes


@contextmanager
def _socket_timeout() -> Iterator[None]:
    """For a while a connection that is silent for 30 s is an error, rather than never."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _move_files(unfinished: Path, root: Path) -> None:
    """Everything but the archives, which are unpacked by now."""
    for file in sorted(unfinished.rglob("*")):
        if file.is_file() and file.suffix != ".gz":
            target = root / file.relative_to(unfinished)
            target.parent.mkdir(parents=True, exist_ok=True)
            file.replace(target)
