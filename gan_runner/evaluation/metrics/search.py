"""Pairs of examples that lie near each other, sought in float32 with bounds that hold.

The product form |x|^2 + |y|^2 - 2 x.y of a squared distance errs by at most a known share of
|x|^2 + |y|^2, whatever the order of summation (Higham 2002, section 3.1). So float32 tells pairs
that are surely near or surely far; those between are computed by subtraction in float64.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from gan_runner.evaluation.metrics.distances import (
    Nearest,
    both_as_float64,
    center_of,
    find_nearest_of_all,
    refuse_other_dimensions,
    refuse_other_features,
    rounding_of,
    row_chunks,
    thin_out,
)

FRAGMENT = 16  # columns of a tile, by whose largest number it is known whether to look at them
ROWS, COLUMNS = 512, 2048  # of a tile: 4 MiB in float32
SPARE = 3  # candidates beside as many as are wanted
_FEWEST_EXAMPLES = 256
_FEWEST_PRODUCTS = 2**22  # below, float64 takes no longer
_MOST_DIMENSIONS = 2**17  # of more, errors grow faster than their number
_MOST_EXPONENT = 150  # of a scale, whose sixth power float64 holds
_ROUNDING = 2.0**-24  # of a number in float32
_SUBTRACTED_AT_ONCE = 2**17  # numbers: 1 MiB in float64
_LARGEST_SQUARE = 1e30  # of which float32 can hold sums
_UNDERFLOW = 1e-22  # of a product of lengths below 1e15, for each dimension
_UNIT_EXAMPLES = 1000


class Points(NamedTuple):
    """N examples about an origin, in units of their typical distance from it.

    `rows` [P, D] are in float32; P is a multiple of FRAGMENT, and what follows the N examples is
    near nothing. `squares` [N] are those of their lengths, and `slack` [N] is how far rounding may
    move squared distances of each, both float64. `shrunk` [P] is (squares - slack) / 2 in float32.
    `along` [N] is the product of each with the origin, in the features' own units. A squared
    distance in their units, times `unit`, is one of points.
    """

    rows: Tensor
    squares: Tensor
    slack: Tensor
    shrunk: Tensor
    along: Tensor
    unit: float


class Side(NamedTuple):
    """Features [N, D] of one side, their points about `center`, and how far rounding in float64 may
    move squared distances of each, [N]."""

    features: Tensor
    points: Points
    center: Tensor
    rounding: Tensor


class Candidates:
    """For each of P rows the `keep` columns of largest height, in any order: `heights` and
    `indices` [P, keep]."""

    def __init__(self, points: Points, keep: int) -> None:
        self.heights = points.rows.new_full((len(points.rows), keep), -torch.inf)
        self.indices = torch.zeros_like(self.heights, dtype=torch.int64)

    def beyond(self, points: Points) -> Tensor:
        """A bound [N], in the features' own units, below which the squared distance of a row lies
        to no column but these."""
        lowest = self.heights[: len(points.squares)].amin(1).double()
        return (points.squares - points.slack - 2 * lowest) / points.unit

    def add(self, rows: slice, heights: Tensor, *, start: int) -> None:
        """Look at a tile [R, C] whose first column is `start`."""
        keep = self.heights.shape[1]
        fragments = fragments_of(heights)
        tops = tops_of(fragments)
        active = (tops.amax(1) > self.heights[rows].amin(1)).nonzero()
        chosen = tops[active[:, 0]].topk(min(keep, tops.shape[1]), sorted=False).indices
        places = tops.shape[1] * torch.arange(FRAGMENT, device=heights.device)
        columns = (start + chosen[:, :, None] + places).flatten(1)
        found = fragments[active, :, chosen].flatten(1)
        at = active[:, 0] + rows.start
        merged = torch.cat([self.heights[at], found], 1)
        self.heights[at], order = merged.topk(keep, sorted=False)
        self.indices[at] = torch.cat([self.indices[at], columns], 1).gather(1, order)


def find_nearest(queries: Tensor, references: Tensor) -> Nearest:
    """The nearest of the references [M, D] to each query [N, D]. Equal rows are at distance 0."""
    for each in (queries, references):
        refuse_other_features(each, at_least=1)
    refuse_other_dimensions(queries, references)
    sides = None
    if is_worth_searching(queries, references):
        sides = sides_of(center_of(references), queries, references)
    if sides is None:
        return find_nearest_of_all(*both_as_float64(queries, references, at_least=1))
    asking, asked = (side.points for side in sides)
    near = Candidates(asking, 1 + SPARE)
    for rows, columns, products in products_of(asking, asked):
        near.add(rows, products.sub_(asked.shrunk[columns]), start=columns.start)
    indices = near.indices[: len(queries)].sort(1).values  # of equal ones the first is taken
    nearest, place = distances_of(queries, references, indices).min(1)
    found = Nearest(nearest, indices.gather(1, place[:, None])[:, 0])
    doubtful = (~(nearest.square() < near.beyond(asking))).nonzero()[:, 0]
    if len(doubtful):
        exact = find_nearest_of_all(*both_as_float64(queries[doubtful], references, at_least=1))
        found.distances[doubtful], found.indices[doubtful] = exact
    return found


def is_worth_searching(a: Tensor, b: Tensor) -> bool:
    """Whether a search in float32 spares time, and is possible: it needs more examples than it
    keeps candidates, and products of float32 that aren't rounded to fewer bits."""
    products = float(len(a)) * len(b) * a.shape[1]
    return (
        products >= _FEWEST_PRODUCTS
        and min(len(a), len(b)) > _FEWEST_EXAMPLES
        and a.shape[1] < _MOST_DIMENSIONS
        and a.device.type == b.device.type == "cpu"
        and torch.get_float32_matmul_precision() == "highest"
    )


def sides_of(center: Tensor, *sets: Tensor) -> tuple[Side, ...] | None:
    """Sets [N, D] about a center, float64 [D], in a common unit. None where float32 can't hold
    them: for lengths that differ by many orders of magnitude."""
    lengths = [
        torch.linalg.vector_norm(thin_out(each, _UNIT_EXAMPLES) - center, dim=1) for each in sets
    ]
    typical = max(float(each.median()) for each in lengths)
    exponent = max(-_MOST_EXPONENT, min(math.frexp(typical)[1], _MOST_EXPONENT))
    scale = 2.0**-exponent  # a power of two rounds nothing
    found = tuple(_side(each, center, scale) for each in sets)
    fits = [float(side.points.squares.max()) <= _LARGEST_SQUARE for side in found]
    return found if all(fits) else None


def _side(features: Tensor, center: Tensor, scale: float) -> Side:
    count, size = features.shape
    padded = -(-count // FRAGMENT) * FRAGMENT
    rows = features.new_zeros(padded, size, dtype=torch.float32)
    squares, along = (center.new_zeros(count) for _ in range(2))
    for chunk in row_chunks(features, features.T):
        shifted = features[chunk] - center
        along[chunk] = shifted @ center
        rows[chunk] = shifted.mul_(scale)
        squares[chunk] = shifted.square_().sum(1)
    share = 1.01 * (size + 16) * _ROUNDING
    slack = share * squares + size * _UNDERFLOW
    shrunk = rows.new_full((padded,), torch.inf)
    shrunk[:count] = (squares - slack) / 2
    points = Points(rows, squares, slack, shrunk, along, scale**2)
    return Side(features, points, center, rounding_of(squares / points.unit, features))


Tile = tuple[slice, slice, Tensor]
"""Rows, columns, and the products [R, C] of their points, which are lost with the next tile."""


def fragments_of(heights: Tensor) -> Tensor:
    """A tile [R, C] as [R, FRAGMENT, F]: column c is in fragment c % F."""
    fragments: Tensor = heights.unflatten(1, (FRAGMENT, -1))
    return fragments


def tops_of(fragments: Tensor) -> Tensor:
    """The largest number of each fragment, [R, F]; amax takes twenty times as long for the mirror
    image of a tile."""
    tops = fragments
    while (size := tops.shape[1]) > 1:
        tops = torch.maximum(tops[:, : size // 2], tops[:, size // 2 :])
    return tops[:, 0]


def products_of(a: Points, b: Points | None = None) -> Iterator[Tile]:
    """All pairs of two sets; or of one, each pair once: columns begin with the tile's rows, and
    only there both orders of a pair come up."""
    other = a if b is None else b
    kept = a.rows.new_empty(ROWS * COLUMNS)
    for top in range(0, len(a.rows), ROWS):
        rows = slice(top, min(top + ROWS, len(a.rows)))
        for left in range(top if b is None else 0, len(other.rows), COLUMNS):
            columns = slice(left, min(left + COLUMNS, len(other.rows)))
            shape = (rows.stop - rows.start, columns.stop - columns.start)
            products = kept[: shape[0] * shape[1]].view(shape)
            torch.mm(a.rows[rows], other.rows[columns].T, out=products)
            yield rows, columns, products


def distances_of(a: Tensor, b: Tensor, indices: Tensor, *, chosen: Tensor | None = None) -> Tensor:
    """The distances, float64 [N, K], of examples [N, D], or of the N chosen ones, to those of
    [M, D] at `indices` [N, K].

    By subtraction, so that equal rows are at 0.
    """
    found = torch.zeros_like(indices, dtype=torch.float64)
    step = max(1, _SUBTRACTED_AT_ONCE // (indices.shape[1] * a.shape[1]))
    for start in range(0, len(indices), step):
        rows = slice(start, start + step)
        of_a = a[rows] if chosen is None else a[chosen[rows]]
        apart = b[indices[rows]].double().sub_(of_a[:, None].double())
        found[rows] = torch.linalg.vector_norm(apart, dim=2)
    return found
