"""Metrics of nearest neighbors. Distances are Euclidean, in float64, one tile at a time."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from gan_runner.evaluation.metrics.distances import (
    both_as_float64,
    find_nearest_of_all,
    thin_out,
    tiles_with_rounding,
)
from gan_runner.evaluation.metrics.search import find_nearest

SEARCHED = 2000  # examples whose nearest neighbors are sought in all of the training data


class Manifold(NamedTuple):
    """The mutual coverage of two sets. The first two lie in [0, 1], as does coverage."""

    precision: float
    recall: float
    density: float
    coverage: float


class Balls(NamedTuple):
    """A ball around each of N examples: the square of its radius [N], and the share [N] of what
    lies on its border that belongs to it: all of it, unless several neighbors lie there."""

    squared_radii: Tensor
    border: Tensor


class FreshExamples:
    """Features of real examples that a generator wasn't trained on, `held_out` [M, D], beside those
    of all that it was, `train` [N, D]: what is the same for every generator is computed once.

    At most SEARCHED held-out examples are compared. Raises ValueError for other shapes.
    """

    def __init__(self, train: Tensor, held_out: Tensor) -> None:
        self.train, self.held_out = train, held_out
        self.searched = thin_out(held_out, SEARCHED)

    @cached_property
    def share_of_copies(self) -> float:
        """The share of the searched that are equal to a training example."""
        return float((self._nearest == 0).double().mean())

    @cached_property
    def distance_to_train(self) -> float:
        """The median distance of the searched from their nearest training examples."""
        return _median(self._nearest)

    @cached_property
    def distance_apart(self) -> float:
        """The median distance of the searched, two or more, from the nearest other one."""
        searched, _ = both_as_float64(self.searched, self.searched, at_least=2)
        return _median(find_nearest_of_all(searched, searched, skip=every(searched)).distances)

    @cached_property
    def _nearest(self) -> Tensor:
        return find_nearest(self.searched, self.train).distances


def manifold(real: Tensor, fake: Tensor, *, k: int) -> Manifold:
    """Precision, recall, density and coverage of features [N, D] and [M, D].

    A ball around each example reaches to its k-th nearest neighbor of the same set, itself
    excluded. Precision is the share of fakes within any real ball, recall that of reals within any
    fake ball (Kynkäänniemi et al. 2019, arXiv:1904.06991). Density is the number of real balls
    around a fake, over k, on average; coverage the share of real balls that hold a fake (Naeem et
    al. 2020, arXiv:2002.09797). Balls are closed. Where several neighbors are the k-th, all at the
    same distance, the border holds only the share of them that makes k: each number is the mean
    over all ways to choose, so that discrete data, too, have a density of 1 beside their like.
    Raises ValueError where a set has not more than k examples.
    """
    if k < 1:
        raise ValueError(f"k={k} is not a number of neighbors. Use 1 or more.")
    real, fake = both_as_float64(real, fake, at_least=k + 1)
    of_real, of_fake = balls_of(real, k), balls_of(fake, k)
    held = real.new_zeros(len(fake))
    outside = real.new_zeros(len(fake))  # logarithms of the shares of ways
    covered = recalled = 0.0
    for rows, squared, rounding in tiles_with_rounding(real, fake):
        radii, border = (each[rows, None] for each in of_real)
        shares = shares_within(squared, rounding, radii, border)
        held += shares.sum(0)
        chances = shares.neg_().log1p_()
        outside += chances.sum(0)
        covered += float((1 - chances.sum(1).exp()).sum())
        shares = shares_within(squared, rounding, *of_fake)
        recalled += float((1 - shares.neg_().log1p_().sum(1).exp()).sum())
    return Manifold(
        precision=float((1 - outside.exp()).mean()),
        recall=recalled / len(real),
        density=float(held.mean()) / k,
        coverage=covered / len(real),
    )


def one_nn_accuracy(real: Tensor, fake: Tensor) -> float:
    """The share of examples whose nearest other one of [N, D] and [M, D] is on the same side.

    0.5 where both are alike, 1 where they lie apart, below 0.5 where fakes are copies of these
    reals; of several that are nearest, each side's share counts. The longer set is thinned out.
    Leave-one-out, Lopez-Paz & Oquab 2017, arXiv:1610.06545; Xu et al. 2018, arXiv:1806.07755.
    """
    count = min(len(real), len(fake))
    real, fake = both_as_float64(thin_out(real, count), thin_out(fake, count), at_least=2)
    right = 0.0
    for one, other in ((real, fake), (fake, real)):
        own = find_nearest_of_all(one, one, skip=every(one)).distances
        foreign = find_nearest_of_all(one, other).distances
        right += float((own < foreign).sum())
        tied = (own == foreign).nonzero().flatten()
        right += float(shares_of_ties(one, other, tied, own).sum())
    return right / (2 * count)


def shares_of_ties(one: Tensor, other: Tensor, tied: Tensor, distances: Tensor) -> Tensor:
    """Of the `tied` examples [T] of one side [N, D], whose nearest on both sides [N, D] lie at the
    same of the distances [N]: the share of their own side among all that lie there."""
    # as shares of each side, which has one other less where the example itself is
    same = _count_at(one, tied, one, distances, others_only=True) / (len(one) - 1)
    across = _count_at(one, tied, other, distances) / len(other)
    return same / (same + across)


def memorization(fake: Tensor, fresh: FreshExamples) -> float:
    """The distance of fakes [N, D] from training examples over that from held-out ones.

    Both are measured by how near fresh examples, the held-out ones, come to the same set:

        median d(fake, train) / median d(held_out, train)
        ------------------------------------------------------------
        median d(fake, held_out) / median d(held_out, other held_out)

    About 1 for a generator that has learned nothing of single examples, near 0 for copies of
    training examples. The numerator is the comparison of Meehan et al. 2020 (arXiv:2004.05675) as a
    ratio of medians; the denominator is the same for a set that the generator wasn't trained on,
    without which any generator of typical examples seemed to copy. The sizes of both sets cancel,
    so that all of `train` can be searched. Medians are those of the mid-distribution, which counts
    half of what is equal as smaller: of discrete data and of repeated examples many distances are
    0, and no median of them is unless all are. Infinite where only the denominator is 0, 1 where
    both are 0.
    """
    near = _median(find_nearest(fake, fresh.train).distances) * fresh.distance_apart
    far = fresh.distance_to_train * _median(find_nearest(fake, fresh.searched).distances)
    if far == 0:
        return 1.0 if near == 0 else float("inf")
    return near / far


def different_examples(features: Tensor) -> float:
    """The number of different examples among [N, D], each by its share: the inverse of the chance
    that two draws are equal. N where all differ."""
    counts = features.unique(dim=0, return_counts=True)[1].double()
    return float(counts.sum().square() / counts.square().sum())


def balls_of(features: Tensor, k: int, *, chosen: Tensor | None = None) -> Balls:
    """Around each example of [N, D], float64, or each of those chosen (int64), out to its k-th
    nearest neighbor."""
    radii, borders = [], []
    own = every(features) if chosen is None else chosen
    queries = features if chosen is None else features[chosen]
    for rows, squared, rounding in tiles_with_rounding(queries, features):
        squared.scatter_(1, own[rows, None], torch.inf)
        radius = squared.topk(k, dim=1, largest=False, sorted=True).values[:, -1:]
        inside = (squared + rounding < radius).sum(1)
        upon = (squared - rounding <= radius).sum(1) - inside
        radii.append(radius[:, 0])
        borders.append((k - inside) / upon.double())
    return Balls(torch.cat(radii), torch.cat(borders))


def every(examples: Tensor) -> Tensor:
    """The indices of all examples, int64 [N]."""
    return torch.arange(len(examples), device=examples.device)


def shares_within(squared: Tensor, rounding: Tensor, radii: Tensor, border: Tensor) -> Tensor:
    """The share [N, M] of each pair's example within the pair's ball: 1 inside, 0 outside, and on
    the border what belongs to the ball."""
    within = (squared - rounding <= radii).to(squared.dtype)
    if bool((border == 1).all()):  # as for all data that isn't discrete
        return within
    return torch.where(squared + rounding >= radii, within * border, within)


def _count_at(
    queries: Tensor,
    chosen: Tensor,
    references: Tensor,
    distances: Tensor,
    *,
    others_only: bool = False,
) -> Tensor:
    """The number of references at the distance [N] of each of the `chosen` queries, float64.

    `others_only`: the queries are the references, and none is its own neighbor.
    """
    found = [queries.new_zeros(0)]
    for rows, squared, rounding in tiles_with_rounding(queries[chosen], references):
        if others_only:
            squared.scatter_(1, chosen[rows, None], torch.inf)
        away = squared - distances[chosen[rows], None].square()
        found.append((away.abs() <= rounding).sum(1).double())
    return torch.cat(found)


def _median(distances: Tensor) -> float:
    """Of the mid-distribution (Ma, Genton & Parzen 2011): linear between the values, each at the
    share below it and half of its own."""
    values, counts = distances.unique(return_counts=True)
    shares = (counts.cumsum(0) - counts / 2) / len(distances)
    above = int((shares < 0.5).sum())
    if above in (0, len(values)):
        return float(values[min(above, len(values) - 1)])
    (low, high), (left, right) = (each[above - 1 : above + 1].tolist() for each in (values, shares))
    return float(low + (high - low) * (0.5 - left) / (right - left))
