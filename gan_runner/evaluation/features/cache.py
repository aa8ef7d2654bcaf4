"""What is computed once, on disk: whole or absent, and trusted only if every check is passed."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from gan_runner.errors import printable
from gan_runner.storage.tensors import facts_digest, read_tensors, write_tensors


class Kept(NamedTuple):
    """Tensors by name, and as plain data what they were computed from and how well."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]


def kept(path: Path, facts: Mapping[str, Any], *, like: Mapping[str, Tensor]) -> Kept | None:
    """What the file keeps, if it is whole, has these facts and tensors like these; else None."""
    try:
        found = _read(path)
    except (OSError, ValueError):  # whatever is wrong with it: to compute it again is always right
        return None
    same_facts = facts.items() <= found.facts.items()
    return found if same_facts and _forms(found.tensors) == _forms(like) else None


def keep(path: Path, found: Kept, *, say: Callable[[str], None]) -> None:
    """Keep what was computed. A folder that can't be written costs only time."""
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(4)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_tensors(path, found.tensors, found.facts, temporary=temporary)
    except OSError as error:
        say(f"can't keep what was computed, {printable(path)}. {printable(error)}")


def _read(path: Path) -> Kept:
    tensors, facts, sha256 = read_tensors(path)
    if sha256 != facts_digest(tensors, facts):
        raise ValueError("its digest is wrong")
    return Kept(tensors, facts)


def _forms(tensors: Mapping[str, Tensor]) -> dict[str, tuple[object, ...]]:
    return {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in tensors.items()}
