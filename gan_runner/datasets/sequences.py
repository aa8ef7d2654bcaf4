"""The spaces of sequences."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from gan_runner.data import Space
from gan_runner.datasets.vectors import plain_space, standardized_space


def plain_sequence_space(steps: int, size: int) -> Space:
    """The space of sequences [steps, size] that the networks see as they are."""
    return replace(plain_space(size), kind="sequences", shape=(steps, size))


def standardized_sequence_space(sequences: Tensor) -> Space:
    """The space of float32 sequences [N, T, D] seen with mean 0 and deviation 1 in each dimension,
    over all steps alike. A dimension that never changes keeps the scale 1.
    """
    space = standardized_space(sequences.flatten(0, 1))
    return replace(space, kind="sequences", shape=tuple(sequences.shape[1:]))
