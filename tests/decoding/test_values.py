"""Stored values of pictures as bytes."""

from __future__ import annotations

import numpy as np

from gan_runner.decoding.values import histogram


def test_a_histogram_counts_every_pixel_once_however_many_there_are() -> None:
    pixels = np.random.default_rng(0).integers(0, 7, (3, 200, 301), dtype=np.uint8)
    counted = histogram(pixels[:, ::2])
    assert counted.tolist() == [int((pixels[:, ::2] == value).sum()) for value in range(256)]
