"""One seed gives many streams, each its own, the same everywhere."""

from __future__ import annotations

from itertools import product

import torch

from gan_runner.seeds import derive


def test_a_derived_seed_is_the_same_on_every_machine_and_version() -> None:
    assert derive(0, "latent") == 2_015_146_304_195_746_824
    assert derive(0, "order", 3) == 2_723_741_169_552_378_311


def test_every_seed_purpose_and_index_gives_its_own() -> None:
    seeds, purposes = (0, 1, 12, 2**63 - 1), ("latent", "penalty", "order", "flip")
    found = {derive(*place) for place in product(seeds, purposes, range(50))}
    assert len(found) == 4 * 4 * 50


def test_digits_of_the_seed_and_of_an_index_are_not_confused() -> None:
    assert derive(1, "order", 23) != derive(12, "order", 3)
    assert derive(0, "order", 12) != derive(0, "order", 1, 2)


def test_a_derived_seed_suits_every_generator_of_torch() -> None:
    for index in range(200):
        seed = derive(2**63 - 1, "order", index)
        assert 0 <= seed < 2**63
        torch.Generator().manual_seed(seed)


def test_streams_of_neighboring_seeds_are_unrelated() -> None:
    streams = [
        torch.randn(1000, generator=torch.Generator().manual_seed(derive(seed, "latent")))
        for seed in range(20)
    ]
    related = torch.corrcoef(torch.stack(streams)) - torch.eye(20)
    assert related.abs().max() < 0.15
