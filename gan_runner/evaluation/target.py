"""The column of a table that models predict, which `efficacy` fits to samples and to real rows."""

from __future__ import annotations

from gan_runner.data import Column, Data
from gan_runner.errors import ConfigError, did_you_mean, printable
from gan_runner.evaluation.settings import Evaluation

_NAMES = ("target", "targets", "y", "outcome", "label")  # of a number to predict, in any case


def find_target(settings: Evaluation, data: Data) -> Column | None:
    """The column that `evaluation.target` names; of `auto` the label, or in a table without one a
    column of numbers that is called so, or else is the last. None where there is no such column.

    Raises ConfigError for a column that isn't there or isn't learned.
    """
    columns, asked = data.space.columns, settings.target
    if asked not in (None, "auto"):
        return _named(str(asked), data)
    if columns is None or asked is None:
        return None
    if columns.label is not None:
        return columns.label if data.tells_classes_apart else None
    learned = [column for column in columns.shown if column.unlearned is None]
    numbers = [c for c in learned if not c.categories and c.dates is None]
    called = [column for column in numbers if column.name.lower() in _NAMES]
    return next((c for c in (*called, *learned[-1:]) if c in numbers), None)


def _named(name: str, data: Data) -> Column:
    key = f"evaluation.target={printable(name)}"
    if data.space.columns is None:
        raise ConfigError(f"{key} needs table data, and the data has {data.space.kind}. Remove it.")
    columns = {column.name: column for column in data.space.columns.shown}
    if name not in columns:
        shown = map(printable, columns)
        raise ConfigError(f"no such column, {key}. {did_you_mean(name, shown)}")
    if columns[name].unlearned is not None:
        what = "an identifier or a constant can't be predicted"
        raise ConfigError(f"{what}, {key}. Name another column, or use evaluation.target=auto")
    return columns[name]
