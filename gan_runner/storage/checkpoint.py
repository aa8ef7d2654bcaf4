"""One safetensors file for each checkpoint, and the pointers to the last and the best.

The file holds every tensor of the state by name. Its metadata holds one JSON text with the format
version, the facts, and a sha256 over all of it that is checked at every load.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from gan_runner.errors import CheckpointError, MachineError, OptionText, printable
from gan_runner.storage.facts import Facts, parse_facts
from gan_runner.storage.tensors import facts_digest, file_digest, read_tensors, write_tensors
from gan_runner.system.files import write_text

FORMAT = 1
_NAME = re.compile(r"step_(\d{8,})\.safetensors")


@dataclass(frozen=True)
class Checkpoint:
    """A loaded checkpoint whose digest was right."""

    path: Path
    tensors: dict[str, Tensor]
    facts: Facts

    @property
    def step(self) -> int:
        return self.facts.state.step


def file_name(step: int) -> str:
    return f"step_{step:08d}.safetensors"


def steps(folder: Path) -> dict[int, Path]:
    """The checkpoints in a folder by step, newest first. None of them is opened."""
    by_step = {int(m[1]): p for p in _entries(folder) if (m := _NAME.fullmatch(p.name))}
    return dict(sorted(by_step.items(), reverse=True))


def write(folder: Path, tensors: Mapping[str, Tensor], facts: Facts) -> Path:
    """Write the checkpoint of a step and make `last.json` point to it.

    A file under its final name is always whole. Raises MachineError if the disk refuses; then
    the old checkpoints are untouched and no part of a file is left.
    """
    step = facts.state.step
    path = folder / file_name(step)
    temporary = folder / f".{path.name}.partial"
    try:
        header = {"format": FORMAT}
        sha256 = write_tensors(path, tensors, facts.plain(), header=header, temporary=temporary)
        write_pointer(folder / "last.json", path, step, sha256=sha256)
    except OSError as error:
        raise MachineError(
            f"can't save a checkpoint, {printable(path)}. {printable(error)}"
        ) from None
    return path


def write_pointer(pointer: Path, path: Path, step: int, *, sha256: str | None = None) -> None:
    """Make a pointer file (`last.json`, `best.json`) name a checkpoint in the same folder.
    `sha256`: its digest, where it is known already."""
    described = {"file": path.name, "step": step, "sha256": sha256 or file_digest(path)}
    write_text(pointer, json.dumps(described) + "\n")


def read(path: Path) -> Checkpoint:
    """A checkpoint from its file. Raises CheckpointError unless every check is passed."""
    try:
        stored = read_tensors(path)
        version = stored.facts.pop("format")
        if version != FORMAT:
            raise CheckpointError(
                f"checkpoint of another format, {printable(path)}: format {printable(version)}. "
                f"This version of gan-runner reads format {FORMAT}."
            )
        if "generators" in stored.facts and "rng" not in stored.facts:
            raise CheckpointError(
                f"the checkpoint was made by an earlier version of gan-runner, {printable(path)}. "
                "Use that version, or train a new run."
            )
        facts = parse_facts(stored.facts)
    except FileNotFoundError:
        raise CheckpointError(f"no such checkpoint, {printable(path)}.") from None
    except (OSError, KeyError, ValueError) as error:
        raise CheckpointError(
            f"not a checkpoint of gan-runner, {printable(path)}. {printable(error)}"
        ) from None
    if stored.sha256 != facts_digest(stored.tensors, stored.facts):
        raise CheckpointError(f"damaged checkpoint, {printable(path)}. Its digest is wrong.")
    return Checkpoint(path, stored.tensors, facts)


def newest(folder: Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest valid checkpoint, None if there is none at all, and warnings about damaged ones.

    Raises CheckpointError if there are checkpoints and all are damaged.
    """
    refused: list[str] = []
    for path in steps(folder).values():
        try:
            valid = read(path)
        except CheckpointError as error:
            refused.append(str(error))
            continue
        return valid, [f"{text} Using {path.name} instead." for text in refused]
    if refused:
        raise CheckpointError("no valid checkpoint is left:\n" + "\n".join(refused))
    return None, []


def select(folder: Path, which: str) -> Checkpoint:
    """The checkpoint named `last`, `best` or by its step. Raises CheckpointError."""
    if which in ("last", "best"):
        return read(read_pointer(folder, f"{which}.json"))
    available = steps(folder)
    if not which.isdecimal() or int(which) not in available:
        listed = ", ".join(map(str, available)) or "none"
        shown = printable(which)
        raise CheckpointError(
            f"no such checkpoint, {{option}}. Choose last, best or one of the steps: {listed}.",
            option=OptionText(f"--checkpoint={shown}", f"checkpoint={shown}"),
        )
    return read(available[int(which)])


def read_pointer(folder: Path, pointer: str) -> Path:
    """The file that `last.json` or `best.json` names. Raises CheckpointError if it can't be."""
    try:
        name = json.loads((folder / pointer).read_text(encoding="utf-8"))["file"]
    except FileNotFoundError:
        shown = printable(folder / pointer)
        if pointer == "best.json" and steps(folder):
            run = shlex.quote(printable(folder.parent, limit=1000))
            raise CheckpointError(
                f"no best checkpoint yet, {shown}. Measure all that are kept: "
                f"gan-evaluate {run} --checkpoint all"
            ) from None
        raise CheckpointError(f"no checkpoint yet, {shown}.") from None
    except (OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise CheckpointError(
            f"not a pointer, {printable(folder / pointer)}. {printable(error)}"
        ) from None
    # a name from a stranger's folder must not lead out of it
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise CheckpointError(f"not a pointer, {printable(folder / pointer)}: {printable(name)}.")
    return folder / name


def make_last(folder: Path, saved: Checkpoint) -> None:
    """Make a checkpoint the last one, as a resume from it needs.

    A kill may have come before `last.json` pointed to it. Newer ones are damaged: they are renamed,
    so that they aren't tried again and don't displace valid ones.
    """
    for step, path in steps(folder).items():
        if step > saved.step:
            path.rename(path.with_suffix(".damaged"))
    write_pointer(folder / "last.json", saved.path, saved.step)


def make_best(folder: Path, step: int | None) -> None:
    """Make `best.json` point to the checkpoint of a step; None, or one that is gone: to nothing."""
    path = None if step is None else steps(folder).get(step)
    if path is None or step is None:
        (folder / "best.json").unlink(missing_ok=True)
    else:
        write_pointer(folder / "best.json", path, step, sha256=_digest_in_last(folder, path))


def _digest_in_last(folder: Path, path: Path) -> str | None:
    """The digest of a checkpoint if `last.json` has it, as it has that of the newest."""
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        last = json.loads((folder / "last.json").read_text(encoding="utf-8"))
        if last["file"] == path.name:
            return str(last["sha256"])
    return None


def prune(folder: Path, *, keep: int) -> None:
    """Delete all checkpoints but the last, the best, and the `keep` newest of the others."""
    protected: set[Path] = set()
    for pointer in ("last.json", "best.json"):
        with suppress(CheckpointError):  # a pointer that is missing or damaged
            protected.add(read_pointer(folder, pointer))
    others = [path for path in steps(folder).values() if path not in protected]
    for path in others[keep:]:
        path.unlink(missing_ok=True)


def remove_partial_files(folder: Path) -> None:
    """Delete the temporary files, ours and those of safetensors, of a save that was killed."""
    for path in _entries(folder):
        if path.match(".*.partial") or path.match(".tmp*"):
            path.unlink(missing_ok=True)


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []
