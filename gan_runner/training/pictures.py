"""The pictures that a run logs: of its samples or translations, of reals, of reconstructions."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan_runner.data import Data, Space
from gan_runner.datasets import Track
from gan_runner.errors import Fault
from gan_runner.logs.preview import Thumbnails
from gan_runner.sampling.arrays import to_stored_array
from gan_runner.sampling.pictures.examples import draw_examples
from gan_runner.sampling.pictures.png import Picture
from gan_runner.sampling.pictures.translations import (
    ShownImages,
    draw_translations,
    fitting_count,
    to_colors,
)
from gan_runner.sampling.sampler import Sampler
from gan_runner.sampling.translation import Translation
from gan_runner.training.experiment import Experiment

_MOST_GRID_COLUMNS = 20
_POINTS_SHOWN = 2000  # a scatter needs more points than a grid has pictures
_MOST_THUMBNAILS = 64
_DENSITY_SIDE = 16  # pixels


class Pictures:
    """Draws as many examples as `samples` says, or as a scatter needs."""

    def __init__(
        self, data: Data, *, samples: int, seed: int, held_out: Data | None = None
    ) -> None:
        """`seed`: of the latent points, which are the same in each picture. Translations are those
        of `held_out` data, where there is some."""
        self._data = data
        self._translated = data if held_out is None else held_out
        self._samples = samples
        self._seed = seed
        points = data.space.kind in ("vectors", "table")
        self._count = _POINTS_SHOWN if points else samples

    def samples(self, sampler: Sampler) -> tuple[Picture, Thumbnails | None]:
        """Samples, in a column for each class as far as they fit, and some of them as thumbnails,
        where they are images or points; of a translator inputs beside its outputs."""
        if sampler.translation is not None:
            return self._translations(sampler.translation, is_back=False)
        labels, classes = sampler.label_each(self._count), sampler.classes
        examples = sampler.sample(self._count, labels=labels, seed=self._seed)
        grid_columns = classes if 1 < classes <= _MOST_GRID_COLUMNS else None
        picture = draw_examples(
            examples,
            self._data.space,
            grid_columns=grid_columns,
            labels=labels,
            class_names=sampler.class_names,
        )
        return picture, self._thumbnails(examples)

    def ways_back(self, sampler: Sampler) -> Picture | None:
        """Examples translated to the domain of the inputs, and there again; None for a translator
        of one direction and for what is none."""
        if sampler.translation is None or sampler.translation.back is None:
            return None
        picture, _ = self._translations(sampler.translation.turned("ba"), is_back=True)
        return picture

    def _translations(
        self, translation: Translation, *, is_back: bool
    ) -> tuple[Picture, Thumbnails]:
        """Inputs, outputs, and what comes of these on the way back, or their targets, if any."""
        data, space = self._translated, translation.space
        if is_back:
            inputs = data.rows(self._spread(len(data)))
        else:
            inputs = data.input_rows(self._spread(data.input_count), seed=self._seed)
        outputs = translation.translate(inputs)
        parts = {
            "input": ShownImages(inputs, translation.inputs),
            "output": ShownImages(outputs, space),
        }
        if translation.back is not None:
            back = translation.turned("ba").translate(outputs)
            parts["back"] = ShownImages(back, translation.inputs)
        elif data.paired:
            parts["target"] = ShownImages(data.rows(self._spread(len(data))), space)
        return draw_translations(parts), to_colors(outputs[:_MOST_THUMBNAILS], space)

    def _spread(self, count: int) -> Tensor:
        """Indices of as many of so many examples as a picture has room for, from all of them."""
        shown = fitting_count(self._data.space, parts=3, most=min(self._samples, count))
        return torch.arange(shown) * count // shown

    def _thumbnails(self, examples: Tensor) -> Thumbnails | None:
        space = self._data.space
        if space.kind == "images":
            return to_stored_array(examples[:_MOST_THUMBNAILS], space)
        if space.kind == "vectors" and space.shape[0] > 1:
            return _density(examples.numpy(), self._data.in_memory.cpu().numpy())
        return None

    def reals(self) -> Picture:
        """The first real examples; of a translator each beside its input, if it has one."""
        data = self._data
        if data.space.inputs is not None:
            return self._pairs(data, data.space.inputs)
        first = torch.arange(min(self._count, len(data)))
        labels = None if data.labels is None else data.labels[: self._count]
        return draw_examples(
            data.rows(first), data.space, labels=labels, class_names=data.class_names
        )

    def _pairs(self, data: Data, of_inputs: Space) -> Picture:
        targets = ShownImages(data.rows(self._spread(len(data))), data.space)
        if not data.paired:
            return draw_translations({"example": targets})
        inputs = data.input_rows(self._spread(len(data)), seed=self._seed)
        return draw_translations({"input": ShownImages(inputs, of_inputs), "target": targets})

    def reconstructions(self, sampler: Sampler) -> Picture | None:
        """The first examples, each row of them over what an autoencoder makes of it; None for other
        models, and for points in a plane."""
        if sampler.encoder is None or self._data.space.kind == "vectors":
            return None
        grid_columns = math.ceil(math.sqrt(self._samples))
        count = min(grid_columns * max(1, grid_columns // 2), len(self._data))
        rows = self._data.rows(torch.arange(count)).cpu().split(grid_columns)
        drawn = [torch.cat((row, sampler.reconstruct(row))) for row in rows]
        return draw_examples(torch.cat(drawn), self._data.space, grid_columns=grid_columns)


def held_out_to_translate(experiment: Experiment, track: Track) -> Data | None:
    """The held-out examples whose inputs pictures show translated; None where there are none, and
    for what is no translator."""
    if not experiment.method.translates:
        return None
    try:
        return experiment.dataset.test(Path(experiment.config.cache), track)
    except Fault:
        return None  # training needs none; an evaluation says what is wrong with them


def _density(points: NDArray[np.floating], reals: NDArray[np.floating]) -> Thumbnails:
    """Where points lie in their first two dimensions, within the range of reals and somewhat
    beyond: an image [1, side, side, 1], brighter where there are more."""
    low, high = reals[:, :2].min(axis=0), reals[:, :2].max(axis=0)
    margin = 0.1 * (high - low) + np.finfo(np.float32).tiny
    limits = np.stack((low - margin, high + margin), axis=1)
    counts, _, _ = np.histogram2d(points[:, 0], points[:, 1], bins=_DENSITY_SIDE, range=limits)
    brightness = np.sqrt(counts / max(float(counts.max()), 1.0))  # so that few are seen, too
    upright: Thumbnails = (255 * brightness.T[::-1]).round().astype(np.uint8)
    return upright[None, :, :, None]
