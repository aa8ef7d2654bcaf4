"""Kernel discrepancies against sums written out over all pairs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan_runner.evaluation.metrics import distances, kernels
from gan_runner.evaluation.metrics.kernels import KID, kid, mmd


def features(count: int, size: int = 6, *, seed: int = 0, shift: float = 0.0) -> Tensor:
    return torch.randn(count, size, generator=torch.Generator().manual_seed(seed)) + shift


def u_statistic(xx: NDArray, yy: NDArray, xy: NDArray) -> float:
    n, m = xy.shape
    within_x = sum(xx[i, j] for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    within_y = sum(yy[i, j] for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return float(within_x + within_y - 2 * xy.mean())


def cubic(a: Tensor, b: Tensor) -> NDArray:
    x, y = a.double().numpy(), b.double().numpy()
    return np.array([[(u @ v / len(u) + 1) ** 3 for v in y] for u in x])


def gaussian(a: Tensor, b: Tensor, bandwidth: float) -> NDArray:
    x, y = a.double().numpy(), b.double().numpy()
    return np.array([[np.exp(-((u - v) ** 2).sum() / (2 * bandwidth**2)) for v in y] for u in x])


def test_kid_is_the_u_statistic_of_all_pairs() -> None:
    x, y = features(23), features(31, seed=1, shift=0.4)
    expected = u_statistic(cubic(x, x), cubic(y, y), cubic(x, y))
    assert kid(x, y).value == pytest.approx(expected, rel=1e-10)


def test_mmd_is_the_u_statistic_with_the_median_of_real_distances_as_bandwidth() -> None:
    x, y = features(23), features(31, seed=1, shift=0.4)
    apart = [float((x[i] - x[j]).double().norm()) for i in range(23) for j in range(i)]
    s = sorted(apart)[(len(apart) - 1) // 2]
    expected = u_statistic(gaussian(x, x, s), gaussian(y, y, s), gaussian(x, y, s))
    assert mmd(x, y) == pytest.approx(expected, rel=1e-5)


def test_kid_of_two_point_sets_is_the_closed_form() -> None:
    ones, zeros = torch.ones(4, 3), torch.zeros(5, 3)
    assert kid(ones, zeros) == KID(8 + 1 - 2, 0)


def test_kid_of_one_distribution_is_zero_on_average_and_within_its_error() -> None:
    found = [kid(features(100, seed=s), features(120, seed=s + 500)) for s in range(60)]
    values, errors = np.array([f.value for f in found]), np.array([f.error for f in found])
    assert abs(values.mean()) < 3 * values.std() / 60**0.5
    assert (values < 0).any()
    # sqrt 2 by the noise of the row means, as the docstring says
    assert np.sqrt((errors**2).mean()) / values.std() == pytest.approx(2**0.5, rel=0.3)


def test_error_is_the_spread_of_kid_over_draws_where_the_sides_differ() -> None:
    found = [kid(features(150, seed=s), features(100, seed=s + 500, shift=1)) for s in range(60)]
    spread = np.std([f.value for f in found], ddof=1)
    error = np.sqrt(np.mean([f.error**2 for f in found]))
    assert error == pytest.approx(spread, rel=0.25)


@pytest.mark.parametrize("of", [lambda x, y: kid(x, y).value, mmd], ids=["kid", "mmd"])
def test_discrepancy_grows_with_a_shift_and_is_the_same_in_any_order(of) -> None:
    x = features(200)
    values = [of(x, features(200, seed=1, shift=shift)) for shift in (0, 0.3, 1)]
    assert values == sorted(values)
    y = features(200, seed=1, shift=1)
    assert of(x.flip(0), y.roll(7, 0)) == pytest.approx(of(x, y), rel=1e-9)


def test_mmd_ignores_a_shift_of_both_sides() -> None:
    x, y = features(50).double(), features(60, seed=1, shift=0.5).double()
    assert mmd(x + 1e4, y + 1e4) == pytest.approx(mmd(x, y), rel=1e-8)


def test_bandwidth_of_many_reals_is_that_of_a_fixed_subset(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = features(400), features(100, seed=1, shift=0.5)
    whole = mmd(x, y)
    monkeypatch.setattr(kernels, "_BANDWIDTH_EXAMPLES", 200)
    assert mmd(x, y) == pytest.approx(whole, rel=0.1)
    assert mmd(x, y) == mmd(x, y)


def test_mmd_of_collapsed_reals_is_finite() -> None:
    same = torch.ones(10, 3)
    assert mmd(same, same) == pytest.approx(0, abs=1e-12)
    assert mmd(same, features(10, 3)) > 0
    assert 0 < mmd(torch.cat([same, features(4, 3)]), features(10, 3)) < float("inf")


def test_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = features(50), features(37, seed=1)
    whole = kid(x, y), mmd(x, y)
    monkeypatch.setattr(distances, "TILE", 100)
    assert kid(x, y) == pytest.approx(whole[0], rel=1e-10)
    assert mmd(x, y) == pytest.approx(whole[1], rel=1e-10)


@pytest.mark.parametrize("of", [kid, mmd])
def test_one_example_other_dimensions_and_nan_are_refused(of) -> None:
    with pytest.raises(ValueError, match="too few"):
        of(features(1), features(5))
    with pytest.raises(ValueError, match="6 and 5 dimensions"):
        of(features(5), features(5, 5))
    with pytest.raises(ValueError, match="NaN"):
        of(features(5), features(5) * float("nan"))


@pytest.mark.parametrize("of", [kid, mmd])
def test_measuring_leaves_features_and_the_global_generator_as_they_were(of) -> None:
    x, y = features(20), features(20, seed=1)
    before = x.clone(), y.clone(), torch.get_rng_state()
    of(x, y)
    after = x, y, torch.get_rng_state()
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
