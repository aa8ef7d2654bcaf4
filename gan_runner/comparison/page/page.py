"""A comparison, or one run, as a page: a single file that needs no network and runs no script but
its own and the one that draws curves.

Python gives plain data (`facts.py`, `results.py`, `plots.py`, `tables.py`: a function for each
section), the templates give HTML that can be read as it is, `page.js` lets a reader explore it.
Every text is escaped and shortened, wherever it comes from; `safe` marks what was made here and
stays as it is.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gan_runner import __version__
from gan_runner.comparison.compared import Comparison
from gan_runner.comparison.page import columns, plots, readings, results, searches, tables, uplot
from gan_runner.comparison.page.facts import facts, moment_text
from gan_runner.errors import plural, printable
from gan_runner.storage.run_folder import current_time

_TEMPLATES = Path(__file__).parent / "templates"
_MAX_LETTERS, _MAX_NAME_LETTERS = 600, 200  # letters of a text from outside

# id, which names the template, too; heading, and that of a page of one run, None where such a page
# has no such section; the section's data
_SECTIONS: tuple[tuple[str, str, str | None, Callable[[Comparison], dict[str, Any]]], ...] = (
    ("samples", "Samples", "Samples", plots.samples),
    ("leaderboard", "Leaderboard", "Result", results.leaderboard),
    ("curves", "Curves", "Curves", plots.curves),
    ("search", "Search", None, searches.section),
    ("columns", "Columns", "Columns", columns.section),
    ("data", "Data", "Data", readings.data),
    ("differences", "Differences", "Settings", tables.differences),
    ("resources", "Resources", None, tables.resources),
    ("runs", "Runs", None, tables.runs),
)


def page(comparison: Comparison, *, title: str | None = None) -> str:
    """The page as HTML."""
    alone = len(comparison.records) == 1
    headings = [(name, one if alone else many, make) for name, many, one, make in _SECTIONS]
    return render(
        title=title or _title(comparison),
        alone=alone,
        summary=_summary(comparison),
        headline=results.headline(comparison),
        verdicts=results.verdicts(comparison.records[0]) if alone else [],
        facts=facts(comparison.records),
        sections=[
            {"id": name, "heading": heading, **make(comparison)}
            for name, heading, make in headings
            if heading is not None and _has(comparison, name)
        ],
    )


def _has(comparison: Comparison, section: str) -> bool:
    """Whether a comparison has what a section shows; most sections say where there is nothing."""
    if section == "search":
        return bool(comparison.searches)
    return section != "columns" or columns.is_of_tables(comparison)


def render(
    *,
    title: str,
    alone: bool,
    summary: str,
    headline: str,
    verdicts: Sequence[str],
    facts: Mapping[str, Any] | None,
    sections: Sequence[Mapping[str, Any]],
) -> str:
    """A page of sections as HTML: each has the `id` of its template, a `heading` and its data."""
    drawn = any(section["id"] == "curves" for section in sections)
    scripts = [*[uplot.script()] * drawn, (_TEMPLATES / "page.js").read_text(encoding="utf-8")]
    return (
        _environment()
        .get_template("page.html")
        .render(
            title=title,
            alone=alone,
            summary=summary,
            headline=headline,
            verdicts=verdicts,
            facts=facts,
            sections=sections,
            version=__version__,
            time=moment_text(current_time()),
            styles=[uplot.style()] * drawn,
            scripts=scripts,
            script_hashes=[_digest(script) for script in scripts],
        )
    )


def _digest(script: str) -> str:
    """The hash by which the page's policy allows a script."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _title(comparison: Comparison) -> str:
    """The run's name, or the folder that holds all runs."""
    paths = [record.summary.path.resolve() for record in comparison.records]
    if len(paths) == 1:
        return comparison.records[0].name
    parents = {path.parent for path in paths}
    return parents.pop().name if len(parents) == 1 else plural(len(paths), "run")


def _summary(comparison: Comparison) -> str:
    """The number of runs, and how they ended."""
    states = Counter(record.state for record in comparison.records)
    if len(comparison.records) == 1:
        (record,) = comparison.records
        step, steps = record.summary.step, record.summary.steps
        of = "" if steps is None else f" of {steps}"
        return record.state if step is None else f"{record.state} at step {step}{of}"
    listed = ", ".join(f"{count} {state}" for state, count in states.most_common())
    groups = len(comparison.grouping.groups)
    return f"{plural(len(comparison.records), 'run')} in {plural(groups, 'group')}: {listed}."


def _environment() -> Environment:
    """Templates in which every text is escaped, and a name that nobody gave is an error."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["parts"] = _parts
    return environment


def _finalize(value: object) -> object:
    """The output for a value: markup as it is, a text in one line and not too long."""
    return value if hasattr(value, "__html__") else printable(value, _MAX_LETTERS)


def _parts(name: object) -> list[str]:
    """The parts of a name between which a line may break."""
    return re.split(r"(?<=[._=/])(?=[a-z])", printable(name, _MAX_NAME_LETTERS))
