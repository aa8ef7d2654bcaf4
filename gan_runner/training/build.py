"""From a configuration to checked components, before any data is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from gan_runner.augmentations import Augmentation
from gan_runner.config.component import build_component, find_class, parse_settings
from gan_runner.config.schema import Config
from gan_runner.data import Data
from gan_runner.datasets import Dataset
from gan_runner.errors import ConfigError
from gan_runner.evaluation.settings import Evaluation
from gan_runner.health import Health
from gan_runner.logs.loggers import Logger
from gan_runner.models import GenerativeModel
from gan_runner.training.evaluation_plan import plan_evaluations
from gan_runner.training.experiment import Experiment
from gan_runner.training.fit_to_machine import choose_precision, choose_threads
from gan_runner.training.methods import Method, UpdateSettings
from gan_runner.training.optimizers import Optimizer, Optimizers
from gan_runner.training.privacy import privacy_of, resolve_privacy
from gan_runner.training.privacy_rules import privacy_warnings
from gan_runner.training.rules import check_rules, check_space

SLOW_BF16 = (
    "this device has no hardware for bfloat16, which is slower here than float32, "
    "precision=bf16. Use precision=auto or precision=fp32 in a new run."
)


def build(config: Config) -> Experiment:
    """The components of a configuration, each valid, and together able to work.

    Raises ConfigError for invalid settings and combinations.
    """
    method_class = find_class(config.method, Method, where="method")
    config = resolve(config)
    optimizers = _optimizers(config.optimizer)
    model = build_component(config.model, GenerativeModel, where="model")
    own = {key: value for key, value in config.method.items() if key != "name"}
    method = method_class.build(
        config,
        settings=parse_settings(own, method_class.Settings, where="method"),
        model=model,
        augmentations={
            name: build_component(node, Augmentation, where=f"augment.{name}")
            for name, node in config.augment.items()
        },
        updates=UpdateSettings(
            optimizers=optimizers,
            batch_size=config.train.batch_size,
            accumulate=config.train.accumulate,
            ema=config.train.ema,
            ema_warmup=config.train.ema_warmup,
            bf16=config.precision == "bf16",
            simultaneous=config.train.updates == "simultaneous",
        ),
    )
    experiment = Experiment(
        config=config,
        method=method,
        model=model,
        dataset=build_component(config.dataset, Dataset, where="dataset"),
        evaluation=parse_settings(config.evaluation, Evaluation, where="evaluation"),
        health=parse_settings(config.health, Health, where="health"),
        loggers={
            name: build_component(node, Logger, where=f"logger.{name}")
            for name, node in config.logger.items()
        },
        warnings=tuple(method.warnings()),
    )
    check_rules(experiment)
    space = experiment.dataset.space()
    if space is not None:
        check_space(experiment, space)
    return experiment


def build_dataset(config: Config) -> Dataset:
    """The data set alone, as an experiment has it. Raises ConfigError."""
    return build_component(resolve(config).dataset, Dataset, where="dataset")


def resolve(config: Config) -> Config:
    """The configuration with what `auto` stands for in place of it, so that it says what runs.

    The groups are plain data, so nothing has to be validated again. Raises ConfigError for a loss
    that the method can't use.
    """
    method_class = find_class(config.method, Method, where="method")
    conditional = config.model.get("conditioning", "none") != "none"
    return config.model_copy(
        update={
            "model": _resolve_norms(config.model, method_class.default_norms(config)),
            "dataset": _resolve_label(config.dataset, conditional=conditional),
        }
    )


def resolve_for(
    experiment: Experiment, data: Data, *, threads: int, multiplies_bf16: bool | None
) -> Experiment:
    """The same experiment with what depends on its data and on the machine: its length in steps,
    where it is given in epochs; how long schedules last; its evaluations; torch's CPU threads, of
    which there are `threads`; its precision, on a device that `multiplies_bf16` or doesn't,
    None where that isn't known; the noise that its privacy needs. Raises ConfigError for more
    steps than that has a budget for."""
    config, steps = experiment.config, experiment.steps(len(data))
    schedule_steps = max(1, steps)
    evaluations = plan_evaluations(experiment, data, steps=steps)
    resolved = config.model_copy(
        update={
            "train": config.train.model_copy(
                update={"steps": steps, "epochs": None, "eval_every": evaluations.every}
            ),
            "evaluation": {**config.evaluation, "num": evaluations.num},
            "optimizer": {
                part: _resolve_schedule(node, schedule_steps)
                for part, node in config.optimizer.items()
            },
            "privacy": resolve_privacy(
                config,
                rows=len(data),
                steps=steps,
                updates_per_step=experiment.method.batches_per_step,
            ),
            "threads": choose_threads(experiment, data, available=threads),
            "precision": choose_precision(experiment, data, multiplies_bf16=multiplies_bf16),
        }
    )
    optimizers = Optimizers(*(o.with_schedule_steps(schedule_steps) for o in experiment.optimizers))
    method = experiment.method.with_updates(
        optimizers=optimizers,
        bf16=resolved.precision == "bf16",
        privacy=privacy_of(resolved, rows=len(data)),
    )
    warnings = (*experiment.warnings, *_idle_warnings(optimizers, steps))
    warnings += (*_warmup_warnings(config.method, steps), *privacy_warnings(resolved))
    if resolved.precision == "bf16" and multiplies_bf16 is False:
        warnings += (SLOW_BF16,)
    evaluation = experiment.evaluation.model_copy(update={"num": evaluations.num})
    return replace(
        experiment, config=resolved, method=method, evaluation=evaluation, warnings=warnings
    )


def _idle_warnings(optimizers: Optimizers, steps: int) -> Iterator[str]:
    """A warning for each network that isn't trained any more from some step on."""
    for part, optimizer in optimizers._asdict().items():
        end = optimizer.schedule.steps
        if end is not None and end < steps and optimizer.rate(end) == 0:
            key = f"optimizer.{part}.schedule"
            yield (
                f"the {part}'s learning rate is 0 from step {end} on, train.steps={steps} with "
                f"{key}.steps={end}. Use {key}.steps={steps} or {key}.final above 0."
            )


def _warmup_warnings(method: Mapping[str, Any], steps: int) -> Iterator[str]:
    """A warning for a warm-up that doesn't end within the run."""
    warmup = method.get("warmup", 0)
    if isinstance(warmup, int) and 0 < steps <= warmup:
        yield (
            f"the discriminator is never trained, method.warmup={warmup} with train.steps={steps}. "
            f"Use method.warmup={steps // 5} or train.steps={5 * warmup}."
        )


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


def _optimizers(node: Mapping[str, Any]) -> Optimizers:
    for key in node:
        if key not in Optimizers._fields:
            raise ConfigError(
                f"unknown setting, optimizer.{key}. Choose one of: {', '.join(Optimizers._fields)}."
            )
    return Optimizers(
        *(
            build_component(node.get(f, {}), Optimizer, where=f"optimizer.{f}")
            for f in Optimizers._fields
        )
    )
