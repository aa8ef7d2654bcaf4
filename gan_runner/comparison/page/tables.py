"""The differences between groups, their cost, and every run, as data for `differences.html`,
`resources.html` and `runs.html`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

from gan_runner.comparison import findings
from gan_runner.comparison.commands import run_command
from gan_runner.comparison.compared import Comparison
from gan_runner.comparison.page.groups import NamedGroup, named_groups, ordered_groups
from gan_runner.comparison.record import ENDED, Record
from gan_runner.system.units import duration_text, size_text

NOT_RECORDED = "not recorded"

_MOST_GROUPS = 20  # side by side
_NETWORKS = ("generator", "discriminator")
_SPEED = "speed/images_per_second"
_STATES = {
    **{"completed": "good", "stopped": "good", "interrupted": "warn"},
    **{"paused": "", "running": ""},
    **{"diverged": "bad", "failed": "bad", "died": "bad", "unreadable": "bad"},
}


def differences(comparison: Comparison) -> dict[str, Any]:
    """Every setting that differs, by group; then those that all share."""
    grouping, names = comparison.grouping, named_groups(comparison)
    places = {id(group): place for place, group in enumerate(grouping.groups)}
    shown = ordered_groups(comparison)[:_MOST_GROUPS]
    omitted = [f"the first {len(shown)} of {len(places)} groups."] * (len(places) > len(shown))
    return {
        "groups": [names[id(group)] for group in shown],
        "differing": [
            (key, [values[places[id(group)]] for group in shown])
            for key, values in grouping.differing.items()
        ],
        "shared": list(grouping.shared.items()),
        "notes": omitted,
    }


def resources(comparison: Comparison) -> dict[str, Any]:
    """The mean time and memory of the runs of each group."""
    names = named_groups(comparison)
    rows = []
    for group in ordered_groups(comparison):
        # what was cut short took less
        runs = [r for r in group.records if r.summary.state in ENDED] or list(group.records)
        rows.append(
            {
                "group": names[id(group)],
                "figures": _figures(runs),
                "devices": ", ".join(dict.fromkeys(_devices(runs))),
            }
        )
    heads = ("", "time", "images a second", "steps", "parameters of G", "of D", "peak memory")
    return {"heads": (*heads, "device"), "rows": rows}


def runs(comparison: Comparison) -> dict[str, Any]:
    """Every run, how it ended, and what its health was."""
    names = named_groups(comparison)
    groups = {id(r): names[id(g)] for g in comparison.grouping.groups for r in g.records}
    return {"rows": [_run(r, groups.get(id(r))) for r in comparison.records]}


def _figures(runs: Sequence[Record]) -> list[tuple[str, float | None]]:
    """Texts, each with the number by which a table is sorted."""
    seconds = findings.mean(r.seconds for r in runs if r.seconds is not None)
    speeds = [median(s.values()) for r in runs if (s := r.logged.get(_SPEED))]
    peaks = (r.status.peak_memory for r in runs)
    memory = findings.mean(peak for peak in peaks if peak is not None)
    steps = findings.mean(r.summary.step for r in runs if r.summary.step is not None)
    counts = [findings.mean(speeds), steps, *(_parameters(runs, of) for of in _NETWORKS)]
    return [
        (NOT_RECORDED if seconds is None else duration_text(seconds), seconds),
        *((NOT_RECORDED if count is None else f"{count:,.0f}", count) for count in counts),
        (NOT_RECORDED if memory is None else size_text(memory), memory),
    ]


def _parameters(runs: Sequence[Record], network: str) -> float | None:
    counts = (run.status.parameters.get(network) for run in runs)
    return findings.mean(count for count in counts if count is not None)


def _devices(runs: Sequence[Record]) -> Iterable[str]:
    return (run.status.device for run in runs if run.status.device)


def _run(record: Record, group: NamedGroup | None) -> dict[str, Any]:
    status = record.status
    step, steps = record.summary.step, record.summary.steps
    progress = "-" if step is None else f"{step}" if steps is None else f"{step} / {steps}"
    return {
        "name": record.name,
        "path": record.summary.path,
        "command": run_command(record),
        "group": group,
        "seed": "-" if record.seed is None else record.seed,
        "state": record.state,
        "kind": _STATES.get(record.state, ""),
        "progress": progress,
        "reason": None if record.state == "completed" else status.reason,
        "verdicts": [findings.verdict_text(verdict) for verdict in status.verdicts],
        "warnings": list(status.warnings),
    }
