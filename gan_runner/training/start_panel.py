"""The panel that a run begins with: what it trains on, with what, for how long, and where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from gan_runner.config.schema import Config
from gan_runner.data_report.report import ReadingReport
from gan_runner.data_report.text import one_line
from gan_runner.errors import printable
from gan_runner.system import machine
from gan_runner.system.units import count_text
from gan_runner.training.privacy import privacy_rows
from gan_runner.training.state import TrainState


def panel_rows(
    config: Config, reading: ReadingReport, state: TrainState, *, device: torch.device, folder: str
) -> list[tuple[str, str]]:
    """Six rows or, with privacy, seven, each a head and a text. `folder` is the path as a person is
    shown it."""
    sizes = ", ".join(f"{name} {count_text(size)}" for name, size in state.sizes().items())
    name = machine.fingerprint(device).device
    where = name if name.startswith(device.type) else f"{device}: {name}"
    where += f" x {config.devices}" if config.devices > 1 else ""
    threads = f"{config.threads} thread{'s' * (config.threads != 1)}"
    plan = config.train
    left = f" from step {state.step:,} on" if state.step else ""
    parts = f" in {plan.accumulate:,} micro-batches" if plan.accumulate > 1 else ""
    every = plan.evaluation_interval
    evaluated = f"evaluated every {every:,}" if every else "not evaluated"
    return [
        ("data", one_line(reading)),
        ("model", printable(f"{_model_text(config)}: {sizes} parameters", 500)),
        ("loss", printable(", ".join(_loss_parts(config)), 500)),
        ("device", printable(f"{where}, {threads}, {config.precision}", 500)),
        ("steps", f"{plan.steps:,}{left}, batches of {plan.batch_size:,}{parts}, {evaluated}"),
        *privacy_rows(config),
        ("folder", folder),
    ]


def _model_text(config: Config) -> str:
    """The model, and how it is conditioned on classes, or how its translator is trained."""
    conditioning = config.model.get("conditioning", "none")
    name = _option(config, "model")
    if any(True for _ in _terms(config)):
        return f"{name}, method {_option(config, 'method')}"
    return name if conditioning == "none" else f"{name}, conditioning {conditioning}"


def _option(config: Config, group: str) -> str:
    """The option that was chosen of a group, else the name of its class."""
    return config.choices.get(group, str(getattr(config, group).get("name")))


def _loss_parts(config: Config) -> Iterator[str]:
    """The loss, the terms of a translator and penalties with their weights, and what D sees
    augmented."""
    yield _option(config, "loss")
    yield from _terms(config)
    for name, settings in _nodes(config.loss.get("penalty")):
        weight = settings.get("weight")
        yield f"{name} penalty" + (f" {weight:g}" if isinstance(weight, int | float) else "")
    for name, _ in _nodes(config.augment):
        yield f"{name} augmentation"


def _terms(config: Config) -> Iterator[str]:
    """The terms of a translator beside the adversarial loss, with their weights."""
    for name in ("l1", "l2", "features", "perceptual", "cycle", "nce", "identity"):
        weight = config.method.get(name)
        if isinstance(weight, int | float) and weight:
            yield f"{name} {weight:g}"


def _nodes(group: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, settings in group.items() if isinstance(group, Mapping) else ():
        yield str(name), settings if isinstance(settings, Mapping) else {}
