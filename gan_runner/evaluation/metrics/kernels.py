"""Maximum mean discrepancy, unbiased: KID's polynomial kernel and a Gaussian one."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from gan_runner.evaluation.metrics.distances import (
    as_float64,
    both_as_float64,
    row_chunks,
    squared_distances,
    thin_out,
)
from gan_runner.evaluation.metrics.search import Side

_BANDWIDTH_EXAMPLES = 1000
_LARGEST_CUBED = 1e10  # of a factor, so that float32 holds sums of products of three
_CUBED_AT_ONCE = 2**17  # pairs: 512 KiB in float32, which a core keeps at hand

Kernel = Callable[[Tensor, Tensor], Tensor]


class KID(NamedTuple):
    """The squared discrepancy, which may be negative as it is unbiased, and its standard error."""

    value: float
    error: float


def kid(real: Tensor, fake: Tensor) -> KID:
    """Kernel inception distance of features [N, D] and [M, D]: kernel (x.y / D + 1)^3.

    Binkowski et al. 2018, arXiv:1801.01401, section 4; over all examples instead of over subsets.
    Raises ValueError for fewer than 2 examples on a side.
    """
    real, fake = both_as_float64(real, fake, at_least=2)
    of_real, of_fake = _means_within(real, _cubic), _means_within(fake, _cubic)
    return discrepancy(of_real, of_fake, *_means_across(real, fake, _cubic))


def mmd(real: Tensor, fake: Tensor) -> float:
    """Squared MMD of features [N, D] and [M, D]: kernel exp(-|x - y|^2 / 2 s^2).

    Gretton et al. 2012, lemma 6. Its median heuristic for s is taken among the reals alone, so
    that all generators are measured by the same kernel.
    """
    return GaussianReals(real).mmd(fake)


class GaussianReals:
    """Real features [N, D], and what MMD needs of them alone, computed once for all generators.

    Raises ValueError for fewer than 2 examples.
    """

    def __init__(self, real: Tensor) -> None:
        real = as_float64(real, at_least=2)
        # the product form of distances loses digits far from the origin
        self._center = real.mean(0)
        self._real = real - self._center
        self._twice_variance = 2 * _squared_bandwidth(self._real)
        self._means = _means_within(self._real, self._kernel)

    def mmd(self, fake: Tensor) -> float:
        """The squared MMD of generated features [M, D]. Raises ValueError for fewer than 2."""
        _, fake = both_as_float64(self._real, fake, at_least=2)
        fake = fake - self._center
        of_fake = _means_within(fake, self._kernel)
        across = _means_across(self._real, fake, self._kernel)
        return discrepancy(self._means, of_fake, *across).value

    def _kernel(self, a: Tensor, b: Tensor) -> Tensor:
        return squared_distances(a, b).div_(-self._twice_variance).exp_()


def _cubic(a: Tensor, b: Tensor) -> Tensor:
    product = (a @ b.T).div_(a.shape[1]).add_(1)
    return product.square().mul_(product)


def _squared_bandwidth(features: Tensor) -> float:
    """The median squared distance of a fixed subset; of those that aren't 0, and 1 without any."""
    features = thin_out(features, _BANDWIDTH_EXAMPLES)
    above = torch.ones(len(features), len(features), dtype=torch.bool, device=features.device)
    squared = squared_distances(features, features)[above.triu(1)]
    if (median := float(squared.median())) > 0:
        return median
    different = squared[squared > 0]
    return float(different.median()) if len(different) else 1.0


def discrepancy(
    of_real: Tensor, of_fake: Tensor, real_to_fake: Tensor, fake_to_real: Tensor
) -> KID:
    """The U-statistic of the squared MMD (Gretton et al. 2012, eq. 3) and its standard error.

    By the mean kernel of each example with all others of its side, [N] and [M], and with all of the
    other side.

    The error is that of its projections on single examples (Bounliphone et al. 2016,
    arXiv:1511.04581; Sutherland et al. 2017, arXiv:1611.04488, eq. 5), here for any N and M:
    var(2 (k_xX - k_xY)) / N + var(2 (k_yY - k_yX)) / M, with row means k. It is cautious: the
    noise of the row means adds to it, by a factor sqrt 2 if real and fake are alike.
    """
    value = of_real.mean() + of_fake.mean() - 2 * real_to_fake.mean()
    variance = 4 * (of_real - real_to_fake).var() / len(of_real)
    variance += 4 * (of_fake - fake_to_real).var() / len(of_fake)
    return KID(float(value), math.sqrt(float(variance)))


class CubicSums:
    """The sums of KID's kernel, by tiles of products p of points about an origin, in float32.

    The kernel, times (D unit)^3, is (p + s)^3, where s is of the origin's part in x.y and known in
    float64. So are the sums of s^3 + 3 s^2 p, of which one factor at a time is an example: tiles
    add (p + 3 s) p^2 alone. Each is rounded to float32 and added up in float64: what rounding moves
    there is of the size of what it moved in p, a small share of the kernel, and averages out.
    """

    def __init__(self, a: Side, b: Side) -> None:
        """Both sides are about one center, which is the origin of the points."""
        center, unit = a.center, a.points.unit
        size, self._gain = len(center), 1 / (unit * len(center))
        self._among = a is b
        # s is a number of the row and one of the column
        self._row = (a.points.along + center.square().sum() + size) * unit
        self._column = b.points.along * unit
        self._of_rows = _sums_of_two_terms(a, self._row, b, self._column)
        self._of_columns = _sums_of_two_terms(b, self._column, a, self._row)
        if self._among:  # an example isn't compared with itself
            own = self._row + self._column
            self._of_rows -= own.pow(3) + 3 * own.square() * a.points.squares
        largest = max(
            float(each.abs().max())
            for each in (self._row, self._column, a.points.squares, b.points.squares)
        )
        dtype = torch.float32 if largest <= _LARGEST_CUBED else torch.float64
        self._kept = center.new_empty(_CUBED_AT_ONCE, dtype=dtype)
        self._added_up = center.new_empty(_CUBED_AT_ONCE)
        self._thrice = tuple((3 * each).to(dtype) for each in (self._row, self._column))

    def add(self, rows: slice, columns: slice, products: Tensor) -> None:
        """A tile; of all pairs among one set, each tile beside the diagonal stands for two."""
        columns = slice(columns.start, min(columns.stop, len(self._column)))
        width = columns.stop - columns.start
        step = max(1, _CUBED_AT_ONCE // width)
        of_rows, of_columns = self._thrice
        for top in range(rows.start, min(rows.stop, len(self._row)), step):
            part = slice(top, min(top + step, rows.stop, len(self._row)))
            shape = (part.stop - part.start, width)
            terms = self._kept[: shape[0] * width].view(shape)
            given = products[part.start - rows.start : part.stop - rows.start, :width]
            torch.add(given, of_rows[part, None], out=terms)
            terms.add_(of_columns[columns]).mul_(given).mul_(given)
            # rounded one by one, whatever the tiles are; their sums aren't
            terms = self._added_up[: shape[0] * width].view(shape).copy_(terms)
            if self._among and rows.start == columns.start:
                terms.diagonal(part.start - columns.start).zero_()
            self._of_rows[part] += terms.sum(1)
            beside = max(rows.stop - columns.start, 0) if self._among else 0
            mirrored = self._of_rows if self._among else self._of_columns
            mirrored[columns][beside:] += terms[:, beside:].sum(0)

    def of_rows(self) -> Tensor:
        """The sum of each example of `a` with all of `b`, or with all others of one set, [N]."""
        return self._of_rows * self._gain**3

    def of_columns(self) -> Tensor:
        """The sum of each example of `b` with all of `a`, [M]."""
        return self._of_columns * self._gain**3


def _sums_of_two_terms(a: Side, of_a: Tensor, b: Side, of_b: Tensor) -> Tensor:
    """The sum of s^3 + 3 s^2 p of each example of `a` with all of `b`, [N], in float64: s is a
    number of the one, [N], and one of the other, [M]."""
    powers = torch.stack([of_b.pow(n) for n in range(4)])
    moments = torch.zeros_like(powers[:3, :1].expand(-1, len(a.center)))
    for rows in row_chunks(b.features, b.features.T):
        moments += powers[:3, rows] @ (b.features[rows] - b.center)
    products = torch.cat(
        [(a.features[r] - a.center) @ moments.T for r in row_chunks(a.features, a.features.T)]
    ).T
    sums = powers.sum(1)
    cubes = sums[0] * of_a.pow(3) + 3 * (sums[1] * of_a.square() + sums[2] * of_a) + sums[3]
    linear = products[0] * of_a.square() + 2 * products[1] * of_a + products[2]
    return cubes + 3 * a.points.unit * linear


def _means_within(features: Tensor, kernel: Kernel) -> Tensor:
    """The mean kernel of each example with all others, [N]."""
    found = []
    for rows in row_chunks(features, features):
        values = kernel(features[rows], features)
        values.diagonal(rows.start).zero_()
        found.append(values.sum(1) / (len(features) - 1))
    return torch.cat(found)


def _means_across(a: Tensor, b: Tensor, kernel: Kernel) -> tuple[Tensor, Tensor]:
    """The mean kernel of each example with the other side, [N] and [M]."""
    of_a, of_b = [], b.new_zeros(len(b))
    for rows in row_chunks(a, b):
        values = kernel(a[rows], b)
        of_a.append(values.mean(1))
        of_b += values.sum(0)
    return torch.cat(of_a), of_b / len(a)
