"""The rules of combining components in an experiment: each checks what it protects."""

from __future__ import annotations

from gan_runner.data import Data, Space
from gan_runner.datasets import Tabular
from gan_runner.errors import ConfigError
from gan_runner.models import Model
from gan_runner.models.base import DiscriminatorNetwork
from gan_runner.training.experiment import Experiment
from gan_runner.training.privacy_rules import check_privacy


def check_rules(experiment: Experiment) -> None:
    """Raise ConfigError, with the remedy, for settings that can't work together on any data."""
    train = experiment.config.train
    experiment.method.check(experiment.config)
    experiment.model.check_settings(batch_size=train.batch_size)
    experiment.health.check(evaluated=train.is_evaluated)
    _check_shares(experiment)
    _check_accumulation(experiment)
    _check_updates(experiment)
    _check_label(experiment)
    _check_conditional_vector(experiment)
    check_privacy(experiment)


def check_space(experiment: Experiment, space: Space) -> None:
    """Raise ConfigError, with the remedy, if examples of `space` can't be learned like this."""
    _check_inputs(experiment, space)
    experiment.model.check(space)
    experiment.method.check_space(space)


def check_pairs(experiment: Experiment, data: Data) -> None:
    """Raise ConfigError, with the remedy, for pairs that the data doesn't have."""
    if experiment.method.needs_pairs and not data.paired:
        config = experiment.config
        raise ConfigError(
            "inputs and examples of this data don't belong together, "
            f"{config.choice('dataset')} with {config.choice('method')}. Use method=unpaired"
        )


def _check_inputs(experiment: Experiment, space: Space) -> None:
    config = experiment.config
    if experiment.method.translates and space.inputs is None:
        kind = {"images": "dcgan", "sequences": "rnn"}.get(space.kind, "mlp")
        raise ConfigError(
            f"this data has no inputs to translate, {config.choice('dataset')} with "
            f"{config.choice('method')}. Use dataset=pairs or dataset=domains or dataset=degraded "
            f"for data with inputs, or model={kind} method=adversarial"
        )
    if space.inputs is not None and not experiment.method.translates:
        raise ConfigError(
            "this data has inputs, which the generator doesn't take, "
            f"{config.choice('dataset')} with {config.choice('model')}. "
            "Use model=unet method=paired where they belong together, else model=unet "
            "method=unpaired"
        )


def _check_shares(experiment: Experiment) -> None:
    config, packing = experiment.config, getattr(experiment.model, "packing", 1)
    devices, size, parts = config.devices, config.train.batch_size, config.train.accumulate
    of_all = devices * parts * packing
    if size % of_all:
        shared = [f"on devices={devices}"] if devices > 1 or parts == 1 else []
        shared += [f"with train.accumulate={parts}"] if parts > 1 else []
        shared += [f"with model.packing={packing}"] if packing > 1 else []
        raise ConfigError(
            f"a batch can't be shared alike, train.batch_size={size} {' '.join(shared)}. "
            f"Use train.batch_size={-(-size // of_all) * of_all}"
        )


def _check_accumulation(experiment: Experiment) -> None:
    config, model = experiment.config, experiment.model
    if config.train.accumulate == 1:
        return
    asked = f"train.accumulate={config.train.accumulate}"
    if not experiment.method.accumulates:
        raise ConfigError(
            f"this method goes through a batch at once, {asked} with {config.choice('method')}. "
            "Use train.accumulate=1"
        )
    norms = [name for name, norm in model.norms.items() if norm == "batch"]
    if norms:
        found, instead = (
            [f"model.{name}.norm={norm}" for name in norms] for norm in ("batch", "layer")
        )
        raise ConfigError(
            f"batch norm needs the whole batch at once, {' and '.join(found)} with {asked}. "
            f"Use {' '.join(instead)}"
        )
    for name, network in model:
        layer = network.minibatch if isinstance(network, DiscriminatorNetwork) else "none"
        if layer != "none":
            raise ConfigError(
                "a minibatch layer needs the whole batch at once, "
                f"model.{name}.minibatch={layer} with {asked}. Use model.{name}.minibatch=none"
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


def _check_conditional_vector(experiment: Experiment) -> None:
    dataset, model, config = experiment.dataset, experiment.model, experiment.config
    if not isinstance(dataset, Tabular) or not dataset.conditional_vector:
        return
    asked = f"dataset.conditional_vector with {config.choice('model')}"
    if not isinstance(model, Model):
        raise ConfigError(
            f"the conditional vector is for generators and discriminators, {asked}. "
            "Use model=mlp or leave the vector out"
        )
    if model.conditional:
        raise ConfigError(
            "the model is conditioned either on the classes or on the conditional vector, "
            f"dataset.conditional_vector with model.conditioning={model.conditioning}. "
            "Use model.conditioning=none: the label can be part of the vector"
        )
    if model.packing > 1 or model.code.size:
        other = f"packing={model.packing}" if model.packing > 1 else "code"
        raise ConfigError(
            "packing and latent codes can't be combined with the conditional vector, "
            f"dataset.conditional_vector with model.{other}. Remove one of them"
        )
