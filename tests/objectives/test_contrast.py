"""The contrast of patches against its definition."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import normalize

from gan_runner.objectives.contrast import patch_nce


def test_it_is_the_mean_over_patches_of_the_paper() -> None:
    rng = torch.Generator().manual_seed(0)
    outputs, inputs = (
        normalize(torch.randn(2, 5, 3, generator=rng, dtype=torch.float64), dim=-1)
        for _ in range(2)
    )
    found = patch_nce(outputs, inputs, temperature=0.07)
    for image in range(2):
        losses = []
        for s in range(5):
            likeness = [
                math.exp(float(outputs[image, s] @ inputs[image, other]) / 0.07)
                for other in range(5)
            ]
            losses.append(-math.log(likeness[s] / sum(likeness)))
        assert float(found[image]) == pytest.approx(sum(losses) / 5, rel=1e-12)


def test_patches_that_are_all_alike_are_told_apart_by_chance() -> None:
    same = torch.zeros(1, 8, 2)
    assert float(patch_nce(same, same, temperature=0.07)) == pytest.approx(math.log(8))


def test_patches_that_have_nothing_in_common_are_told_apart() -> None:
    apart = torch.eye(6)[None]
    assert float(patch_nce(apart, apart, temperature=0.01)) == pytest.approx(0, abs=1e-6)


def test_other_images_are_no_negatives() -> None:
    first, second = torch.eye(4)[None], torch.eye(4)[None].roll(1, 1)
    both = patch_nce(torch.cat((first, second)), torch.cat((first, first)), temperature=0.1)
    assert both[0] == patch_nce(first, first, temperature=0.1)
    assert both[1] == patch_nce(second, first, temperature=0.1)
