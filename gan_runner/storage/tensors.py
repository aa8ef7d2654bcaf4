"""Named tensors, and plain data about them, in one safetensors file: atomic, hashed, no pickle."""

from __future__ import annotations

import hashlib
import json
import math
import secrets
import struct
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from gan_runner.system.files import create_empty, flush, publish

_KEY = "gan_runner"  # of the metadata: safetensors has text there
_LENGTH = struct.Struct("<Q")  # of the header, before it


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
) -> str:
    """Write a file with a digest over its tensors and its facts; a `header` isn't under the digest.
    Returns the digest of the whole file.

    A file under its final name is always whole; until then it is `temporary`, beside it. Raises
    OSError; then an old file is untouched and no part of the new one is left.
    """
    held = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    no_digest = secrets.token_hex(hashlib.sha256().digest_size)  # found nowhere else in the file
    described = {**facts, **(header or {}), "sha256": no_digest}
    try:
        mode = create_empty(temporary)
        with ThreadPoolExecutor(1) as pool:  # one thread waits for the disk while the other hashes
            digest = pool.submit(facts_digest, held, facts)
            save_file(held, temporary, metadata={_KEY: json.dumps(described)})
            _replace_in_header(temporary, no_digest, digest.result())
            flushed = pool.submit(flush, temporary)
            whole = file_digest(temporary)
            flushed.result()
        temporary.chmod(mode)  # safetensors leaves it to its owner alone
        publish(temporary, path)
        return whole
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


def file_digest(path: Path) -> str:
    """The sha256 of a file. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _replace_in_header(path: Path, old: str, new: str) -> None:
    """Replace a text by one of the same length in the header of a safetensors file."""
    with path.open("r+b") as file:
        (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
        place = file.read(length).index(old.encode())
        file.seek(_LENGTH.size + place)
        file.write(new.encode())


def _refuse_constant(constant: str) -> float:
    raise ValueError(f"{constant} in its metadata")


def _parse_finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse_constant(text)
