"""The terms that compare translations with what they should be, in closed forms."""

from __future__ import annotations

import pytest
import torch

from gan_runner.models.discriminator import DiscriminatorOutput
from gan_runner.objectives.reconstruction import feature_l1, l1, l2


def test_distances_of_a_known_difference_are_its_size_and_its_square() -> None:
    targets = torch.zeros(3, 2, 4, 4)
    outputs = targets + torch.tensor([0.0, 0.5, -2.0]).view(3, 1, 1, 1)
    assert l1(outputs, targets).tolist() == [0.0, 0.5, 2.0]
    assert l2(outputs, targets).tolist() == [0.0, 0.25, 4.0]


def test_distances_are_means_over_each_example_alone() -> None:
    outputs = torch.tensor([[[[1.0, 0.0]]], [[[0.0, 0.0]]]])
    assert l1(outputs, torch.zeros_like(outputs)).tolist() == [0.5, 0.0]


def test_the_gradient_of_the_l1_distance_is_a_sign_for_each_number() -> None:
    outputs = torch.tensor([[2.0, -1.0, 0.5, 4.0]], requires_grad=True)
    l1(outputs, torch.tensor([[1.0, 1.0, 1.0, 1.0]])).sum().backward()
    assert outputs.grad is not None
    assert outputs.grad.tolist() == [[0.25, -0.25, -0.25, 0.25]]


def test_features_are_compared_example_by_example_and_targets_get_no_gradient() -> None:
    features = torch.tensor([[1.0, 3.0], [0.0, 0.0]], requires_grad=True)
    of_targets = torch.zeros(2, 2, requires_grad=True)
    logits = torch.zeros(2)
    found = feature_l1(
        DiscriminatorOutput(features, logits, features),
        DiscriminatorOutput(of_targets, logits, of_targets),
    )
    assert found.tolist() == [2.0, 0.0]
    found.sum().backward()
    assert features.grad is not None
    assert of_targets.grad is None


@pytest.mark.parametrize("distance", [l1, l2])
def test_equal_images_have_no_distance(distance: object) -> None:
    images = torch.rand(2, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    assert callable(distance)
    assert distance(images, images).tolist() == [0.0, 0.0]
