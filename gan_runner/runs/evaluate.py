"""A saved run evaluated: its settings with changes, and the evaluator of its data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gan_runner.config.component import parse_settings
from gan_runner.errors import ConfigError, printable
from gan_runner.evaluation.evaluator import Evaluator
from gan_runner.evaluation.report import EvaluationReport
from gan_runner.evaluation.settings import Evaluation
from gan_runner.evaluation.table_report.report import write_table_report
from gan_runner.logs.terminal import Terminal
from gan_runner.runs.open import Trained, load_training_data
from gan_runner.storage.run_folder import RunFolder, current_time
from gan_runner.system.machine import find_device


def evaluation_settings(
    trained: Trained, changes: Mapping[str, Any], *, where: str = "evaluation"
) -> Evaluation:
    """The run's own settings, with those that aren't None changed. Raises ConfigError, in which
    `where` stands before the name of a setting."""
    plain = trained.experiment.evaluation.model_dump(mode="json")
    plain |= {name: value for name, value in changes.items() if value is not None}
    return parse_settings(plain, Evaluation, where=where)


def make_evaluator(
    trained: Trained,
    settings: Evaluation,
    terminal: Terminal,
    *,
    cache: Path | None = None,
    device: str = "auto",
) -> Evaluator:
    """The evaluator of generators against the data that a run was trained on, which is read again.

    `cache`: another folder than the run's for features and classifiers. Raises DataError where the
    data can't be read, CheckpointError where it isn't the same any more, and what Evaluator raises.
    """
    folder = (cache or Path(trained.experiment.config.cache)).expanduser()
    return Evaluator(
        settings,
        trained.experiment.dataset,
        load_training_data(trained, folder, terminal.track),
        cache=folder,
        device=find_device(device),
        say=terminal.say,
        track=terminal.track,
    )


def record(run: Path, step: int, report: EvaluationReport) -> None:
    """Keep a report on a run's checkpoint in its folder, beside what was measured in training.

    Raises CheckpointError for links in the folder, OSError where it can't be written.
    """
    folder = RunFolder(run)
    folder.refuse_links()
    row = {"step": step, "measured": current_time(), **report.plain()}
    with folder.later_evaluations.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    if report.table is not None:
        write_table_report(folder.table, replace(report.table, step=step))


def measure(evaluator: Evaluator, trained: Trained, settings: Evaluation) -> EvaluationReport:
    """The report on a generator. Raises ConfigError if none of the metrics can be computed."""
    report = evaluator.measure(trained.sampler)
    if not report.results:
        raise ConfigError(
            "none of these metrics can be computed for the run, "
            f"evaluation.metrics={printable(','.join(settings.metrics or ()))}. "
            "gan-evaluate --help says what each needs."
        )
    return report
