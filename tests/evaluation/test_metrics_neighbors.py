"""Metrics of nearest neighbors against loops over all pairs, and what each of them sees."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan_runner.evaluation.metrics import distances, neighbors
from gan_runner.evaluation.metrics.distances import thin_out
from gan_runner.evaluation.metrics.neighbors import (
    FreshExamples,
    Manifold,
    manifold,
    one_nn_accuracy,
)
from gan_runner.evaluation.metrics.search import find_nearest


def features(count: int, size: int = 4, *, seed: int = 0, shift: float = 0.0) -> Tensor:
    return torch.randn(count, size, generator=torch.Generator().manual_seed(seed)) + shift


def memorization(fake: Tensor, train: Tensor, held_out: Tensor) -> float:
    return neighbors.memorization(fake, FreshExamples(train, held_out))


def clusters(count: int, places: list[float], *, seed: int = 0) -> Tensor:
    """Equally many examples at each place, far apart."""
    found = [features(count, seed=seed + i, shift=100 * p) for i, p in enumerate(places)]
    return torch.cat(found)


def pairs(a: Tensor, b: Tensor) -> NDArray:
    x, y = a.double().numpy(), b.double().numpy()
    return np.sqrt(((x[:, None] - y[None]) ** 2).sum(2))


def naive_manifold(real: Tensor, fake: Tensor, k: int) -> Manifold:
    real_radii = np.sort(pairs(real, real), 1)[:, k]
    fake_radii = np.sort(pairs(fake, fake), 1)[:, k]
    across = pairs(real, fake)
    in_real = across <= real_radii[:, None]
    return Manifold(
        precision=in_real.any(0).mean(),
        recall=(across <= fake_radii).any(1).mean(),
        density=in_real.sum(0).mean() / k,
        coverage=in_real.any(1).mean(),
    )


# precision, recall, density, coverage


@pytest.mark.parametrize("k", [1, 3, 5])
def test_manifold_is_that_of_all_pairs(k: int) -> None:
    x, y = features(80), features(60, seed=1, shift=0.6)
    assert manifold(x, y, k=k) == pytest.approx(naive_manifold(x, y, k), rel=1e-12)


def test_fakes_like_the_reals_cover_them() -> None:
    found = manifold(features(500), features(500, seed=1), k=5)
    assert found.precision > 0.9
    assert found.recall > 0.9
    assert found.density == pytest.approx(1, abs=0.1)
    assert found.coverage > 0.9


def test_the_reals_themselves_cover_all_with_every_neighbor_on_its_border() -> None:
    x = features(200)
    assert manifold(x, x, k=5) == pytest.approx(Manifold(1, 1, 6 / 5, 1))


def test_a_dropped_class_costs_recall_and_coverage_but_no_precision() -> None:
    found = manifold(clusters(100, [0, 1, 2, 3]), clusters(100, [0, 1], seed=50), k=5)
    assert found.precision > 0.9
    assert found.density > 0.9
    assert 0.4 < found.recall <= 0.5
    assert 0.4 < found.coverage <= 0.5


def test_noise_costs_precision_and_density() -> None:
    x, y = features(300), features(300, seed=1)
    noisy = y + 2 * features(300, seed=2)
    clean, dirty = manifold(x, y, k=3), manifold(x, noisy, k=3)
    assert dirty.precision < clean.precision - 0.2
    assert dirty.density < clean.density - 0.2


def test_sets_apart_share_nothing() -> None:
    assert manifold(features(20), features(30, shift=100), k=3) == Manifold(0, 0, 0, 0)


def test_collapse_to_one_real_example_is_precise_and_covers_little() -> None:
    x = features(100)
    found = manifold(x, x[:1].expand(100, -1), k=3)
    assert found.precision == 1
    assert found.recall == pytest.approx(0.01, rel=0.05)
    assert found.coverage < 0.15


def test_copies_of_repeated_reals_are_within_their_balls_of_radius_zero() -> None:
    x = features(5, 64, shift=30).repeat(8, 1)
    found = manifold(x, x[:10], k=3)
    assert found.density == pytest.approx(8 / 7)  # seven copies share a border that holds three
    assert found.precision == pytest.approx(1 - (1 - 3 / 7) ** 8)
    assert found.coverage == pytest.approx(1 - (1 - 3 / 7) ** 2)


DISCRETE = {
    "rounded numbers": lambda seed: features(400, 2, seed=seed).round(),
    "one-hot rows": lambda seed: torch.nn.functional.one_hot(
        features(400, 1, seed=seed).abs().clamp(max=3).long().flatten(), 4
    ).float(),
    "binary images": lambda seed: (features(400, 12, seed=seed) > 1).float(),
    "mostly zeros": lambda seed: features(400, 6, seed=seed) * (features(400, 6, seed=-seed) > 1.2),
}


@pytest.mark.parametrize("kind", DISCRETE)
def test_discrete_data_are_like_their_other_half_and_unlike_others(kind: str) -> None:
    real, like = DISCRETE[kind](1), DISCRETE[kind](2)
    found = manifold(real, like, k=5)
    assert found.density == pytest.approx(1, abs=0.12)
    assert min(found.precision, found.recall, found.coverage) > 0.8
    assert one_nn_accuracy(real, like) == pytest.approx(0.5, abs=0.05)
    other = like[:1].expand(400, -1)  # all the same, one of the real ones
    assert manifold(real, other, k=5).coverage < 0.7
    assert one_nn_accuracy(real, other) > 0.6


def test_manifold_is_the_same_far_from_the_origin_and_in_any_order() -> None:
    x, y = features(80).double(), features(60, seed=1).double()
    far = manifold(x.flip(0) + 1e5, y.roll(3, 0) + 1e5, k=3)
    assert far == pytest.approx(manifold(x, y, k=3))


@pytest.mark.parametrize("far", [1e5, 1e8, 1e12])
def test_a_sample_that_ran_away_changes_nothing_but_what_its_own_ball_holds(far: float) -> None:
    x, y = features(200, 2), features(200, 2, seed=1, shift=6)
    y[0] = far
    found = manifold(x, y, k=5)
    assert found == pytest.approx(naive_manifold(x, y, 5), rel=1e-12)
    assert found.precision < 0.1
    one_less = manifold(x, y[1:], k=5)
    assert found.precision == pytest.approx(one_less.precision * 199 / 200)
    assert found.coverage == one_less.coverage
    assert manifold(y, x, k=5) == pytest.approx(naive_manifold(y, x, 5), rel=1e-12)
    assert find_nearest(x, y[1:]).distances.tolist() == find_nearest(x, y).distances.tolist()


def test_no_neighbor_and_too_few_examples_for_k_are_refused() -> None:
    with pytest.raises(ValueError, match="k=0"):
        manifold(features(5), features(6), k=0)
    with pytest.raises(ValueError, match="at least 6"):
        manifold(features(5), features(6), k=5)
    with pytest.raises(ValueError, match="at least 6"):
        manifold(features(6), features(5), k=5)
    manifold(features(6), features(6, seed=1), k=5)


# nearest neighbors


def test_nearest_is_that_of_all_pairs() -> None:
    x, y = features(50), features(70, seed=1)
    found = find_nearest(x, y)
    np.testing.assert_array_equal(found.indices.numpy(), pairs(x, y).argmin(1))
    np.testing.assert_allclose(found.distances.numpy(), pairs(x, y).min(1), rtol=1e-14)


def test_equal_rows_are_at_distance_zero_even_far_from_the_origin() -> None:
    x = features(200, 64, shift=1000)
    found = find_nearest(x[50:100], x)
    assert torch.equal(found.indices, torch.arange(50, 100))
    assert torch.equal(found.distances, torch.zeros(50, dtype=torch.float64))


def test_one_nn_accuracy_is_that_of_all_pairs_and_thins_the_longer_set_out() -> None:
    x, y = features(40), features(55, seed=1, shift=0.5)
    both = torch.cat([x, thin_out(y, 40)])
    apart = pairs(both, both)
    np.fill_diagonal(apart, np.inf)
    side = np.arange(80) < 40
    assert one_nn_accuracy(x, y) == pytest.approx((side[apart.argmin(1)] == side).mean())


def test_one_nn_accuracy_is_a_half_for_one_distribution_and_one_for_sets_apart() -> None:
    assert one_nn_accuracy(features(1000), features(1000, seed=1)) == pytest.approx(0.5, abs=0.05)
    assert one_nn_accuracy(features(20), features(20, shift=100)) == 1


def test_one_nn_accuracy_is_zero_for_copies_and_a_half_for_ties() -> None:
    x = features(50)
    assert one_nn_accuracy(x, x.flip(0)) == 0
    assert one_nn_accuracy(torch.ones(10, 3), torch.ones(10, 3)) == 0.5


def test_nearest_neighbors_of_one_value_tell_sets_of_other_shares_apart() -> None:
    zeros_and_ones = torch.cat([torch.zeros(90, 1), torch.ones(10, 1)])
    assert one_nn_accuracy(zeros_and_ones, zeros_and_ones.flip(0)) == pytest.approx(0.5, abs=0.01)
    assert one_nn_accuracy(zeros_and_ones, 1 - zeros_and_ones) == pytest.approx(0.82, abs=0.01)


def test_thinning_out_keeps_the_shares_of_sorted_and_of_alternating_classes() -> None:
    for labels in torch.arange(10).repeat_interleave(1000), torch.arange(10).repeat(1000):
        counts = thin_out(labels[:, None], 2000).flatten().bincount(minlength=10)
        assert counts.sum() == 2000
        assert counts.min() > 160 and counts.max() < 240  # 200 +- 3 deviations
    few = features(7)
    assert torch.equal(thin_out(few, 7), few) and torch.equal(thin_out(few, 9), few)
    assert torch.equal(thin_out(features(100), 30), thin_out(features(100), 30))


# memorization


def test_memorization_of_a_generator_that_knows_no_example_is_one() -> None:
    found = memorization(features(800), features(3000, seed=1), features(700, seed=2))
    assert found == pytest.approx(1, abs=0.1)


def test_memorization_of_copies_is_near_zero_though_train_is_many_times_larger() -> None:
    train, held_out = features(3000, seed=1), features(500, seed=2)
    assert memorization(train[::5], train, held_out) == 0
    nearly = train[::5] + 0.01 * features(600, seed=3)
    assert memorization(nearly, train, held_out) < 0.1


def test_memorization_of_a_dull_generator_without_copies_is_one() -> None:
    # its samples are typical, and so near to examples that it has never seen, too
    train, held_out = features(3000, seed=1), features(500, seed=2)
    assert memorization(0.5 * features(500), train, held_out) == pytest.approx(1, abs=0.1)


def test_memorization_falls_with_the_share_of_copies_below_the_median() -> None:
    train, held_out, fresh = features(2000, seed=1), features(500, seed=2), features(500)
    values = []
    for share in (0, 100, 200, 300):
        values.append(memorization(torch.cat([train[:share], fresh[share:]]), train, held_out))
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.2


def test_half_of_equal_distances_count_as_smaller_than_their_median() -> None:
    def zeros(share: float, seed: int) -> Tensor:
        numbers = features(600, 1, seed=seed)
        return torch.where(torch.arange(600)[:, None] < share * 600, 0.0, numbers)

    train, held_out = zeros(0.25, 1), zeros(0.25, 2)
    # a plain median of more than half at 0 would be 0
    assert memorization(zeros(0.55, 3), train, held_out) > 0.5
    assert memorization(train, train, held_out) == 0


def test_memorization_of_repeated_examples_is_never_nan() -> None:
    same = torch.ones(10, 3)
    assert memorization(same, same, same) == 1
    assert memorization(features(10, 3), features(10, 3, seed=1), same) == 0
    copied = features(10, 3, seed=2)
    assert memorization(copied, features(10, 3, seed=1), copied) == float("inf")


# promises of all


def everything(x: Tensor, y: Tensor) -> list[float]:
    found = find_nearest(x, y)
    return [
        *manifold(x, y, k=3),
        one_nn_accuracy(x, y),
        memorization(x, y, y[::2] + 0.1),
        *found.distances.tolist(),
        *found.indices.tolist(),
    ]


def test_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = features(50), features(37, seed=1)
    whole = everything(x, y)
    for tile in (1, 100, 500):
        monkeypatch.setattr(distances, "TILE", tile)
        assert everything(x, y) == pytest.approx(whole, rel=1e-12)


def test_measuring_leaves_features_and_the_global_generator_as_they_were() -> None:
    x, y = features(30), features(30, seed=1)
    before = x.clone(), y.clone(), torch.get_rng_state()
    everything(x, y)
    after = x, y, torch.get_rng_state()
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_other_dimensions_shapes_and_nan_are_refused() -> None:
    with pytest.raises(ValueError, match="4 and 5 dimensions"):
        find_nearest(features(5), features(5, 5))
    with pytest.raises(ValueError, match="matrix"):
        find_nearest(features(5), torch.zeros(5, 4, 1))
    with pytest.raises(ValueError, match="too few"):
        find_nearest(features(5), features(0))
    with pytest.raises(ValueError, match="NaN"):
        one_nn_accuracy(features(5), features(5) / 0)
    with pytest.raises(ValueError, match="at least 2"):
        memorization(features(5), features(5), features(1))
