"""The pictures that a run logs: of its samples, of reals, of reconstructions."""

from __future__ import annotations

import math

import torch

from gan_runner.data import Data
from gan_runner.sampling.pictures.examples import draw_examples
from gan_runner.sampling.pictures.png import Picture
from gan_runner.sampling.sampler import Sampler

_MOST_GRID_COLUMNS = 20
_POINTS_SHOWN = 2000  # a scatter needs more points than a grid has pictures


class Pictures:
    """Draws as many examples as `samples` says, or as a scatter needs."""

    def __init__(self, data: Data, *, samples: int, seed: int) -> None:
        """`seed`: of the latent points, which are the same in each picture."""
        self._data = data
        self._samples = samples
        self._seed = seed
        points = data.space.kind in ("vectors", "table")
        self._count = _POINTS_SHOWN if points else samples

    def samples(self, sampler: Sampler) -> Picture:
        """Samples, in a column for each class as far as they fit."""
        labels, classes = sampler.label_each(self._count), sampler.classes
        examples = sampler.sample(self._count, labels=labels, seed=self._seed)
        grid_columns = classes if 1 < classes <= _MOST_GRID_COLUMNS else None
        return draw_examples(examples, self._data.space, grid_columns=grid_columns, labels=labels)

    def reals(self) -> Picture:
        """The first real examples."""
        labels = None if self._data.labels is None else self._data.labels[: self._count]
        return draw_examples(self._data.examples[: self._count], self._data.space, labels=labels)

    def reconstructions(self, sampler: Sampler) -> Picture | None:
        """The first examples, each row of them over what an autoencoder makes of it; None for other
        models, and for points in a plane."""
        if sampler.encoder is None or self._data.space.kind == "vectors":
            return None
        grid_columns = math.ceil(math.sqrt(self._samples))
        rows = (
            self._data.examples[: grid_columns * max(1, grid_columns // 2)]
            .cpu()
            .split(grid_columns)
        )
        drawn = [torch.cat((row, sampler.reconstruct(row))) for row in rows]
        return draw_examples(torch.cat(drawn), self._data.space, grid_columns=grid_columns)
