"""From a configuration to checked components, before any data is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gan_runner.augmentations import Augmentation
from gan_runner.config.component import choices, make, validated
from gan_runner.config.schema import Config, parse
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


def assemble(config: Config) -> Experiment:
    """The components of a configuration, each valid, and together able to work.

    Raises ConfigError for settings and combinations that can't be.
    """
    bound = _bound(config.loss)
    objective = Objective(config.loss) if bound is None else None
    config = _settle_label(_settle_norm(config, objective))
    experiment = Experiment(
        config=config,
        model=make(config.model, GenerativeModel, where="model"),
        objective=objective,
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
    return Experiment(**{**vars(experiment), "warnings": tuple(doubtful(experiment))})


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


def _settle_norm(config: Config, objective: Objective | None) -> Config:
    """Choose what `norm: auto` means, so that the run's configuration says what ran."""
    norms = {
        "generator": "batch",
        "discriminator": "layer" if objective and is_constrained(objective) else "batch",
        "encoder": "batch",
    }
    plain = config.plain()
    for network, norm in norms.items():
        settings = plain["model"].get(network)
        if isinstance(settings, dict) and settings.get("norm") == "auto":
            settings["norm"] = norm
    return parse(plain)


def _settle_label(config: Config) -> Config:
    """Choose what `label_as: auto` of a table means: conditional models are told the label."""
    plain = config.plain()
    if plain["dataset"].get("label_as") == "auto":
        told = plain["model"].get("conditioning", "none") != "none"
        plain["dataset"]["label_as"] = "class" if told else "column"
    return parse(plain)
