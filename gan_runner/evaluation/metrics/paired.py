"""Real and generated features whose pairs several metrics need, walked once for all of them."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from gan_runner.evaluation.metrics import kernels, neighbors
from gan_runner.evaluation.metrics.across import BallQuery, Inclusion, Nearer, answer
from gan_runner.evaluation.metrics.distances import (
    as_float64,
    both_as_float64,
    center_of,
    find_nearest_of_all,
    refuse_other_dimensions,
    refuse_other_features,
    thin_out,
)
from gan_runner.evaluation.metrics.kernels import KID, CubicSums, GaussianReals, discrepancy
from gan_runner.evaluation.metrics.neighbors import Balls, Manifold, balls_of, shares_of_ties
from gan_runner.evaluation.metrics.search import (
    SPARE,
    Candidates,
    Points,
    Side,
    distances_of,
    is_worth_searching,
    products_of,
    sides_of,
)

TOGETHER = frozenset({"manifold", "one_nn", "kid"})
"""The metrics of all pairs."""

KERNEL_EXAMPLES = 2000  # of either kind, for MMD: its kernel's bandwidth makes more of little use
_MOST_NEIGHBORS = 64  # of more, candidates take longer than distances of all pairs in float64


class Neighborhoods(NamedTuple):
    """Balls around N examples out to their k-th neighbors, and the distance [N] of the nearest."""

    balls: Balls
    nearest: Tensor


class ExampleSet:
    """Features [N, D] of one set, and of all pairs among them a few numbers for each example, which
    are computed once and kept. Raises ValueError for NaN, Inf and another shape."""

    def __init__(self, features: Tensor) -> None:
        refuse_other_features(features, at_least=0)
        self.features = features.detach()
        self._neighborhoods: dict[int, Neighborhoods] = {}
        self._kernel_means: Tensor | None = None

    @cached_property
    def gaussian(self) -> GaussianReals:
        """What MMD needs of these as real ones, of at most KERNEL_EXAMPLES. Raises ValueError for
        fewer than 2."""
        return GaussianReals(thin_out(self.features, KERNEL_EXAMPLES))

    @cached_property
    def copies(self) -> Tensor:
        """How often each different example occurs, int64 [K]."""
        counts: Tensor = self.features.unique(dim=0, return_counts=True)[1]
        return counts

    def __len__(self) -> int:
        return len(self.features)

    def neighborhoods(self, k: int) -> Neighborhoods:
        """Once they are computed."""
        return self._neighborhoods[k]

    @property
    def kernel_means(self) -> Tensor:
        """The mean of KID's kernel of each example with all others, once they are computed."""
        assert self._kernel_means is not None, "computed before"
        return self._kernel_means

    def compute(self, *, k: int | None, kernel: bool) -> bool:
        """Walk over all pairs for what is wanted and isn't there yet. Whether that is possible."""
        wants_kernel = kernel and self._kernel_means is None
        wants_neighbors = k is not None and k not in self._neighborhoods
        if not wants_kernel and not wants_neighbors:
            return True
        sides = sides_of(center_of(self.features), self.features)
        if sides is None:
            return False
        points = sides[0].points
        near = Candidates(points, k + SPARE) if k is not None and wants_neighbors else None
        sums = CubicSums(sides[0], sides[0]) if wants_kernel else None
        for rows, columns, products in products_of(points):
            if sums is not None:
                sums.add(rows, columns, products)
            if near is not None:
                _look_at(near, points, rows, columns, products)
        if sums is not None:
            self._kernel_means = sums.of_rows() / (len(self) - 1)
        if near is not None and k is not None:
            self._neighborhoods[k] = _neighborhoods(sides[0], near, k)
        return True


def _look_at(
    near: Candidates, points: Points, rows: slice, columns: slice, products: Tensor
) -> None:
    """Show a tile of products among one set to candidates, and its mirror image."""
    heights = products - points.shrunk[columns]
    if rows.start == columns.start:
        heights.diagonal().fill_(-torch.inf)  # none is its own neighbor
    near.add(rows, heights, start=columns.start)
    mirrored = slice(max(columns.start, rows.stop), columns.stop)
    if mirrored.start < mirrored.stop:
        image = products[:, mirrored.start - columns.start :].T
        near.add(mirrored, image - points.shrunk[rows], start=rows.start)


def _neighborhoods(side: Side, near: Candidates, k: int) -> Neighborhoods:
    """By the distances of candidates in float64; of all others for rows that may have more."""
    features = side.features
    indices = near.indices[: len(features)]
    distances = distances_of(features, features, indices)
    squared = distances.square()
    radii = squared.kthvalue(k, dim=1).values
    rounding = side.rounding[:, None] + side.rounding[indices]
    inside = (squared + rounding < radii[:, None]).sum(1)
    upon = (squared - rounding <= radii[:, None]).sum(1) - inside
    found = Neighborhoods(Balls(radii, (k - inside) / upon.double()), distances.amin(1))
    doubtful = (~(radii < near.beyond(side.points))).nonzero()[:, 0]
    if len(doubtful):
        exact = as_float64(features, at_least=1)
        balls = balls_of(exact, k, chosen=doubtful)
        found.balls.squared_radii[doubtful], found.balls.border[doubtful] = balls
        found.nearest[doubtful] = find_nearest_of_all(
            exact[doubtful], exact, skip=doubtful
        ).distances
    return found


class PairedSets:
    """Numbers of all pairs of real and generated features.

    A number that is asked for is computed along with those of all `metrics`, in one walk over the
    pairs. Real features keep what is computed of them alone.
    """

    def __init__(self, real: ExampleSet, fake: Tensor, *, k: int, metrics: Collection[str]) -> None:
        """`k` is the number of neighbors of the manifold. Raises ValueError for features that can't
        be compared."""
        self.real, self.fake = real, ExampleSet(fake.to(real.features.device))
        refuse_other_dimensions(real.features, fake)
        self._k, self._metrics = k, TOGETHER.intersection(metrics)
        self._manifold: Manifold | None = None
        self._one_nn: float | None = None
        self._kid: KID | None = None

    @property
    def manifold(self) -> Manifold:
        """Precision, recall, density and coverage. Raises ValueError where a set has not more than
        k examples."""
        if self._manifold is None and not self._walk("manifold"):
            self._manifold = neighbors.manifold(self.real.features, self.fake.features, k=self._k)
        assert self._manifold is not None, "walked for it"
        return self._manifold

    @property
    def one_nn(self) -> float:
        """The accuracy of the nearest neighbor. Raises ValueError for fewer than 2 examples."""
        count = min(len(self.real), len(self.fake))
        if self._one_nn is None and len(self.real) != len(self.fake):
            real, fake = (thin_out(each.features, count) for each in (self.real, self.fake))
            self._one_nn = PairedSets(ExampleSet(real), fake, k=1, metrics=()).one_nn
        if self._one_nn is None and not self._walk("one_nn"):
            self._one_nn = neighbors.one_nn_accuracy(self.real.features, self.fake.features)
        assert self._one_nn is not None, "walked for it"
        return self._one_nn

    @property
    def kid(self) -> KID:
        """The kernel distance. Raises ValueError for fewer than 2 examples on a side."""
        if self._kid is None and not self._walk("kid"):
            self._kid = kernels.kid(self.real.features, self.fake.features)
        assert self._kid is not None, "walked for it"
        return self._kid

    def _walk(self, metric: str) -> bool:
        """Compute the numbers of a metric and of those along with it. False where it doesn't pay or
        isn't possible."""
        real, fake = self.real.features, self.fake.features
        wanted = {metric, *self._metrics}
        if len(real) != len(fake):
            wanted.discard("one_nn")
        if not 1 <= self._k <= _MOST_NEIGHBORS or not is_worth_searching(real, fake):
            return False
        sets, k = (self.real, self.fake), self._k if wanted - {"kid"} else None
        if not all(each.compute(k=k, kernel="kid" in wanted) for each in sets):
            return False
        sides = sides_of(center_of(fake), real, fake)
        if sides is None:
            return False
        sums = CubicSums(*sides) if "kid" in wanted else None
        across = _Across(sets, sides, k=self._k, wanted=wanted)
        for rows, columns, products in products_of(*(side.points for side in sides)):
            if sums is not None:
                sums.add(rows, columns, products)
            across.add(rows, columns, products)
        self._conclude(sums, across)
        return True

    def _conclude(self, sums: CubicSums | None, across: _Across) -> None:
        """The numbers of what was walked for."""
        if sums is not None:
            self._kid = discrepancy(
                self.real.kernel_means,
                self.fake.kernel_means,
                sums.of_rows() / len(self.fake),
                sums.of_columns() / len(self.real),
            )
        if across.inclusions:
            self._manifold = across.manifold(self._k)
        if across.nearer:
            self._one_nn = across.one_nn()


class _Across:
    """What is asked about balls around real examples and around generated ones, and the others."""

    def __init__(
        self,
        sets: tuple[ExampleSet, ExampleSet],
        sides: tuple[Side, ...],
        *,
        k: int,
        wanted: Collection[str],
    ) -> None:
        ordered = [(sets[0], sides[0], sides[1]), (sets[1], sides[1], sides[0])]
        self._sides = sides
        self.inclusions = [
            Inclusion(own, other, each.neighborhoods(k).balls)
            for each, own, other in ordered
            if "manifold" in wanted
        ]
        self.nearer = [
            Nearer(own, other, each.neighborhoods(k).nearest)
            for each, own, other in ordered
            if "one_nn" in wanted
        ]
        # of each side the largest balls first
        self._queries: list[tuple[BallQuery, ...]] = list(
            zip(*(each for each in (self.inclusions, self.nearer) if each), strict=True)
        )

    def add(self, rows: slice, columns: slice, products: Tensor) -> None:
        """A tile of products of real examples (rows) and generated ones."""
        if not self._queries:
            return
        by_real, by_fake = self._queries
        of_real, of_fake = (side.points for side in self._sides)
        answer(by_real, rows, columns, products - of_fake.shrunk[columns])
        answer(by_fake, columns, rows, products.T - of_real.shrunk[rows])

    def manifold(self, k: int) -> Manifold:
        """Once all tiles are added."""
        by_real, by_fake = self.inclusions
        return Manifold(
            precision=float((1 - by_real.outside.exp()).mean()),
            recall=float((1 - by_fake.outside.exp()).mean()),
            density=float(by_real.held.mean()) / k,
            coverage=float((1 - by_real.empty.exp()).mean()),
        )

    def one_nn(self) -> float:
        """Once all tiles are added."""
        right = 0.0
        for query in self.nearer:
            own, other = query.own.features, query.other.features
            right += float((~query.beaten & (query.distances < query.nearest)).sum())
            tied = (~query.beaten & (query.distances == query.nearest)).nonzero()[:, 0]
            if len(tied):
                exact = both_as_float64(own, other, at_least=2)
                right += float(shares_of_ties(*exact, tied, query.distances).sum())
        return right / sum(len(query.distances) for query in self.nearer)
