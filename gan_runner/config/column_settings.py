"""Settings of the columns of a table, in a file of names or on the command line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, field_validator, model_validator

from gan_runner.config.component import Component, parse_settings
from gan_runner.config.plain_yaml import LARGEST_FILE_BYTES, load
from gan_runner.errors import ConfigError, printable

FILE = "__file__"
"""The name under which settings of columns have the file that has others."""

_OF_NUMBERS = ("bounds", "encoding", "spikes")


class ColumnSettings(Component):
    """What is known of a column; None for what is guessed, or as the settings of the data set.

    `bounds`: of sampled numbers. `spikes`: numbers that are choices of their own. `order`: all
    categories of an ordinal. `format`: of dates, in the directives of strftime. `rare`: categories
    with a smaller share of the rows are merged into one.
    """

    kind: (
        Literal[
            "number", "category", "ordinal", "yes_no", "date", "identifier", "constant", "ignore"
        ]
        | None
    ) = None
    bounds: Literal["observed", "none"] | tuple[float, float] | tuple[str, str] | None = None
    encoding: Literal["plain", "quantile", "modes"] | None = None
    spikes: tuple[float, ...] | None = None
    order: Annotated[tuple[str, ...], Field(min_length=2)] | None = None
    format: str | None = None
    rare: Annotated[float, Field(gt=0, lt=1)] | Literal["keep"] | None = None

    @field_validator("bounds")
    @classmethod
    def _check_bounds(cls, bounds: object) -> object:
        if isinstance(bounds, tuple) and isinstance(bounds[0], str):
            return bounds  # dates, which the column's own spelling orders
        if isinstance(bounds, tuple) and not bounds[0] < bounds[1]:
            raise ValueError("The first bound is below the second")
        return bounds

    @field_validator("order")
    @classmethod
    def _check_order(cls, order: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if order is not None and len(set(order)) < len(order):
            raise ValueError("A category comes twice")
        return order

    @model_validator(mode="after")
    def _check_kind(self) -> ColumnSettings:
        """Refuse settings of another kind than the column's."""
        if self.order is not None and self.kind != "ordinal":
            raise ValueError("An order needs kind: ordinal")
        if self.kind == "ordinal" and self.order is None:
            raise ValueError("An ordinal needs its order, as in order: [low, middle, high]")
        if self.format is not None and self.kind not in (None, "date"):
            raise ValueError("A format needs kind: date")
        if self.rare is not None and self.kind not in (None, "category"):
            raise ValueError("rare needs kind: category")
        given = [key for key in _OF_NUMBERS if getattr(self, key) is not None]
        if given and self.kind not in (None, "number", "date"):
            raise ValueError(f"{given[0]} needs kind: number")
        if self.format is not None or self.kind == "date":
            if self.spikes is not None:
                raise ValueError("Spikes of dates are found from the data")
            if isinstance(self.bounds, tuple) and not isinstance(self.bounds[0], str):
                raise ValueError(
                    "Bounds of dates are dates, as in bounds: [2020-01-01, 2020-12-31]"
                )
        return self


def complete_columns(given: object) -> dict[str, Any]:
    """The settings of columns as given: a mapping, the path of a file, or both, of which the former
    wins. Raises ConfigError, with file, column and key, for what a file can't have."""
    if isinstance(given, str):
        given = {FILE: given}
    if not isinstance(given, Mapping):
        shown = printable(given)
        raise ConfigError(f"not a file, dataset.columns={shown}. Name one: dataset.columns=FILE")
    given = dict(given)
    path = given.pop(FILE, None)
    if path is None:
        return given
    columns = _read_columns(Path(str(path)).expanduser())
    for name, settings in given.items():
        if isinstance(settings, Mapping):
            columns[name] = {**columns.get(name, {}), **settings}
    return columns


def _read_columns(path: Path) -> dict[str, Any]:
    """The settings in a file of names. Raises ConfigError."""
    where = printable(path)
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise ConfigError(f"too large, dataset.columns={where}. It may have 1 MiB.")
        plain = load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        remedy = "gan-data dataset=table dataset.path=TABLE --write-columns FILE writes one"
        raise ConfigError(f"no such file, dataset.columns={where}. {remedy}") from None
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        text = printable(" ".join(str(error).split()))
        raise ConfigError(f"unreadable, dataset.columns={where}. {text}") from None
    if not isinstance(plain, dict):
        raise ConfigError(
            f"no names of columns, dataset.columns={where}. Write NAME: and below it "
            "settings such as kind: number"
        )
    return {_name(name, where): _settings(name, entry, where) for name, entry in plain.items()}


def _name(name: object, where: str) -> str:
    """A name, also one that YAML reads as a whole number."""
    if isinstance(name, str) or (isinstance(name, int) and not isinstance(name, bool)):
        return str(name)
    shown = printable(name)
    raise ConfigError(
        f"a name that YAML reads as another type, {shown} in {where}. Put it in quotes"
    )


def _settings(name: object, entry: object, where: str) -> dict[str, Any]:
    if entry is None:
        return {}
    shown = f"{where}: {printable(name)}"
    if not isinstance(entry, Mapping):
        raise ConfigError(f"not settings, {shown}. Write them below the name, as kind: number")
    if isinstance(entry.get("order"), list):
        # YAML reads 1 and true, which are texts in a table
        entry = {**entry, "order": [_as_text(each) for each in entry["order"]]}
    if isinstance(entry.get("bounds"), list):
        # YAML reads dates as such
        bounds = [str(each) if isinstance(each, date) else each for each in entry["bounds"]]
        entry = {**entry, "bounds": bounds}
    parse_settings(entry, ColumnSettings, where=shown)
    return dict(entry)


def _as_text(value: object) -> object:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number else value


def typed_columns(line: str) -> str:
    """A line of the command line as Hydra takes it: columns may have any name, beside a file."""
    key, sign, value = line.partition("=")
    if not sign or not re.match(r"dataset\.columns(\.|$)", key):
        return line
    if key == "dataset.columns" and not value.startswith("{"):
        return f"++dataset.columns.{FILE}={value}"
    return f"++{key}={value}"
