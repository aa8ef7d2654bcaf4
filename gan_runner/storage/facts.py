"""The facts of a checkpoint, typed and frozen, to plain data and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from gan_runner.data import Space
from gan_runner.system.machine import Fingerprint

Count = Annotated[int, Field(strict=True, ge=0, lt=2**63)]
Amount = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
Text = Annotated[str, Field(strict=True)]

_AXES = {"images": 3, "vectors": 1, "table": 1, "sequences": 2}
_LARGEST_EXAMPLE = 1 << 31  # numbers; a larger one in a stranger's file only wants our memory


@dataclass(frozen=True)
class StateFacts:
    """Everything of a TrainState that isn't a tensor."""

    step: Count
    """Updates of the generator."""

    seconds: Amount
    """The time of training so far, over all processes."""

    rate_factor: Amount
    """The factor of all learning rates."""

    rollbacks: tuple[Count, ...]
    """The steps after which the weights went back to an earlier step's."""

    counts: Mapping[Text, Count]
    """Updates in the sums of the open row, in the order of its columns."""

    rng: Mapping[Text, Text]
    """The states of the random streams, in base64."""


@dataclass(frozen=True)
class Facts:
    """Everything of a checkpoint that isn't a tensor. In its file the facts of the state are on
    one level with the others."""

    state: StateFacts

    classes: tuple[Text, ...]
    """The names of the classes that the generator is conditioned on, none if it isn't."""

    config: Text
    """The digest of the settings that a resumed run can't change."""

    data: Text
    """The digest of the training data."""

    space: Space
    """The space of one example."""

    fingerprint: Fingerprint
    """The versions, the device and the threads that an exact resume needs."""

    class_counts: tuple[Count, ...] = ()
    """The number of training examples of each of these classes; earlier checkpoints have none."""

    def plain(self) -> dict[str, Any]:
        """The facts as JSON has them."""
        named = asdict(self)
        return {**named.pop("state"), **named}


_READER = TypeAdapter(Facts)


def parse_facts(plain: Mapping[str, Any]) -> Facts:
    """The facts in a checkpoint, which may come from a stranger; keys of another version are left
    out. Raises ValueError for values of another type or size.
    """
    try:
        facts = _READER.validate_python({**plain, "state": plain})
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"] if part != "state")
        raise ValueError(f"{key}: {first['msg']}") from None
    _check_space(facts.space)
    counts = facts.class_counts
    if counts and (len(counts) != len(facts.classes) or not any(counts)):
        raise ValueError("class_counts: not a number of examples for each class")
    return facts


def _check_space(space: Space) -> None:
    """Raise ValueError for a shape that no example, or no input, has."""
    if space.inputs is not None:
        if space.inputs.inputs is not None:
            raise ValueError("space.inputs: inputs of inputs")
        _check_space(space.inputs)
    if len(space.shape) != _AXES[space.kind] or min(space.shape) < 1:
        raise ValueError(f"space.shape: {space.kind} of shape {list(space.shape)}")
    if math.prod(space.shape) > _LARGEST_EXAMPLE:
        raise ValueError(f"space.shape: {list(space.shape)} is too large")
    values = 0 if space.kind == "images" else space.shape[-1]
    if {len(space.offset), len(space.scale)} != {values}:
        raise ValueError("space.offset and space.scale: not one for each dimension")
    # data whose numbers are held as they are have no origin; neither had earlier checkpoints
    if len(space.origin) not in (0, values) or not all(map(math.isfinite, space.origin)):
        raise ValueError("space.origin: not a number for each dimension")
