"""Write docs/gallery.md: every measured recipe with its picture, its command and its numbers.

    python docs/gallery.py

It is made from the headers of conf/experiment/ and the pictures in docs/gallery/. A test compares.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path

from reference import plain, rows

from gan_runner.config.groups import options
from gan_runner.config.reference import read_option

PAGE = Path(__file__).parent / "gallery.md"
PICTURES = Path(__file__).parent / "gallery"
INTRODUCTION = """\
# Gallery of recipes

Written by `python docs/gallery.py` from the files of `conf/experiment`. A recipe is a command,
such as `gan-train experiment=digits_hinge`, whose result was measured: the last checkpoint, lowest
and highest of the seeds in brackets. [Results](results.md) has the numbers with their protocols,
[metrics](metrics.md) what they mean. A picture is `gan-sample RUN --out samples.png` after the
command under it, seed 0 (trained on 2026-11-30, tables on 2026-12-01); of sines the first 16, in
fewer colors. Of translators it is `gan-evaluate RUN --picture picture.png`, some of its rows:
held-out inputs, outputs, and targets or what comes back."""
MEASURED = re.compile(
    r"(?P<what>.*?) Command: (?P<command>.*?) Measured on (?P<date>\S+), (?P<machine>.*?), "
    r"(?P<time>[^,]*) each, seeds? (?P<seeds>[\d, ]+): (?P<numbers>.*) \(protocol .*"
)


def main() -> None:
    PAGE.write_text(text(), encoding="utf-8")


def text() -> str:
    """The whole page."""
    headers = {name: read_option("experiment", name).header for name in options("experiment")}
    found = {name: MEASURED.fullmatch(header) for name, header in headers.items()}
    recipes = {name: match.groupdict() for name, match in found.items() if match}
    parts = [INTRODUCTION]
    for data, names in groupby(recipes, key=_data_of):
        parts += section(data, {name: recipes[name] for name in names})
    return "\n\n".join(parts) + "\n"


def _data_of(recipe: str) -> str:
    """The data set that a recipe is called after."""
    return recipe if recipe in options("dataset") else recipe.partition("_")[0]


def section(data: str, recipes: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """The recipes on a data set: where they were measured, the pictures, a row for each."""
    yield f"## {data}"
    for name, recipe in recipes.items():
        if (PICTURES / f"{name}.png").exists():
            yield f"![Samples of {name}](gallery/{name}.png)"
            yield f"    {recipe['command']}"
    places = {f"{recipe['date']} on {recipe['machine']}" for recipe in recipes.values()}
    yield f"Measured on {', '.join(sorted(places))}."
    cells = [
        (f"`{name}`", plain(r["what"]), r["time"], r["seeds"], f"{plain(r['numbers'])}")
        for name, r in recipes.items()
    ]
    yield rows([("recipe", "what it trains", "time", "seeds", "measured"), *cells])


if __name__ == "__main__":
    main()
