"""Distances of all pairs of two sets, Euclidean and in float64, one tile at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

TILE = 2**21  # pairs of examples that are compared at once: 16 MiB in float64
_CENTER_EXAMPLES = 1000


class Nearest(NamedTuple):
    """The distance [N] (float64) of each query to its nearest reference, and its index [N]."""

    distances: Tensor
    indices: Tensor


def both_as_float64(a: Tensor, b: Tensor, *, at_least: int) -> tuple[Tensor, Tensor]:
    """Both sets [N, D] and [M, D] as float64 on one device.

    Raises ValueError for other shapes, for fewer than `at_least` examples, for NaN and Inf.
    """
    a, b = as_float64(a, at_least=at_least), as_float64(b, at_least=at_least)
    refuse_other_dimensions(a, b)
    return a, b.to(a.device)


def as_float64(features: Tensor, *, at_least: int) -> Tensor:
    """Features [N, D] as float64, on their device if that has it. Raises ValueError."""
    refuse_other_features(features, at_least=at_least)
    return (features.cpu() if features.device.type == "mps" else features).detach().double()


def refuse_other_dimensions(a: Tensor, b: Tensor) -> None:
    """Raise ValueError for sets that can't be compared."""
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"Features of {a.shape[1]} and {b.shape[1]} dimensions can't be compared.")


def refuse_other_features(features: Tensor, *, at_least: int) -> None:
    """Raise ValueError for other shapes than [N, D], for too few, for NaN and Inf."""
    if features.ndim != 2 or features.shape[1] == 0:
        raise ValueError(f"Features are a matrix [N, D], not {list(features.shape)}.")
    if len(features) < at_least:
        raise ValueError(f"{len(features)} examples are too few, at least {at_least} are needed.")
    if not bool(features.isfinite().all()):
        raise ValueError("NaN or Inf among the features. Check the generator's weights.")


def thin_out(features: Tensor, count: int) -> Tensor:
    """At most `count` of the examples, one from each of as many equal stretches, always the same.

    Whether examples are sorted by class or classes take turns, all classes keep their shares.
    """
    size = min(count, len(features))
    borders = torch.arange(size + 1) * len(features) // size
    draws = torch.rand(size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    places = borders[:-1] + (draws * borders.diff()).long()
    return features[places.to(features.device)]


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """Between all rows of [N, D] and [M, D]: [N, M], exact to about eps * |row|^2."""
    squares = a.square().sum(1)[:, None] + b.square().sum(1)
    return squares.addmm_(a, b.T, alpha=-2).clamp_(min=0)


def row_chunks(a: Tensor, b: Tensor) -> Iterator[slice]:
    """Rows of `a` that make at most TILE pairs with all of `b`."""
    step = max(1, TILE // len(b))
    for start in range(0, len(a), step):
        yield slice(start, min(start + step, len(a)))


def tiles(a: Tensor, b: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Rows of `a`, and their squared distances to all of `b`."""
    center = center_of(b)
    a, b = a - center, b - center
    for rows in row_chunks(a, b):
        yield rows, squared_distances(a[rows], b)


def center_of(features: Tensor) -> Tensor:
    """An origin, float64 [D], near all examples: the product form of distances loses digits far
    from it.

    A median, which no single example moves.
    """
    return thin_out(features, _CENTER_EXAMPLES).double().median(0).values


def tiles_with_rounding(a: Tensor, b: Tensor) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """The same as tiles, and how far rounding may have moved each: [rows, M].

    By pairs, so that an example far away blurs no distance but its own.
    """
    of_a, of_b = (rounding_of((each - center_of(b)).square().sum(1), each) for each in (a, b))
    for rows, squared in tiles(a, b):
        yield rows, squared, of_a[rows, None] + of_b


def rounding_of(squares: Tensor, features: Tensor) -> Tensor:
    """How far rounding in float64 may move squared distances of each example, [N], by the square of
    its distance from the origin."""
    return 4 * features.shape[1] * torch.finfo(torch.float64).eps * squares


def find_nearest_of_all(
    queries: Tensor, references: Tensor, *, skip: Tensor | None = None
) -> Nearest:
    """The nearest of the references [M, D] to each query [N, D], both float64.

    `skip` [N]: the index of a reference that isn't a neighbor of the query, since it is the same.
    """
    found = []
    for rows, squared in tiles(queries, references):
        if skip is not None:
            squared.scatter_(1, skip[rows, None], torch.inf)
        found.append(squared.argmin(1))
    indices = torch.cat(found)
    # by subtraction, so that equal rows are at 0; in chunks of their own, of D numbers a row
    distances = [
        torch.linalg.vector_norm(queries[rows] - references[indices[rows]], dim=1)
        for rows in row_chunks(queries, queries.T)
    ]
    return Nearest(torch.cat(distances), indices)
