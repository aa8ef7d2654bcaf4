"""What the sections of a page share: groups in their colours, tables, notes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gan_runner.comparison.compared import Comparison
from gan_runner.comparison.grouping import Group
from gan_runner.comparison.page.curves import COLORS
from gan_runner.comparison.page.markup import Content, Html, element, join
from gan_runner.errors import printable


def coloured(comparison: Comparison) -> tuple[list[Group], int]:
    """The groups that have a colour, in the order of their colours, and how many there are."""
    groups = ordered(comparison)
    return groups[: len(COLORS)], len(groups)


def ordered(comparison: Comparison) -> list[Group]:
    """The groups in the order of the first board."""
    groups = list(comparison.grouping.groups)
    ahead = [line.group for board in comparison.boards[:1] for line in board.lines]
    return ahead + [group for group in groups if not any(group is other for other in ahead)]


def colours_of(comparison: Comparison) -> dict[int, str]:
    groups, _ = coloured(comparison)
    return {id(group): colour for group, colour in zip(groups, COLORS, strict=False)}


def named(group: Group, colours: dict[int, str]) -> Html:
    """A group's label behind its colour."""
    colour = colours.get(id(group))
    swatch = element("span", class_="swatch", style=f"background:{colour}" if colour else None)
    return join([swatch, *breakable(group.label)])


def breakable(text: str) -> list[Content]:
    """A name that a narrow column may break after a sign between its words."""
    parts = re.split(r"(?<=[._=/])(?=[a-z])", printable(text, 200))
    return [piece for part in parts for piece in (part, Html("<wbr>"))][:-1]


def legend(comparison: Comparison, groups: Sequence[Group]) -> Html:
    colours = colours_of(comparison)
    return element(
        "div", [element("span", named(group, colours)) for group in groups], class_="legend"
    )


def listed(texts: Sequence[str]) -> Html | None:
    return element("ul", [element("li", text) for text in texts], class_="notes") if texts else None


def folded(title: str, content: Sequence[Content]) -> Html:
    return element("details", element("summary", title), content)


def table_of(heads: Sequence[Content], rows: Sequence[Html], numbers: Sequence[int] = ()) -> Html:
    head = [
        element("th", text, class_="number" if place in numbers else None)
        for place, text in enumerate(heads)
    ]
    table = element("table", element("thead", element("tr", head)), element("tbody", rows))
    return element("div", table, class_="scroll")
