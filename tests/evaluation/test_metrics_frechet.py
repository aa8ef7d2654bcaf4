"""The Fréchet distance against closed forms and scipy's matrix root."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import Tensor

from gan_runner.evaluation.metrics import frechet
from gan_runner.evaluation.metrics.frechet import (
    Gaussian,
    fit_gaussian,
    frechet_distance,
    gaussian_of,
    sample_size_warning,
)


def features(count: int, size: int, *, seed: int = 0) -> Tensor:
    """Correlated, with scales from 0.1 to 3."""
    stream = torch.Generator().manual_seed(seed)
    mixing = torch.randn(size, size, generator=stream) / size**0.5
    plain = torch.randn(count, size, generator=stream) * torch.linspace(0.1, 3, size)
    return plain @ mixing + 0.3 * seed


def gaussian(mean: Tensor, covariance: Tensor) -> Gaussian:
    return gaussian_of(mean.double(), covariance.double(), count=10**6)


def by_scipy(a: Tensor, b: Tensor) -> float:
    x, y = a.double().numpy(), b.double().numpy()
    cov_x, cov_y = np.cov(x.T), np.cov(y.T)
    root = np.real(scipy.linalg.sqrtm(cov_x @ cov_y))
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(cov_x + cov_y - 2 * root))


def test_distance_of_a_shifted_and_scaled_gaussian_is_the_closed_form() -> None:
    size, mean, scale = 7, torch.linspace(-1, 2, 7), 2.5
    found = frechet_distance(
        gaussian(torch.zeros(size), torch.eye(size)),
        gaussian(mean, scale**2 * torch.eye(size)),
    )
    expected = float(mean.double().square().sum()) + size * (scale - 1) ** 2
    assert found == pytest.approx(expected, rel=1e-12)


def test_distance_of_diagonal_covariances_is_that_of_their_roots() -> None:
    a, b = torch.tensor([4.0, 9.0, 0.0]), torch.tensor([1.0, 0.0, 0.0])
    zero = torch.zeros(3)
    found = frechet_distance(gaussian(zero, a.diag()), gaussian(zero, b.diag()))
    assert found == pytest.approx(1 + 9, rel=1e-12)


@pytest.mark.parametrize("size", [2, 16, 64])
def test_distance_is_that_of_scipys_matrix_root(size: int) -> None:
    a, b = features(500, size), features(400, size, seed=1)
    assert frechet_distance(fit_gaussian(a), fit_gaussian(b)) == pytest.approx(
        by_scipy(a, b), rel=1e-8
    )


def test_fit_is_the_unbiased_one_and_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    x = features(100, 5) + 1000
    whole = fit_gaussian(x)
    monkeypatch.setattr(frechet, "_CHUNK", 7)
    chunked = fit_gaussian(x)
    expected = torch.from_numpy(np.cov(x.double().numpy().T))
    for of in (whole, chunked):
        torch.testing.assert_close(of.columns @ of.rows, expected, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(chunked.mean, whole.mean)
    assert whole.count == chunked.count == 100
    assert whole.rows.dtype == torch.float64


@pytest.mark.parametrize("count", [2, 20, 63, 64, 65, 300])
def test_distance_to_itself_is_zero_even_with_fewer_examples_than_dimensions(count: int) -> None:
    of = fit_gaussian(features(count, 64))
    assert 0 <= frechet_distance(of, of) < 1e-10 * of.variance


@pytest.mark.parametrize("counts", [(63, 63), (63, 64), (64, 63), (20, 300), (64, 64)])
def test_deviations_give_the_distance_of_square_roots(counts: tuple[int, int]) -> None:
    a, b = features(counts[0], 64), features(counts[1], 64, seed=1)
    covariances = [torch.from_numpy(np.cov(each.double().numpy().T)) for each in (a, b)]
    means = [each.double().mean(0) for each in (a, b)]
    square = (gaussian(mean, of) for mean, of in zip(means, covariances, strict=True))
    found = frechet_distance(fit_gaussian(a), fit_gaussian(b))
    assert found == pytest.approx(frechet_distance(*square), rel=1e-6)


def test_few_examples_in_many_dimensions_take_no_square_matrix() -> None:
    of = fit_gaussian(features(20, 1).repeat(1, 10**6))  # whose covariance would take 8 TB
    assert of.rows.shape == (20, 10**6)
    assert frechet_distance(of, of) == pytest.approx(0, abs=1e-6)


def test_distance_with_fewer_examples_than_dimensions_is_finite_and_of_both_ways() -> None:
    a, b = fit_gaussian(features(30, 64)), fit_gaussian(features(40, 64, seed=1))
    assert 0 < frechet_distance(a, b) < float("inf")
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-9)


def test_distance_of_constant_features_is_that_of_their_means() -> None:
    a, b = fit_gaussian(torch.ones(5, 3)), fit_gaussian(torch.zeros(5, 3))
    assert frechet_distance(a, b) == 3


def test_distance_ignores_a_rotation_of_both() -> None:
    a, b = features(300, 8).double(), features(300, 8, seed=1).double()
    stream = torch.Generator().manual_seed(2)
    rotation = torch.linalg.qr(torch.randn(8, 8, generator=stream, dtype=torch.float64)).Q
    turned = frechet_distance(fit_gaussian(a @ rotation), fit_gaussian(b @ rotation))
    assert turned == pytest.approx(frechet_distance(fit_gaussian(a), fit_gaussian(b)), rel=1e-9)


def test_two_draws_of_one_gaussian_are_as_far_apart_as_doubt_says() -> None:
    size, count = 32, 10 * 32
    stream = torch.Generator().manual_seed(0)
    draws = torch.randn(20, 2, count, size, generator=stream)
    found = [frechet_distance(fit_gaussian(a), fit_gaussian(b)) for a, b in draws]
    of_means, of_covariances = size * 2 / count, size * (size + 1) / 4 * 2 / count
    assert np.mean(found) == pytest.approx(of_means + of_covariances, rel=0.05)


def test_few_examples_for_the_dimension_are_doubted_with_the_numbers() -> None:
    few, many = fit_gaussian(features(79, 8)), fit_gaussian(features(80, 8))
    assert sample_size_warning(many, many) is None
    line = sample_size_warning(many, few)
    assert line is not None
    assert "\n" not in line
    assert all(number in line for number in ("80", "79", "8 dimensions", "upwards"))


def test_one_example_other_shapes_and_nan_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        fit_gaussian(torch.zeros(1, 3))
    with pytest.raises(ValueError, match="at least"):
        fit_gaussian(torch.zeros(0, 3))
    with pytest.raises(ValueError, match="matrix"):
        fit_gaussian(torch.zeros(3))
    with pytest.raises(ValueError, match="NaN"):
        fit_gaussian(torch.tensor([[1.0], [float("nan")]]))
    with pytest.raises(ValueError, match="2 and 3 dimensions"):
        frechet_distance(fit_gaussian(torch.zeros(4, 2)), fit_gaussian(torch.zeros(4, 3)))


def test_fitting_and_measuring_leave_the_features_as_they_were() -> None:
    x = features(50, 4)
    before = x.clone()
    frechet_distance(fit_gaussian(x), fit_gaussian(x))
    assert torch.equal(x, before)
