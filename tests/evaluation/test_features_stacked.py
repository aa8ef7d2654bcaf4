"""The space of stacked digits: one classifier of single digits looks at each channel."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from conftest import EVERY_DATASET, track
from torch import Tensor, nn

from gan_runner.config.component import build_component, parse_settings
from gan_runner.data import Data, Space
from gan_runner.datasets import Dataset
from gan_runner.datasets.digits import Digits
from gan_runner.evaluation.evaluator import Evaluator
from gan_runner.evaluation.features import classifier as training
from gan_runner.evaluation.features import stacked
from gan_runner.evaluation.features.classifier import classifier
from gan_runner.evaluation.features.spaces import FeatureSpace
from gan_runner.evaluation.features.stacked import stacked_classifier
from gan_runner.evaluation.settings import Evaluation
from gan_runner.models.labels import Sequential
from gan_runner.sampling.sampler import Sampler

CPU = torch.device("cpu")
KNOWN = 1500  # of the 1,797 digits; the others are shown to no classifier


def silent(line: str) -> None:
    pass


def unexpected(line: str) -> None:
    raise AssertionError(line)


class StackFit(NamedTuple):
    """Stacks of real digits of 8 x 8, their space, and stacks of digits that it hasn't seen."""

    data: Data
    space: FeatureSpace
    unseen: Data
    cache: Path

    @property
    def digit(self) -> FeatureSpace:
        """The space of the first channel alone."""
        return classifier(first(self.data), cache=self.cache, device=CPU, say=unexpected)


def stacks(digits: Tensor, labels: Tensor) -> Data:
    """Images of three digits each [N, 3, H, W], in the first channel all of them in their order."""
    rng = torch.Generator().manual_seed(0)
    others = [torch.randperm(len(digits), generator=rng) for _ in range(2)]
    drawn = torch.stack([torch.arange(len(digits)), *others], dim=1)
    examples = digits[drawn].squeeze(2)
    joint = labels[drawn] @ torch.tensor([100, 10, 1])
    return Data(examples, Space("images", tuple(examples.shape[1:])), joint)


def first(data: Data) -> Data:
    assert data.labels is not None
    space = Space("images", (1, *data.space.shape[1:]))
    return Data(data.examples[:, :1], space, data.labels // 100)


def noise(count: int, classes: int = 10) -> Data:
    """Stacks of images without sense, whose labels go through the classes."""
    rng = torch.Generator().manual_seed(0)
    digits = torch.randint(256, (count, 1, 8, 8), generator=rng).to(torch.uint8)
    return stacks(digits, torch.arange(count) % classes)


@pytest.fixture(scope="module")
def fit(tmp_path_factory: pytest.TempPathFactory) -> StackFit:
    torch.set_num_threads(1)
    cache = tmp_path_factory.mktemp("cache")
    digits = Digits(flip=False, per_class=None, per_class_seed=0).load(cache, track)
    assert digits.labels is not None
    known = stacks(digits.examples[:KNOWN], digits.labels[:KNOWN])
    unseen = stacks(digits.examples[KNOWN:], digits.labels[KNOWN:])
    space = stacked_classifier(known, cache=cache, device=CPU, say=silent)
    return StackFit(known, space, unseen, cache)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A training of three steps, for claims that need no good classifier."""
    monkeypatch.setattr(training, "_STEPS", (3, 3))


def test_unseen_stacks_are_recognised_among_a_thousand(fit: StackFit) -> None:
    found = fit.space.probabilities_of(fit.space.features(fit.unseen.examples))
    assert found is not None and found.shape == (297, 1000) and found.dtype == torch.float32
    assert fit.unseen.labels is not None
    assert (found.argmax(1) == fit.unseen.labels).float().mean() > 0.8


def test_features_are_those_of_the_channels_side_by_side(fit: StackFit) -> None:
    examples = fit.unseen.examples
    parts = [fit.digit.features(examples[:, [channel]]) for channel in range(3)]
    features = fit.space.features(examples)
    assert features.shape == (297, fit.space.size) == (297, 3 * 128)
    torch.testing.assert_close(features, torch.cat(parts, dim=1), rtol=1e-4, atol=1e-4)


def test_probabilities_are_the_product_of_the_channels(fit: StackFit) -> None:
    examples = fit.unseen.examples
    digit, channels = fit.digit, (examples[:, [channel]] for channel in range(3))
    of = [digit.probabilities_of(digit.features(channel)) for channel in channels]
    found = fit.space.probabilities_of(fit.space.features(examples))
    assert found is not None
    product = torch.einsum("na,nb,nc->nabc", *of).flatten(1)
    torch.testing.assert_close(found, product, rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(found.sum(1), torch.ones(297))


def test_it_is_the_classifier_of_this_data_with_the_facts_of_the_single_one(
    fit: StackFit,
) -> None:
    assert fit.space.name == "classifier"
    assert fit.space.facts == fit.digit.facts
    assert fit.space.facts["data"] == first(fit.data).digest
    assert fit.space.facts["accuracy"] > 0.9


def test_a_kept_classifier_gives_identical_features_without_training(fit: StackFit) -> None:
    again = stacked_classifier(fit.data, cache=fit.cache, device=CPU, say=unexpected)
    assert again.version == fit.space.version
    examples = fit.unseen.examples
    assert again.features(examples).equal(fit.space.features(examples))


@pytest.mark.usefixtures("quick")
def test_the_version_is_its_own_and_changes_with_the_weights(fit: StackFit) -> None:
    data = noise(60)
    other = replace(data, examples=data.examples.flip(0))
    versions = {fit.space.version, fit.digit.version}
    for train in data, other:
        space = stacked_classifier(train, cache=fit.cache, device=CPU, say=silent)
        versions.add(space.version)
    assert len(versions) == 4
    assert all(len(bytes.fromhex(version)) == 6 for version in versions)


@pytest.mark.usefixtures("quick")
def test_the_classifier_is_trained_on_no_more_than_mnist_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stacked, "_TRAINING", 30)
    data = noise(60)
    space = stacked_classifier(data, cache=tmp_path, device=CPU, say=silent)
    part = replace(data, examples=data.examples[:30], labels=first(data).labels)
    assert part.labels is not None
    train = Data(part.examples[:, :1], Space("images", (1, 8, 8)), part.labels[:30])
    assert space.facts["data"] == train.digest
    assert space.facts["held_out"] == 10


@pytest.mark.usefixtures("quick")
def test_a_digit_that_was_never_seen_keeps_its_place_and_has_no_probability(
    tmp_path: Path,
) -> None:
    data = noise(60, classes=8)
    space = stacked_classifier(data, cache=tmp_path, device=CPU, say=silent)
    found = space.probabilities_of(space.features(data.examples))
    assert found is not None
    torch.testing.assert_close(found.sum(1), torch.ones(60))
    possible = torch.tensor([all(int(d) < 8 for d in f"{label:03}") for label in range(1000)])
    assert (found[:, possible] > 0).all()
    assert (found[:, ~possible] == 0).all()


@pytest.mark.parametrize(
    "data",
    [replace(noise(20), labels=None), first(noise(20))],
    ids=["without labels", "of one channel"],
)
def test_data_other_than_stacked_digits_is_refused(data: Data, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="three channels"):
        stacked_classifier(data, cache=tmp_path, device=CPU, say=unexpected)


# ---------------------------------------------------------------- in an evaluation


EVALUATION = {
    **{"num": 40, "space": "auto", "inception_weights": None, "metrics": ["frechet"], "seed": 0},
    **{
        "target": "auto",
        "neighbors": 5,
        "projections": 8,
        "importance_samples": 5,
        "best": {"metric": "frechet", "direction": "min"},
    },
}


def small_mnist(root: Path) -> Dataset:
    """Stacks of a made MNIST of 60 digits of noise."""
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    pixels = torch.randint(256, (60, 28, 28), generator=torch.Generator().manual_seed(0))
    images = struct.pack(">4I", 0x803, *pixels.shape) + pixels.to(torch.uint8).numpy().tobytes()
    (raw / "train-images-idx3-ubyte").write_bytes(images)
    labels = struct.pack(">2I", 0x801, 60) + bytes(index % 10 for index in range(60))
    (raw / "train-labels-idx1-ubyte").write_bytes(labels)
    settings = {"download": False, "image_size": 8, "flip": False, "count": 60, "seed": 0}
    plain = {"name": "StackedMNIST", "root": str(root), **EVERY_DATASET, **settings}
    return build_component(plain, Dataset, where="dataset")


@pytest.mark.usefixtures("quick")
def test_stacked_digits_are_evaluated_in_their_own_space(tmp_path: Path) -> None:
    dataset = small_mnist(tmp_path)
    data = dataset.load(tmp_path, track)
    expected = stacked_classifier(data, cache=tmp_path, device=CPU, say=silent)
    settings = parse_settings(EVALUATION, Evaluation, where="evaluation")
    evaluator = Evaluator(
        settings, dataset, data, cache=tmp_path, device=CPU, say=unexpected, track=track
    )
    generator = Sequential(nn.Linear(4, 192), nn.Tanh(), nn.Unflatten(1, (3, 8, 8)))
    (result,) = evaluator.measure(Sampler(generator, data.space, 4)).results
    assert result.name == "frechet_classifier"
    assert result.protocol.version == expected.version
