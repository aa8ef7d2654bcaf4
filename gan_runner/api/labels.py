"""Classes as they are named in Python, as the labels of a sampler."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan_runner.api.arguments import whole_number
from gan_runner.errors import ConfigError, plural, printable
from gan_runner.sampling.sampler import Sampler

Label = int | str | Sequence[int] | Sequence[str] | NDArray[Any] | Tensor


def find_labels(sampler: Sampler, labels: Label | None, count: int) -> Tensor | None:
    """Classes by name or place as labels, one for all [] or one for each of `count` samples [N].

    Raises ConfigError for a class that there isn't, for another number of them, and for what is
    neither a name nor a whole number.
    """
    if labels is None:
        return None
    if not sampler.classes:
        raise ConfigError(
            f"the run isn't conditional, labels={printable(labels)}. "
            "Train one with model.conditioning=concat"
        )
    found = _places(sampler, labels) if isinstance(labels, Tensor) else _find_each(sampler, labels)
    if found.ndim and found.shape != (count,):
        shape = list(found.shape)
        raise ConfigError(
            f"labels don't match {plural(count, 'sample')}, shape={shape}. Use {[count]}."
        )
    return found


def _places(sampler: Sampler, labels: Tensor) -> Tensor:
    """Places in the names of classes, as int64 on the CPU."""
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise ConfigError(
            f"labels are whole numbers, labels.dtype={labels.dtype}. Use torch.int64."
        )
    places = labels.detach().cpu().long()
    if places.numel() and not 0 <= int(places.min()) <= int(places.max()) < sampler.classes:
        raise _no_such_class(sampler, labels)
    return places


def _find_each(sampler: Sampler, labels: object) -> Tensor:
    """Names and places as int64, [] of one and [N] of several."""
    values = labels.tolist() if isinstance(labels, np.ndarray) else labels
    if isinstance(values, Iterable) and not isinstance(values, (str, bytes, Mapping, Set)):
        return torch.tensor([_find(sampler, each) for each in values], dtype=torch.long)
    return torch.tensor(_find(sampler, values))


def _find(sampler: Sampler, label: object) -> int:
    if isinstance(label, Tensor) and label.ndim == 0:
        return int(_places(sampler, label))
    is_name = isinstance(label, str) or whole_number(label) is not None
    found = sampler.find_class(str(label)) if is_name else None
    if found is None:
        raise _no_such_class(sampler, label)
    return found


def _no_such_class(sampler: Sampler, label: object) -> ConfigError:
    listed = ", ".join(printable(name) for name in sampler.class_names[:20])
    return ConfigError(f"no such class, labels={printable(label)}. Choose one of: {listed}.")
