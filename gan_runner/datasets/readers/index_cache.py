"""Indexes of images within files, built once and read from the cache the next time."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np

from gan_runner.datasets.readers.listing import Named
from gan_runner.datasets.readers.members import DTYPE
from gan_runner.datasets.readers.shards import Index
from gan_runner.errors import MachineError, printable

_ROWS, _REST = "rows.npy", "index.json"


def load_or_build(folder: Path, build: Callable[[], Index]) -> Index:
    """The index in `folder`; the first time, or if it is damaged, what `build` makes, which is then
    there. Raises MachineError where it can't be written, and what `build` raises."""
    with suppress(OSError, ValueError, TypeError, KeyError, AttributeError, IndexError):
        return _read(folder)
    index = build()
    try:
        _write(folder, index)
    except OSError as error:
        reason = f"can't cache the index of images ({error.strerror or error})"
        remedy = "Make room there, or name another folder with cache=FOLDER"
        raise MachineError(f"{reason}, cache={printable(folder.parent)}. {remedy}") from None
    return index


def _read(folder: Path) -> Index:
    """Raises whatever a damaged file provokes."""
    plain = json.loads((folder / _REST).read_text(encoding="utf-8"))
    rows = np.load(folder / _ROWS, allow_pickle=False)
    others = {suffix: Named(**named) for suffix, named in plain.pop("others").items()}
    index = Index(**plain, rows=rows, others=others)
    labeled = len(index.labels) in (0, len(rows))
    places = rows["shard"], rows["suffix"]
    known = len(index.shards), len(index.suffixes)
    is_whole = rows.dtype == DTYPE and len(index.names) == len(rows) and labeled
    if not is_whole or any(len(p) and p.max() >= k for p, k in zip(places, known, strict=True)):
        raise ValueError
    return index


def _write(folder: Path, index: Index) -> None:
    """The folder appears whole or not at all."""
    unfinished = folder.with_name(f".{folder.name}-{secrets.token_hex(4)}")
    plain = {each.name: getattr(index, each.name) for each in fields(index) if each.name != "rows"}
    plain["others"] = {suffix: asdict(named) for suffix, named in index.others.items()}
    try:
        unfinished.mkdir(parents=True)
        np.save(unfinished / _ROWS, index.rows, allow_pickle=False)
        (unfinished / _REST).write_text(json.dumps(plain), encoding="utf-8")
        if folder.exists():  # a damaged one
            shutil.rmtree(folder)
        unfinished.rename(folder)
    except OSError:
        if not folder.exists():
            raise  # else another process was faster, and what it made is the same
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
