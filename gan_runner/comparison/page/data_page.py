"""The page of a data set: its reading report, examples, histograms and rows."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, NamedTuple

from gan_runner.comparison.page.page import render
from gan_runner.comparison.page.readings import report_section
from gan_runner.data_report.report import ReadingReport
from gan_runner.data_report.text import counts_text, summary


class Illustrations(NamedTuple):
    """PNG files of examples and of histograms, a few rows below their heads, and notes."""

    examples: bytes
    histograms: bytes
    rows: Sequence[Sequence[str]]
    notes: Sequence[str]


def data_page(report: ReadingReport, illustrations: Illustrations | None) -> str:
    """The page as HTML; without illustrations where the data itself isn't at hand."""
    _, *rows = summary(report)
    reports = [{**report_section(report, heading=None), "rows": rows}]
    sections: list[dict[str, Any]] = [
        {"id": "data", "heading": "Reading", "reports": reports, "notes": [], "open": True}
    ]
    if illustrations is not None:
        sections += _picture_sections(illustrations)
    return render(
        title=report.name,
        alone=True,
        summary=report.source,
        headline=f"{counts_text(report)}.",
        verdicts=[],
        facts=None,
        sections=sections,
    )


def _picture_sections(found: Illustrations) -> list[dict[str, Any]]:
    sections: list[dict[str, Any]] = [
        {
            "id": "picture",
            "heading": heading,
            "url": "data:image/png;base64," + base64.b64encode(content).decode(),
            "notes": notes,
        }
        for heading, content, notes in (
            ("Examples", found.examples, []),
            ("Histograms", found.histograms, found.notes),
        )
    ]
    if found.rows:
        heads, *rows = found.rows
        sections.append({"id": "rows", "heading": "Some rows", "heads": heads, "rows": rows})
    return sections
