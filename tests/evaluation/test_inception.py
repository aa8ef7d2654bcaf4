"""The InceptionV3 in which the FID of papers is measured; a stand-in of its layout is enough."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from gan_runner.datasets.readers.torchvision import torchvision
from gan_runner.errors import DataError, MachineError
from gan_runner.evaluation.features.inception import inception
from gan_runner.evaluation.features.spaces import FeatureSpace

CPU = torch.device("cpu")


def needs_package() -> None:
    """Leave out a test where the optional package isn't installed."""
    torchvision()
    pytest.importorskip("torch_fidelity")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of the published layout with random weights."""
    torch.set_num_threads(1)
    needs_package()
    from torch_fidelity import feature_extractor_inceptionv3 as module

    kind = module.FeatureExtractorInceptionV3
    with pytest.MonkeyPatch.context() as patched, torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        patched.setattr(module, "load_state_dict_from_url", lambda *_, **__: {})
        patched.setattr(kind, "load_state_dict", lambda *_: None)
        network = kind("stand-in", ["2048"])
    path = tmp_path_factory.mktemp("inception") / "weights.pth"
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def space(weights: Path) -> FeatureSpace:
    return inception(weights=weights, device=CPU)


def noise(*shape: int, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(256, shape, generator=rng).to(torch.uint8)


def test_features_are_2048_numbers_and_probabilities_of_1008_classes(space: FeatureSpace) -> None:
    images = noise(2, 3, 16, 16)
    features = space.features(images)
    assert features.shape == (2, 2048) and features.dtype == torch.float32
    assert not features[0].equal(features[1]) and not features.requires_grad
    probabilities = space.probabilities_of(space.features(images))
    assert probabilities is not None and probabilities.shape == (2, 1008)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(2))


def test_gray_images_are_repeated_to_three_channels(space: FeatureSpace) -> None:
    gray = noise(2, 1, 8, 8)
    assert space.features(gray).equal(space.features(gray.repeat(1, 3, 1, 1)))


@pytest.mark.parametrize("shape", [(2, 4, 8, 8), (2, 2, 8, 8), (2, 5)])
def test_other_numbers_of_channels_and_vectors_are_refused(
    space: FeatureSpace, shape: tuple[int, ...]
) -> None:
    with pytest.raises(DataError, match="1 or 3 channels"):
        space.features(noise(*shape))


def test_the_version_changes_with_the_weights(weights: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pth"
    state = torch.load(weights, weights_only=True)
    state["fc.bias"] += 1
    torch.save(state, other)
    first, second = (inception(weights=path, device=CPU) for path in (weights, other))
    assert first.version != second.version
    assert first.facts["weights"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert first.facts["published"] is False


def test_loading_and_features_leave_the_global_random_stream_as_it_was(weights: Path) -> None:
    before = torch.get_rng_state()
    inception(weights=weights, device=CPU).features(noise(1, 1, 8, 8))
    assert torch.get_rng_state().equal(before)


class Program:
    """Pickled, it makes whoever unpickles it create a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_a_program_in_the_weights_is_refused_unrun(tmp_path: Path) -> None:
    needs_package()
    hostile, created = tmp_path / "weights.pth", tmp_path / "created"
    torch.save({"fc.bias": Program(created)}, hostile)
    with pytest.raises(DataError, match="not the weights of InceptionV3"):
        inception(weights=hostile, device=CPU)
    assert not created.exists()


@pytest.mark.parametrize(
    "content", [b"", b"<html>", {"fc.bias": torch.zeros(3)}, torch.zeros(3), {"fc.bias": "text"}]
)
def test_a_file_without_such_weights_is_refused(content: object, tmp_path: Path) -> None:
    needs_package()
    path = tmp_path / "weights.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(DataError, match="not the weights of InceptionV3") as raised:
        inception(weights=path, device=CPU)
    assert "\n" not in str(raised.value)


def test_a_missing_package_is_reported_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    with pytest.raises(MachineError, match=r'pip install "gan-runner\[metrics\]"'):
        inception(weights=tmp_path / "weights.pth", device=CPU)


def test_a_missing_file_is_reported_with_its_place_and_its_address(tmp_path: Path) -> None:
    needs_package()
    path = tmp_path / "weights.pth"
    with pytest.raises(MachineError) as raised:
        inception(weights=path, device=CPU)
    assert str(path) in str(raised.value)
    assert "curl" in str(raised.value) and "6726825d.pth" in str(raised.value)


def test_a_file_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    needs_package()
    with pytest.raises(MachineError, match="can't read the weights"):
        inception(weights=tmp_path, device=CPU)
