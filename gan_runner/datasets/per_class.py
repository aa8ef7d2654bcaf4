"""A few examples of each class, and all others."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from gan_runner.data import Data
from gan_runner.errors import ConfigError, printable
from gan_runner.seeds import derive


class PerClassSplit(NamedTuple):
    """Two parts of a data set, each in its order; `others` is None where `chosen` is everything."""

    chosen: Data
    others: Data | None


def take_per_class(data: Data, per_class: int, *, seed: int) -> PerClassSplit:
    """`per_class` examples of each class, and the rest. The space stays that of all examples.

    Fewer are among the more: with the same seed, 10 of a class are the first of its 50. Raises
    ConfigError for data without labels and for a class that has fewer.
    """
    if data.labels is None:
        raise ConfigError(
            f"the data has no labels, dataset.per_class={per_class}. Use dataset.per_class=null"
        )
    orders = indices_by_class(data.labels, seed=seed)
    least = min(orders, key=lambda label: len(orders[label]))
    if per_class > len(orders[least]):
        raise ConfigError(
            f"class {class_name(data, least)} has {len(orders[least])} examples, "
            f"dataset.per_class={per_class}. Use at most dataset.per_class={len(orders[least])}"
        )
    return split_at(data, torch.cat([order[:per_class] for order in orders.values()]))


def indices_by_class(labels: Tensor, *, seed: int) -> dict[int, Tensor]:
    """The indices of each class that occurs, in an order drawn from (seed, class)."""
    orders = {}
    for label in labels.unique().tolist():
        members = (labels == label).nonzero().flatten()
        rng = torch.Generator().manual_seed(derive(seed, "class", label))
        orders[label] = members[torch.randperm(len(members), generator=rng)]
    return orders


def split_at(data: Data, indices: Tensor) -> PerClassSplit:
    """Labeled data at these indices, and elsewhere."""
    inside = torch.zeros(len(data), dtype=torch.bool)
    inside[indices] = True
    return PerClassSplit(
        _select(data, inside), None if bool(inside.all()) else _select(data, ~inside)
    )


def class_name(data: Data, label: int) -> str:
    """The name of a class for a message."""
    names = data.class_names
    return f"'{printable(names[label])}'" if label < len(names) else str(label)


def _select(data: Data, where: Tensor) -> Data:
    return data.select(where.nonzero().flatten())
