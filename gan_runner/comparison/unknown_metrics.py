"""Metrics of plugins in the rows of runs, which cost an import only where one was measured."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from gan_runner.comparison.record import Record
from gan_runner.config.plugins import Plugin, load_plugins
from gan_runner.errors import printable
from gan_runner.evaluation.metrics.registry import numbers


def explain_metrics(records: Sequence[Record], plugins: Sequence[Plugin]) -> None:
    """Import the plugins if a run was measured by a metric that isn't ours, and warn of one that is
    of none of them: which of its values are better is known only where a run says so.

    Plugins need torch, so that a comparison without such a metric leaves them alone. Raises
    ConfigError for one that can't be imported.
    """
    if _unknown_metrics(records):
        load_plugins(plugins)
    if unknown := _unknown_metrics(records):
        names = printable(", ".join(unknown))
        what = f"metric {names} is" if len(unknown) == 1 else f"metrics {names} are"
        print(
            f"warning: {what} of a plugin that isn't loaded. Give --plugin FILE or install it.",
            file=sys.stderr,
        )


def _unknown_metrics(records: Sequence[Record]) -> list[str]:
    """The numbers that runs were measured by and that no metric gives."""
    known = numbers()
    measured = {measure.metric for record in records for measure in record.measured}
    return sorted(name for name in measured if name is not None and name not in known)
