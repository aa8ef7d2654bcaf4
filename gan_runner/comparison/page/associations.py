"""Pairs of a table's columns as heat maps and as a list, for `columns.html`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from gan_runner.errors import cut_middle
from gan_runner.evaluation.table_report.report import Associations

_CELL, _NAME_WIDTH = 16, 150  # pixels
_NAME_LETTERS = 22
_MOST_PAIRS = 10
_FULL_DIFFERENCE = 0.5  # from which on a difference has its full color


class _Pair(NamedTuple):
    """Two columns by their places, the row and an earlier one, and their association."""

    row: int
    column: int
    real: float
    sampled: float


def maps(of: Associations) -> list[dict[str, Any]]:
    """Triangles of cells: real, sampled, and the difference. None for fewer than two columns."""
    found = list(_pairs(of))
    values = {
        "real": [pair.real for pair in found],
        "sampled": [pair.sampled for pair in found],
        "sampled less real": [pair.sampled - pair.real for pair in found],
    }
    size = _CELL * len(of.names)
    return [
        {
            "heading": heading,
            "width": size + _NAME_WIDTH,
            "height": size,
            "cell": _CELL,
            "names": [
                (_CELL * place + 4, _CELL * place + 12, cut_middle(name, _NAME_LETTERS))
                for place, name in enumerate(of.names)
            ],
            "cells": [
                _cell(of, pair, value, _FULL_DIFFERENCE if "less" in heading else 1.0)
                for pair, value in zip(found, each, strict=True)
            ],
        }
        for heading, each in values.items()
        if found
    ]


def pairs(of: Associations) -> list[dict[str, Any]]:
    """The pairs of columns whose associations differ most."""
    worst = sorted(_pairs(of), key=lambda pair: -abs(pair.sampled - pair.real))
    return [
        {
            "names": (of.names[pair.column], of.names[pair.row]),
            "measure": _measure(of, pair),
            "figures": [_text(x) for x in (pair.real, pair.sampled, pair.sampled - pair.real)],
        }
        for pair in worst[:_MOST_PAIRS]
    ]


def _pairs(of: Associations) -> Iterator[_Pair]:
    """The pairs in the order of their associations: row by row below the diagonal."""
    places = [(row, column) for row in range(len(of.names)) for column in range(row)]
    for (row, column), real, sampled in zip(places, of.real, of.sampled, strict=True):
        yield _Pair(row, column, real, sampled)


def _cell(of: Associations, pair: _Pair, value: float, full: float) -> dict[str, Any]:
    return {
        "x": _CELL * pair.column,
        "y": _CELL * pair.row,
        "sign": "minus" if value < 0 else "plus",
        "opacity": f"{min(1.0, abs(value) / full):.2f}",
        "names": (of.names[pair.column], of.names[pair.row]),
        "value": _text(value),
    }


def _measure(of: Associations, pair: _Pair) -> str:
    numeric = of.are_numeric[pair.row] + of.are_numeric[pair.column]
    return ("Cramér's V", "correlation ratio", "Pearson's correlation")[numeric]


def _text(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}"  # 0 is added to make 0.00 of -0.00
