"""Mode counts on samples placed by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from gan_runner.evaluation.metrics.modes import (
    Modes,
    ModesOfMixture,
    classifier_score,
    modes_of_classes,
    modes_of_mixture,
)

STD = 0.1
CENTERS = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [4.0, 4.0]])


def around(*centers: int, count: int = 1000) -> Tensor:
    """Equally many samples of each of these Gaussians."""
    stream = torch.Generator().manual_seed(0)
    means = CENTERS[list(centers)].repeat_interleave(count, 0)
    return means + STD * torch.randn(len(means), 2, generator=stream)


def of_mixture(samples: Tensor) -> ModesOfMixture:
    return modes_of_mixture(samples, CENTERS, std=STD)


# mixtures


def test_the_mixture_itself_covers_all_modes_evenly() -> None:
    found = of_mixture(around(0, 1, 2, 3))
    assert (found.covered, found.modes) == (4, 4)
    assert found.high_quality == pytest.approx(1 - math.exp(-4.5), abs=0.005)
    assert found.reverse_kl == pytest.approx(0, abs=1e-12)
    assert found.total_variation == pytest.approx(0, abs=1e-12)


def test_dropped_modes_are_missed_in_the_count_and_in_the_masses_but_not_in_quality() -> None:
    found = of_mixture(around(1, 2))
    assert found.covered == 2
    assert found.high_quality > 0.98
    assert found.reverse_kl == pytest.approx(math.log(2))
    assert found.total_variation == pytest.approx(0.5)


def test_collapse_to_one_mode_has_the_largest_divergence() -> None:
    found = of_mixture(CENTERS[:1].expand(10, -1))
    expected = ModesOfMixture(1, 4, 1.0, math.log(4), 0.75)
    assert found == pytest.approx(expected)


def test_uneven_masses_have_their_divergence_and_distance_from_uniform() -> None:
    found = of_mixture(CENTERS[[0] * 5 + [1] * 2 + [2] * 2 + [3]])
    masses = [0.5, 0.2, 0.2, 0.1]
    assert found.reverse_kl == pytest.approx(sum(p * math.log(p * 4) for p in masses))
    assert found.total_variation == pytest.approx(0.25)


def test_a_sample_beyond_three_deviations_counts_for_the_masses_but_covers_no_mode() -> None:
    along = torch.tensor([[2.99 * STD, 0.0], [4.0, 3.01 * STD]])
    found = of_mixture(along)
    assert found.covered == 1
    assert found.high_quality == 0.5
    assert found.total_variation == pytest.approx(0.5)  # both lie nearest to a mode of their own


def test_samples_between_the_modes_cover_none() -> None:
    found = of_mixture(torch.full((7, 2), 1.9))
    assert found.covered == 0
    assert found.high_quality == 0
    assert found.reverse_kl == pytest.approx(math.log(4))


def test_no_samples_and_nan_are_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        of_mixture(torch.zeros(0, 2))
    with pytest.raises(ValueError, match="NaN"):
        of_mixture(torch.full((3, 2), float("nan")))


# classes


def test_classes_seen_equally_often_are_all_covered() -> None:
    found = modes_of_classes(torch.arange(1000).repeat(3), weights=torch.ones(1000))
    assert found == pytest.approx(Modes(1000, 1000, 0.0, 0.0), abs=1e-12)


def test_half_of_the_classes_is_a_divergence_of_log_two() -> None:
    found = modes_of_classes(torch.arange(500), weights=torch.ones(1000))
    assert found == pytest.approx(Modes(500, 1000, math.log(2), 0.5))


def test_classes_in_proportion_to_their_weights_have_no_divergence() -> None:
    labels = torch.tensor([0] * 6 + [1] * 3 + [2])
    found = modes_of_classes(labels, weights=torch.tensor([60, 30, 10]))
    assert found == pytest.approx(Modes(3, 3, 0.0, 0.0), abs=1e-12)


def test_a_class_without_weight_does_not_count_as_a_mode_and_must_not_be_visited() -> None:
    weights = torch.tensor([1.0, 0.0, 1.0])
    kept = modes_of_classes(torch.tensor([0, 2]), weights=weights)
    assert kept == pytest.approx(Modes(2, 2, 0.0, 0.0), abs=1e-12)
    strayed = modes_of_classes(torch.tensor([0, 1]), weights=weights)
    assert strayed == pytest.approx(Modes(1, 2, math.inf, 0.5))


@pytest.mark.parametrize("labels", [[], [-1], [0, 3]], ids=str)
def test_labels_out_of_range_are_refused(labels: list[int]) -> None:
    with pytest.raises(ValueError, match="from 0 to 2"):
        modes_of_classes(torch.tensor(labels, dtype=torch.int64), weights=torch.ones(3))


@pytest.mark.parametrize("weights", [[[1.0] * 3], [0.0] * 3, [1.0, -1.0, 1.0], [math.nan] * 3])
def test_weights_that_do_not_make_a_distribution_are_refused(weights: list[Any]) -> None:
    with pytest.raises(ValueError, match="Weights are numbers"):
        modes_of_classes(torch.zeros(1).long(), weights=torch.tensor(weights))


# the classifier's score


def test_score_of_certain_and_even_classes_is_their_number() -> None:
    assert classifier_score(torch.eye(10).repeat(5, 1)) == pytest.approx(10)


def test_score_of_one_class_and_of_a_classifier_that_knows_nothing_is_one() -> None:
    assert classifier_score(torch.eye(10)[:1].expand(5, -1)) == pytest.approx(1)
    assert classifier_score(torch.full((5, 10), 0.1)) == pytest.approx(1)


def test_score_is_the_exponential_of_the_mean_divergence() -> None:
    logits = torch.randn(40, 6, generator=torch.Generator().manual_seed(0))
    p = logits.softmax(1).double()
    divergence = (p * (p / p.mean(0)).log()).sum(1).mean()
    assert classifier_score(p.float()) == pytest.approx(float(divergence.exp()), rel=1e-6)


def test_score_of_logits_is_refused() -> None:
    with pytest.raises(ValueError, match="softmax"):
        classifier_score(torch.randn(5, 10, generator=torch.Generator().manual_seed(0)))


def test_measuring_leaves_the_global_generator_as_it_was() -> None:
    before = torch.get_rng_state()
    of_mixture(around(0, 1))
    classifier_score(torch.eye(3))
    modes_of_classes(torch.arange(3), weights=torch.ones(3))
    assert torch.equal(torch.get_rng_state(), before)
