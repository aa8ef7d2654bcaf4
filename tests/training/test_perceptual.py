"""The perceptual term: its features, which the state keeps, and what data can't have them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from translators import CPU, halved, identical, inverted, paired, state_of, train, upscaler

from gan_runner.cli.hydra.composer import compose, parse_config
from gan_runner.data import Data
from gan_runner.errors import CheckpointError, ConfigError
from gan_runner.evaluation.features.classifier import ClassifierFeatures, saved_classifier
from gan_runner.evaluation.features.classifier import _untrained as untrained
from gan_runner.evaluation.features.spaces import RandomNetwork
from gan_runner.training.build import build
from gan_runner.training.experiment import Experiment
from gan_runner.training.methods import Paired
from gan_runner.training.perceptual import check_perceptual_space, with_perceptual_space
from gan_runner.training.state import TrainState


def labeled(data: Data) -> Data:
    return replace(data, labels=torch.arange(len(data)) % 3)


def experiment_of(method: Paired) -> Experiment:
    words = ["dataset=degraded", "dataset/degrade=noise", "model=unet"]
    return replace(build(parse_config(compose(words))), method=method)


def prepared(method: Paired, data: Data, state: TrainState) -> Paired:
    """The method with its features, as the loop gives it them."""
    given = with_perceptual_space(
        experiment_of(method), data, state, device=CPU, say=lambda text: None
    ).method
    assert isinstance(given, Paired)
    return given


def test_it_is_the_mean_difference_of_features_without_its_weight() -> None:
    data, rows = inverted(), []
    for weight in (1.0, 5.0):
        method = paired(perceptual=weight)
        state = state_of(method, data.space)
        method = prepared(method, data, state)
        rows.append(train(method, data, state, steps=1).sums.means())
    assert rows[0]["reconstruction/perceptual"] == rows[1]["reconstruction/perceptual"] > 0
    assert rows[0]["grad_norm/generator"] != rows[1]["grad_norm/generator"]
    space = RandomNetwork(data.space, device=CPU)
    a, b = (data.space.encode(data.rows(torch.arange(k, k + 4))) for k in (0, 4))
    method = replace(method, space_of_features=space)
    expected = (space.of_encoded(a) - space.of_encoded(b)).abs().mean()
    assert float(method._perceptual(a, b)["perceptual"]) == pytest.approx(float(expected))


def test_features_of_encoded_examples_are_those_that_metrics_compare() -> None:
    data = labeled(inverted())
    classifier = saved_classifier(data, untrained(data).state_dict(), device=CPU)
    examples = data.rows(torch.arange(5))
    for space in (RandomNetwork(data.space, device=CPU), classifier):
        encoded = data.space.encode(examples).requires_grad_()
        features = space.of_encoded(encoded)
        assert features.detach().equal(space.features(examples))
        features.sum().backward()
        assert encoded.grad is not None
        assert not any(p.requires_grad for p in space.network.parameters())
        assert not space.network.training


def test_a_resumed_run_has_the_features_that_it_began_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = labeled(inverted())
    method = paired(perceptual=1.0, perceptual_space="classifier")
    made = []

    def classifier(data: Data, **_: object) -> ClassifierFeatures:
        made.append(data)
        return saved_classifier(data, untrained(data).state_dict(), device=CPU)

    monkeypatch.setattr("gan_runner.training.perceptual.classifier", classifier)
    whole = state_of(method, data.space)
    train(prepared(method, data, whole), data, whole, steps=4)
    half = state_of(method, data.space)
    train(prepared(method, data, half), data, half, steps=2)
    assert len(made) == 2
    resumed = state_of(method, data.space)
    resumed.load(half.tensors(), half.facts())
    method = prepared(method, data, resumed)
    assert len(made) == 2  # another one may be in the cache by now
    assert identical(train(method, data, resumed, steps=2), whole)


def test_saved_features_of_another_network_are_refused() -> None:
    data, method = inverted(), paired(perceptual=1.0)
    state = state_of(method, data.space)
    state.memory("perceptual")["0/weight"] = torch.zeros(1)
    with pytest.raises(CheckpointError, match="of another network"):
        prepared(method, data, state)


def test_a_method_without_the_term_has_no_features() -> None:
    data, method = inverted(), paired()
    state = state_of(method, data.space)
    assert prepared(method, data, state).space_of_features is None
    assert not state.memories


def test_the_warmup_is_without_the_term() -> None:
    data = halved()
    method = paired(upscaler(), conditional=False, warmup=1, perceptual=1.0)
    state = state_of(method, data.space)
    method = prepared(method, data, state)
    assert "reconstruction/perceptual" not in train(method, data, state, steps=1).sums.means()
    assert "reconstruction/perceptual" in train(method, data, state, steps=1).sums.means()


def test_a_classifier_needs_labels_and_whole_images() -> None:
    asked = experiment_of(paired(perceptual=1.0, perceptual_space="classifier"))
    remedy = r"Use method\.perceptual_space=random or method\.perceptual=0"
    with pytest.raises(ConfigError, match=f"no labels, .*{remedy}"):
        check_perceptual_space(asked, inverted())
    data = labeled(inverted())
    check_perceptual_space(asked, data)
    inputs = data.space.inputs
    assert inputs is not None
    smaller = replace(data.space, shape=(1, 4, 4), inputs=replace(inputs, shape=(1, 4, 4)))
    with pytest.raises(ConfigError, match=rf"trains on crops, dataset\.crop=4 .*{remedy}"):
        check_perceptual_space(asked, replace(data, space=smaller))
    for settings in ({"perceptual_space": "random"}, {"perceptual": 0.0}):
        chosen = {"perceptual": 1.0, "perceptual_space": "classifier", **settings}
        check_perceptual_space(experiment_of(paired(**chosen)), inverted())
