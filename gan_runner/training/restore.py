"""Saved tensors put back into a state or a network, and what a checkpoint says of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from torch import nn

from gan_runner.data import Space
from gan_runner.errors import CheckpointError, printable
from gan_runner.models import GenerativeModel
from gan_runner.storage import checkpoint
from gan_runner.storage.checkpoint import Checkpoint
from gan_runner.storage.run_folder import RunFolder
from gan_runner.training.state import TrainState

_MOST_CLASSES = 1_000_000  # of more, a stranger's checkpoint only wants our memory


def restore(state: TrainState, found: Checkpoint) -> None:
    """Take over the saved state. Raises CheckpointError if it doesn't fit."""
    with _explain_misfit(found):
        state.load(found.tensors, found.facts.state)


def go_back(state: TrainState, found: Checkpoint, *, rate_factor: float) -> None:
    """Take over the saved networks and optimizers. Raises CheckpointError if they don't fit."""
    with _explain_misfit(found):
        state.go_back(found.tensors, rate_factor=rate_factor)


@contextmanager
def _explain_misfit(found: Checkpoint) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise CheckpointError(
            f"the checkpoint does not fit the run, {printable(found.path)}. {_first_line(error)}"
        ) from None


def take_weights(state: TrainState, path: Path) -> None:
    """Start from the weights of another run. Raises CheckpointError if they don't fit."""
    found, _ = checkpoint.newest(RunFolder(path).checkpoints)
    if found is None:
        raise CheckpointError(
            f"no checkpoint to start from, init_from={printable(path)}. "
            "Name the folder of a run that has saved one."
        )
    try:
        state.load_weights(found.tensors)
    except RuntimeError as error:
        raise CheckpointError(
            f"the networks differ, init_from={printable(path)}. {_first_line(error)}\n"
            "Choose its model, sizes and norms; model.discriminator.norm=auto depends on the loss."
        ) from None


def saved_classes(found: Checkpoint, model: GenerativeModel) -> tuple[str, ...]:
    """The classes that the generator is conditioned on; none if the model isn't conditional.

    Raises CheckpointError if the checkpoint doesn't say them.
    """
    if not model.conditional:
        return ()
    names = found.facts.classes
    if not 2 <= len(names) <= _MOST_CLASSES or not _fit_table(names, found.facts.space):
        raise CheckpointError(f"no names of classes, {printable(found.path)}.")
    return names


def _fit_table(names: tuple[str, ...], space: Space) -> bool:
    """Whether these are the categories of a table's label, where there is one."""
    label = None if space.columns is None else space.columns.label
    return label is None or label.categories == names


def load_network(network: nn.Module, found: Checkpoint, part: str) -> None:
    """The saved weights of `part`, such as `ema`. Raises CheckpointError if they don't fit."""
    prefix = part + "."
    weights = {k.removeprefix(prefix): v for k, v in found.tensors.items() if k.startswith(prefix)}
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(
            f"the weights do not fit the networks, {printable(found.path)}. {_first_line(error)}"
        ) from None


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return printable(lines[min(1, len(lines) - 1)].strip())
