"""The features that a method compares outputs with targets in: made of data, kept in the state.

A checkpoint has their weights, so that a run goes on with those that it began with, wherever that
is, also if another classifier is in the cache by then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from gan_runner.config.overrides import override
from gan_runner.data import Data
from gan_runner.errors import CheckpointError, ConfigError
from gan_runner.evaluation.features.classifier import classifier, saved_classifier
from gan_runner.evaluation.features.spaces import NetworkSpace, RandomNetwork
from gan_runner.training.experiment import Experiment
from gan_runner.training.state import TrainState

_MEMORY = "perceptual"


def check_perceptual_space(experiment: Experiment, data: Data) -> None:
    """Raise ConfigError, with the remedy, for features that this data can't have."""
    if experiment.method.perceptual_space != "classifier":
        return
    remedy = "Use method.perceptual_space=random or method.perceptual=0"
    asked = f"method.perceptual_space=classifier with {experiment.config.choice('dataset')}"
    if data.labels is None or not data.tells_classes_apart:
        what = "no labels" if data.labels is None else "no two classes of two examples or more"
        raise ConfigError(
            "the perceptual term is in the features of a classifier, which is trained on labels, "
            f"and this data has {what}, {asked}. {remedy}"
        )
    whole = tuple(data.examples.shape[1:])
    if whole != data.space.shape:
        raise ConfigError(
            "a classifier takes whole images, and this run trains on crops, "
            f"{override('dataset.crop', data.space.shape[-1])} with {asked}. {remedy}"
        )


def with_perceptual_space(
    experiment: Experiment,
    data: Data,
    state: TrainState,
    *,
    device: torch.device,
    say: Callable[[str], None],
) -> Experiment:
    """The experiment whose method has the features that it compares in, if it does: those that the
    state has, or else new ones, which it then has. A classifier may be trained here, for minutes.

    The ranks of a run call it together. Raises CheckpointError for weights that don't fit.
    """
    name = experiment.method.perceptual_space
    if name is None:
        return experiment
    memory = state.memory(_MEMORY)
    saved = {key.replace("/", "."): value for key, value in memory.items()}
    try:
        space = _space(name, experiment, data, saved, device=device, say=say)
    except RuntimeError as error:
        if not saved:
            raise
        raise CheckpointError(
            "the saved features of the perceptual term are of another network "
            f"({str(error).splitlines()[0]}). Start a new run with init_from=RUN"
        ) from None
    if not saved:  # a key's dot would be taken for the end of the memory's name
        weights = space.network.state_dict()
        memory |= {key.replace(".", "/"): value.clone() for key, value in weights.items()}
    say(f"perceptual term in the features of the {name} {space.version}")
    return replace(experiment, method=experiment.method.with_perceptual_space(space))


def _space(
    name: str,
    experiment: Experiment,
    data: Data,
    saved: Mapping[str, Tensor],
    *,
    device: torch.device,
    say: Callable[[str], None],
) -> NetworkSpace:
    if name == "random":
        space = RandomNetwork(data.space, device=device)
        if saved:
            space.network.load_state_dict(saved)
        return space
    if saved:
        return saved_classifier(data, saved, device=device)
    cache = Path(experiment.config.cache).expanduser()
    return classifier(data, cache=cache, device=device, say=say)
