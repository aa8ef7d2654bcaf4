"""Labels of an array file: classes from numbers, text, or one-hot rows."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan_runner.data import Decision
from gan_runner.errors import DataError

_NONE = "Without labels: dataset.labels=null"
_FEW = 10


class ArrayLabels(NamedTuple):
    """Labels as 0..K-1, int64 [N], and the K values that they had in the file; what was decided."""

    indices: Tensor | None
    classes: tuple[str, ...]
    decisions: tuple[Decision, ...]


def read_labels(stored: NDArray[Any], *, count: int, setting: str) -> ArrayLabels:
    """The classes of `count` samples: whole numbers from 0 on, text, yes and no, in [N], [N, 1] or
    as one-hot rows [N, K]. A single class is ignored. Raises DataError for anything else."""
    values, notes = _flatten(stored, count, setting)
    values, more = _whole(values, setting)
    decisions = [Decision(note, _NONE, doubtful=False) for note in (*notes, *more)]
    names, indices, counts = np.unique(values, return_inverse=True, return_counts=True)
    shown = tuple(map(str, names.tolist()))
    if len(names) == 1:
        text = f"no labels: those of the file are all {shown[0]}"
        return ArrayLabels(None, (), (*decisions, Decision(text, "", doubtful=False)))
    alone = int((counts == 1).sum())
    if 2 * alone > len(names) and count >= _FEW:
        text = f"{alone} of {len(names)} classes have a single sample: are the labels measurements "
        decisions.append(Decision(f"{text}or numbers of samples?", _NONE))
    return ArrayLabels(torch.from_numpy(indices.astype(np.int64)), shown, tuple(decisions))


def _flatten(stored: NDArray[Any], count: int, setting: str) -> tuple[NDArray[Any], list[str]]:
    """Labels as [N], and what was made of their shape."""
    if stored.dtype.kind not in "biufUS":
        raise _fault(f"labels of {stored.dtype}", "Save them as integers.", setting)
    if stored.shape == (count,):
        return stored, []
    if stored.shape == (count, 1):
        return stored[:, 0], [f"labels of shape {list(stored.shape)} are read as [{count}]"]
    is_table = stored.ndim == 2 and len(stored) == count and stored.dtype.kind in "biuf"
    if is_table and ((stored == 0) | (stored == 1)).all() and (stored.sum(1) == 1).all():
        return stored.argmax(1), [f"one-hot labels {list(stored.shape)} are read as classes"]
    what = f"labels of shape {list(stored.shape)} for {count} samples"
    remedy = f"Save them as [{count}] or one-hot, or use dataset.labels=null"
    raise _fault(what, remedy, setting)


def _whole(values: NDArray[Any], setting: str) -> tuple[NDArray[Any], list[str]]:
    """Labels as whole numbers from 0 on, or as text, and what was made of their type."""
    kind = values.dtype.kind
    if kind == "S":
        return np.char.decode(values, "utf-8", "replace"), []
    if kind == "f":
        with np.errstate(invalid="ignore"):
            whole = values.astype(np.int64)
        odd = ~np.isfinite(values) | (whole != values)
        if odd.any():
            what = f"labels of {values.dtype} that aren't whole, such as {values[odd][0]:g}"
            remedy = "Save classes as integers; a measurement isn't a class: dataset.labels=null"
            raise _fault(what, remedy, setting)
        values, notes = whole, [f"labels of {values.dtype} are whole numbers and read as classes"]
    else:
        notes = []
    if kind in "if" and len(values) and values.min() < 0:
        where = int(np.flatnonzero(values < 0)[0])
        what = f"label {values[where]} of sample {where} is out of range"
        remedy = "Number the classes from 0 on; leave out what has no label."
        raise _fault(what, remedy, setting)
    return values, notes


def _fault(what: str, remedy: str, setting: str) -> DataError:
    return DataError(f"{what}, {setting}. {remedy}")
