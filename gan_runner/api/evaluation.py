"""Evaluating a run from Python, as gan-evaluate does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch

from gan_runner.api.arguments import device_name, machine_faults, metric_names
from gan_runner.api.trained_run import TrainedRun, open_run
from gan_runner.errors import ConfigError, printable
from gan_runner.logs.terminal import Terminal
from gan_runner.runs.evaluate import evaluation_settings, make_evaluator, measure


@machine_faults()
def evaluate(
    run: str | Path | TrainedRun,
    *,
    checkpoint: Literal["last", "best"] | int | None = None,
    weights: Literal["ema", "raw"] | None = None,
    metrics: Sequence[str] | None = None,
    num: int | None = None,
    seed: int | None = None,
    space: str | None = None,
    device: str | torch.device | None = None,
    plugins: Sequence[str | Path] = (),
) -> dict[str, dict[str, Any]]:
    """The numbers of a run's generator by name, each with its `value`, `metric`, `space` and
    `protocol`, and where there is one its `error`.

    `run` is a run folder, of which the last checkpoint and the EMA are evaluated unless others are
    named, or an open run, which is evaluated as it is, on its device. `metrics`, `num` (samples),
    `seed` and `space` (of features) are those of the run, unless they are given. Raises
    CheckpointError, DataError, ConfigError and MachineError, as gan-evaluate reports them.
    """
    if isinstance(run, TrainedRun):
        _refuse_to_open({"checkpoint": checkpoint, "weights": weights, "plugins": plugins or None})
        opened = run
    else:
        opened = open_run(
            run,
            checkpoint="last" if checkpoint is None else checkpoint,
            weights="ema" if weights is None else weights,
            device="auto" if device is None else device,
            plugins=plugins,
        )
    where = device_name(opened.trained.sampler.device if device is None else device)
    names = None if metrics is None else metric_names(metrics)
    asked = {"metrics": names, "num": num, "seed": seed, "space": space}
    settings = evaluation_settings(opened.trained, asked, where="")
    evaluator = make_evaluator(opened.trained, settings, Terminal(quiet=True), device=where)
    report = measure(evaluator, opened.trained, settings)
    return {result.name: result.plain() for result in report.results}


def _refuse_to_open(arguments: dict[str, Any]) -> None:
    """Raise ConfigError for arguments that choose what is opened, of a run that is open."""
    for name, value in arguments.items():
        if value is not None:
            raise ConfigError(
                f"the run is open already, {name}={printable(value)}. Give gan_runner.open that."
            )
