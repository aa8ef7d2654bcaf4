"""Tensors that are computed once, on disk: whole or absent, and used only if checks pass."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gan_runner.data import Examples
from gan_runner.errors import printable
from gan_runner.evaluation.features.spaces import FeatureSpace
from gan_runner.storage.tensors import facts_digest, read_tensors, tensor_digest, write_tensors


class CachedTensors(NamedTuple):
    """Tensors by name, and as plain data what they were computed from and how well."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]


def cached_features(
    space: FeatureSpace,
    examples: Examples,
    *,
    part: str,
    data: str,
    seed: int,
    cache: Path,
    say: Callable[[str], None],
) -> Tensor:
    """Features of real examples, computed once for each space, data set (its digest), part of it
    and choice of examples (by the seed); on the space's device."""
    if not space.is_cached:
        return space.features(examples)
    facts = {
        "data": data,
        "part": part,
        "space": f"{space.name} {space.version}",
        "chosen": f"{len(examples)} seed {seed}",
    }
    name = tensor_digest("|".join(facts.values()), {})[:16]
    path = cache / "features" / f"{name}.safetensors"
    shape = torch.empty(len(examples), space.size, device="meta")
    found = read_cached(path, facts, like={"features": shape})
    if found is None:
        found = CachedTensors({"features": space.features(examples).cpu()}, facts)
        write_cached(path, found, say=say)
    return found.tensors["features"].to(space.device)


def read_cached(
    path: Path, facts: Mapping[str, Any], *, like: Mapping[str, Tensor]
) -> CachedTensors | None:
    """The content of a file that is whole, has these facts and tensors like these; else None."""
    try:
        found = _read(path)
    except (OSError, ValueError):  # whatever is wrong with it: to compute it again is always right
        return None
    same_facts = facts.items() <= found.facts.items()
    return (
        found
        if same_facts and _dtypes_and_shapes(found.tensors) == _dtypes_and_shapes(like)
        else None
    )


def write_cached(path: Path, content: CachedTensors, *, say: Callable[[str], None]) -> None:
    """Write what was computed. A folder that can't be written costs only time."""
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(4)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_tensors(path, content.tensors, content.facts, temporary=temporary)
    except OSError as error:
        say(f"can't cache what was computed, {printable(path)}. {printable(error)}")


def _read(path: Path) -> CachedTensors:
    tensors, facts, sha256 = read_tensors(path)
    if sha256 != facts_digest(tensors, facts):
        raise ValueError("its digest is wrong")
    return CachedTensors(tensors, facts)


def _dtypes_and_shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[object, ...]]:
    return {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in tensors.items()}
