"""A comparison, or one run, as a page: a single file that needs no network and runs no script but
the slider's own. Its sections are in `results.py`, `plots.py` and `tables.py`, its look in
`page.html`."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from string import Template

from gan_runner import __version__
from gan_runner.comparison.compared import Comparison
from gan_runner.comparison.page import plots, results, tables
from gan_runner.comparison.page.markup import Html, element, join
from gan_runner.storage.run_folder import now

_SECTIONS: dict[str, Callable[[Comparison], Html]] = {
    "Leaderboard": results.leaderboard,
    "Curves": plots.curves,
    "Samples": plots.samples,
    "Differences": tables.differences,
    "Resources": tables.resources,
    "Runs": tables.runs,
}
_ONE_RUN = {"Leaderboard": "Result", "Differences": "Settings", "Runs": "Run"}


def page(comparison: Comparison, *, title: str | None = None) -> str:
    """The page. Raises MachineError without matplotlib."""
    here = Path(__file__).parent
    script = (here / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    alone = len(comparison.records) == 1
    names = {name: _ONE_RUN.get(name, name) if alone else name for name in _SECTIONS}
    shown = title or _title(comparison)
    parts = [
        element("section", element("h2", names[name]), make(comparison), id=name.lower())
        for name, make in _SECTIONS.items()
    ]
    template = Template((here / "page.html").read_text(encoding="utf-8"))
    return template.substitute(
        script_hash=f"sha256-{digest}",
        title=join(shown),
        links=join(element("a", names[name], href=f"#{name.lower()}") for name in _SECTIONS),
        body=join([element("h1", shown), _summary(comparison), *parts]),
        footer=join(f"Made by gan-runner {__version__} on {now()}."),
        script=script,
    )


def _title(comparison: Comparison) -> str:
    """The run's name, or the folder that holds all runs."""
    paths = [record.summary.path.resolve() for record in comparison.records]
    if len(paths) == 1:
        return comparison.records[0].name
    parents = {path.parent for path in paths}
    return parents.pop().name if len(parents) == 1 else f"{len(paths)} runs"


def _summary(comparison: Comparison) -> Html:
    outcomes = Counter(record.outcome for record in comparison.records)
    told = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common())
    if len(comparison.records) == 1:
        state = element("p", told.removeprefix("1 "), class_="soft")
        health = results.health(comparison.records[0])
        return join([state, _headline(comparison), health])
    groups = len(comparison.grouping.groups)
    text = f"{len(comparison.records)} runs in {groups} group{'s' * (groups != 1)}: {told}."
    return join([element("p", text, class_="soft"), _headline(comparison)])


def _headline(comparison: Comparison) -> Html:
    return element("p", results.verdict(comparison), class_="headline")
