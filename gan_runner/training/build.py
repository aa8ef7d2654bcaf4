"""From a configuration to checked components, before any data is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gan_runner.augmentations import Augmentation
from gan_runner.config.component import choices, make, validated
from gan_runner.config.schema import Config
from gan_runner.datasets import Dataset
from gan_runner.errors import ConfigError
from gan_runner.evaluation.settings import Evaluation
from gan_runner.health import Health
from gan_runner.models import GenerativeModel
from gan_runner.objectives.elbo import Bound
from gan_runner.objectives.objective import Objective
from gan_runner.training.experiment import Experiment
from gan_runner.training.optimizers import Optimizer, Optimizers
from gan_runner.training.rules import check_space, doubtful, is_constrained, refuse_impossible


def build(config: Config) -> Experiment:
    """The components of a configuration, each valid, and together able to work.

    Raises ConfigError for settings and combinations that can't be.
    """
    config = resolve(config)
    bound = _bound(config.loss)
    experiment = Experiment(
        config=config,
        model=make(config.model, GenerativeModel, where="model"),
        objective=Objective(config.loss) if bound is None else None,
        augmentations={
            name: make(node, Augmentation, where=f"augment.{name}")
            for name, node in config.augment.items()
        },
        bound=bound,
        dataset=make(config.dataset, Dataset, where="dataset"),
        optimizers=_optimizers(config.optimizer),
        evaluation=validated(config.evaluation, Evaluation, where="evaluation"),
        health=validated(config.health, Health, where="health"),
        warnings=(),
    )
    refuse_impossible(experiment)
    space = experiment.dataset.space()
    if space is not None:
        check_space(experiment, space)
    return replace(experiment, warnings=tuple(doubtful(experiment)))


def resolve(config: Config) -> Config:
    """The configuration with what `auto` stands for in place of it, so that it says what runs.

    The groups are plain data, so nothing has to be validated again. Raises ConfigError for a loss
    that can't be.
    """
    conditional = config.model.get("conditioning", "none") != "none"
    return config.model_copy(
        update={
            "model": _resolve_norms(config.model, _default_norms(config.loss)),
            "dataset": _resolve_label(config.dataset, conditional=conditional),
        }
    )


def resolve_lengths(experiment: Experiment, *, examples: int, threads: int) -> Experiment:
    """The same experiment with what depends on the size of its data and on the machine: its length
    in steps, where it is given in epochs; how long schedules last; torch's CPU threads."""
    config, steps = experiment.config, experiment.steps(examples)
    schedule_steps = max(1, steps)
    resolved = config.model_copy(
        update={
            "train": config.train.model_copy(update={"steps": steps, "epochs": None}),
            "optimizer": {
                part: _resolve_schedule(node, schedule_steps)
                for part, node in config.optimizer.items()
            },
            "threads": config.threads or threads,
        }
    )
    optimizers = (o.with_schedule_steps(schedule_steps) for o in experiment.optimizers)
    return replace(experiment, config=resolved, optimizers=Optimizers(*optimizers))


def _default_norms(loss: Mapping[str, Any]) -> dict[str, str]:
    """What `norm: auto` means for each network. Raises ConfigError."""
    constrained = _bound(loss) is None and is_constrained(Objective(loss))
    return {
        "generator": "batch",
        "discriminator": "layer" if constrained else "batch",
        "encoder": "batch",
    }


def _resolve_norms(model: Mapping[str, Any], norms: Mapping[str, str]) -> dict[str, Any]:
    resolved = dict(model)
    for network, norm in norms.items():
        settings = model.get(network)
        if isinstance(settings, Mapping) and settings.get("norm") == "auto":
            resolved[network] = {**settings, "norm": norm}
    return resolved


def _resolve_label(dataset: Mapping[str, Any], *, conditional: bool) -> dict[str, Any]:
    """Conditional models are given the label of a table; others generate it as a column."""
    if dataset.get("label_as") != "auto":
        return dict(dataset)
    return {**dataset, "label_as": "class" if conditional else "column"}


def _resolve_schedule(optimizer: Mapping[str, Any], steps: int) -> dict[str, Any]:
    schedule = optimizer["schedule"]
    return {**optimizer, "schedule": {**schedule, "steps": schedule["steps"] or steps}}


def _bound(node: Mapping[str, Any]) -> Bound | None:
    """The bound that the configuration's `loss` names; None if it is an adversarial loss."""
    named = [name for name in choices(Bound) if node.get("name") == name]
    return make(node, Bound, where="loss") if named else None


def _optimizers(node: Mapping[str, Any]) -> Optimizers:
    for key in node:
        if key not in Optimizers._fields:
            raise ConfigError(
                f"unknown setting, optimizer.{key}. Choose one of: {', '.join(Optimizers._fields)}."
            )
    return Optimizers(
        *(make(node.get(f, {}), Optimizer, where=f"optimizer.{f}") for f in Optimizers._fields)
    )
