"""The readings of data for `data.html`: of the runs of a comparison, or of one data set."""

from __future__ import annotations

from typing import Any

from gan_runner.comparison.compared import Comparison
from gan_runner.data_report.report import ReadingReport
from gan_runner.data_report.text import left_out_lines, part_cells, part_name, summary
from gan_runner.errors import plural

_MOST_REPORTS = 12
_MOST_PARTS = 500
_MOST_NAMED = 12  # runs


def data(comparison: Comparison) -> dict[str, Any]:
    """Each different reading report, with the runs that have it."""
    names: dict[int, list[str]] = {}
    reports: list[ReadingReport] = []
    unknown = []
    for record in comparison.records:
        if record.reading is None:
            unknown.append(record.name)
            continue
        place = next((k for k, each in enumerate(reports) if each == record.reading), len(reports))
        if place == len(reports):
            reports.append(record.reading)
        names.setdefault(place, []).append(record.name)
    several = len(reports) > 1
    notes = []
    if len(reports) > _MOST_REPORTS:
        notes.append(f"{_MOST_REPORTS} of {len(reports)} data sets are shown.")
    if unknown and reports:
        notes.append(f"runs without a reading report: {_names_text(unknown)}.")
    return {
        "reports": [
            report_section(report, heading=_names_text(names[place]) if several else None)
            for place, report in enumerate(reports[:_MOST_REPORTS])
        ],
        "notes": notes,
        "open": False,
    }


def report_section(report: ReadingReport, *, heading: str | None) -> dict[str, Any]:
    """A report as `data.html` shows it; `heading` names whose it is."""
    parts = [part_cells(part) for part in report.parts[:_MOST_PARTS]]
    # what is alike of all parts, or of none, has no column
    shown = [0, *[1] * (report.kind == "table"), 2, *[3] * any(cells[3] for cells in parts)]
    decisions = [(d.text, d.remedy, d.doubtful) for d in report.decisions]
    others = sum(not decision.doubtful for decision in report.decisions)
    noun = "decision" if others == len(report.decisions) else "other decision"
    return {
        "heading": heading,
        "rows": summary(report),
        "doubtful": [(text, remedy) for text, remedy, doubtful in decisions if doubtful],
        "other_decisions": plural(others, noun),
        "decided": [(text, remedy) for text, remedy, doubtful in decisions if not doubtful],
        "left_out": left_out_lines(report),
        "classes": [(each.name, f"{each.count:,}") for each in report.classes],
        "more_classes": report.total_classes - len(report.classes),
        "part_name": part_name(report),
        "part_heads": [("name", "kind", "values", "notes")[place] for place in shown],
        "parts": [[cells[place] for place in shown] for cells in parts],
        "total_parts": f"{report.total_parts:,}",
        "more_parts": max(0, report.total_parts - _MOST_PARTS),
    }


def _names_text(names: list[str]) -> str:
    return ", ".join(names[:_MOST_NAMED]) + ", ..." * (len(names) > _MOST_NAMED)
