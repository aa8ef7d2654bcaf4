"""Examples of one side within balls around those of the other, tile by tile of a search."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from gan_runner.evaluation.metrics.distances import squared_distances
from gan_runner.evaluation.metrics.neighbors import Balls, shares_within
from gan_runner.evaluation.metrics.search import Side, distances_of, fragments_of, tops_of

_SPARSE = 1 / 8  # share of fragments, up to which it pays to look at them one by one
_FEW = 1 / 32  # share of pairs, up to which it pays to compute their distances one by one


class BallQuery(ABC):
    """A question about balls around the examples of `own` and the examples of `other` in them.

    `low` [P] and `high` [P] in float32 are heights: below the first a pair is surely not in the
    ball of its row, nor on its border; with the slack of its column above the second it surely is.
    """

    def __init__(self, own: Side, other: Side, squared_radii: Tensor) -> None:
        """`squared_radii` [N], float64, are in the features' own units."""
        self.own, self.other, self.squared_radii = own, other, squared_radii
        points, radii = own.points, squared_radii * own.points.unit
        self.low, self.high = (torch.full_like(points.shrunk, torch.inf) for _ in range(2))
        self.low[: len(radii)] = (points.squares - points.slack - radii) / 2
        self.high[: len(radii)] = (points.squares + points.slack - radii) / 2

    @abstractmethod
    def add_inside(self, rows: Tensor, columns: Tensor) -> None:
        """Pairs [K] that surely lie inside."""

    @abstractmethod
    def add_tile_inside(self, rows: slice, columns: slice, inside: Tensor) -> None:
        """The same of a tile, bool [R, C]."""

    @abstractmethod
    def add_pairs(self, rows: Tensor, columns: Tensor, distances: Tensor) -> None:
        """Pairs [K] and their distances, float64."""

    @abstractmethod
    def add_tile(self, rows: slice, columns: slice, squared: Tensor) -> None:
        """Squared distances of a tile, float64 [R, C], of which none was added otherwise."""


@final
class Inclusion(BallQuery):
    """For precision, recall, density and coverage: shares of examples within balls.

    `held` [M] is the number of balls around each of the others; `outside` [M] is the logarithm of
    the share of ways in which it is in none, and `empty` [N] of those in which the ball is.
    """

    def __init__(self, own: Side, other: Side, balls: Balls) -> None:
        super().__init__(own, other, balls.squared_radii)
        self.border = balls.border
        self.held = torch.zeros_like(other.rounding)
        self.outside, self.empty = torch.zeros_like(other.rounding), torch.zeros_like(own.rounding)

    def add_inside(self, rows: Tensor, columns: Tensor) -> None:
        self.held.index_add_(0, columns, self.held.new_ones(len(columns)))
        self.outside[columns] = -torch.inf
        self.empty[rows] = -torch.inf

    def add_tile_inside(self, rows: slice, columns: slice, inside: Tensor) -> None:
        numbers = inside.float()
        counts = numbers.sum(0)
        self.held[columns] += counts
        self.outside[columns].masked_fill_(counts > 0, -torch.inf)
        self.empty[rows].masked_fill_(numbers.amax(1) > 0, -torch.inf)

    def add_pairs(self, rows: Tensor, columns: Tensor, distances: Tensor) -> None:
        squared = distances.square()
        rounding = self.own.rounding[rows] + self.other.rounding[columns]
        shares = shares_within(squared, rounding, self.squared_radii[rows], self.border[rows])
        self.held.index_add_(0, columns, shares)
        chances = shares.neg_().log1p_()
        self.outside.index_add_(0, columns, chances)
        self.empty.index_add_(0, rows, chances)

    def add_tile(self, rows: slice, columns: slice, squared: Tensor) -> None:
        rounding = self.own.rounding[rows, None] + self.other.rounding[columns]
        radii, border = self.squared_radii[rows, None], self.border[rows, None]
        shares = shares_within(squared, rounding, radii, border)
        self.held[columns] += shares.sum(0)
        chances = shares.neg_().log1p_()
        self.outside[columns] += chances.sum(0)
        self.empty[rows] += chances.sum(1)


@final
class Nearer(BallQuery):
    """For one_nn: whether the nearest of the other side is as near as the nearest of one's own.

    `distances` [N] are those of the nearest of one's own side. `beaten` [N]: one of the other side
    is nearer; or else `nearest` [N] is the distance of that side's, inf where it is farther.
    """

    def __init__(self, own: Side, other: Side, distances: Tensor) -> None:
        super().__init__(own, other, distances.square())
        self.distances = distances
        self.nearest = torch.full_like(distances, torch.inf)
        self.beaten = torch.zeros_like(distances, dtype=torch.bool)

    def add_inside(self, rows: Tensor, columns: Tensor) -> None:
        self.beaten[rows] = True

    def add_tile_inside(self, rows: slice, columns: slice, inside: Tensor) -> None:
        self.beaten[rows] |= inside.any(1)

    def add_pairs(self, rows: Tensor, columns: Tensor, distances: Tensor) -> None:
        self.nearest.scatter_reduce_(0, rows, distances, "amin")

    def add_tile(self, rows: slice, columns: slice, squared: Tensor) -> None:
        indices = columns.start + squared.argmin(1, keepdim=True)
        found = distances_of(self.own.features[rows], self.other.features, indices)[:, 0]
        torch.minimum(self.nearest[rows], found, out=self.nearest[rows])


def answer(queries: Sequence[BallQuery], rows: slice, columns: slice, heights: Tensor) -> None:
    """Show a tile of heights [R, C] to queries of the same sides, of which the first has the
    largest balls."""
    first = queries[0]
    fragments = fragments_of(heights)
    flagged = tops_of(fragments) >= first.low[rows, None]
    count = int(flagged.sum())
    if count > _SPARSE * flagged.numel():
        for query in queries:
            _answer_densely(query, rows, columns, heights)
    elif count:
        row, place = flagged.nonzero(as_tuple=True)
        found = fragments[row, :, place]
        at, offset = (found >= first.low[rows][row, None]).nonzero(as_tuple=True)
        _answer_pairs(
            queries,
            rows.start + row[at],
            columns.start + flagged.shape[1] * offset + place[at],
            found[at, offset],
        )


def _answer_pairs(
    queries: Sequence[BallQuery], rows: Tensor, columns: Tensor, heights: Tensor
) -> None:
    own, other = queries[0].own, queries[0].other
    depths = heights - other.points.slack[columns]
    inside = [depths >= query.high[rows] for query in queries]
    near = [heights >= query.low[rows] for query in queries]
    open_pairs = [close & ~sure for close, sure in zip(near, inside, strict=True)]
    asked = torch.stack(open_pairs).any(0).nonzero()[:, 0]
    distances = depths.new_zeros(len(depths))
    distances[asked] = _pair_distances(own, other, rows[asked], columns[asked])
    for query, sure, unsure in zip(queries, inside, open_pairs, strict=True):
        query.add_inside(rows[sure], columns[sure])
        query.add_pairs(rows[unsure], columns[unsure], distances[unsure])


def _answer_densely(query: BallQuery, rows: slice, columns: slice, heights: Tensor) -> None:
    own, other = query.own, query.other
    within = _clip(rows, own), _clip(columns, other)
    heights = heights[: within[0].stop - rows.start, : within[1].stop - columns.start]
    rows, columns = within
    inside = heights - other.points.slack[columns].float() >= query.high[rows, None]
    unsure = (heights >= query.low[rows, None]).logical_and_(~inside)
    if int(unsure.sum()) > _FEW * unsure.numel():
        sides = ((own, rows), (other, columns))
        query.add_tile(
            rows, columns, squared_distances(*(s.features[part] - s.center for s, part in sides))
        )
        return
    query.add_tile_inside(rows, columns, inside)
    row, column = unsure.nonzero(as_tuple=True)
    row, column = rows.start + row, columns.start + column
    query.add_pairs(row, column, _pair_distances(own, other, row, column))


def _pair_distances(own: Side, other: Side, rows: Tensor, columns: Tensor) -> Tensor:
    """The distances [K] of pairs, float64."""
    return distances_of(own.features, other.features, columns[:, None], chosen=rows)[:, 0]


def _clip(part: slice, side: Side) -> slice:
    """Without the points that are no examples."""
    return slice(part.start, min(part.stop, len(side.features)))
