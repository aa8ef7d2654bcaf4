"""The device, the threads and the versions that a run depends on."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from gan_runner import __version__
from gan_runner.errors import ConfigError, MachineError, plural, printable
from gan_runner.system import ranks
from gan_runner.system.units import size_text


def prepare_device(
    *, device: str, threads: int | Literal["auto"] | None, deterministic: bool
) -> torch.device:
    """Set torch's CPU threads, where their number is given, and determinism; the device to train
    on.

    Raises MachineError if the device isn't there.
    """
    if isinstance(threads, int):
        torch.set_num_threads(threads)
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS asks for it
    # not use_deterministic_algorithms, which imports torch's compiler for two seconds
    torch.set_deterministic_debug_mode("error" if deterministic else "default")
    torch.backends.cudnn.benchmark = not deterministic
    return find_device(device)


@contextmanager
def share_threads(count: int | None) -> Iterator[None]:
    """Within it, torch has so many CPU threads to choose from; None for as many as it has."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def multiplies_bf16(device: torch.device) -> bool | None:
    """Whether the device multiplies bfloat16 in its hardware, None where that isn't known; where it
    doesn't, bfloat16 is slower than float32, several times on a CPU."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type != "cpu":
        return None
    known = torch.cpu.get_capabilities()
    return any(known.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16"))


@dataclass(frozen=True)
class Fingerprint:
    """The facts that must be equal for a resumed run to be exact; `device` is the name of a GPU, or
    a type such as `cpu`, `devices` their number."""

    versions: Mapping[str, str]
    device: str
    threads: int
    devices: int = 1


def fingerprint(device: torch.device) -> Fingerprint:
    """The fingerprint of this process, where it trains on the device."""
    return Fingerprint(
        versions={
            "gan_runner": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        threads=torch.get_num_threads(),
        devices=ranks.count(),
    )


def description() -> str:
    """The system, the processor, its cores and the memory of this machine, in words."""
    import psutil

    processor = platform.processor() or platform.machine()
    with suppress(OSError, StopIteration):
        # platform says no more than x86_64 of most processors on Linux
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        processor = next(line.partition(":")[2] for line in lines if line.startswith("model name"))
    memory = size_text(psutil.virtual_memory().total)
    system = f"{platform.system()} {platform.release()}"
    return f"{processor.strip()}, {plural(os.cpu_count() or 1, 'core')}, {memory}, {system}"


def peak_memory(device: torch.device) -> int:
    """Bytes: the most that tensors took on a GPU, else the most that this process had resident."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:  # as on Windows, which keeps the peak elsewhere
        import psutil

        memory = psutil.Process().memory_info()
        return int(getattr(memory, "peak_wset", memory.rss))
    unit = 1 if platform.system() == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def git_commit() -> dict[str, Any] | None:
    """The commit of the checkout that runs, and whether it was changed; None outside of one."""
    here = Path(__file__).parent.parent
    if not (here.parent / ".git").exists():
        return None
    try:
        commit = _git(here, "rev-parse", "HEAD")
        return {"commit": commit, "changed": bool(_git(here, "status", "--porcelain", "-uno"))}
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()


def find_device(name: str) -> torch.device:
    """The device of a setting: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.

    Raises MachineError if it isn't there, ConfigError for another name.
    """
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", name):
        shown = printable(name)
        raise ConfigError(f"device={shown} isn't known. Use auto, cpu, cuda, cuda:1 or mps.")
    if name == "auto":
        return torch.device(_best_device())
    kind, _, index = name.partition(":")
    if kind == "cuda" and not torch.cuda.is_available():
        raise MachineError(f"CUDA is not available, device={name}. Use device=cpu or device=auto")
    if kind == "cuda" and index and int(index) >= torch.cuda.device_count():
        raise MachineError(
            f"no such device, device={name}. This machine has {torch.cuda.device_count()}."
        )
    if kind == "mps" and not torch.backends.mps.is_available():
        raise MachineError(f"MPS is not available, device={name}. Use device=cpu or device=auto")
    return torch.device(name)


def _best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
