"""What metrics of translators compare beside outputs and targets: trivial answers, ways back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from gan_runner.data import Data
from gan_runner.data.conversion import convert_images
from gan_runner.data.data import one_hot_pixels
from gan_runner.evaluation.features.spaces import FeatureSpace
from gan_runner.evaluation.metrics.frechet import Gaussian, fit_gaussian

_AVERAGED = 2000  # training targets, of which a mean is one of all


@dataclass(frozen=True)
class TrivialAnswers:
    """Answers to inputs that need no training, uint8 [N, *shape] of targets: what a translator must
    do better than.

    `kind`: `input`, where inputs are in the channels of targets; `bicubic`, where they are resized,
    too; `mean filling`, where parts of them are hidden and have the mean of training targets there;
    `mean of targets`, or `most frequent class`, where they can't be compared with targets.
    """

    images: Tensor
    kind: str
    space: FeatureSpace

    @cached_property
    def features(self) -> Tensor:
        """Those of the answers, float32 [N, D]."""
        return self.space.features(self.images)

    @cached_property
    def gaussian(self) -> Gaussian:
        """That of the features."""
        return fit_gaussian(self.features)


def trivial_answers(
    inputs: Tensor,
    targets: Tensor,
    data: Data,
    space: FeatureSpace,
    *,
    hidden: Tensor | None = None,
) -> TrivialAnswers:
    """The answers to inputs uint8 [N, ...] where targets are like these, by training data. `hidden`
    bool [N, 1, H, W]: the pixels that say nothing of inputs of the targets' shape."""
    assert data.space.inputs is not None, "asked of data with inputs alone"
    shape = tuple(targets.shape[1:])
    if not data.space.label_names and not data.space.inputs.label_names:
        converted = convert_images(inputs, shape)
        if hidden is not None:
            filled = torch.where(hidden, _mean_target(data, shape).round().to(torch.uint8), inputs)
            return TrivialAnswers(filled, "mean filling", space)
        if converted is not None:
            resized = inputs.shape[2:] != targets.shape[2:]
            return TrivialAnswers(converted, "bicubic" if resized else "input", space)
    mean = _mean_target(data, shape)
    if data.space.label_names:
        constant = one_hot_pixels(mean.argmax(1), shape[0])
        return TrivialAnswers(constant.expand(len(inputs), *shape), "most frequent class", space)
    constant = mean.round().to(torch.uint8)
    return TrivialAnswers(constant.expand(len(inputs), *shape), "mean of targets", space)


def _mean_target(data: Data, shape: tuple[int, ...]) -> Tensor:
    """The mean of training targets, float32 [1, *shape]; of other sizes, their mean color."""
    places = torch.linspace(0, len(data) - 1, min(_AVERAGED, len(data))).round().long()
    mean = data.rows(places).cpu().float().mean(0, keepdim=True)
    same_size = tuple(mean.shape[2:]) == shape[1:]
    return mean if same_size else mean.mean((2, 3), keepdim=True).expand(1, *shape)


@dataclass(frozen=True)
class WayBack:
    """Targets translated back, beside real inputs, and both domains translated there and back.

    `outputs` [N, ...] are the inputs that were made of targets, `inputs` [M, ...] the real ones,
    `labels` int64 [M] their classes, where they have any;
    `cycled` are these, translated and translated back, `targets_cycled` the targets of the
    `outputs`, translated again. `trivial`: untranslated targets, None where they have other
    channels than inputs. `space` is that of features of inputs; `real_features` [M, D] are those of
    real ones, and `fit_real` gives their Gaussian.
    """

    outputs: Tensor
    inputs: Tensor
    labels: Tensor | None
    cycled: Tensor
    targets_cycled: Tensor
    trivial: Tensor | None
    space: FeatureSpace
    real_features: Tensor
    fit_real: Callable[[], Gaussian]

    @cached_property
    def features(self) -> Tensor:
        """Those of the outputs, float32 [N, D]."""
        return self.space.features(self.outputs)

    @cached_property
    def trivial_features(self) -> Tensor | None:
        """Those of untranslated targets, where they are like inputs."""
        return None if self.trivial is None else self.space.features(self.trivial)

    @property
    def answer(self) -> dict[str, str]:
        """The kind of the trivial answers, as a parameter."""
        resized = self.cycled.shape[2:] != self.targets_cycled.shape[2:]
        return {"answer": "bicubic" if resized else "input"}


@dataclass(frozen=True)
class Translated:
    """Of the outputs of a translator: whether each has a target of its own, the classes of label
    maps, the trivial answers to the same inputs, the classes int64 [N] of targets that have any,
    and the way back where there is one."""

    paired: bool
    label_names: tuple[str, ...]
    trivial: TrivialAnswers
    labels: Tensor | None = None
    back: WayBack | None = None
