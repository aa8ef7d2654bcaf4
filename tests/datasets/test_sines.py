"""Noisy sines: what is drawn, what it is drawn from, and settings that can't be."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, TypeVar

import pytest
import torch
from conftest import EVERY_DATASET, track
from torch import Tensor

from gan_runner.config.component import build_component
from gan_runner.data import Data
from gan_runner.datasets import Dataset
from gan_runner.errors import ConfigError

T = TypeVar("T")
SETTINGS: dict[str, Any] = {
    "length": 32,
    "dimensions": 3,
    "frequencies": [[1.0, 2.0], [4.0, 6.0]],
    "amplitude": [0.1, 0.9],
    "phase": [-math.pi, math.pi],
    "noise": 0.0,
    "count": 300,
    "seed": 0,
    "standardize": False,
}


def sines(**changes: Any) -> Dataset:
    return build_component(
        {"name": "Sines", **EVERY_DATASET, **SETTINGS, **changes}, Dataset, where="dataset"
    )


def load(**changes: Any) -> Data:
    return sines(**changes).load(Path("/nonexistent/data"), track)


def held_out(**changes: Any) -> Tensor:
    found = sines(**changes).held_out(Path("/nonexistent/data"), track)
    assert found is not None
    return found.examples


def test_sequences_have_their_steps_before_their_dimensions() -> None:
    data = load()
    assert data.examples.shape == (300, 32, 3)
    assert data.examples.dtype == torch.float32
    assert (data.space.kind, data.space.shape) == ("sequences", (32, 3))
    assert sines().space() == data.space
    assert data.labels is not None
    assert sorted(set(data.labels.tolist())) == [0, 1]
    assert data.class_names == ("0", "1")


def test_each_sequence_is_a_sine_of_the_frequencies_of_its_class() -> None:
    data = load(frequencies=[[1.0, 1.0], [5.0, 5.0]])
    assert data.labels is not None
    spectrum = torch.fft.rfft(data.examples, dim=1).abs()  # whole cycles: one line each
    assert torch.equal(spectrum.argmax(1), torch.tensor([1, 5])[data.labels][:, None].expand(-1, 3))
    amplitude = spectrum.amax(1) / 16
    assert amplitude.min() > 0.1 - 1e-4 and amplitude.max() < 0.9 + 1e-4
    assert torch.allclose(spectrum.sum(1) / 16, amplitude, atol=1e-4)


def test_the_first_step_is_the_first_fraction_of_the_time() -> None:
    data = load(frequencies=[[2.0, 2.0]], amplitude=[0.5, 0.5], phase=[0.3, 0.3])
    time = torch.arange(1, 33) / 32
    expected = 0.5 * torch.sin(2 * math.pi * 2 * time + 0.3)
    assert torch.allclose(data.examples, expected[None, :, None].expand(300, 32, 3), atol=1e-5)


def test_dimensions_are_drawn_each_for_itself() -> None:
    flat = load(count=2000, frequencies=[[1.0, 2.0]]).examples.std(1)
    between = torch.corrcoef(flat.T) - torch.eye(3)
    assert between.abs().max() < 0.1


def test_noise_has_the_deviation_that_was_asked_for() -> None:
    difference = load(noise=0.25).examples - load().examples
    assert float(difference.std()) == pytest.approx(0.25, rel=0.02)


def test_the_same_seed_draws_the_same_and_another_others() -> None:
    assert torch.equal(load().examples, load().examples)
    assert not torch.equal(load().examples, load(seed=1).examples)


def test_held_out_sequences_are_others_of_the_same_kind() -> None:
    train, other = load(noise=0.02).examples, held_out(noise=0.02)
    assert other.shape == train.shape
    assert torch.cdist(other.flatten(1), train.flatten(1)).min() > 0
    assert float(other.std()) == pytest.approx(float(train.std()), rel=0.15)
    assert len(held_out(count=10_500, length=2, frequencies=[[0.5, 1.0]])) == 10_000


def test_standardized_sequences_are_seen_with_mean_0_and_deviation_1_in_each_dimension() -> None:
    data = load(standardize=True, phase=[0.0, 0.5], frequencies=[[0.0, 0.2]])
    seen = data.space.encode(data.examples)
    assert len(data.space.offset) == len(data.space.scale) == 3
    assert torch.allclose(seen.mean((0, 1)), torch.zeros(3), atol=1e-4)
    assert torch.allclose(seen.std((0, 1)), torch.ones(3), atol=1e-3)
    assert torch.allclose(data.space.decode(seen), data.examples, atol=1e-5)
    assert sines(standardize=True).space() is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"length": 1}, "dataset.length=1"),
        ({"dimensions": 0}, "dataset.dimensions=0"),
        ({"frequencies": []}, "dataset.frequencies="),
        ({"frequencies": [[1.0, 17.0]]}, "dataset.length / 2 = 16"),
        ({"frequencies": [[-1.0, 2.0]]}, "from 0 to"),
        ({"frequencies": [[2.0, 1.0]]}, "lower to its upper"),
        ({"frequencies": [1.0, 2.0]}, r"dataset.frequencies.0=1.0"),
        ({"amplitude": [0.9, 0.1]}, "dataset.amplitude="),
        ({"phase": [0.0]}, "dataset.phase"),
        ({"noise": -0.1}, "dataset.noise=-0.1"),
        ({"count": 0}, "dataset.count=0"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        sines(**changes)
