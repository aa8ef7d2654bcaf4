"""The agreement of a generator's codes, found without labels, with the classes of the data."""

from __future__ import annotations

import torch
from torch import Tensor


def matched_accuracy(codes: Tensor, classes: Tensor) -> float:
    """The share of pairs (code, class), int64 [N] each, that agree once every code is given a class
    of its own as well as can be (Hungarian matching, Kuhn 1955). Chance is about 1 / classes."""
    from scipy.optimize import linear_sum_assignment  # a third of a second that few runs need

    table = torch.zeros(int(codes.max()) + 1, int(classes.max()) + 1, dtype=torch.float64)
    table.index_put_((codes, classes), table.new_ones(()), accumulate=True)
    rows, columns = linear_sum_assignment(table.numpy(), maximize=True)
    return float(table[rows, columns].sum()) / len(codes)
