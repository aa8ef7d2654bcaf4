"""Evaluating a run from Python, as gan-evaluate does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from gan_runner.api.trained_run import asks_raw, plugin_files
from gan_runner.config.plugins import find_plugins, load_plugins
from gan_runner.logs.terminal import Terminal
from gan_runner.runs.evaluate import evaluation_settings, make_evaluator, measure
from gan_runner.runs.open import load_generator


def evaluate(
    run: str | Path,
    *,
    checkpoint: Literal["last", "best"] | int = "last",
    weights: Literal["ema", "raw"] = "ema",
    metrics: Sequence[str] | None = None,
    num: int | None = None,
    seed: int | None = None,
    space: str | None = None,
    device: str = "auto",
    plugins: Sequence[str | Path] = (),
) -> dict[str, dict[str, Any]]:
    """The numbers of a run's generator by name, each with its `value`, `metric`, `space` and
    `protocol`, and where there is one its `error`.

    `metrics`, `num` (samples), `seed` and `space` (of features) are those of the run, unless they
    are given. Raises CheckpointError, DataError, ConfigError and MachineError, as gan-evaluate
    reports them.
    """
    load_plugins(find_plugins(plugin_files(plugins)))
    folder = Path(run).expanduser().absolute()
    trained = load_generator(folder, which=str(checkpoint), raw=asks_raw(weights), device=device)
    asked = {
        "metrics": None if metrics is None else list(metrics),
        "num": num,
        "seed": seed,
        "space": space,
    }
    settings = evaluation_settings(trained, asked)
    evaluator = make_evaluator(trained, settings, Terminal(quiet=True), device=device)
    report = measure(evaluator, trained, settings)
    return {result.name: result.plain() for result in report.results}
