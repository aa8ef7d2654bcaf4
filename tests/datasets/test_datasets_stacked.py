"""Stacked digits: what they are made of, what their labels say, and how they are drawn."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import EVERY_DATASET, track

from gan_runner.config.component import build_component
from gan_runner.data import Data
from gan_runner.datasets import Dataset, vision
from gan_runner.errors import DataError

SEEN, UNSEEN = range(30), range(100, 120)  # digits by the ink of all their pixels


def dataset(root: Path, **changes: Any) -> Dataset:
    settings = {"download": False, "image_size": None, "flip": False, "count": 200, "seed": 0}
    plain = {"name": "StackedMNIST", "root": str(root), **EVERY_DATASET, **settings, **changes}
    return build_component(plain, Dataset, where="dataset")


def load(root: Path, **changes: Any) -> Data:
    return dataset(root, **changes).load(root / "cache", track)


def held_out(root: Path, **changes: Any) -> torch.Tensor | None:
    found = dataset(root, **changes).held_out(root / "cache", track)
    return None if found is None else found.examples


def write(raw: Path, prefix: str, inks: range) -> None:
    """A digit of each ink, whose label is the last figure of the ink."""
    ink = np.array(inks, np.uint8)
    pixels = np.broadcast_to(ink[:, None, None], (len(ink), 28, 28))
    images = struct.pack(">4I", 0x803, *pixels.shape) + pixels.tobytes()
    (raw / f"{prefix}-images-idx3-ubyte").write_bytes(images)
    labels = struct.pack(">2I", 0x801, len(ink)) + (ink % 10).tobytes()
    (raw / f"{prefix}-labels-idx1-ubyte").write_bytes(labels)


def inks(examples: torch.Tensor) -> torch.Tensor:
    """The ink of each channel, int64 [N, 3]."""
    return examples[:, :, 0, 0].long()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The root of a small made MNIST, each of whose digits has an ink of its own."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    write(raw, "train", SEEN)
    write(raw, "t10k", UNSEEN)
    return tmp_path


def test_an_image_is_three_whole_digits_one_in_each_channel(root: Path) -> None:
    examples = load(root).examples
    assert examples.shape == (200, 3, 28, 28)
    assert examples.dtype == torch.uint8
    assert (examples == inks(examples)[:, :, None, None]).all()
    assert set(inks(examples).flatten().tolist()) == set(SEEN)


def test_labels_say_what_the_channels_show(root: Path) -> None:
    data = load(root)
    assert data.labels is not None
    assert data.labels.dtype == torch.int64
    assert len(data.class_names) == 1000
    for shown, label in zip(inks(data.examples).tolist(), data.labels.tolist(), strict=True):
        assert data.class_names[label] == "".join(str(ink % 10) for ink in shown)


def test_a_channel_shows_every_digit_before_it_shows_one_again(root: Path) -> None:
    shown = inks(load(root, count=75).examples)
    for channel in shown.unbind(1):
        first, second, third = (part.tolist() for part in channel.split(30))
        assert sorted(first) == sorted(second) == list(SEEN)
        assert first != second
        assert len(set(third)) == 15


def test_the_channels_are_drawn_apart(root: Path) -> None:
    a, b, c = inks(load(root, count=3000).examples).unbind(1)
    for one, other in (a, b), (b, c), (a, c):
        # two draws of 30 digits agree once in 30, give or take 0.003
        assert (one == other).float().mean().item() == pytest.approx(1 / 30, abs=0.02)


def test_images_depend_on_their_own_seed_alone(root: Path) -> None:
    first, before = load(root), torch.get_rng_state()
    torch.manual_seed(99)
    again, other = load(root), load(root, seed=1)
    torch.set_rng_state(before)
    assert torch.equal(first.examples, again.examples)
    assert not torch.equal(first.examples, other.examples)


def test_drawing_images_leaves_the_global_generator_alone(root: Path) -> None:
    before = torch.get_rng_state()
    load(root)
    held_out(root)
    assert torch.equal(before, torch.get_rng_state())


def test_held_out_images_are_made_of_the_test_split(root: Path) -> None:
    examples = held_out(root)
    assert examples is not None
    assert examples.shape == (200, 3, 28, 28)
    assert set(inks(examples).flatten().tolist()) == set(UNSEEN)


def test_held_out_images_are_a_draw_of_their_own(root: Path) -> None:
    write(root / "MNIST" / "raw", "t10k", SEEN)
    examples = held_out(root)
    assert examples is not None
    assert not torch.equal(examples, load(root).examples)


def test_at_most_10_000_images_are_held_out(root: Path) -> None:
    examples = held_out(root, count=10_001, image_size=4)
    assert examples is not None
    assert len(examples) == 10_000


def test_nothing_is_held_out_where_the_test_split_is_missing(root: Path) -> None:
    (root / "MNIST" / "raw" / "t10k-images-idx3-ubyte").unlink()
    assert held_out(root) is None


@pytest.mark.parametrize(("size", "side"), [(None, 28), (14, 14), (64, 64)])
def test_the_space_is_known_without_any_file(size: int | None, side: int, root: Path) -> None:
    space = dataset(Path("/nonexistent/data"), image_size=size).space()
    assert space is not None
    assert space.shape == (3, side, side)
    data = load(root, image_size=size)
    assert data.space == space
    assert data.examples.shape[1:] == space.shape


def test_missing_digits_are_named_with_the_remedy(tmp_path: Path) -> None:
    missing = r"missing .*MNIST/raw/train-images.*dataset\.root=.*dataset\.download=true"
    with pytest.raises(DataError, match=missing):
        load(tmp_path)


def test_missing_digits_are_downloaded_as_those_of_mnist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(name: str, root: Path) -> None:
        (root / name / "raw").mkdir(parents=True)
        write(root / name / "raw", "train", SEEN)

    monkeypatch.setattr(vision, "fetch", fetch)
    assert len(load(tmp_path, download=True)) == 200
