"""The real rows of a table by their classes, and the samples beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from gan_runner.data import Data
from gan_runner.data.columns import Columns
from gan_runner.evaluation.metrics.tables import labeled_arrays
from gan_runner.evaluation.metrics.tstr import TSTR, LabeledArrays, TSTRTask


class Members(NamedTuple):
    """Which real rows and which samples are of a class, bool [N] and [M]."""

    name: str
    real: Tensor
    fake: Tensor


class ClassifiedRows(NamedTuple):
    """Training rows, and rows to test with where there are any."""

    columns: Columns
    classes: tuple[str, ...]
    train: LabeledArrays
    test: LabeledArrays | None

    def tstr_task(self, *, seed: int) -> TSTRTask | None:
        """The task that classifiers can be tested on; None without test rows of several classes."""
        if self.test is None or self.test.classes < 2:
            return None
        return TSTRTask(self.train, self.test, classes=len(self.classes), seed=seed)

    def members(self, fake: Tensor, labels: Tensor | None) -> Iterator[Members]:
        """Each class with its rows; nothing where samples have no class."""
        synthetic = labeled_arrays(fake, labels, self.columns)
        for label, name in enumerate(self.classes if synthetic else ()):
            assert synthetic is not None
            masks = (torch.from_numpy(rows.labels == label) for rows in (self.train, synthetic))
            yield Members(name, *masks)


def classified_rows(
    data: Data, real: Tensor, labels: Tensor | None, test: Data | None
) -> ClassifiedRows | None:
    """The rows in use, `real` [N, D], by their classes; None unless they are a labeled table."""
    columns = data.space.columns
    train = None if columns is None else labeled_arrays(real, labels, columns)
    if columns is None or train is None:
        return None
    held_out = None if test is None else labeled_arrays(test.in_memory, test.labels, columns)
    return ClassifiedRows(columns, data.class_names, train, held_out)


def recalls(found: TSTR | None, label: int) -> dict[str, float]:
    """The share of a class's test rows that each classifier gets right."""
    if found is None:
        return {}
    matrices = {"trtr_recall": found.real.confusion, "tstr_recall": found.synthetic.confusion}
    return {
        name: float(matrix[label, label] / matrix[label].sum())
        for name, matrix in matrices.items()
        if matrix[label].any()
    }
