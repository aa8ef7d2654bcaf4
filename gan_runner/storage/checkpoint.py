"""One safetensors file for each checkpoint: atomic, hashed, no pickle.

The file holds every tensor of the state by name. Its metadata holds one JSON text with the format
version, what is no tensor, and a sha256 over all of it that is checked at every load.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from gan_runner.errors import CheckpointError, MachineError, printable
from gan_runner.system.files import publish, write_text

FORMAT = 1
_NAME = re.compile(r"step_(\d{8,})\.safetensors")


@dataclass(frozen=True)
class Checkpoint:
    """A loaded checkpoint whose digest was right."""

    path: Path
    tensors: dict[str, Tensor]
    facts: dict[str, Any]


def file_name(step: int) -> str:
    return f"step_{step:08d}.safetensors"


def steps(folder: Path) -> dict[int, Path]:
    """The checkpoints in a folder by step, newest first. None of them is opened."""
    found = {int(m[1]): p for p in _entries(folder) if (m := _NAME.fullmatch(p.name))}
    return dict(sorted(found.items(), reverse=True))


def write(folder: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> Path:
    """Write the checkpoint of `facts["step"]` and make `last.json` point to it.

    A file under its final name is always whole. Raises MachineError if the disk refuses; then
    the old checkpoints are untouched and no part of a file is left.
    """
    path = folder / file_name(facts["step"])
    held = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
    described = {**facts, "format": FORMAT, "sha256": _digest(held, facts)}
    temporary = folder / f".{path.name}.partial"
    try:
        save_file(held, temporary, metadata={"gan_runner": json.dumps(described)})
        publish(temporary, path)
        point(folder / "last.json", path, facts["step"])
    except (OSError, SafetensorError) as error:
        temporary.unlink(missing_ok=True)
        raise MachineError(
            f"can't save a checkpoint, {printable(path)}. {printable(error)}"
        ) from None
    return path


def point(pointer: Path, path: Path, step: int) -> None:
    """Make a pointer file (`last.json`, `best.json`) name a checkpoint in the same folder."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    described = {"file": path.name, "step": step, "sha256": digest.hexdigest()}
    write_text(pointer, json.dumps(described) + "\n")


def read(path: Path) -> Checkpoint:
    """A checkpoint from its file. Raises CheckpointError unless every check is passed."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        facts = dict(json.loads(metadata["gan_runner"], parse_constant=_refused))
        version, digest = facts.pop("format"), facts.pop("sha256")
        if type(facts["step"]) is not int or facts["step"] < 0:  # every reader relies on it
            raise ValueError("its step is no number of steps")
    except FileNotFoundError:
        raise CheckpointError(f"no such checkpoint, {printable(path)}.") from None
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise CheckpointError(
            f"not a checkpoint of gan-runner, {printable(path)}. {printable(error)}"
        ) from None
    if version != FORMAT:
        raise CheckpointError(
            f"checkpoint of another format, {printable(path)}: format {printable(version)}. "
            f"This version of gan-runner reads format {FORMAT}."
        )
    if digest != _digest(tensors, facts):
        raise CheckpointError(f"damaged checkpoint, {printable(path)}. Its digest is wrong.")
    return Checkpoint(path, tensors, facts)


def newest(folder: Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest valid checkpoint, None if there is none at all, and warnings about damaged ones.

    Raises CheckpointError if there are checkpoints and all are damaged.
    """
    refused: list[str] = []
    for path in steps(folder).values():
        try:
            found = read(path)
        except CheckpointError as error:
            refused.append(str(error))
            continue
        return found, [f"{text} Using {found.path.name} instead." for text in refused]
    if refused:
        raise CheckpointError("no valid checkpoint is left:\n" + "\n".join(refused))
    return None, []


def select(folder: Path, which: str) -> Checkpoint:
    """The checkpoint named `last`, `best` or by its step. Raises CheckpointError."""
    if which in ("last", "best"):
        return read(pointed(folder, f"{which}.json"))
    available = steps(folder)
    if not which.isdecimal() or int(which) not in available:
        listed = ", ".join(map(str, available)) or "none"
        raise CheckpointError(
            f"no such checkpoint, --checkpoint={printable(which)}. "
            f"Choose last, best or one of the steps: {listed}."
        )
    return read(available[int(which)])


def pointed(folder: Path, pointer: str) -> Path:
    """The file that `last.json` or `best.json` names. Raises CheckpointError if it can't be."""
    try:
        name = json.loads((folder / pointer).read_text(encoding="utf-8"))["file"]
    except FileNotFoundError:
        raise CheckpointError(f"no checkpoint yet, {printable(folder / pointer)}.") from None
    except (OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise CheckpointError(
            f"not a pointer, {printable(folder / pointer)}. {printable(error)}"
        ) from None
    # a name from a stranger's folder must not lead out of it
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise CheckpointError(f"not a pointer, {printable(folder / pointer)}: {printable(name)}.")
    return folder / name


def make_last(folder: Path, found: Checkpoint) -> None:
    """Make a checkpoint the last one, as a resume from it needs.

    A kill may have come before `last.json` pointed to it. Newer ones are damaged: they are renamed,
    so that they aren't tried again and don't displace valid ones.
    """
    for step, path in steps(folder).items():
        if step > found.facts["step"]:
            path.rename(path.with_suffix(".damaged"))
    point(folder / "last.json", found.path, found.facts["step"])


def make_best(folder: Path, step: int | None) -> None:
    """Make `best.json` point to the checkpoint of a step; None, or one that is gone: to nothing."""
    path = None if step is None else steps(folder).get(step)
    if path is None or step is None:
        (folder / "best.json").unlink(missing_ok=True)
    else:
        point(folder / "best.json", path, step)


def prune(folder: Path, *, keep: int) -> None:
    """Delete what is neither last nor best nor among the `keep` newest of the others."""
    protected: set[Path] = set()
    for pointer in ("last.json", "best.json"):
        with suppress(CheckpointError):  # a pointer that isn't there, or says nothing
            protected.add(pointed(folder, pointer))
    others = [path for path in steps(folder).values() if path not in protected]
    for path in others[keep:]:
        path.unlink(missing_ok=True)


def sweep_up(folder: Path) -> None:
    """Delete what a killed save left behind: a temporary file of ours or of safetensors."""
    for path in _entries(folder):
        if path.match(".*.partial") or path.match(".tmp*"):
            path.unlink(missing_ok=True)


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _refused(constant: str) -> float:
    raise ValueError(f"{constant} in its metadata")


def _digest(tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> str:
    return fingerprint(json.dumps(facts, sort_keys=True), tensors)


def fingerprint(text: str, tensors: Mapping[str, Tensor]) -> str:
    """The sha256 of a text and of named tensors."""
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
