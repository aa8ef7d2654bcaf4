"""What epsilon doesn't cover: combinations that are refused with privacy, and what is said of the
rest."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from gan_runner.augmentations import Adaptive
from gan_runner.config.schema import Config
from gan_runner.errors import ConfigError, printable
from gan_runner.models.discriminator import Discriminator
from gan_runner.objectives.objective import Objective
from gan_runner.training.dp_sgd import PerExample
from gan_runner.training.experiment import Experiment

_NORMS = {"batch": "compares the rows of a batch", "spectral": "is estimated anew in each pass"}


def check_privacy(experiment: Experiment) -> None:
    """Raise ConfigError, with the remedy, for what lets data reach the generator, or gives a row
    another weight, beside the clipped gradients of D that epsilon accounts for."""
    config = experiment.config
    if not config.privacy.is_on:
        return
    if not experiment.method.trains_privately:
        raise ConfigError(
            "this method doesn't know differential privacy, "
            f"{config.privacy.asked} with {config.choice('method')}. Use method=adversarial"
        )
    for problem, setting, remedy in (
        *_faults_of_updates(config),
        *_faults_of_model(config.model),
        *_faults_of_objective(config, Objective.build(config.loss)),
        *_faults_of_batches(experiment),
        *_faults_of_choices(experiment),
    ):
        raise ConfigError(f"{problem}, {config.privacy.asked} with {setting}. Use {remedy}")


Fault = tuple[str, str, str]
"""The problem, the setting with its value, and the remedy."""


def _faults_of_updates(config: Config) -> Iterator[Fault]:
    if config.train.updates == "simultaneous":
        yield (
            "D's gradients are made pair by pair, G's of the whole batch",
            "train.updates=simultaneous",
            "train.updates=alternating",
        )
    if config.train.accumulate > 1:
        yield (
            "D's gradients are made in parts that fit in memory anyway",
            f"train.accumulate={config.train.accumulate}",
            "train.accumulate=1",
        )
    if config.devices > 1:
        yield (
            "clipped gradients and their noise are made on one device",
            f"devices={config.devices}",
            "devices=1",
        )
    if config.compile:
        yield "compiled networks have no gradients of single rows", "compile=true", "compile=false"


def _faults_of_model(model: Mapping[str, Any]) -> Iterator[Fault]:
    discriminator = model.get("discriminator", {})
    norm, minibatch = discriminator.get("norm"), discriminator.get("minibatch", "none")
    if norm in _NORMS:
        setting = "model.discriminator.norm"
        yield f"D's norm {_NORMS[norm]}", f"{setting}={norm}", f"{setting}=layer or none"
    if minibatch != "none":
        setting = "model.discriminator.minibatch"
        yield "D's minibatch layer compares rows", f"{setting}={minibatch}", f"{setting}=none"
    if discriminator.get("dropout"):
        setting = "model.discriminator.dropout"
        yield (
            "dropout draws for the whole batch",
            f"{setting}={discriminator['dropout']}",
            f"{setting}=0",
        )
    if model.get("packing", 1) > 1:
        yield "a pack has several rows", f"model.packing={model['packing']}", "model.packing=1"
    if model.get("conditioning", "none") != "none":
        yield (
            "the generator is given each class as often as the data have it",
            f"model.conditioning={model['conditioning']}",
            "model.conditioning=none",
        )
    code = model.get("code", {})
    if code.get("categorical") or code.get("continuous"):
        yield "latent codes have a network beside D", "model.code", "a model without codes"


def _faults_of_objective(config: Config, objective: Objective) -> Iterator[Fault]:
    loss = f"loss.name={config.loss['name']}"
    if objective.loss.paired:
        yield "the generator's loss compares with real rows", loss, "loss=hinge or wgan_gp"
    elif objective.loss.couples_examples:
        yield "the loss of a row depends on others", loss, "loss=hinge or wgan_gp"
    for name in objective.matching:
        term = f"loss.penalty.{name}"
        yield "the generator is shown features of real rows", term, "a loss without it"
    for name, penalty in objective.penalties.items():
        if penalty.couples_examples:
            term = f"loss.penalty.{name}"
            yield "the penalty of a row depends on others", term, "loss=hinge or wgan_gp"


def _faults_of_batches(experiment: Experiment) -> Iterator[Fault]:
    """The accounts are of Poisson samples of the rows, all with the same probability."""
    config, vector = experiment.config, experiment.config.dataset.get("conditional_vector")
    if vector:
        yield (
            "rows that are drawn for a category aren't drawn with the same probability",
            "dataset.conditional_vector",
            "dataset.conditional_vector=[]",
        )
    adaptive = [name for name, of in _augmentations(experiment) if isinstance(of, Adaptive)]
    for name in adaptive:
        yield (
            "the strength of the augmentation follows D's logits of real rows",
            f"augment={name}",
            "augment=diffaugment or instance_noise",
        )
    if config.dataset.get("per_class") is not None:
        yield (
            "rows are chosen by their class",
            f"dataset.per_class={config.dataset['per_class']}",
            "dataset.per_class=null",
        )


def _augmentations(experiment: Experiment) -> Iterator[tuple[str, object]]:
    method: Any = experiment.method
    yield from method.discriminator_input.augmentations.items()


def _faults_of_choices(experiment: Experiment) -> Iterator[Fault]:
    """What was measured on the data, without noise, mustn't choose the last weights."""
    health = experiment.health
    problem = "measurements on the data choose when training ends, or goes back"
    for name, action in health.action:
        if action in ("stop", "rollback"):
            setting = f"health.action.{name}"
            yield problem, f"{setting}={action}", f"{setting}=warn"
    if health.patience is not None:
        yield problem, f"health.patience={health.patience}", "health.patience=null"
    if health.convergence.tolerance is not None:
        setting = "health.convergence.tolerance"
        yield problem, f"{setting}={health.convergence.tolerance:g}", f"{setting}=null"


def privacy_warnings(config: Config) -> tuple[str, ...]:
    """What epsilon means, and what it leaves out, in one warning."""
    settings = config.privacy
    if not settings.is_on:
        return ()
    started = "" if config.init_from is None else ", what init_from was trained on"
    guessed = f" seed={config.seed} is easily guessed: use a random one." * (config.seed < 10**9)
    return (
        "epsilon is of one training row more or less, and of the last weights and their samples, "
        "as long as the seed and the run folder, with its losses and pictures of real rows, stay "
        "secret. It leaves out the number of rows, what is read of columns (categories, bounds, "
        f"spikes, encodings){started} and a choice by evaluations, as of the best checkpoint; and "
        f"random numbers here aren't cryptographic.{guessed} See docs/tables.md#privacy",
    )


def check_copies(config: Config, discriminator: Discriminator, shape: Sequence[int]) -> None:
    """Raise ConfigError, with the remedy, for a discriminator of examples [*shape] whose layers
    torch can't vectorize over copies of their weights."""
    network = copy.deepcopy(discriminator).cpu()
    copies = PerExample(network, 2)
    try:
        logits = copies(torch.zeros(4, *shape)).logits
        torch.autograd.grad(logits.sum(), list(copies.copies.values()))
    except RuntimeError as error:
        raise ConfigError(
            f"D has a layer whose gradient can't be taken row by row, {config.privacy.asked} with "
            f"{config.choice('model')} ({printable(error, 80)}). Use model=mlp or model=dcgan"
        ) from None
