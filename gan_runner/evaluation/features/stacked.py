"""Features of stacked digits: one classifier of single digits for each channel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import final

import torch
from torch import Tensor
from torch.nn.functional import pad

from gan_runner.data import Data, Space
from gan_runner.evaluation.features.classifier import classifier
from gan_runner.evaluation.features.spaces import FeatureSpace
from gan_runner.storage.tensors import tensor_digest

PROCEDURE = "stacked-1"
_DIGITS = 10
_TRAINING = 60_000  # as many as MNIST has: those after them are the same digits again


def stacked_classifier(
    data: Data, *, cache: Path, device: torch.device, say: Callable[[str], None]
) -> FeatureSpace:
    """The space of images of three digits, labeled 100 a + 10 b + c.

    The classifier is trained on the digits of the first channel, and cached as any other.
    Raises ValueError for data without labels or without three channels.
    """
    if data.labels is None or data.space.kind != "images" or data.space.shape[0] != 3:
        raise ValueError("stacked digits are labeled images of three channels")
    first = Data(
        data.in_memory[:_TRAINING, :1],
        Space("images", (1, *data.space.shape[1:])),
        data.labels[:_TRAINING] // _DIGITS**2,
    )
    return StackedFeatures(classifier(first, cache=cache, device=device, say=say))


@final
class StackedFeatures(FeatureSpace):
    """The features of each channel in a space of single digits, side by side."""

    name = "classifier"

    def __init__(self, digit: FeatureSpace) -> None:
        version = tensor_digest(f"{PROCEDURE}|{digit.version}", {})[:12]
        super().__init__(
            version=version,
            size=3 * digit.size,
            device=digit.device,
            facts=digit.facts,
            logits=self._joint,
        )
        self._digit = digit

    def _features(self, batch: Tensor) -> Tensor:
        return self._digit.features(batch.flatten(0, 1)[:, None]).view(len(batch), self.size)

    def _joint(self, features: Tensor) -> Tensor:
        """log p(abc) = log p(a) + log p(b) + log p(c), [N, 1000]."""
        assert self._digit.logits is not None
        logits = self._digit.logits(features.view(-1, self._digit.size))
        # a digit above all in the training data is never predicted, and keeps its place
        logits = pad(logits, (0, _DIGITS - logits.shape[1]), value=float("-inf"))
        a, b, c = logits.log_softmax(1).view(-1, 3, _DIGITS).unbind(1)
        return (a[:, :, None, None] + b[:, None, :, None] + c[:, None, None, :]).flatten(1)
