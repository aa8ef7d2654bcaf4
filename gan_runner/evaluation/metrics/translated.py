"""What metrics of translators compare beside outputs and targets: trivial answers, ways back."""

from __future__ import annotations

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
    too; `mean of targets`, or `most frequent class`, where they can't be compared with targets.
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
    inputs: Tensor, targets: Tensor, data: Data, space: FeatureSpace
) -> TrivialAnswers:
    """The answers to inputs uint8 [N, ...] where targets are like these, by training data."""
    assert data.space.inputs is not None, "asked of data with inputs alone"
    shape = tuple(targets.shape[1:])
    if not data.space.label_names and not data.space.inputs.label_names:
        converted = convert_images(inputs, shape)
        if converted is not None:
            resized = inputs.shape[2:] != targets.shape[2:]
            return TrivialAnswers(converted, "bicubic" if resized else "input", space)
    places = torch.linspace(0, len(data) - 1, min(_AVERAGED, len(data))).round().long()
    mean = data.rows(places).cpu().float().mean(0, keepdim=True)
    if mean.shape[2:] != targets.shape[2:]:  # of a test split of another size: one color
        mean = mean.mean((2, 3), keepdim=True).expand(1, *shape)
    if data.space.label_names:
        constant = one_hot_pixels(mean.argmax(1), shape[0])
        return TrivialAnswers(constant.expand(len(inputs), *shape), "most frequent class", space)
    constant = mean.round().to(torch.uint8)
    return TrivialAnswers(constant.expand(len(inputs), *shape), "mean of targets", space)


@dataclass(frozen=True)
class WayBack:
    """Targets translated back, beside real inputs, and both domains translated there and back.

    `outputs` [N, ...] are the inputs that were made of targets, `inputs` [M, ...] the real ones;
    `cycled` are these, translated and translated back, `targets_cycled` the targets of the
    `outputs`, translated again. `trivial`: untranslated targets, None where they have other
    channels than inputs. `space` is that of features of inputs, `real` the Gaussian of real ones.
    """

    outputs: Tensor
    inputs: Tensor
    cycled: Tensor
    targets_cycled: Tensor
    trivial: Tensor | None
    space: FeatureSpace
    real: Gaussian

    @property
    def is_resized(self) -> bool:
        """Whether targets have another size than inputs."""
        return self.cycled.shape[2:] != self.targets_cycled.shape[2:]


@dataclass(frozen=True)
class Translated:
    """Of the outputs of a translator: whether each has a target of its own, the classes of label
    maps, the trivial answers to the same inputs, and the way back where there is one."""

    paired: bool
    label_names: tuple[str, ...]
    trivial: TrivialAnswers
    back: WayBack | None = None
