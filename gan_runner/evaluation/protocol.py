"""The protocol of a measured number. Numbers of different protocols are never compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple


@dataclass(frozen=True)
class Protocol:
    """Everything that a number depends on beside the generator.

    `data` is the digest of the data set, `space` with its `version` names what real and generated
    examples were compared in, `parameters` are the metric's own.
    """

    data: str
    split: str
    n_real: int
    n_fake: int
    space: str
    version: str
    resizing: str
    seed: int
    weights: str
    parameters: dict[str, Any]

    def plain(self) -> dict[str, Any]:
        """As plain data, with the digest that tells protocols apart."""
        return {**asdict(self), "id": self.id}

    @property
    def id(self) -> str:
        """Ten hexadecimal digits, equal only for equal protocols."""
        return digest_of(asdict(self))


def digest_of(protocol: Mapping[str, Any]) -> str:
    """The digest of a protocol as plain data, its `id` left out."""
    text = json.dumps(protocol, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


class Result(NamedTuple):
    """One measured number, and how it came about.

    `name` is its name in rows, `metric` that in the registry. `error` is its standard error where
    there is an estimate of it; `column` is the column of a table that it is of, None if it is of
    whole examples.
    """

    name: str
    metric: str
    value: float
    protocol: Protocol
    error: float | None = None
    column: str | None = None

    def plain(self) -> dict[str, Any]:
        """As plain data under its name: the value, what was measured in which space, and how."""
        optional = {"error": self.error, "column": self.column}
        return {
            "metric": self.metric,
            "space": self.protocol.space,
            "value": self.value,
            **{key: value for key, value in optional.items() if value is not None},
            "protocol": self.protocol.plain(),
        }
