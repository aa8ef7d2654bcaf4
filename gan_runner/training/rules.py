"""The rules of combining components in an experiment: each checks what it protects."""

from __future__ import annotations

from gan_runner.data import Space
from gan_runner.datasets import Tabular
from gan_runner.errors import ConfigError
from gan_runner.training.experiment import Experiment


def check_rules(experiment: Experiment) -> None:
    """Raise ConfigError, with the remedy, for settings that can't work together on any data."""
    train = experiment.config.train
    experiment.method.check(experiment.config)
    experiment.model.check_settings(batch_size=train.batch_size)
    experiment.health.check(evaluated=train.is_evaluated)
    _check_devices(experiment)
    _check_updates(experiment)
    _check_label(experiment)


def check_space(experiment: Experiment, space: Space) -> None:
    """Raise ConfigError, with the remedy, if examples of `space` can't be learned like this."""
    experiment.model.check(space)
    experiment.method.check_space(space)


def _check_devices(experiment: Experiment) -> None:
    config, packing = experiment.config, getattr(experiment.model, "packing", 1)
    devices, size = config.devices, config.train.batch_size
    if size % (devices * packing):
        packs = f" with model.packing={packing}" if packing > 1 else ""
        raise ConfigError(
            f"a batch can't be shared alike, train.batch_size={size} on devices={devices}{packs}. "
            f"Use train.batch_size={-(-size // (devices * packing)) * devices * packing}"
        )


def _check_updates(experiment: Experiment) -> None:
    method, config = experiment.method, experiment.config
    if config.train.updates == "simultaneous" and not method.updates_simultaneously:
        raise ConfigError(
            "this method doesn't update its networks simultaneously, train.updates=simultaneous "
            f"with {config.choice('method')}. Use train.updates=alternating"
        )


def _check_label(experiment: Experiment) -> None:
    dataset = experiment.dataset
    if not isinstance(dataset, Tabular) or dataset.label_as != "column":
        return
    if experiment.model.conditional:
        way = experiment.config.model["conditioning"]
        raise ConfigError(
            "the label can't be both a condition and a generated column, "
            f"dataset.label_as=column with model.conditioning={way}. "
            "Use dataset.label_as=auto or model.conditioning=none"
        )
