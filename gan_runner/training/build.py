"""From a configuration to checked components, before any data is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gan_runner.augmentations import Augmentation
from gan_runner.config.component import chosen_class, make, validated
from gan_runner.config.schema import Config, parse
from gan_runner.datasets import Dataset
from gan_runner.errors import ConfigError
from gan_runner.evaluation.settings import Evaluation
from gan_runner.health import Health
from gan_runner.models import GenerativeModel
from gan_runner.training.experiment import Experiment
from gan_runner.training.methods import Method, UpdateSettings
from gan_runner.training.optimizers import Optimizer, Optimizers
from gan_runner.training.rules import check_combinations, check_space


def assemble(config: Config) -> Experiment:
    """The components of a configuration, each valid, and together able to work.

    Raises ConfigError for settings and combinations that can't be.
    """
    method_class = chosen_class(config.method, Method, where="method")
    config = _resolve_label(_resolve_norms(config, method_class))
    optimizers = _optimizers(config.optimizer)
    model = make(config.model, GenerativeModel, where="model")
    own = {key: value for key, value in config.method.items() if key != "name"}
    method = method_class.build(
        config,
        settings=validated(own, method_class.Settings, where="method"),
        model=model,
        augmentations={
            name: make(node, Augmentation, where=f"augment.{name}")
            for name, node in config.augment.items()
        },
        updates=UpdateSettings(
            optimizers=optimizers,
            batch_size=config.train.batch_size,
            ema=config.train.ema,
            ema_warmup=config.train.ema_warmup,
            bf16=config.precision == "bf16",
        ),
    )
    experiment = Experiment(
        config=config,
        method=method,
        model=model,
        dataset=make(config.dataset, Dataset, where="dataset"),
        optimizers=optimizers,
        evaluation=validated(config.evaluation, Evaluation, where="evaluation"),
        health=validated(config.health, Health, where="health"),
        warnings=tuple(method.warnings()),
    )
    check_combinations(experiment)
    space = experiment.dataset.space()
    if space is not None:
        check_space(experiment, space)
    return experiment


def _optimizers(node: Mapping[str, Any]) -> Optimizers:
    for key in node:
        if key not in Optimizers._fields:
            raise ConfigError(
                f"unknown setting, optimizer.{key}. Choose one of: {', '.join(Optimizers._fields)}."
            )
    return Optimizers(
        *(make(node.get(f, {}), Optimizer, where=f"optimizer.{f}") for f in Optimizers._fields)
    )


def _resolve_norms(config: Config, method_class: type[Method]) -> Config:
    """Choose what `norm: auto` means, so that the run's configuration says what ran."""
    norms = method_class.default_norms(config)
    plain = config.plain()
    for network, norm in norms.items():
        settings = plain["model"].get(network)
        if isinstance(settings, dict) and settings.get("norm") == "auto":
            settings["norm"] = norm
    return parse(plain)


def _resolve_label(config: Config) -> Config:
    """Choose what `label_as: auto` of a table means: a condition in conditional models, which is
    given the label; else a column."""
    plain = config.plain()
    if plain["dataset"].get("label_as") == "auto":
        conditional = plain["model"].get("conditioning", "none") != "none"
        plain["dataset"]["label_as"] = "class" if conditional else "column"
    return parse(plain)
