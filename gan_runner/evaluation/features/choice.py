"""From the name of a feature space to the space."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from gan_runner.data import Data
from gan_runner.datasets import Dataset
from gan_runner.datasets.stacked import StackedMNIST
from gan_runner.evaluation.features.classifier import classifier
from gan_runner.evaluation.features.inception import inception
from gan_runner.evaluation.features.spaces import FeatureSpace, Identity, RandomNetwork, Scaled
from gan_runner.evaluation.features.stacked import stacked_classifier
from gan_runner.evaluation.settings import Evaluation, space_name
from gan_runner.system import shared_work

INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"


def feature_space(
    settings: Evaluation,
    dataset: Dataset,
    data: Data,
    *,
    cache: Path,
    device: torch.device,
    say: Callable[[str], None],
) -> FeatureSpace:
    """The space that the settings name, or the one that fits the data.

    Raises ConfigError for one that doesn't fit the data, MachineError for what is missing. A
    classifier is trained here, once per data set.
    """
    name = space_name(settings, data)
    if data.labels is not None and not data.tells_classes_apart:
        say(
            "the labels have no two classes of two examples or more: the data is evaluated as data "
            f"without labels, space {name}"
        )
    if name == "classifier":
        of = stacked_classifier if isinstance(dataset, StackedMNIST) else classifier
        return of(data, cache=cache, device=device, say=say)
    if name == "inception":
        weights = settings.inception_weights or cache / "inception" / INCEPTION_FILE
        path = Path(weights).expanduser()
        return shared_work.after_rank_0(lambda: inception(weights=path, device=device))
    if name == "random":
        return RandomNetwork(data.space, device=device)
    return Scaled(data.space) if name == "scaled" else Identity(data.space)
