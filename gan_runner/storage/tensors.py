"""Named tensors, and plain data about them, in one safetensors file: atomic, hashed, no pickle."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from gan_runner.system.files import create_empty, publish

_KEY = "gan_runner"  # of the metadata: safetensors has text there


class StoredTensors(NamedTuple):
    """The contents of a file; `sha256` should be the digest of the rest."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]
    sha256: object


def write_tensors(
    path: Path,
    tensors: Mapping[str, Tensor],
    facts: Mapping[str, Any],
    *,
    header: Mapping[str, Any] | None = None,
    temporary: Path,
) -> None:
    """Write a file with a digest over its tensors and its facts; a `header` isn't under the digest.

    A file under its final name is always whole; until then it is `temporary`, beside it. Raises
    OSError; then an old file is untouched and no part of the new one is left.
    """
    held = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    described = {**facts, **(header or {}), "sha256": facts_digest(held, facts)}
    try:
        mode = create_empty(temporary)
        save_file(held, temporary, metadata={_KEY: json.dumps(described)})
        temporary.chmod(mode)  # safetensors leaves it to its owner alone
        publish(temporary, path)
    except SafetensorError as error:
        raise OSError(str(error)) from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def read_tensors(path: Path) -> StoredTensors:
    """A file as it is; its digest is not compared. Raises OSError, or ValueError for another file.

    Nothing in it is run, and no number in its facts is NaN or infinite.
    """
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {})[_KEY]
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        facts = dict(json.loads(text, parse_constant=_refuse_constant, parse_float=_parse_finite))
        return StoredTensors(tensors, facts, facts.pop("sha256"))
    except (SafetensorError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(str(error)) from None


def facts_digest(tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> str:
    """The digest of a file with these tensors and facts."""
    return tensor_digest(json.dumps(facts, sort_keys=True), tensors)


def tensor_digest(text: str, tensors: Mapping[str, Tensor]) -> str:
    """The sha256 of a text and of named tensors."""
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _refuse_constant(constant: str) -> float:
    raise ValueError(f"{constant} in its metadata")


def _parse_finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse_constant(text)
