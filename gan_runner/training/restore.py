"""Whether a saved run may go on as asked, and whether it will be exact."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import torch
from pydantic import TypeAdapter, ValidationError
from torch import nn

from gan_runner.config import schema as configuration
from gan_runner.config.schema import Config
from gan_runner.data.data import Data, Space, digest
from gan_runner.errors import CheckpointError, ConfigError, printable
from gan_runner.models import GenerativeModel
from gan_runner.storage import checkpoint
from gan_runner.storage.checkpoint import Checkpoint
from gan_runner.storage.run_folder import RunFolder
from gan_runner.system import machine
from gan_runner.training.build import build, resolve
from gan_runner.training.experiment import Experiment
from gan_runner.training.state import TrainState

_MOST_CLASSES = 1_000_000  # of more, a stranger's checkpoint only wants our memory

# null on the command line leaves these as they were settled when the run was made
_SETTLED = (
    "threads",
    "train.epochs",
    "optimizer.generator.schedule.steps",
    "optimizer.discriminator.schedule.steps",
)


class Changes(NamedTuple):
    """What a command line asks of a saved run: the whole composed configuration, and the dotted
    keys (or groups) in it that the user named."""

    config: Config | None
    named: tuple[str, ...]


def changed(saved: Config, changes: Changes) -> Config:
    """The saved configuration with what a resumed run may change.

    Raises CheckpointError, with the differences, if the command line asks for more.
    """
    if changes.config is None or not changes.named:
        return saved
    asked = configuration.differences(saved.plain(), resolve(changes.config).plain())
    named = {
        key: (old, new)
        for key, (old, new) in asked.items()
        if _is_named(key, changes.named) and not (new is None and key in _SETTLED)
    }
    refused = [
        f"  {key}: {printable(old)} -> {printable(new)}"
        for key, (old, new) in named.items()
        if key not in configuration.FREE
    ]
    if refused:
        raise CheckpointError(
            "a resumed run can't change these settings:\n"
            + "\n".join(refused[:8])
            + "\nStart a new run, or start one from these weights with init_from=RUN."
        )
    return configuration.with_values(saved, {key: new for key, (_, new) in named.items()})


def received(config: Config) -> Experiment:
    """The components of a saved configuration. Raises CheckpointError if it is no valid one."""
    try:
        return build(config)
    except ConfigError as error:
        raise CheckpointError(f"configuration refused:\n{error}") from None


def is_complete(folder: RunFolder, experiment: Experiment) -> bool:
    """Whether the run has done all its steps and its last checkpoint passes its check."""
    if folder.status().get("state") != "completed":
        return False
    try:
        last = checkpoint.select(folder.checkpoints, "last")
    except CheckpointError:
        return False
    return bool(last.facts.get("step") == asked_steps(folder, experiment))


def asked_steps(folder: RunFolder, experiment: Experiment) -> int | None:
    """How long the run is to be; None where that is given in epochs, and its folder doesn't say
    how many examples there were."""
    examples = folder.status().get("examples")
    if experiment.config.train.epochs is None:
        return experiment.config.train.steps
    return experiment.steps(examples) if isinstance(examples, int) else None


def check_same(found: Checkpoint, config: Config, data: Data) -> None:
    """Raise CheckpointError if the configuration or the data isn't what the run began with."""
    if found.facts.get("config") != config.digest():
        raise CheckpointError(
            f"config.yaml is not the one that the checkpoint was made with, "
            f"{printable(found.path)}. Restore it, or start a new run with init_from=RUN."
        )
    if found.facts.get("data") != digest(data):
        raise CheckpointError(
            "the data is not what the run began with, dataset="
            f"{printable(config.dataset.get('root') or config.dataset.get('name'))}. "
            "Restore it, or start a new run with init_from=RUN."
        )


def check_length(step: int, config: Config) -> None:
    """Raise ConfigError if the run is already longer than it is to be."""
    if step > config.train.steps:
        raise ConfigError(
            f"the run is already at step {step}, train.steps={config.train.steps}. Name more steps."
        )


def restore(state: TrainState, found: Checkpoint) -> None:
    """Take over the saved state. Raises CheckpointError if it doesn't fit."""
    with _fitting(found):
        state.load(found.tensors, found.facts)


def go_back(state: TrainState, found: Checkpoint, *, rate_factor: float) -> None:
    """Take over the saved networks and optimisers. Raises CheckpointError if they don't fit."""
    with _fitting(found):
        state.go_back(found.tensors, rate_factor=rate_factor)


@contextmanager
def _fitting(found: Checkpoint) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise CheckpointError(
            f"the checkpoint does not fit the run, {printable(found.path)}. {_first_line(error)}"
        ) from None


def inexact(found: Checkpoint, device: torch.device) -> list[str]:
    """One line if the run can't go on bit for bit here, none if it can."""
    before, here = found.facts.get("fingerprint"), machine.fingerprint(device)
    if not isinstance(before, dict) or before == here:
        return []
    changes = configuration.differences(before, here)
    listed = ", ".join(f"{k} {printable(a)} -> {printable(b)}" for k, (a, b) in changes.items())
    return [f"the resumed run will not be bit-identical here: {listed}."]


def take_weights(state: TrainState, path: Path) -> None:
    """Start from the weights of another run. Raises CheckpointError if they don't fit."""
    found, _ = checkpoint.newest(RunFolder(path).checkpoints)
    if found is None:
        raise CheckpointError(f"no checkpoint to start from, init_from={printable(path)}.")
    try:
        state.load_weights(found.tensors)
    except RuntimeError as error:
        raise CheckpointError(
            f"the networks differ, init_from={printable(path)}. {_first_line(error)}\n"
            "Choose its model, sizes and norms; model.discriminator.norm=auto depends on the loss."
        ) from None


def saved_space(found: Checkpoint) -> Space:
    """What one example of the run is. Raises CheckpointError if the checkpoint doesn't say."""
    try:
        return TypeAdapter(Space).validate_python(found.facts.get("space"))
    except ValidationError:
        raise CheckpointError(f"no description of the data, {printable(found.path)}.") from None


def saved_classes(found: Checkpoint, model: GenerativeModel) -> tuple[str, ...]:
    """The classes that the generator is told; none if the model isn't conditional.

    Raises CheckpointError if the checkpoint doesn't say them.
    """
    if not model.conditional:
        return ()
    try:
        names = TypeAdapter(tuple[str, ...]).validate_python(found.facts.get("classes"))
    except ValidationError:
        names = ()
    if not 2 <= len(names) <= _MOST_CLASSES or not _are_told(names, saved_space(found)):
        raise CheckpointError(f"no names of classes, {printable(found.path)}.")
    return names


def _are_told(names: tuple[str, ...], space: Space) -> bool:
    """Whether these are the classes of a table, where there is one."""
    label = None if space.columns is None else space.columns.label
    return label is None or label.categories == names


def load_network(network: nn.Module, found: Checkpoint, part: str) -> None:
    """The saved weights of `part`, such as `average`. Raises CheckpointError if they don't fit."""
    prefix = part + "."
    weights = {k.removeprefix(prefix): v for k, v in found.tensors.items() if k.startswith(prefix)}
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(
            f"the weights do not fit the networks, {printable(found.path)}. {_first_line(error)}"
        ) from None


def _is_named(key: str, named: tuple[str, ...]) -> bool:
    return any(key == name or key.startswith(f"{name}.") for name in named)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return printable(lines[min(1, len(lines) - 1)].strip())
