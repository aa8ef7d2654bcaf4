"""How sequences look to the networks."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from gan_runner.data import Space
from gan_runner.datasets.vectors import plain, standardized


def plain_steps(steps: int, size: int) -> Space:
    """Sequences [steps, size] that the networks see as they are."""
    return replace(plain(size), kind="sequences", shape=(steps, size))


def standardized_steps(sequences: Tensor) -> Space:
    """The space of float32 sequences [N, T, D] seen with mean 0 and deviation 1 in each dimension,
    over all steps alike. A dimension that never changes keeps the scale 1.
    """
    space = standardized(sequences.flatten(0, 1))
    return replace(space, kind="sequences", shape=tuple(sequences.shape[1:]))
