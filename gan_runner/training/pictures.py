"""The pictures that a run logs: of its samples, of reals, of reconstructions."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan_runner.data import Data
from gan_runner.logs.preview import Thumbnails
from gan_runner.sampling.arrays import to_stored_array
from gan_runner.sampling.pictures.examples import draw_examples
from gan_runner.sampling.pictures.png import Picture
from gan_runner.sampling.sampler import Sampler

_MOST_GRID_COLUMNS = 20
_POINTS_SHOWN = 2000  # a scatter needs more points than a grid has pictures
_MOST_THUMBNAILS = 64
_DENSITY_SIDE = 16  # pixels


class Pictures:
    """Draws as many examples as `samples` says, or as a scatter needs."""

    def __init__(self, data: Data, *, samples: int, seed: int) -> None:
        """`seed`: of the latent points, which are the same in each picture."""
        self._data = data
        self._samples = samples
        self._seed = seed
        points = data.space.kind in ("vectors", "table")
        self._count = _POINTS_SHOWN if points else samples

    def samples(self, sampler: Sampler) -> tuple[Picture, Thumbnails | None]:
        """Samples, in a column for each class as far as they fit, and some of them as thumbnails,
        where they are images or points."""
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

    def _thumbnails(self, examples: Tensor) -> Thumbnails | None:
        space = self._data.space
        if space.kind == "images":
            return to_stored_array(examples[:_MOST_THUMBNAILS], space)
        if space.kind == "vectors" and space.shape[0] > 1:
            return _density(examples.numpy(), self._data.in_memory.cpu().numpy())
        return None

    def reals(self) -> Picture:
        """The first real examples."""
        data = self._data
        first = torch.arange(min(self._count, len(data)))
        labels = None if data.labels is None else data.labels[: self._count]
        return draw_examples(
            data.rows(first), data.space, labels=labels, class_names=data.class_names
        )

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
