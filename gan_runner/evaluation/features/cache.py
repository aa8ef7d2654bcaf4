"""Tensors that are computed once, on disk: whole or absent, and used only if checks pass."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gan_runner.data import Examples
from gan_runner.data.stored import read_batches
from gan_runner.errors import printable
from gan_runner.evaluation.features.spaces import FeatureSpace
from gan_runner.storage.tensors import facts_digest, read_tensors, tensor_digest, write_tensors
from gan_runner.system import ranks, shared_work


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
    and choice of examples (by the seed); on the space's device. The ranks of a run compute them
    together, and rank 0 reads and writes the cache."""
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
    leads = ranks.rank() == 0
    cached = read_cached(path, facts, like={"features": shape}) if leads else None
    found = shared_work.same_as_rank_0(None if cached is None else cached.tensors["features"])
    if found is None:
        found = _compute(space, examples)
        if leads:
            write_cached(path, CachedTensors({"features": found}, facts), say=say)
    return found.to(space.device)


def _compute(space: FeatureSpace, examples: Examples) -> Tensor:
    """The features of all examples, on the CPU, a batch of them by one rank."""

    def features(own: Sequence[slice]) -> Iterator[tuple[Tensor]]:
        wanted = [torch.arange(rows.start, rows.stop) for rows in own]
        for batch in read_batches(examples, wanted):
            yield (space.features(batch.examples).cpu(),)

    (found,) = shared_work.rows(features, len(examples), block=space.batch_size)
    return found


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
