"""The spaces in which real and generated examples are compared."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from conftest import track
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from gan_runner.data import Data, Space, StoredExamples
from gan_runner.data.stored import Pending
from gan_runner.datasets.digits import Digits
from gan_runner.evaluation.features import classifier as training
from gan_runner.evaluation.features.classifier import Classifier, classifier, held_out_size
from gan_runner.evaluation.features.spaces import (
    FeatureSpace,
    Identity,
    RandomNetwork,
    build_network,
)
from gan_runner.storage.tensors import facts_digest

CPU = torch.device("cpu")


class DigitFit(NamedTuple):
    """The classifier of the digits, where it is kept, and what was said meanwhile."""

    data: Data
    space: FeatureSpace
    cache: Path
    said: list[str]

    @property
    def file(self) -> Path:
        (path,) = (self.cache / "classifiers").iterdir()
        return path


@pytest.fixture(scope="module")
def fit(tmp_path_factory: pytest.TempPathFactory) -> DigitFit:
    torch.set_num_threads(1)
    cache, said = tmp_path_factory.mktemp("cache"), list[str]()
    data = Digits(flip=False, per_class=None, per_class_seed=0).load(cache, track)
    space = classifier(data, cache=cache, device=CPU, say=said.append)
    return DigitFit(data, space, cache, said)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A training of three steps, for claims that need no good classifier."""
    monkeypatch.setattr(training, "_STEPS", (3, 3))


def noise(*shape: int, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(256, shape, generator=rng).to(torch.uint8)


def labeled_data(*shape: int, classes: int = 3) -> Data:
    labels = torch.arange(shape[0]) % classes
    return Data(noise(*shape), Space("images", shape[1:]), labels)


def silent(line: str) -> None:
    pass


def unexpected(line: str) -> None:
    raise AssertionError(line)


def test_the_classifier_names_97_of_100_unseen_digits(fit: DigitFit) -> None:
    assert fit.space.facts["held_out"] == 300
    assert fit.space.facts["accuracy"] >= 0.97


def test_training_is_announced_before_and_after(fit: DigitFit) -> None:
    before, *_, after = fit.said
    assert before == "training the classifier for this data set, once, on cpu ..."
    assert f"{fit.space.facts['accuracy']:.2%} of 300 unseen images right" in after


def test_probabilities_of_the_classifier_name_the_digits(fit: DigitFit) -> None:
    found = fit.space.probabilities_of(fit.space.features(fit.data.examples))
    assert found is not None and found.shape == (1797, 10) and found.dtype == torch.float32
    torch.testing.assert_close(found.sum(1), torch.ones(1797))
    assert fit.data.labels is not None
    assert (found.argmax(1) == fit.data.labels).float().mean() > 0.97


def test_probabilities_can_be_had_from_features(fit: DigitFit) -> None:
    features = fit.space.features(fit.data.examples[:50])
    direct = fit.space.probabilities_of(fit.space.features(fit.data.examples[:50]))
    assert direct is not None
    assert direct.equal(fit.space.probabilities_of(features))  # type: ignore[arg-type]


def test_a_kept_classifier_gives_identical_features_without_training(fit: DigitFit) -> None:
    again = classifier(fit.data, cache=fit.cache, device=CPU, say=unexpected)
    assert again.version == fit.space.version and again.facts == fit.space.facts
    examples = fit.data.examples[:300]
    assert again.features(examples).equal(fit.space.features(examples))


@pytest.mark.usefixtures("quick")
def test_a_damaged_file_is_trained_anew_to_the_same_weights(fit: DigitFit, tmp_path: Path) -> None:
    first = classifier(fit.data, cache=tmp_path, device=CPU, say=silent)
    (path,) = (tmp_path / "classifiers").iterdir()
    whole = path.read_bytes()
    content = bytearray(whole)
    content[-1000] ^= 1
    path.write_bytes(content)
    said: list[str] = []
    again = classifier(fit.data, cache=tmp_path, device=CPU, say=said.append)
    assert len(said) == 2
    assert again.version == first.version and again.facts == first.facts
    assert path.read_bytes() == whole


def rewrite(path: Path, change: Callable[[dict[str, Tensor], dict[str, object]], None]) -> None:
    """The same file after a change to its tensors and facts, with a digest that is right."""
    with safe_open(path, framework="pt") as file:
        facts = json.loads(file.metadata()["gan_runner"])
    tensors = load_file(path)
    facts.pop("sha256")
    change(tensors, facts)
    facts["sha256"] = facts_digest(tensors, facts)
    save_file(tensors, path, metadata={"gan_runner": json.dumps(facts)})


FOREIGN: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "a part": lambda path: path.write_bytes(path.read_bytes()[:5000]),
    "another recipe": lambda path: rewrite(path, lambda _, facts: facts.update(recipe="old")),
    "other data": lambda path: rewrite(path, lambda _, facts: facts.update(data="other")),
    "no facts": lambda path: save_file(load_file(path), path),
    "a missing tensor": lambda path: rewrite(path, lambda held, _: held.popitem() and None),
    "another dtype": lambda path: rewrite(
        path, lambda held, _: held.update({"logits.bias": held["logits.bias"].double()})
    ),
}


@pytest.mark.parametrize("fault", FOREIGN)
@pytest.mark.usefixtures("quick")
def test_a_foreign_file_is_never_trusted(fault: str, tmp_path: Path) -> None:
    data = labeled_data(20, 1, 8, 8)
    space = classifier(data, cache=tmp_path, device=CPU, say=silent)
    (path,) = (tmp_path / "classifiers").iterdir()
    whole = path.read_bytes()
    FOREIGN[fault](path)
    said: list[str] = []
    again = classifier(data, cache=tmp_path, device=CPU, say=said.append)
    assert again.version == space.version
    assert said[0].startswith("training the classifier")
    assert path.read_bytes() == whole
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.usefixtures("quick")
def test_a_cache_that_cannot_be_written_costs_a_line_only(tmp_path: Path) -> None:
    cache = tmp_path / "file"
    cache.touch()
    said: list[str] = []
    space = classifier(labeled_data(20, 1, 8, 8), cache=cache, device=CPU, say=said.append)
    assert space.features(noise(2, 1, 8, 8)).shape == (2, 128)
    assert len(said) == 3 and said[2].startswith("can't cache what was computed, ")


@pytest.mark.usefixtures("quick")
def test_who_trains_second_takes_the_weights_of_the_first(tmp_path: Path) -> None:
    data, spaces = labeled_data(20, 1, 8, 8), list[FeatureSpace]()

    def other_process(line: str) -> None:
        if line.startswith("training") and not spaces:
            torch.manual_seed(3)
            spaces.append(classifier(data, cache=tmp_path, device=CPU, say=silent))

    spaces.append(classifier(data, cache=tmp_path, device=CPU, say=other_process))
    assert spaces[0].version == spaces[1].version
    assert len(list((tmp_path / "classifiers").iterdir())) == 1


@pytest.mark.usefixtures("quick")
def test_the_version_changes_with_the_weights(tmp_path: Path) -> None:
    data = labeled_data(20, 1, 8, 8)
    other = replace(data, examples=data.examples.flip(0))
    spaces = [classifier(d, cache=tmp_path, device=CPU, say=silent) for d in (data, other)]
    assert len({space.version for space in spaces}) == 2
    assert all(len(bytes.fromhex(space.version)) == 6 for space in spaces)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("side", [8, 28, 32, 64, 128])
def test_networks_take_images_of_any_size_and_number_of_channels(side: int, channels: int) -> None:
    examples, space = noise(3, channels, side, side), Space("images", (channels, side, side))
    network = build_network(lambda: Classifier(space.shape, 5), seed=0).eval()
    assert network(space.encode(examples)).shape == (3, 5)
    assert RandomNetwork(space, device=CPU).features(examples).shape == (3, 64)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("shape", [(7, 1, 8, 8), (9, 3, 20, 33)])
def test_a_classifier_can_be_trained_on_few_images_and_on_oblong_ones(
    shape: tuple[int, ...], tmp_path: Path
) -> None:
    space = classifier(labeled_data(*shape), cache=tmp_path, device=CPU, say=silent)
    assert space.features(noise(*shape)).isfinite().all()
    assert 0 <= space.facts["accuracy"] <= 1


class OnDisk(StoredExamples):
    """Images that count how many of them were read."""

    digest, most_examined = "", 10

    def __init__(self, images: Tensor) -> None:
        self.images, self.shape, self.dtype, self.read = (
            images,
            tuple(images.shape),
            images.dtype,
            0,
        )

    def begin(self, indices: Tensor) -> Pending:
        self.read += len(indices)
        return lambda: self.images[indices]

    def batches_ahead(self, size: int) -> int:
        return 2

    def select(self, indices: Tensor) -> OnDisk:
        return OnDisk(self.images[indices])


def test_images_on_disk_are_read_once_for_the_classifier(
    quick: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data = labeled_data(12, 1, 8, 8)
    assert isinstance(data.examples, Tensor)
    on_disk = OnDisk(data.examples)
    found = []
    for examples in (data.examples, on_disk):
        each = classifier(replace(data, examples=examples), cache=tmp_path, device=CPU, say=silent)
        found.append(each.version)
    assert found[0] == found[1]
    assert on_disk.read == 12


def test_a_classifier_that_takes_long_says_how_long_after_its_first_steps(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(training, "_STEPS", (2, 2))
    monkeypatch.setattr(training, "_TIMED_STEPS", 1)
    monkeypatch.setattr(training, "_ANNOUNCED_SECONDS", 0.0)
    said: list[str] = []
    classifier(labeled_data(12, 1, 8, 8), cache=tmp_path, device=CPU, say=said.append)
    assert "this takes about " in said[1] and "evaluation.space=random" in said[1]


@pytest.mark.parametrize(
    "data",
    [
        replace(labeled_data(20, 1, 8, 8), labels=None),
        Data(torch.zeros(9, 2), Space("vectors", (2,), (0, 0), (1, 1)), torch.zeros(9).long()),
    ],
)
def test_data_without_labels_or_pixels_is_refused(data: Data, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="labeled images"):
        classifier(data, cache=tmp_path, device=CPU, say=unexpected)


@pytest.mark.parametrize(
    ("count", "expected"), [(2, 1), (60, 20), (900, 300), (1797, 300), (60_000, 10_000)]
)
def test_a_sixth_is_held_out_and_a_few_hundred_where_there_are_enough(
    count: int, expected: int
) -> None:
    assert held_out_size(count) == expected


@pytest.mark.usefixtures("quick")
def test_training_and_features_leave_random_streams_and_modes_as_they_were(tmp_path: Path) -> None:
    data = labeled_data(20, 1, 8, 8)
    before = torch.get_rng_state()
    with torch.no_grad():
        spaces = [
            classifier(data, cache=tmp_path, device=CPU, say=silent),
            RandomNetwork(data.space, device=CPU),
        ]
        assert not torch.is_grad_enabled()
    for space in spaces:
        assert not space.features(data.examples).requires_grad
        assert torch.is_grad_enabled()
    assert torch.get_rng_state().equal(before)


@pytest.mark.usefixtures("quick")
def test_training_depends_on_no_global_seed(tmp_path: Path) -> None:
    data = labeled_data(20, 1, 8, 8)
    with torch.random.fork_rng(devices=[]):
        versions = set()
        for seed in range(2):
            torch.manual_seed(seed)
            cache = tmp_path / str(seed)
            versions.add(classifier(data, cache=cache, device=CPU, say=silent).version)
            versions.add(RandomNetwork(data.space, device=CPU).version)
    assert len(versions) == 2


def test_features_do_not_depend_on_how_examples_are_batched(fit: DigitFit) -> None:
    examples = fit.data.examples[:600]
    for space in fit.space, RandomNetwork(fit.data.space, device=CPU):
        whole = space.features(examples)
        parts = torch.cat([space.features(part) for part in examples.split(37)])
        torch.testing.assert_close(parts, whole, rtol=1e-4, atol=1e-4)
        assert space.features(examples[:0]).shape == (0, space.size)


def test_the_random_network_is_the_same_on_every_machine() -> None:
    space = RandomNetwork(Space("images", (3, 32, 32)), device=CPU)
    assert space.version == "38df2e6dcd10"
    features = space.features(noise(4, 3, 32, 32))
    assert features.sum().item() == pytest.approx(31.1878, rel=1e-4)
    assert space.probabilities_of(space.features(noise(4, 3, 32, 32))) is None


def test_the_random_network_sees_what_differs() -> None:
    space = RandomNetwork(Space("images", (1, 28, 28)), device=CPU)
    first, second = (space.features(noise(200, 1, 28, 28, seed=seed)) for seed in (0, 1))
    darker = space.features(noise(200, 1, 28, 28, seed=2) // 2)
    apart = (first.mean(0) - darker.mean(0)).norm()
    assert apart > 3 * (first.mean(0) - second.mean(0)).norm()


def test_vectors_are_their_own_features() -> None:
    space = Identity(Space("vectors", (2,), (0.0, 0.0), (1.0, 1.0)))
    examples = torch.tensor([[1.5, -2.0], [3.0, 4.0]])
    assert space.features(examples).equal(examples)
    assert (space.name, space.size, space.resizing, space.facts) == ("identity", 2, "none", {})
    assert space.probabilities_of(space.features(examples)) is None


def test_the_version_of_identity_depends_on_the_dimension_only() -> None:
    first = Identity(Space("vectors", (2,), (0.0, 0.0), (1.0, 1.0)))
    other_scale = Identity(Space("vectors", (2,), (5.0, 5.0), (3.0, 3.0)))
    wider = Identity(Space("vectors", (3,), (0.0,) * 3, (1.0,) * 3))
    assert first.version == other_scale.version != wider.version
