"""What is computed once, on disk: whole or absent, and trusted only if every check is passed."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from gan_runner.errors import printable
from gan_runner.storage.checkpoint import fingerprint
from gan_runner.system.files import publish


class Kept(NamedTuple):
    """Tensors by name, and as plain data what they were computed from and how well."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]


def kept(path: Path, facts: Mapping[str, Any], *, like: Mapping[str, Tensor]) -> Kept | None:
    """What the file keeps, if it is whole, has these facts and tensors like these; else None."""
    try:
        found = _read(path)
    # whatever is wrong with it: to compute it again is always right
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RecursionError):
        return None
    same_facts = facts.items() <= found.facts.items()
    return found if same_facts and _forms(found.tensors) == _forms(like) else None


def keep(path: Path, found: Kept, *, say: Callable[[str], None]) -> None:
    """Keep what was computed. A folder that can't be written costs only time."""
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(4)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        described = {**found.facts, "sha256": _digest(found)}
        save_file(found.tensors, temporary, metadata={"gan_runner": json.dumps(described)})
        publish(temporary, path)
    except (OSError, SafetensorError) as error:
        say(f"can't keep what was computed, {printable(path)}. {printable(error)}")
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _read(path: Path) -> Kept:
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        facts = dict(json.loads((file.metadata() or {})["gan_runner"]))
    digest = facts.pop("sha256")
    found = Kept(tensors, facts)
    if digest != _digest(found):
        raise ValueError("its digest is wrong")
    return found


def _digest(found: Kept) -> str:
    return fingerprint(json.dumps(found.facts, sort_keys=True), found.tensors)


def _forms(tensors: Mapping[str, Tensor]) -> dict[str, tuple[object, ...]]:
    return {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in tensors.items()}
