"""The sliced Wasserstein distance against closed forms, sorting and scipy."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from gan_runner.evaluation.metrics import distances, sliced
from gan_runner.evaluation.metrics.sliced import project, sliced_wasserstein


def features(count: int, size: int = 3, *, seed: int = 0) -> Tensor:
    return torch.randn(count, size, generator=torch.Generator().manual_seed(seed))


def sliced_distance(real: Tensor, fake: Tensor, *, projections: int = 200, seed: int = 0) -> float:
    stream = torch.Generator().manual_seed(seed)
    return sliced_wasserstein(real, fake, projections=projections, rng=stream)


def test_distance_on_the_line_is_that_of_sorted_examples() -> None:
    x, y = features(50, 1), 2 * features(50, 1, seed=1) + 1
    expected = (x.double().sort(0).values - y.double().sort(0).values).square().mean().sqrt()
    assert sliced_distance(x, y) == pytest.approx(float(expected), rel=1e-12)


def test_distance_on_the_line_for_unequal_numbers_is_that_of_repeated_examples() -> None:
    x, y = features(6, 1), features(4, 1, seed=1)
    by_repeats = sliced_distance(x.repeat_interleave(2, 0), y.repeat_interleave(3, 0))
    assert sliced_distance(x, y) == pytest.approx(by_repeats, rel=1e-12)
    # halves and thirds of [0, 1]: the middle third is split between 0 and 1
    thirds, halves = torch.tensor([[0.0], [0.5], [1.0]]), torch.tensor([[0.0], [1.0]])
    assert sliced_distance(thirds, halves) == pytest.approx(math.sqrt(1 / 3 * 0.25), rel=1e-12)


@pytest.mark.parametrize("counts", [(30, 30), (30, 47), (20, 40)])
def test_repeating_a_side_changes_nothing(counts: tuple[int, int]) -> None:
    x, y = features(counts[0]), features(counts[1], seed=1)
    assert sliced_distance(x.repeat(3, 1), y) == pytest.approx(sliced_distance(x, y), rel=1e-12)


def test_distance_of_a_shift_is_its_length_over_the_root_of_the_dimension() -> None:
    x, shift = features(40), torch.tensor([1.0, -2.0, 2.0])
    found = sliced_distance(x, x + shift, projections=20_000)
    assert found == pytest.approx(3 / math.sqrt(3), rel=0.02)


def test_distance_of_a_scaled_gaussian_is_the_difference_of_the_scales() -> None:
    found = sliced_distance(features(20_000), 3 * features(10_000, seed=1), projections=20)
    assert found == pytest.approx(2, rel=0.03)


def test_distance_is_zero_to_itself_in_any_order_and_symmetric() -> None:
    x, y = features(40), features(25, seed=1)
    assert sliced_distance(x, x.flip(0)) < 1e-12
    assert sliced_distance(x, y) == pytest.approx(sliced_distance(y, x), rel=1e-12)


def test_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = features(40), features(25, seed=1)
    whole = sliced_distance(x, y)
    for tile in (1, 100):
        monkeypatch.setattr(distances, "TILE", tile)
        assert sliced_distance(x, y) == pytest.approx(whole, rel=1e-12)


def test_same_generator_gives_the_same_distance_and_no_other_is_used() -> None:
    before = torch.get_rng_state()
    x, y = features(40), features(25, seed=1)
    assert sliced_distance(x, y, projections=5) == sliced_distance(x, y, projections=5)
    assert sliced_distance(x, y, projections=5) != sliced_distance(x, y, projections=5, seed=1)
    assert torch.equal(torch.get_rng_state(), before)


def test_no_examples_no_projections_and_nan_are_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        sliced_distance(features(0), features(5))
    with pytest.raises(ValueError, match="projections=0"):
        sliced_distance(features(5), features(5), projections=0)
    with pytest.raises(ValueError, match="NaN"):
        sliced_distance(features(5), features(5) * float("inf"))


def test_the_distance_of_a_part_is_that_of_its_examples_alone() -> None:
    real, fake = features(40), features(30, seed=1)
    of_real, of_fake = torch.arange(40) % 3 == 0, torch.arange(30) % 4 != 1
    found = project(real, fake, projections=200, rng=torch.Generator().manual_seed(0))
    assert found is not None
    part = found.part(of_real, of_fake)
    alone = sliced_distance(real[of_real], fake[of_fake])
    assert part.distance() == pytest.approx(alone, rel=1e-12)
    assert found.distance() == pytest.approx(sliced_distance(real, fake), rel=1e-12)
    with pytest.raises(ValueError, match="at least 1"):
        found.part(of_real, torch.zeros(30, dtype=torch.bool)).distance()


def test_products_that_would_take_much_memory_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sliced, "_MOST_KEPT", 4000)
    for count, kept in ((20, True), (21, False)):
        rng = torch.Generator().manual_seed(0)
        found = project(features(count), features(5), projections=200, rng=rng)
        assert (found is not None) is kept
