"""The time that an evaluation takes, roughly, so that one of minutes can be announced."""

from __future__ import annotations

from collections.abc import Collection

_OPERATIONS_PER_SECOND = 2e10
"""Of large products of matrices on a core or two; a slow machine has a quarter of it, a fast one
several times as much."""

_CUBES = 30  # D**3 operations: two eigendecompositions and the singular values of a product
_PAIRWISE = {"manifold": 8, "one_nn": 6, "kid": 6, "mmd": 3, "memorization": 4, "closest_record": 2}
"""Passes over all pairs of a real and a generated example."""


def estimated_seconds(metrics: Collection[str], *, examples: int, features: int) -> float:
    """About how long the metrics take for so many real examples and as many samples, each of so
    many features. Classifiers that are trained for it aren't counted."""
    passes = sum(count for name, count in _PAIRWISE.items() if name in metrics)
    operations = 2.0 * passes * examples**2 * features
    if "frechet" in metrics:
        operations += _CUBES * float(features) ** 3 + 4.0 * examples * features**2
    return operations / _OPERATIONS_PER_SECOND
