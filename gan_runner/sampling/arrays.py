"""Samples as files have them."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
from torch import Tensor

from gan_runner.data import Space


def to_stored_array(examples: Tensor, space: Space) -> NDArray[Any]:
    """Examples as files have them: images uint8 [N, H, W, C], all else in the data's own units,
    float32, or float64 where these are large beside their spread."""
    if space.kind == "images":
        return examples.permute(0, 2, 3, 1).cpu().contiguous().numpy()
    # 0 is added to make 0 of -0
    return space.to_data_units(examples).add(0.0).contiguous().numpy()
