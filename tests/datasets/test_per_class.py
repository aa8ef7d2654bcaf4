"""dataset.per_class: a few examples of each class to learn from, and all others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Answer, left_behind, small_run, track

from gan_runner.cli.hydra.composer import compose, parse_config
from gan_runner.data import Data, Space
from gan_runner.datasets import Dataset, array
from gan_runner.datasets.per_class import take_per_class
from gan_runner.errors import ConfigError
from gan_runner.training.build import build

Here = Callable[..., Answer]


def data(*counts: int) -> Data:
    """So many vectors of each class, each another number."""
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    labels = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))]
    values = torch.arange(len(labels), dtype=torch.float32)[:, None]
    return Data(values, Space("vectors", (1,), (0.0,), (1.0,)), labels, ("a", "b", "c"))


def dataset(*overrides: str) -> Dataset:
    return build(parse_config(compose(list(overrides)))).dataset


def test_every_class_has_as_many_and_the_others_are_all_the_rest() -> None:
    whole = data(9, 5, 30)
    chosen, others = take_per_class(whole, 4, seed=0)
    assert others is not None and chosen.labels is not None and others.labels is not None
    assert chosen.labels.bincount().tolist() == [4, 4, 4]
    assert others.labels.bincount().tolist() == [5, 1, 26]
    together = torch.cat([chosen.examples, others.examples]).flatten()
    assert torch.equal(together.sort().values, whole.examples.flatten())
    assert whole.labels is not None
    for part in chosen, others:
        assert part.labels is not None
        assert torch.equal(whole.labels[part.examples.flatten().long()], part.labels)


def test_another_seed_draws_others_and_fewer_are_among_the_more() -> None:
    whole = data(90, 50, 300)
    drawn = {
        (count, seed): set(
            take_per_class(whole, count, seed=seed).chosen.examples.flatten().tolist()
        )
        for count in (10, 20)
        for seed in (0, 1)
    }
    assert drawn[10, 0] < drawn[20, 0]
    assert drawn[10, 0] != drawn[10, 1]


def test_nothing_is_left_where_all_are_chosen() -> None:
    assert take_per_class(data(4, 4, 4), 4, seed=0).others is None


def test_more_than_a_class_has_is_refused_with_the_most_that_works() -> None:
    with pytest.raises(
        ConfigError, match=r"'b' has 5 .*dataset\.per_class=6\. Use at most dataset\.per_class=5"
    ):
        take_per_class(data(9, 5, 30), 6, seed=0)


def test_data_without_labels_has_no_classes_to_choose_from() -> None:
    whole = data(9, 5, 30)
    with pytest.raises(ConfigError, match=r"no labels, dataset\.per_class=2.*per_class=null"):
        take_per_class(Data(whole.examples, whole.space), 2, seed=0)


def test_what_is_left_over_is_the_test_split_of_data_without_one(tmp_path: Path) -> None:
    digits = dataset("dataset.per_class=20")
    chosen, others = digits.training(tmp_path, track), digits.test(tmp_path, track)
    assert others is not None
    assert (len(chosen), len(others)) == (200, 1797 - 200)
    assert dataset().test(tmp_path, track) is None


def test_a_test_split_stays_the_test_split(tmp_path: Path) -> None:
    ring = dataset("dataset=ring", "dataset.count=500", "dataset.per_class=20")
    found, given = ring.test(tmp_path, track), ring.held_out(tmp_path, track)
    assert found is not None and given is not None and given.labels is not None
    assert torch.equal(found.examples, given.examples)
    centers: torch.Tensor = ring.centers  # type: ignore[attr-defined]
    assert torch.equal(torch.cdist(given.examples, centers).argmin(1), given.labels)


def test_a_run_on_a_few_examples_resumes_bit_for_bit(here: Here, tmp_path: Path) -> None:
    whole, asked = tmp_path / "whole", "dataset.per_class=5"
    assert here("gan-train", *small_run(whole, asked, "train.steps=14")).code == 0
    assert here("gan-train", *small_run(tmp_path / "parted", asked, "train.steps=7")).code == 0
    assert here("gan-train", "resume=parted", "train.steps=14").code == 0
    assert left_behind(whole)["tensors"] == left_behind(tmp_path / "parted")["tensors"]
    answer = here("gan-train", "resume=parted", "dataset.per_class=6")
    assert answer.code == 6 and "dataset.per_class: 5 -> 6" in answer.err


@pytest.mark.parametrize("asked", ["175", "0", "-1"])
def test_impossible_numbers_are_refused_before_training(
    here: Here, tmp_path: Path, asked: str
) -> None:
    answer = here("gan-train", *small_run(tmp_path / "run", f"dataset.per_class={asked}"))
    assert answer.code == 2 and f"dataset.per_class={asked}" in answer.err
    assert not (tmp_path / "run").exists()


def test_images_of_ones_own_are_limited_too(here: Here, tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 255, (60, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "x.npz", images=images, labels=np.arange(60) % 3)
    asked = ("dataset=array", "dataset.path=x.npz", "dataset.per_class=8", "train.steps=1")
    assert here("gan-train", *small_run(tmp_path / "run", *asked)).code == 0
    assert (
        here("gan-evaluate", "run", "--metrics", "mmd", "--space", "random", "--cache", "c").code
        == 0
    )


def test_an_array_file_is_read_once_for_what_is_chosen_and_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = np.repeat([0, 1], 20)
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(0).normal(size=(40, 3)), y=labels)
    chosen = dataset(
        "dataset=array", f"dataset.path={tmp_path}/x.npz", "model=mlp", "dataset.per_class=5"
    )
    reads = []
    read = array.read_array_file
    monkeypatch.setattr(array, "read_array_file", lambda *a, **k: reads.append(a) or read(*a, **k))
    training, test = chosen.training(tmp_path, track), chosen.test(tmp_path, track)
    assert test is not None and training.reading.held_out == len(test) == 30
    assert len(reads) == 1
    alone = unread(chosen)
    again = alone.test(tmp_path, track)
    assert again is not None and torch.equal(again.examples, test.examples)


def unread(chosen: Dataset) -> Dataset:
    """The same data set, of which nothing was read."""
    return type(chosen).model_validate_json(chosen.model_dump_json())
