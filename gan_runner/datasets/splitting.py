"""A split of a table into training rows and test rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from gan_runner.errors import DataError, printable
from gan_runner.seeds import derive


class TrainTestIndices(NamedTuple):
    """Indices of the examples, int64, in their order."""

    train: Tensor
    test: Tensor


def split_indices(
    labels: Tensor,
    *,
    classes: Sequence[str],
    test_ratio: float,
    seed: int,
    setting: str,
    label_doubt: str = "",
) -> TrainTestIndices:
    """A draw of `test_ratio` of the examples of each class, stratified by `labels` [N].

    At least one of each class goes to either side, unless the ratio is 0. Raises DataError for a
    class that has fewer; `label_doubt` says of the labels that they were guessed.
    """
    rng = torch.Generator().manual_seed(derive(seed, "split"))
    held_out = torch.zeros(len(labels), dtype=torch.bool)
    for label, name in enumerate(classes):
        members = (labels == label).nonzero().flatten()
        if len(members) == 0 or test_ratio == 0:
            continue
        if len(members) == 1:
            raise DataError(
                f"class {printable(name)} has a single row, and the split into training and test "
                f"needs 2, dataset.test_ratio={test_ratio:g} with {setting}. "
                + (f"{label_doubt} Else add" if label_doubt else "Add")
                + " rows of it, leave it out, or use dataset.test_ratio=0"
            )
        count = min(max(round(test_ratio * len(members)), 1), len(members) - 1)
        held_out[members[torch.randperm(len(members), generator=rng)[:count]]] = True
    return TrainTestIndices((~held_out).nonzero().flatten(), held_out.nonzero().flatten())
