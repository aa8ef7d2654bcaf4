"""The real rows of a table by their classes, and the samples beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from gan_runner.data import Data
from gan_runner.data.columns import Columns
from gan_runner.evaluation.metrics.tables import labelled
from gan_runner.evaluation.metrics.tstr import Exam, Labelled, Tstr


class Members(NamedTuple):
    """Which real rows and which samples are of a class, bool [N] and [M]."""

    name: str
    real: Tensor
    fake: Tensor


class ClassifiedRows(NamedTuple):
    """Rows that a generator learnt from, and rows to test with where there are any."""

    columns: Columns
    classes: tuple[str, ...]
    train: Labelled
    test: Labelled | None

    def exam(self, *, seed: int) -> Exam | None:
        """What classifiers can be asked; None without test rows or without several classes."""
        if self.test is None or len(self.classes) < 2:
            return None
        return Exam(self.train, self.test, classes=len(self.classes), seed=seed)

    def members(self, fake: Tensor, told: Tensor | None) -> Iterator[Members]:
        """Each class with its rows; nothing where samples have no class."""
        synthetic = labelled(fake, told, self.columns)
        for label, name in enumerate(self.classes if synthetic else ()):
            assert synthetic is not None
            masks = (torch.from_numpy(rows.labels == label) for rows in (self.train, synthetic))
            yield Members(name, *masks)


def classified_rows(
    data: Data, real: Tensor, labels: Tensor | None, test: Data | None
) -> ClassifiedRows | None:
    """The rows in use, `real` [N, D], by their classes; None for what is no labelled table."""
    columns = data.space.columns
    train = None if columns is None else labelled(real, labels, columns)
    if columns is None or train is None:
        return None
    held_out = None if test is None else labelled(test.examples, test.labels, columns)
    return ClassifiedRows(columns, data.class_names, train, held_out)


def recalls(found: Tstr | None, label: int) -> dict[str, float]:
    """The share of a class's test rows that each classifier gets right."""
    if found is None:
        return {}
    told = {"trtr_recall": found.real.confusion, "tstr_recall": found.synthetic.confusion}
    return {
        name: float(matrix[label, label] / matrix[label].sum())
        for name, matrix in told.items()
        if matrix[label].any()
    }
