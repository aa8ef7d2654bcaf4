"""The first samples of a seed are the same, bit for bit, however many are made: of every kind of
generator, as products of matrices round otherwise in batches of other sizes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from gan_runner.cli.hydra.composer import compose, parse_config
from gan_runner.data import Column, Columns, Space
from gan_runner.sampling.sampler import Sampler
from gan_runner.training.build import build

IMAGES = Space("images", (1, 8, 8))
VECTORS = Space("vectors", (2,), (0.0,) * 2, (1.0,) * 2)
SEQUENCES = Space("sequences", (4, 2), (0.0,) * 2, (1.0,) * 2)
COLUMNS = Columns((Column("age"), Column("color", ("red", "green"))), 0.7, True)
TABLE = Space("table", (3,), (0.0,) * 3, (1.0,) * 3, COLUMNS)
NAMES = ("few", "many")

NARROW = ("model.generator.width=8", "model.discriminator.width=8", "model.latent_size=10")
GENERATORS: dict[str, tuple[Space, tuple[str, ...]]] = {
    "dcgan": (IMAGES, ("model=dcgan", *NARROW)),
    "concat": (IMAGES, ("model.conditioning=concat", *NARROW)),
    "codes": (IMAGES, ("model.code.categorical=[3]", "model.code.continuous=1", *NARROW)),
    "resnet": (IMAGES, ("model=resnet", *NARROW)),
    "r3gan": (IMAGES, ("model=r3gan", "model.generator.widths=[16,8]", "model.latent_size=10")),
    "mlp": (VECTORS, ("model=mlp", "dataset=ring")),
    "table": (TABLE, ("model=mlp", "dataset=iris")),
    "rnn": (SEQUENCES, ("model=rnn", "dataset=sines")),
    "vae": (IMAGES, ("model=vae",)),
    "conv_vae": (IMAGES, ("model=conv_vae", "model.latent_size=10")),
}


def untrained(name: str) -> Sampler:
    """The sampler of a generator with new weights, of a set with 1 and 9 examples of its classes
    where it is conditional."""
    space, overrides = GENERATORS[name]
    made = build(parse_config(compose(list(overrides))))
    names = NAMES if made.model.conditional else ()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        networks = made.model.build_networks(space, len(names))
    sampler = made.method.sampler(networks, space, names, weights="raw")
    return replace(sampler, class_counts=(1, 9) if names else ())


@pytest.mark.parametrize("name", GENERATORS)
def test_the_first_samples_of_a_seed_are_the_same_however_many(name: str) -> None:
    made = untrained(name)
    many = made.sample(70, labels=made.draw_labels(70, seed=2), seed=2, truncation=1.5)
    for count in (1, 2, 3, 9, 64, 65):
        labels = made.draw_labels(count, seed=2)
        assert torch.equal(made.sample(count, labels=labels, seed=2, truncation=1.5), many[:count])


def test_labels_go_in_turn_where_the_shares_are_not_known() -> None:
    made = replace(untrained("concat"), class_counts=())
    labels = made.draw_labels(5, seed=2)
    assert labels is not None and labels.tolist() == [0, 1, 0, 1, 0]
