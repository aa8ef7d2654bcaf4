"""The two networks of a model for an adversarial game, to be unpacked."""

from __future__ import annotations

from typing import Any, NamedTuple

from gan_runner.data import Space
from gan_runner.models import GenerativeModel


class Networks(NamedTuple):
    generator: Any
    discriminator: Any


def build_pair(model: GenerativeModel, space: Space, classes: int = 0) -> Networks:
    return Networks(**model.build_networks(space, classes))
