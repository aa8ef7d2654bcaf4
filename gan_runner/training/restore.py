"""Saved tensors put back into a state or a network, and what a checkpoint says of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import nn

from gan_runner.config.schema import Config, differences
from gan_runner.data import Space
from gan_runner.errors import CheckpointError, printable
from gan_runner.models import GenerativeModel
from gan_runner.storage import checkpoint
from gan_runner.storage.checkpoint import Checkpoint
from gan_runner.storage.run_folder import RunFolder
from gan_runner.training.state import TrainState

_LISTED = 8  # differences at most, of a message of twelve lines
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


def take_weights(
    state: TrainState, path: Path, config: Config, space: Space, *, classes: int
) -> None:
    """Start a run of `config` from the weights of another; `classes` as the generator is
    conditioned on them, 0 if it isn't. Raises CheckpointError if they don't fit."""
    folder = RunFolder(path)
    found, _ = checkpoint.newest(folder.checkpoints)
    if found is None:
        raise CheckpointError(
            f"no checkpoint to start from, init_from={printable(path)}. "
            "Name the folder of a run that has saved one."
        )
    try:
        state.load_weights(found.tensors)
    except RuntimeError as error:
        changes = _network_changes(folder, found, config, space, classes=classes)
        lines = "\n".join([":", *changes]) if changes else f". {_first_line(error)}"
        raise CheckpointError(
            f"the networks differ, init_from={printable(path)}{lines}\n"
            "Use the model and the kind of data of that run, or remove init_from."
        ) from None


def _network_changes(
    folder: RunFolder, found: Checkpoint, config: Config, space: Space, *, classes: int
) -> list[str]:
    """A line for each setting or fact that networks are built from, where it isn't the saved one's;
    none if the saved configuration can't be read."""
    try:
        saved = folder.saved_config().plain()
    except CheckpointError:
        return []
    new = config.plain()
    changes = {
        **differences({"model": saved["model"]}, {"model": new["model"]}),
        **differences(_of_method(saved["method"]), _of_method(new["method"])),
        **differences(
            {**_shapes(found.facts.space), "classes": len(found.facts.classes)},
            {**_shapes(space), "classes": classes},
        ),
    }
    lines = [
        f"  {key}: {printable(old)} -> {printable(now)}" for key, (old, now) in changes.items()
    ]
    more = len(lines) - _LISTED
    return lines if more <= 0 else [*lines[:_LISTED], f"  and {more} more"]


def _of_method(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a method that networks are built from."""
    return {f"method.{key}": settings[key] for key in ("name", "conditional") if key in settings}


def _shapes(space: Space) -> dict[str, Any]:
    inputs = {} if space.inputs is None else {"inputs": list(space.inputs.shape)}
    return {"examples": list(space.shape), **inputs}


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
