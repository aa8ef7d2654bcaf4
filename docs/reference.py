"""Write docs/reference.md, every setting with its default, type and meaning, and help's types.

    python docs/reference.py

It is made from the files of conf/ and the classes that they name. A test compares the two.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from gan_runner.cli.reference import typed_option
from gan_runner.config.groups import GROUPS, options
from gan_runner.config.reference import TYPES, Option, Setting, read_option, types_text

PAGE = Path(__file__).parent / "reference.md"
INTRODUCTION = """\
# Reference of settings

Written by `python docs/reference.py` from the files of `conf/` and the classes that they name.

On the command line of gan-train, `group=option` chooses an option and `key=value` sets a setting;
with `--cfg job` it prints all that a command means, unchecked. A default is what a new run has
unless its options say otherwise. Lists are written as `'[1,2]'`, nothing as `null`."""
TITLES = {
    "method": "Methods",
    "model": "Models",
    "loss": "Losses",
    "loss/penalty": "Penalties and other terms",
    "augment": "Augmentation of what D sees",
    "dataset": "Data sets",
    "dataset/source": "Images of dataset=degraded",
    "dataset/degrade": "Degradations of dataset=degraded",
    "optimizer": "Optimizers",
    "evaluation": "Evaluation",
    "health": "Health",
    "logger": "Loggers",
    "hydra/sweeper": "Sweepers (with -m)",
    "hydra/launcher": "Launchers (with -m)",
}
HEADS = ("setting", "default", "type", "meaning")


def main() -> None:
    PAGE.write_text(text(), encoding="utf-8")
    TYPES.write_text(recorded_types(), encoding="utf-8")


def recorded_types() -> str:
    """The types that `gan-train --help` shows without importing the classes."""
    named = [(group, name) for group in TITLES for name in options(group)]
    return types_text(typed_option(group, name) for group, name in [("", "config"), *named])


def text() -> str:
    """The whole page."""
    parts = [INTRODUCTION, overview()]
    parts += ["## The run and its sweeps", table(typed_option("", "config").settings)]
    assert {*TITLES, "experiment"} >= {*GROUPS}, "every group has its section"
    for group, title in TITLES.items():
        parts += [f"## {title}", *section([typed_option(group, name) for name in options(group)])]
    parts += ["## Recipes", "`experiment=NAME`; [results.md](results.md) has what they gave."]
    return "\n\n".join([*parts, recipes()]) + "\n"


def overview() -> str:
    """Every group with its options."""
    cells = [
        (
            f"`{group}`",
            ", ".join(f"[`{name}`](#{anchor(f'{group}={name}')})" for name in options(group)),
        )
        for group in TITLES
    ]
    return rows([("group", "options"), *cells, ("`experiment`", "[recipes](#recipes)")])


def anchor(heading: str) -> str:
    """The name of a link to a heading on a page of Markdown."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def section(group: Sequence[Option]) -> list[str]:
    """A group: what most of its options share, once, and each option with the rest."""
    counts = Counter(setting for option in group for setting in option.settings)
    shared = [s for s, count in counts.items() if count >= 3 and 2 * count >= len(group)]
    parts = ["Most of them have these, with the same default:", table(shared)] if shared else []
    for option in group:
        parts += [f"### {option.group}={option.name}", plain(option.header)]
        brought = [f"`{choice}`" for choice in option.brings if choice not in option.header]
        if brought:
            parts.append(f"Brings {', '.join(brought)}.")
        own = [setting for setting in option.settings if setting not in shared]
        if own:
            parts.append(table(own))
        also = [f"`{setting.key}`" for setting in option.settings if setting in shared]
        if also:
            parts.append(f"Also, as above: {', '.join(also)}.")
    return parts


def table(settings: Iterable[Setting]) -> str:
    cells = ((f"`{s.key}`", f"`{s.value}`", s.type, plain(s.meaning)) for s in settings)
    return rows([HEADS, *cells])


def recipes() -> str:
    """The recipes with what their headers say of them."""
    headers = {
        name: plain(read_option("experiment", name).header) for name in options("experiment")
    }
    cells = ((f"`{name}`", text.partition(" Command:")[0]) for name, text in headers.items())
    return rows([("recipe", "what it trains"), *cells])


def rows(cells: Sequence[Sequence[str]]) -> str:
    """A table of Markdown, whose first row is its head."""
    head, *others = [[cell.replace("|", "\\|") for cell in row] for row in cells]
    lines = [head, ["---"] * len(head), *others]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def plain(sentence: str) -> str:
    """A sentence whose signs mean nothing to Markdown."""
    return sentence.replace("~", "\\~").replace("*", "\\*")


if __name__ == "__main__":
    main()
