"""The groups of a comparison as all sections of a page show them."""

from __future__ import annotations

from typing import NamedTuple

from gan_runner.comparison.compared import Comparison
from gan_runner.comparison.grouping import Group
from gan_runner.comparison.page.curves import COLORS


class NamedGroup(NamedTuple):
    """A group by its label, behind its color if it has one."""

    label: str
    color: str | None


def ordered_groups(comparison: Comparison) -> list[Group]:
    """The groups in the order of the first board, which is that of their colors."""
    groups = list(comparison.grouping.groups)
    ahead = [line.group for board in comparison.boards[:1] for line in board.lines]
    return ahead + [group for group in groups if not any(group is other for other in ahead)]


def named_groups(comparison: Comparison) -> dict[int, NamedGroup]:
    """Every group, by its `id`: of equal groups each has a color of its own."""
    groups = ordered_groups(comparison)
    colors = [*COLORS, *[None] * len(groups)]
    return {id(g): NamedGroup(g.label, color) for g, color in zip(groups, colors, strict=False)}
