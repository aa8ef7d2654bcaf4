"""The columns that `dataset.conditional_vector` names, with how frequent their categories are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan_runner.data import Column
from gan_runner.datasets.column_names import matching
from gan_runner.errors import ConfigError, did_you_mean, printable


def find_vector_columns(wanted: Sequence[str], columns: Sequence[Column]) -> set[str]:
    """The names of the columns that these names and patterns stand for; a pattern stands for all
    with categories that fit it. Raises ConfigError for a column that isn't there or can't be part
    of a conditional vector."""
    fitting = [c.name for c in columns if c.width and len(c.categories) > 1]
    named = {column.name: column for column in columns}
    found: set[str] = set()
    for name in wanted:
        setting = f"dataset.conditional_vector={printable(name)}"
        if name in named and name not in fitting:
            raise ConfigError(
                f"column {printable(name)} {_why_not(named[name])}, {setting}. Leave it out."
            )
        chosen = matching(name, fitting)
        if not chosen:
            remedy = did_you_mean(name, map(printable, fitting))
            raise ConfigError(f"no such column of categories, {setting}. {remedy}")
        found.update(chosen)
    return found


def with_shares(column: Column, values: NDArray[Any]) -> Column:
    """A column of categories with the share of each among these values, indices of them."""
    counts = np.bincount(values, minlength=len(column.categories))
    return replace(column, shares=tuple((counts / counts.sum()).tolist()))


def _why_not(column: Column) -> str:
    if column.condition:
        return "is the condition of the model already"
    if column.given:
        return "is computed from others by a constraint"
    if column.unlearned is not None:
        return "isn't learned"
    return "has a single category" if column.categories else "has numbers"
